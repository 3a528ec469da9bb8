"""What is wrong with the pictures that were looked at."""

import shlex
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monodepth2.config import Options
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.doctor.findings import SHOWN, Example, Finding
from monodepth2.doctor.looks import Look
from monodepth2.errors import counted
from monodepth2.files.evenly import evenly
from monodepth2.files.pictures import PictureError, read_pyramid
from monodepth2.motion.limits import BLURRED, JUMP, LEAST_FLOW, MOST_FLOW, STANDING

if TYPE_CHECKING:
    from monodepth2.doctor.measures import Measures

MOVES = 2.0  # flow from which the order of pictures in time can be told
NEARER = 0.85  # of the flow to the neighbour: how far the picture behind it may have moved to be the nearer one
MORE_KEPT = 0.2  # of the corners, by which the picture behind may share more than the neighbour
MISPLACED = 1.0  # pixels of a picture 640 wide, up or down, between the two cameras
LEFT_OVER = 0.25  # share of the corners below which two pictures show different things
FEW_LEFT = 0.35  # likewise of neighbours; networks learn from rendered streets that keep 0.45
SAME = 0.8  # likewise, above which pictures may be of a camera that stands
SURE_DISPARITY = 0.5  # pixels of a picture 640 wide
DEFAULT_STEP = 5
PAIRS_COMPARED = 8
SIZE_COMPARED = (96, 64)
LEAST_DIFFERENCE = 0.5  # of 255, on average


@dataclass(frozen=True)
class Kind:
    """A kind of trouble with pictures.

    Attributes:
        name: what is wrong.
        has: whether measures show it; None where they cannot tell.
        told_from: share of what was looked at from which it is told.
        spoils_from: share from which it spoils a training; None if it never does.
        shown: the fields of a sample whose pictures show it.
        consequence: what a training makes of it.
        remedy: what to do; {folder} of a drive, {ids}, `--frame_ids` of frames farther apart, and {prepare}, how that
            helps, are filled in.
        is_quick: whether a training looks for it before it begins.
        figure: a sentence on the measures that show it.
    """

    name: str
    has: "Callable[[Measures], bool | None]"
    told_from: float
    spoils_from: float | None
    shown: tuple[str, ...]
    consequence: str
    remedy: str
    is_quick: bool = False
    figure: "Callable[[Sequence[Measures]], str]" = lambda shown: ""


def _moves_little(of: "Measures") -> bool | None:
    return None if of.near is None or of.copied else of.near.survival > SAME and of.near.flow < STANDING


def _is_disordered(of: "Measures") -> bool | None:
    if of.near is None or of.beyond is None:
        return None
    if of.beyond.survival > of.near.survival + MORE_KEPT:
        return True
    both_seen = of.beyond.survival >= of.near.survival > LEFT_OVER  # where a turn ends, the farther one lies nearer
    return both_seen and of.near.flow > MOVES and of.beyond.flow < NEARER * of.near.flow


def _is_too_fast(of: "Measures") -> bool | None:
    if of.near is None or _is_disordered(of):
        return None
    return of.near.flow > MOST_FLOW or of.near.survival < FEW_LEFT


def _is_swapped(of: "Measures") -> bool | None:
    return None if not of.pair or of.pair.survival < LEFT_OVER else of.pair.disparity < -SURE_DISPARITY


def _is_mirrored(of: "Measures") -> bool | None:
    return None if not of.pair else of.pair.survival < LEFT_OVER and of.pair.mirrored > of.pair.survival + MORE_KEPT


def _is_misplaced(of: "Measures") -> bool | None:
    return None if not of.pair or of.pair.survival < LEFT_OVER else of.pair.offset > MISPLACED


def _motion(shown: "Sequence[Measures]") -> str:
    near = [of.near for of in shown if of.near]
    return (
        f"neighbours move by {np.median([tracks.flow for tracks in near]):.1f} pixels of a picture 640 wide and share "
        f"{np.median([tracks.survival for tracks in near]):.0%} of their corners (medians)"
    )


def _disparity(shown: "Sequence[Measures]") -> str:
    median = np.median([of.pair.disparity for of in shown if of.pair])
    return f"disparity {median:.1f} pixels of a picture 640 wide (median)"


def _offset(shown: "Sequence[Measures]") -> str:
    return f"by {np.median([of.pair.offset_pixels for of in shown if of.pair]):.1f} pixels up or down (median)"


