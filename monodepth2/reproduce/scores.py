"""What was measured for a row: figures with their intervals, kept in a file each, so that nothing is scored twice."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from monodepth2.config import Options
from monodepth2.errors import UserError, first_line, tell
from monodepth2.evaluation.scoring import evaluate
from monodepth2.files.input_files import read_json
from monodepth2.files.output_paths import make_output_folder, write_whole
from monodepth2.odometry.evaluation import evaluate_odometry
from monodepth2.reproduce.rows import OF_ODOMETRY, RECIPES, Row

PUBLISHED = "published"


@dataclass(frozen=True)
class Score:
    """The figures of some weights.

    Attributes:
        weights: what was scored.
        figures: by the names of the row's.
        interval: lower and upper ends of their 95 % intervals over images, by name; empty where there are none.
        images: how many were scored: all of the split, as in the paper.
        flags: of the row's training.
        how: in what the training differs from the row's flags, in words; empty where it does not.
    """

    weights: str
    figures: Mapping[str, float]
    interval: Mapping[str, tuple[float, float]]
    images: int
    flags: Sequence[str]
    how: str = ""


def measured(row: Row, options: Options) -> Score:
    """Score weights as the options say.

    Raises:
        UserError: they cannot be scored, or not on all images.
    """
    weights, flags = str(options.load_weights_folder), RECIPES[row.recipe].words_of_flags
    if row.names == OF_ODOMETRY:
        figures = evaluate_odometry(options).figures
        if figures is None:
            raise UserError(f"{row.name}: there are no true poses")
        errors, number = figures.snippets, len(figures.snippets)
        return Score(weights, {"ate": float(errors.mean()), "ate_std": float(errors.std())}, {}, number, flags)
    result = evaluate(options)
    if left := len(result.missing) + len(result.skipped):
        raise UserError(f"{row.name}: {left:,} of {left + len(result.scores):,} images have no ground truth")
    places = {name: result.names.index(name) for name in row.names}
    ends = result.intervals
    return Score(
        weights,
        {name: float(result.means[place]) for name, place in places.items()},
        {} if ends is None else {name: (float(ends[0, n]), float(ends[1, n])) for name, n in places.items()},
        len(result.scores),
        flags,
    )


class Scores:
    """The scores of a reproduction, a file each.

    Args:
        folder: that holds them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, row: Row, column: str) -> Score | None:
        """What has been measured for a row: of the published weights, or of a seed's; None where nothing has.

        A file that cannot be read counts as none.
        """
        path = self._path(row, column)
        if not path.is_file():
            return None
        try:
            score = _typed(dict(read_json(path)))
            if set(score.figures) != set(row.names):
                raise ValueError("other figures")
            return score
        except (OSError, ValueError, TypeError, AttributeError, OverflowError) as error:
            tell(f"{path}: cannot be read ({first_line(error)}); the row is scored again")
            return None

    def keep(self, row: Row, column: str, score: Score) -> None:
        """Store a score.

        Raises:
            UserError: it cannot be written.
        """
        make_output_folder("output", self.folder)
        write_whole(self._path(row, column), json.dumps(asdict(score), indent=2) + "\n")

    def _path(self, row: Row, column: str) -> Path:
        return self.folder / f"{row.name.replace(':', '_')}.{column}.json"


def _typed(found: dict[str, Any]) -> Score:
    """A score that was read, each value of its type; a conversion that fails raises what it raises."""
    if found.pop("of", None) not in (None, found.get("images")):  # an earlier version has noted it
        raise ValueError("of part of the images")
    if "flags" not in found:
        raise ValueError("an earlier version has not noted its flags")
    score = Score(**found)
    figures = {name: float(value) for name, value in score.figures.items()}
    if not all(map(math.isfinite, figures.values())):
        raise ValueError("figures that are not finite")
    return replace(
        score,
        weights=str(score.weights),
        figures=figures,
        interval={name: (float(low), float(high)) for name, (low, high) in score.interval.items()},
        images=int(score.images),
        flags=[str(flag) for flag in score.flags],
        how=str(score.how),
    )
