"""The standard KITTI splits: which frames are trained on, validated on and tested on.

Each split is a folder of `splits/` with a `recipe.txt`, which is expanded in memory. `#` starts a comment; a header in
brackets says what the rows below it are:

    [train 72084, sides lr]                             a part, its number of lines, its cameras
    [train 39810 + val 4424 drawn by line, sides lr]    two parts; which lines fall into the second is drawn
    [test = eigen test]                                 a part of another split
    [test 652 = eigen test without positions]           the same less some zero-based positions of its recipe

A row is `<folder> <frames>`; frames are single (`7`) or inclusive ranges (`5-102`), in the order of the split, and each
gives one line per side. A drive `<date>_drive_<number>_sync` lies in the folder of its date. A draw is by line or by
frame (both cameras together) and the same everywhere: those with the smallest SHA-256 are drawn.

    python -m monodepth2.datasets.splits list
    python -m monodepth2.datasets.splits write NAME --output FOLDER
"""

import argparse
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from monodepth2.datasets.split_lines import SplitLine, read_lines
from monodepth2.errors import UserError, run_script, shown
from monodepth2.files.output_paths import whole_file
from monodepth2.files.text import leads_out, numbered_lines, read_text

PARTS = ("train", "val", "test", "test_09", "test_10")
_HEADER = re.compile(
    r"\[(?P<part>\w+)(?: (?P<count>\d{1,9}))?"
    r"(?:(?: \+ (?P<drawn>(?!(?P=part) )\w+) (?P<drawn_count>\d{1,9}) drawn by (?P<unit>line|frame))?"
    r", sides (?P<sides>lr?)| = (?P<source>\w+) (?P<source_part>\w+)(?: without positions)?)\]",
    re.ASCII,
)
_FRAMES = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?", re.ASCII)
LARGEST_RECIPE = 1 << 20
MOST_FRAMES = 1 << 20  # of a section
_DRIVE = re.compile(r"(\d{4}_\d\d_\d\d)_drive_\d{4}_sync", re.ASCII)


def read_split(split: str, part: str) -> list[SplitLine]:
    """Return the lines of a split, in its order.

    Args:
        split: a known name (`known_splits`) or a folder with `train_files.txt`, `val_files.txt`, `test_files.txt`.
        part: `train`, `val` or `test`; `odom` has `test_09` and `test_10` instead of `test`.

    A user's own files in the folder of a known split win over its recipe.

    Raises:
        UserError: split or part do not exist, or a file cannot be used; the message says what there is.
    """
    own = split_folder(split) / file_name(part)
    if own.is_file():
        return read_lines(own)
    if part not in parts_of(split):
        found = ", ".join(parts_of(split)) or "none"
        raise UserError(f"split {split} has no part {part!r} (there are: {found}): choose another, or provide {own}")
    return _expand(split, part)


def known_splits() -> list[str]:
    """Return the names of the splits that have a recipe."""
    return sorted(path.parent.name for path in splits_root().glob("*/recipe.txt"))


def parts_of(split: str) -> list[str]:
    """Return the parts of a split for which there is a recipe or a file.

    Raises:
        UserError: there is no such split.
    """
    folder = split_folder(split)
    in_recipe = {part for section in _read_recipe(split) for part in section.counts} if split in known_splits() else ()
    return [part for part in PARTS if part in in_recipe or (folder / file_name(part)).is_file()]


def split_folder(split: str) -> Path:
    """Return the folder of a split, where its `gt_depths.npz` and a user's own lists lie.

    Raises:
        UserError: `split` is neither a known name nor a folder.
    """
    if split in known_splits():
        return splits_root() / split
    folder = Path(os.path.expanduser(split))  # takes what is nobody's home for a name
    if not folder.is_dir():
        raise UserError(f"split {split!r}: neither a folder nor one of {', '.join(known_splits())}")
    return folder


