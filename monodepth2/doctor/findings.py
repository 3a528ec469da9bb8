"""What is found wrong with a data set, and how it is told."""

from dataclasses import dataclass
from pathlib import Path

SHOWN = 4  # examples of a finding, at most


@dataclass(frozen=True)
class Example:
    """Pictures that show a finding.

    Attributes:
        title: what they are.
        pictures: their files, which need not be readable.
    """

    title: str
    pictures: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One kind of trouble.

    Attributes:
        name: what is wrong, in a few words.
        counted: how often, and of how many.
        consequence: what a training makes of it.
        remedy: what the user can do.
        spoils: whether the training or its scores are of no use with it; else it is a warning.
        detail: what was measured.
        examples: some of them.
    """

    name: str
    counted: str
    consequence: str
    remedy: str
    spoils: bool
    detail: str = ""
    examples: tuple[Example, ...] = ()

    @property
    def sentence(self) -> str:
        """What was found, with the figures."""
        return f"{self.name}: {self.counted}{f', {self.detail}' if self.detail else ''}"

    @property
    def kind(self) -> str:
        """How bad it is, in words."""
        return "will spoil a training" if self.spoils else "warning"


def as_text(finding: Finding) -> str:
    """Return a finding as lines for a terminal."""
    examples = [f"e.g. {example.title}" for example in finding.examples[:1]]
    rest = [*examples, f"consequence: {finding.consequence}", f"remedy: {finding.remedy}"]
    return "\n    ".join([f"{finding.kind}: {finding.sentence}", *rest])


def as_remark(finding: Finding) -> str:
    """Return a finding as a line of a training's log."""
    return f"warning: {finding.sentence}; {finding.consequence}; {finding.remedy}"