_PREPARE = "; monodepth2 prepare {folder} --output FOLDER makes drives of it without them"  # and without pairs
KINDS = (
    Kind(
        "the camera stands", _moves_little, 0.05, 0.5, ("target", "near"),
        "there is nothing to learn from where the camera does not move",
        "take frames farther apart, --frame_ids {ids}{prepare}",
        figure=_motion,
    ),
    Kind(
        "copies of pictures", lambda of: of.copied, 0.02, 0.5, ("target", "near"),
        "a target and its neighbour are the same picture, which says nothing of depth",
        "take frames farther apart, --frame_ids {ids}{prepare}",
    ),
    Kind(
        "too fast, or out of order", _is_too_fast, 0.1, 0.5, ("target", "near"),
        "neighbours share too little, so that no warp can explain one by the other",
        "record with more frames per second, or drive slower; take neighbours, --frame_ids 0 -1 1; of a video: "
        "monodepth2 prepare VIDEO --output FOLDER finds the gap; make sure that the natural order of the names "
        "(2 before 10) is the order of time",
        is_quick=True, figure=_motion,
    ),
    Kind(
        "wrong order", _is_disordered, 0.1, 0.2, ("target", "near", "beyond"),
        "the neighbour is farther from the target than the picture behind it, so that they share less than they could, "
        "and frames in between may be missing",
        "rename the pictures so that the natural order of their names (2 before 10) is the order of time",
        is_quick=True,
    ),
    Kind(
        "blurred pictures", lambda of: None if of.sharpness is None else of.sharpness < BLURRED, 0.02, None,
        ("target", "near"), "blurred targets teach blurred depth",
        "leave them out of train_files.txt, or take a shorter exposure time",
    ),
    Kind(
        "sudden light", lambda of: None if of.jump is None else of.jump > JUMP, 0.02, None, ("target", "near"),
        "neighbours differ in brightness, which is taken for a wrong depth",
        "lock the exposure when you record; leave such lines out of train_files.txt",
    ),
    Kind(
        "left and right are swapped", _is_swapped, 0.25, 0.5, ("pair",),
        "what is near is taken for far, and the depth comes out inverted or not at all; both pictures mirrored look "
        "the same",
        "exchange the two folders of pictures ({folder} and the other camera's), or drop --use_stereo; mirrored "
        "pictures: turn them back",
        is_quick=True, figure=_disparity,
    ),
    Kind(
        "one camera's pictures are mirrored", _is_mirrored, 0.1, 0.5, ("pair",),
        "the two cameras show different things, and nothing can be learnt from the pair",
        "turn the pictures of the mirrored camera back, or drop --use_stereo",
        is_quick=True,
    ),
    Kind(
        "the pair is not rectified", _is_misplaced, 0.25, 0.5, ("pair",),
        "points lie on different rows in the two pictures, which a baseline to the side cannot explain",
        "rectify the pictures, e.g. with OpenCV's stereoRectify, or drop --use_stereo",
        is_quick=True, figure=_offset,
    ),
)  # fmt: skip


def measured_findings(options: Options, looks: Sequence[Look], quick: bool = False) -> list[Finding]:
    """Return what the measures of samples show.

    Args:
        options: of the training.
        looks: at samples, measured.
        quick: look for those kinds alone that a training looks for before it begins.
    """
    found = (_finding(kind, options, looks) for kind in KINDS if kind.is_quick or not quick)
    return [one for one in found if one]


def _finding(kind: Kind, options: Options, looks: Sequence[Look]) -> Finding | None:
    seen = [(look, has) for look in looks if look.measures and (has := kind.has(look.measures)) is not None]
    shown = sorted(
        (look for look, has in seen if has), key=lambda look: (look.sample.line.folder, look.sample.line.frame)
    )
    share = len(shown) / max(1, len(seen))
    if not shown or share < kind.told_from:
        return None
    folder = shlex.quote(str(shown[0].sample.target.parent))
    prepare = "" if options.use_stereo else _PREPARE.format(folder=folder)
    return Finding(
        kind.name,
        f"{len(shown):,} of {len(seen):,} targets looked at",
        kind.consequence,
        kind.remedy.format(folder=folder, ids=_farther(options, looks), prepare=prepare),
        spoils=kind.spoils_from is not None and share >= kind.spoils_from,
        detail=kind.figure([look.measures for look in shown if look.measures]),
        examples=tuple(_example(look, kind.shown) for look in evenly(shown, SHOWN)),
    )