def file_name(part: str) -> str:
    """Return the name of the file that lists a part: `train_files.txt`, `test_files_09.txt`."""
    kind, _, sequence = part.partition("_")
    return f"{kind}_files_{sequence}.txt" if sequence else f"{kind}_files.txt"


def splits_root(package: Path = Path(__file__).parent.parent) -> Path:
    """Return the folder of the recipes: `splits/` of the checkout, else the copy inside an installed package.

    Args:
        package: the folder of the package `monodepth2`.
    """
    checkout = package.parent / "splits"
    return checkout if (checkout / "eigen" / "recipe.txt").is_file() else package / "splits"


def eigen_to_benchmark_positions() -> list[int]:
    """Return which positions of the 697 of `eigen` are the 652 of `eigen_benchmark`, zero-based and in order."""
    (section,) = _read_recipe("eigen_benchmark")
    return _kept_positions(section)


class _Section(NamedTuple):
    """A header of a recipe and the rows below it, each split at blanks."""

    path: Path
    header: re.Match[str]
    rows: list[list[str]]

    @property
    def counts(self) -> dict[str, int | None]:
        """The number of lines stated for each part, None where the header states none."""
        stated = {self.header["part"]: self.header["count"], self.header["drawn"]: self.header["drawn_count"]}
        return {part: int(count) if count else None for part, count in stated.items() if part}


def _read_recipe(name: str) -> list[_Section]:
    path = splits_root() / name / "recipe.txt"
    sections: list[_Section] = []
    for number, text in numbered_lines(path, LARGEST_RECIPE):
        words = text.partition("#")[0].split()
        header = _HEADER.fullmatch(" ".join(words))
        if header:
            sections.append(_Section(path, header, []))
        elif words and (not sections or words[0].startswith("[")):
            raise UserError(f"{path}, line {number}: {shown(text)} is no header of a recipe; restore the file")
        elif words:
            sections[-1].rows.append(words)
    return sections


def _section(split: str, part: str) -> _Section:
    for section in _read_recipe(split):
        if part in section.counts:
            return section
    raise UserError(f"{splits_root() / split / 'recipe.txt'}: has no part {shown(part)}; restore the file")


def _expand(split: str, part: str) -> list[SplitLine]:
    """The lines of a part of a recipe, their number checked against the stated one."""
    section = _section(split, part)
    lines = dict(zip(section.counts, _section_lines(section), strict=True))[part]
    count = section.counts[part]
    if count not in (None, len(lines)):
        raise UserError(f"{section.path}: {part} has {len(lines)} lines instead of {count}; restore the file")
    return lines


def _section_lines(section: _Section) -> list[list[SplitLine]]:
    """The lines of each of a section's parts."""
    header = section.header
    if header["source"]:
        if header["source"] not in known_splits():
            raise UserError(f"{section.path}: {header[0]} refers to an unknown split; restore the file")
        if _section(header["source"], header["source_part"]).header["source"]:  # which could refer to this one
            raise UserError(f"{section.path}: {header[0]} refers to a part that refers to another; restore the file")
        if not section.rows:
            return [read_split(header["source"], header["source_part"])]
        listed = _expand(header["source"], header["source_part"])
        return [[listed[position] for position in _kept_positions(section)]]
    lines = [
        SplitLine(folder, frame, side)
        for folder, frame in _frames(section, lambda row: (_folder(section, row[0]), row[1:]))
        for side in header["sides"]
    ]
    return _draw(lines, int(header["drawn_count"]), header["unit"]) if header["drawn"] else [lines]


def _kept_positions(section: _Section) -> list[int]:
    """The positions of the source's recipe (not of a user's own list) that a section does not leave out."""
    size = len(_expand(section.header["source"], section.header["source_part"]))
    left_out = {position for _, position in _frames(section, lambda row: ("", row))}
    return [position for position in range(size) if position not in left_out]


def _folder(section: _Section, word: str) -> str:
    drive = _DRIVE.fullmatch(word)
    if leads_out(word):
        raise UserError(f"{section.path}: folder {shown(word)} leads out of the data set; restore the file")
    return f"{drive[1]}/{word}" if drive else word


