"""What lists and names of files tell; no picture is decoded."""

import hashlib
import shlex
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from monodepth2.config import TRAINING_SPLITS, Options
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.known_poses import KnownPoses
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.poses import poses_path
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.training_lines import (
    TEACH_MOTION,
    USEFUL_STEPS,
    more_to_learn,
    own_split,
    prefers_tracked,
    steps_of,
    usual_batch,
)
from monodepth2.doctor.findings import SHOWN, Example, Finding
from monodepth2.errors import UserError, counted
from monodepth2.files.evenly import evenly
from monodepth2.files.input_files import read_input
from monodepth2.files.picture_opening import LARGEST_FILE

MOST_READ = 2000  # training pictures, where files of one size are many
REMEDY_OF_POSES = "mend or add what is named, or leave out --poses"


def pose_findings(options: Options, frames: SampleFrames, lines: Sequence[SplitLine]) -> list[Finding]:
    """Return why the files of poses that a training would read cannot be used."""
    try:
        if known := KnownPoses.from_options(options, frames.layout):
            known.check(lines, frames)
    except UserError as error:
        return [Finding("poses cannot be used", str(error), "training refuses to begin", REMEDY_OF_POSES, spoils=True)]
    return []


def missing_findings(frames: SampleFrames, lines: Sequence[SplitLine], complete: Sequence[SplitLine]) -> list[Finding]:
    """Return which pictures of the samples do not exist.

    Args:
        frames: of the training.
        lines: of its samples.
        complete: those that have all their pictures.

    Raises:
        UserError: the data set has no such frames at all.
    """
    missing = frames.missing(lines)
    if not missing:
        return []
    skip = "add --skip_incomplete, which trains on the targets that have all their pictures, or " if complete else ""
    return [
        Finding(
            "pictures are missing",
            f"{sum(one.count for one in missing.values()):,} of {len(lines) * len(frames.ids):,}",
            "training refuses to begin",
            f"{skip}mend --data_path, --dataset or the lists",
            spoils=True,
            examples=tuple(Example(f"{one.count:,} {trouble}: {one.example}") for trouble, one in missing.items()),
        )
    ]


def list_findings(
    options: Options, layout: Layout, training: Sequence[SplitLine], validation: Sequence[SplitLine]
) -> list[Finding]:
    """Return what is wrong with the lists as such.

    Args:
        options: of the training.
        layout: of its data.
        training: its lines.
        validation: likewise.
    """
    # whose validation frames lie among the others on purpose
    of_2019 = options.split in TRAINING_SPLITS and not options.makes_split
    found = _too_few(options, training, validation)
    found += [] if of_2019 else _inside(options, training, validation)
    steps = steps_of(len(training), options.batch_size, options.num_epochs)
    if steps < USEFUL_STEPS:
        found.append(
            Finding(
                "a tiny set",
                f"{counted(len(training), 'target')}, {counted(steps, 'step')}",
                f"a useful result takes about {USEFUL_STEPS:,} steps, or fewer if it begins with trained weights",
                more_to_learn(len(training), options.batch_size),
                spoils=False,
            )
        )
    if len(training) < TEACH_MOTION and _could_track(options, layout, training):
        found.append(
            Finding(
                "too few targets to learn motion from",
                counted(len(training), "target"),
                "from a few thousand a pose network often learns nothing, and then depth is not learnt",
                "add --poses tracked, which takes the motion from the points that `prepare` has followed",
                spoils=False,
            )
        )
    return found


def _too_few(options: Options, training: Sequence[SplitLine], validation: Sequence[SplitLine]) -> list[Finding]:
    """Lists with which no training begins."""
    kept = ", which have all their pictures" if options.skip_incomplete else ""
    check = "check --data_path, --dataset and the lists, or record more"
    short = []
    if len(training) < options.batch_size:
        remedy = f"give --batch_size {usual_batch(len(training))} here and to train, or {check}" if training else check
        count = f"{counted(len(training), 'target')}{kept}, --batch_size {options.batch_size}"
        short.append(("no full batch", count, remedy))
    if not validation:
        short.append(("nothing to validate on", f"0 targets{kept}", check))
    return [Finding(name, count, "training refuses to begin", remedy, spoils=True) for name, count, remedy in short]


