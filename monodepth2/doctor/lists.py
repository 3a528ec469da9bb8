"""What lists, names and cameras tell; no picture is decoded."""

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from monodepth2.config import TRAINING_SPLITS, Options
from monodepth2.datasets.camera_report import (
    INPUT,
    PIXELS,
    RECTIFY,
    SHAPE,
    SHARED,
    TROUBLES,
    View,
    camera_troubles,
    check_views,
    drive_in_words,
    views_of,
)
from monodepth2.datasets.cameras import Camera
from monodepth2.datasets.check import Listings, missing_pictures
from monodepth2.datasets.known_poses import KnownPoses
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.poses import poses_path
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.training_lines import TEACH_MOTION, USEFUL_STEPS, more_to_learn, steps_of, usual_batch
from monodepth2.doctor.findings import Example, Finding
from monodepth2.errors import UserError, counted
from monodepth2.files.input_files import read_input
from monodepth2.files.picture_files import LARGEST_FILE

SHOWN = 4
CAMERAS_ALIKE = 1 / 500  # of the picture: how far the numbers of two cameras may be apart
MOST_READ = 2000  # training pictures, where files of one size are many
REMEDY_OF_POSES = "mend or add what is named, or leave out --poses"
_REMEDIES = {
    PIXELS: "give the camera's own numbers with --intrinsics FX FY CX CY --intrinsics_size W H, or lay a camera.json "
    "beside the pictures",
    SHAPE: "lay the camera.json of these very pictures beside them, or give --intrinsics",
    INPUT: "change --height and --width, or add --fit crop",
    SHARED: "lay a camera.json into each drive",
}


def camera_findings(options: Options, layout: Layout, lines: Sequence[SplitLine]) -> list[Finding]:
    """Return what is wrong with the cameras: files that cannot be used, distortion, shapes that do not fit."""
    views: list[View] = []
    try:
        views += views_of(layout, lines)
        check_views(views, layout.cameras.fov, options.use_stereo)
    except UserError as error:
        bent = {view.drive for view in views if view.camera.is_distorted}
        remedy = "mend the file that states the camera, or give --intrinsics FX FY CX CY"
        if bent and options.use_stereo:  # numbers without distortion would leave its pictures bent
            remedy = RECTIFY
        elif bent:
            named = (line for line in lines if drive_in_words(layout, line.folder) in bent)
            folder = layout.picture_path(next(named)).parent
            remedy = (
                f"monodepth2 prepare {shlex.quote(str(folder))} --output NEW straightens its pictures; add --camera "
                "FILE if the file of the camera lies neither there nor in the folder above"
            )
        return [Finding("a camera cannot be used", str(error), "training refuses to begin", remedy, spoils=True)]
    return [*_rig_findings(options, layout, lines), *_shape_findings(options, views)]


def _rig_findings(options: Options, layout: Layout, lines: Sequence[SplitLine]) -> list[Finding]:
    try:
        if options.use_stereo:
            layout.of_lines(lines).check_rig()
    except UserError as error:
        said, _, remedy = str(error).rpartition(": ")
        return [Finding("drives of different rigs", said, "training refuses to begin", remedy, spoils=True)]
    return []


def _shape_findings(options: Options, views: Sequence[View]) -> list[Finding]:
    troubles = camera_troubles(views, (options.width, options.height), options.input_fit)
    found = []
    for kind in TROUBLES:
        words = [trouble.words for trouble in troubles if trouble.kind == kind]
        if words:
            consequence = "pixels are warped to wrong places, and depth and motion come out bent"
            if kind == INPUT:
                consequence = "the pictures are squeezed or cut so much that little can be recognised"
            examples = tuple(Example(one) for one in words[:SHOWN])
            count = f"{len(words)} of {len(views)} cameras and their drives"
            found.append(Finding(kind, count, consequence, _REMEDIES[kind], spoils=True, examples=examples))
    return found


def pose_findings(options: Options, layout: Layout, lines: Sequence[SplitLine]) -> list[Finding]:
    """Return why the files of poses that a training would read cannot be used."""
    listings = Listings()

    def widest(line: SplitLine) -> int:
        return max(listings.drawn(layout, line, options.loaded_ids, options.gaps))

    try:
        if known := KnownPoses.from_options(options, layout.of_lines(lines)):
            known.check(lines, widest)
    except UserError as error:
        return [Finding("poses cannot be used", str(error), "training refuses to begin", REMEDY_OF_POSES, spoils=True)]
    return []


def missing_findings(
    options: Options, layout: Layout, lines: Sequence[SplitLine], complete: Sequence[SplitLine]
) -> list[Finding]:
    """Return which pictures of the samples do not exist.

    Args:
        options: of the training.
        layout: of its data.
        lines: of its samples.
        complete: those that have all their pictures.

    Raises:
        UserError: the data set has no such frames at all.
    """
    missing = missing_pictures(layout, lines, options.loaded_ids, options.gaps)
    if not missing:
        return []
    skip = "add --skip_incomplete, which trains on the targets that have all their pictures, or " if complete else ""
    return [
        Finding(
            "pictures are missing",
            f"{sum(one.count for one in missing.values()):,} of {len(lines) * len(options.loaded_ids):,}",
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
    if options.use_stereo or options.knows_motion or options.knows_metres or not options.temporal_ids:
        return False
    paths = [poses_path(layout, folder, tracked=True) for folder in {line.folder for line in training}]
    return bool(paths) and all(path.is_file() for path in paths)


def pair_findings(options: Options, layout: Layout, lines: Sequence[SplitLine]) -> list[Finding]:
    """Return drives whose two cameras are not alike: one K is taken for both pictures of a pair."""
    firsts = {line.folder: line for line in reversed(lines)}.values() if options.use_stereo else ()
    found = []
    for line in firsts:
        try:
            left, right = (layout.camera(replace(line, side=side)) for side in "lr")
        except UserError:  # told of the lines that need it
            continue
        apart = max(abs(getattr(left, name) - getattr(right, name)) for name in ("fx", "fy", "cx", "cy"))
        if apart > CAMERAS_ALIKE:
            found.append(Example(f"{line.folder}: left {_numbers(left)}, right {_numbers(right)}"))
    if not found:
        return []
    return [
        Finding(
            "the two cameras of a rig differ",
            f"in {counted(len(found), 'drive')} of {len(firsts)}",
            "one camera's numbers are taken for both pictures of a pair, so that all disparities are wrong",
            "rectify the pair so that both have the same numbers, e.g. with OpenCV's stereoRectify and "
            "CALIB_ZERO_DISPARITY, or drop --use_stereo",
            spoils=False,
            examples=tuple(found[:SHOWN]),
        )
    ]


def _numbers(camera: Camera) -> str:
    return f"fx {camera.fx:.4g} fy {camera.fy:.4g} cx {camera.cx:.4g} cy {camera.cy:.4g}"


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
    chosen = [layout.picture_path(line) for line in held_out[:: max(1, -(-len(held_out) // samples))]]
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