def _frames(section: _Section, parted: Callable[[list[str]], tuple[str, list[str]]]) -> Iterator[tuple[str, int]]:
    """Yield the frames of a section's rows, each with the folder of its row.

    Args:
        section: of a recipe.
        parted: a row as its folder and the words for frames.
    """
    count = 0
    for folder, words in map(parted, section.rows):
        for word in words:
            match = _FRAMES.fullmatch(word)
            if not match:
                raise UserError(f"{section.path}: {shown(word)} is neither a frame nor a range; restore the file")
            frames = range(int(match[1]), int(match[2] or match[1]) + 1)
            count += len(frames)
            if count > MOST_FRAMES:
                raise UserError(f"{section.path}: more than {MOST_FRAMES:,} frames in a section; restore the file")
            yield from ((folder, frame) for frame in frames)


def _draw(lines: list[SplitLine], count: int, unit: str) -> list[list[SplitLine]]:
    """Part `lines` into the rest and `count` drawn ones, both in the given order."""
    keys = [str(line) if unit == "line" else f"{line.folder} {line.frame}" for line in lines]
    digests = [sha256(key.encode()).digest() for key in keys]
    # the two lines of a frame share a digest: they are neighbours when sorted, and an even count takes both
    drawn = set(sorted(range(len(lines)), key=digests.__getitem__)[:count])
    rest = [line for position, line in enumerate(lines) if position not in drawn]
    return [rest, [lines[position] for position in sorted(drawn)]]


def write_split(split: str, output: Path, force: bool = False) -> list[Path]:
    """Write every part of a split as a list of lines into the folder `output`; return the files.

    Raises:
        UserError: a file exists with other content and `force` is not given (then nothing is written), or the
            folder cannot be written.
    """
    return write_lines({part: read_split(split, part) for part in parts_of(split)}, output, force)


def write_lines(parts: Mapping[str, Sequence[SplitLine]], output: Path, force: bool = False) -> list[Path]:
    """Write lists of lines by part into the folder `output`; return the files.

    Raises:
        UserError: as `write_split`; or a list cannot hold a folder's name. Then nothing is written.
    """
    for line in {line.folder: line for lines in parts.values() for line in lines}.values():
        line.require_listable()
    texts = {output / file_name(part): "".join(f"{line}\n" for line in lines) for part, lines in parts.items()}
    changed = [] if force else [path for path, text in texts.items() if path.exists() and read_text(path) != text]
    if changed:
        raise UserError(f"{', '.join(map(str, changed))}: exists with other content; add --force to replace it")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output {output} cannot be written: {error}") from error
    with ExitStack() as stack:  # all are written before one takes its place
        for path, text in texts.items():
            stack.enter_context(whole_file(path)).write_text(text, encoding="utf-8", newline="\n")
    return list(texts)


def _print_table() -> None:
    print(f"{'split':<18}{'part':<10}{'lines':>7}  from")
    for split in known_splits():
        for part in parts_of(split):
            own = split_folder(split) / file_name(part)
            origin = own if own.is_file() else own.with_name("recipe.txt")
            print(f"{split:<18}{part:<10}{len(read_split(split, part)):>7}  {origin}")


def main(arguments: Sequence[str] | None = None) -> int:
    """List the known splits, or write one as lists of lines."""
    parser = argparse.ArgumentParser(prog="python -m monodepth2.datasets.splits", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="print the known splits, their parts and numbers of lines")
    write = commands.add_parser("write", help="write a split's parts as train_files.txt and so on")
    write.add_argument("split", metavar="NAME", help="a known split or a folder")
    write.add_argument("--output", type=Path, required=True, help="folder that receives the files")
    write.add_argument("--force", action="store_true", help="replace files with other content")
    values = parser.parse_args(arguments)
    if values.command == "list":
        _print_table()
        return 0
    for path in write_split(values.split, values.output, values.force):
        print(path)
    return 0


if __name__ == "__main__":
    run_script(main)