def _could_track(options: Options, layout: Layout, training: Sequence[SplitLine]) -> bool:
    """Whether the motion could be that of points, and is not."""
    if options.use_stereo or options.knows_motion or options.knows_metres or not (options.temporal_ids and training):
        return False
    paths = {folder: poses_path(layout, folder, tracked=True) for folder in {line.folder for line in training}}
    known = sum(paths[line.folder].is_file() for line in training)
    if options.makes_split and not own_split(options, layout):  # the lists are made anew, without the other drives
        return prefers_tracked(len(training), known)
    return known == len(training)


def overlap_findings(training: Sequence[SplitLine], validation: Sequence[SplitLine]) -> list[Finding]:
    """Return lists that overlap or repeat lines."""
    known = set(training)
    found = []
    if shared := sum(line in known for line in validation):
        found.append(f"{shared:,} of {len(validation):,} validation lines are also training lines")
    for name, lines in (("training", training), ("validation", validation)):
        if repeated := len(lines) - len(set(lines)):
            found.append(f"{repeated:,} of {len(lines):,} {name} lines repeat another one")
    return [
        Finding(
            "lists overlap or repeat lines",
            words,
            "repeated lines count twice, shared ones make the validation loss look too good",
            "remove them from train_files.txt or val_files.txt, and name that folder with --split",
            spoils=False,
        )
        for words in found
    ]


def _inside(options: Options, training: Sequence[SplitLine], validation: Sequence[SplitLine]) -> list[Finding]:
    """Validation targets that are a neighbour of a training target, or that one's own view by the other camera."""
    trained, lines = {(line.folder, line.frame) for line in training}, set(training)
    steps = (0, *(gap * offset for gap in options.gaps for offset in options.temporal_ids))  # from a target
    near = [
        line
        for line in validation
        if line not in lines and any((line.folder, line.frame - step) in trained for step in steps)
    ]
    if not near:
        return []
    return [
        Finding(
            "validation frames inside training stretches",
            f"{len(near):,} of {len(validation):,} validation targets are neighbours of training targets",
            "the validation loss says nothing of other pictures, and the best epoch cannot be told by it",
            _remedy_of_inside(options),
            spoils=False,
            examples=tuple(Example(str(line)) for line in near[:SHOWN]),
        )
    ]


def _remedy_of_inside(options: Options) -> str:
    """Lists with room for this run's farthest neighbours: made, or by hand."""
    if options.dataset != "folder":
        return "let whole stretches validate: move such lines out of val_files.txt"
    neighbours = f"--frame_ids {' '.join(map(str, options.frame_ids))}"
    if options.frame_gap:
        neighbours += f" --frame_gap {' '.join(map(str, options.frame_gap))}"
    if options.poses == "tracked":
        neighbours += " --poses tracked"
    return (
        f"let whole stretches validate: python -m monodepth2.datasets.folders {shlex.quote(str(options.data_path))} "
        f"--output lists {neighbours}, then --split lists; or take nearer neighbours"
    )


def leak_findings(
    layout: Layout, training: Sequence[SplitLine], part: str, held_out: Sequence[SplitLine], samples: int
) -> list[Finding]:
    """Return held-out pictures that are trained on, by their content: the same bytes under any name.

    Only files of the same size are read.

    Args:
        layout: of both lists.
        training: lines.
        part: name of the other list, "test" or "validation".
        held_out: its lines.
        samples: how many held-out pictures are looked for, evenly chosen.
    """
    chosen = [layout.picture_path(line) for line in evenly(held_out, samples)]
    sizes = {size for path in chosen if (size := _bytes_of(path))}
    alike = (path for path in map(layout.picture_path, training) if _bytes_of(path) in sizes)
    trained = {_digest(path): path for path in islice(alike, MOST_READ)}
    pairs = [(path, trained[key]) for path in chosen if (key := _digest(path)) in trained]
    if not pairs:
        return []
    return [
        Finding(
            "a leak between the lists",
            f"{len(pairs):,} of {len(chosen):,} {part} pictures looked at are training pictures, too",
            "the figures say nothing of other pictures",
            "remove them from train_files.txt, with their neighbours, and name that folder with --split",
            spoils=part == "test",
            examples=tuple(Example(f"{path} is {other}", (path, other)) for path, other in pairs[:SHOWN]),
        )
    ]


def _bytes_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:  # which is told as missing
        return None


def _digest(path: Path) -> bytes:
    """A word for a file's content; for one that cannot be read a word of its own."""
    try:
        return hashlib.blake2b(read_input(path, LARGEST_FILE)).digest()
    except OSError:
        return bytes(path)