def _farther(options: Options, looks: Sequence[Look]) -> str:
    """Frame ids at which neighbours would move enough; where pictures are there several times, at other pictures.

    The lists have targets at the ends of drives that lack such neighbours: they are to be left out.

    `--frame_gap` multiplies them as it does those of the looks.
    """
    near = [(of.near.flow, bool(of.copied)) for look in looks if (of := look.measures) and of.near]
    moving = [flow for flow, copied in near if not copied]
    share = len(moving) / len(near) if near else 1.0
    flow = share * float(np.median(moving)) if moving else 0.0
    times = max(2, round(LEAST_FLOW / flow)) if flow > LEAST_FLOW / DEFAULT_STEP else DEFAULT_STEP
    repeats = round(1 / share) if moving else 1
    own = min((abs(offset) for offset in options.temporal_ids), default=1)
    step = own * repeats * -(-times // repeats)
    return f"0 -{step} {step} --skip_incomplete"


def _example(look: Look, fields: Iterable[str]) -> Example:
    paths: list[Path] = []
    for field in fields:
        value = getattr(look.sample, field)
        paths += value if isinstance(value, tuple) else [value] if value else []
    others = [path.name if path.parent == paths[0].parent else str(path) for path in paths[1:]]
    return Example(f"{paths[0]}, then {', '.join(others)}", tuple(paths))


def standing_findings(options: Options, layout: Layout, lines: Sequence[SplitLine]) -> list[Finding]:
    """Return whether the camera stands, as it can be told without OpenCV: targets hardly differ from a neighbour."""
    sources = options.at_smallest_gap.temporal_ids
    differences = []
    for line in lines[:: max(1, len(lines) // PAIRS_COMPARED)] if sources else ():
        with suppress(PictureError):  # told where the training meets it
            target, source = (
                read_pyramid(layout.picture_path(line.other(offset)), 0, *SIZE_COMPARED)[0].astype(np.int16)
                for offset in (0, sources[0])
            )
            differences.append(float(np.abs(target - source).mean()))
    still = sum(difference < LEAST_DIFFERENCE for difference in differences)
    if 2 * still <= len(differences):
        return []
    return [
        Finding(
            KINDS[0].name,
            f"{still} of {len(differences)} targets looked at hardly differ from a neighbour",
            KINDS[0].consequence,
            f"take frames farther apart, --frame_ids {_farther(options, [])}",
            spoils=True,
        )
    ]


def file_findings(looks: Sequence[Look]) -> list[Finding]:
    """Return pictures that cannot be read, and drives with pictures of several sizes."""
    faults = {path: words for look in looks for path, words in look.faults.items()}
    sizes = {path: size for look in looks for path, size in look.sizes.items()}
    count, found = len(faults) + len(sizes), []
    if faults:
        found.append(
            Finding(
                "unreadable pictures",
                f"{len(faults):,} of {count:,} pictures looked at",
                "training puts other samples in their place, and ends where they are more than 1 % of its targets",
                "copy them anew, or leave their lines out of the lists",
                spoils=len(faults) > 0.01 * count,
                examples=tuple(Example(words) for words in list(faults.values())[:SHOWN]),
            )
        )
    mixed = _mixed(sizes)
    if mixed:
        found.append(
            Finding(
                "pictures of several sizes in a drive",
                f"in {counted(len(mixed), 'folder')}",
                "one camera is taken for all of a drive's pictures, which is wrong if they were cut differently",
                "make a drive of each size, with its own camera.json; prepare does so with videos",
                spoils=False,
                examples=tuple(mixed[:SHOWN]),
            )
        )
    return found


def _mixed(sizes: "dict[Path, tuple[int, int]]") -> list[Example]:
    mixed = []
    for folder, paths in groupby(sorted(sizes), key=lambda path: path.parent):
        firsts = {sizes[path]: path for path in reversed(list(paths))}
        if len(firsts) > 1:
            words = ", ".join(f"{width}x{height} {path.name}" for (width, height), path in sorted(firsts.items()))
            mixed.append(Example(f"{folder}: {words}", tuple(firsts.values())[:2]))
    return mixed
