"""What the user should know of a data set that was prepared, in sentences."""

import math
from collections.abc import Sequence

from monodepth2.config import Options
from monodepth2.datasets.training_lines import (
    TEACH_MOTION,
    USEFUL_STEPS,
    more_to_learn,
    steps_of,
    usual_batch,
)
from monodepth2.errors import counted
from monodepth2.files.fit import Size
from monodepth2.prepare.analysis import CUT
from monodepth2.prepare.framing import MULTIPLE, proposed_crop
from monodepth2.prepare.part import Part, WrittenDrive
from monodepth2.prepare.plan import BETWEEN, COPY, LATE_FRAME, SHORT, STILL, TURN, Plan, blurred_frames, exposure_jumps
from monodepth2.prepare.sources import Source
from monodepth2.prepare.tracked_paths import LEAST_WIDTH

NOTABLE = 0.02  # share of the frames from which a reason is told
LARGE_MASK = 0.002  # share of the picture, likewise
NEARLY_ALL = 0.9  # of the frames
MUCH = 0.8  # share of the frame that pictures should show
SHOWN_TIMES = 6
USUAL_PIXELS, LARGE = 640 * 192, 1.5
_REASONS = {
    STILL: "stand still or nearly so",
    TURN: "only turn on the spot, which shows no depth",
    COPY: "are copies of the frame before them",
    LATE_FRAME: "lie at places where frames are missing",
    SHORT: "lie in stretches that are too short for a drive",
}


def why_nothing(parts: Sequence[Part], gap: float | None = None) -> str:
    """Say why no drive is left, and what was left out of the sources; `gap` is what `--gap` asks for."""
    return "; ".join([_why(parts, gap), *_each_once([(part.name, part.source.remarks) for part in parts])])


def _why(parts: Sequence[Part], gap: float | None) -> str:
    plans, names = [part.plan for part in parts], ", ".join(str(part.source.path) for part in parts)
    stands = sum(part.plan.share(STILL) + part.plan.share(COPY) for part in parts) / len(parts)
    if stands > 0.5:
        return f"nothing moves in this video: {names}; record while the camera itself moves forwards"
    if sum(plan.share(TURN) for plan in plans) / len(plans) > 0.5:
        return f"the camera only turns on the spot: {names}; depth shows when it moves to another place"
    if gap is not None:
        return f"--gap {gap:g}: pictures so far apart give no drive: {names}; give a smaller gap, or leave --gap out"
    few = min(len(part.analysis.times) for part in parts) < 2 * max(1, _longest_gap(plans))
    if few or all(map(_is_one_short_stretch, parts)):
        return f"too short: {names}; give some seconds of a moving camera, better some minutes"
    return (
        f"nothing can be followed for long enough: {names}; neighbouring frames share too little (cuts, blur, few "
        "frames per second), or the drives between them are too short"
    )


def _is_one_short_stretch(part: Part) -> bool:
    stretch = part.plan.share(SHORT) + part.plan.share(BETWEEN)  # of what no drive has
    return stretch > NEARLY_ALL and not (part.analysis.survival < CUT).any()


def _longest_gap(plans: Sequence[Plan]) -> int:
    return max((drive.gap.frames for plan in plans for drive in plan.drives), default=3)


def advice_on(parts: Sequence[Part], drives: Sequence[WrittenDrive], targets: int, tracked: bool) -> list[str]:
    """Return what should be known of a data set, the most important first.

    Args:
        parts: the sources.
        drives: of all sources.
        targets: to train on.
        tracked: whether to train with the motion that points show.
    """
    found = []
    batch_size, epochs = usual_batch(targets), Options.num_epochs
    steps = steps_of(targets, batch_size)
    if steps < USEFUL_STEPS:
        found.append(
            f"{counted(targets, 'target')} to train on will hardly be enough: they make {counted(steps, 'step')} of "
            f"--batch_size {batch_size} in --num_epochs {epochs}, and a useful result takes about {USEFUL_STEPS:,}; "
            f"{more_to_learn(targets, batch_size)}"
        )
    if tracked:
        found.append(
            "so few targets hardly teach a network how the camera moves; --poses tracked takes the motion from points "
            "that were followed, which leaves metres unknown and makes no network for `odometry`"
        )
    unknown = [drive.name for drive in drives if not drive.path]
    if unknown and targets < TEACH_MOTION:
        becomes = "--poses tracked leaves them out"
        if len(unknown) == len(drives):
            becomes = "--poses tracked cannot be used"
        why = f"points do not show how the camera moves in {counted(len(unknown), 'drive')}, e.g. {unknown[0]}"
        if parts[0].framing.size[0] < LEAST_WIDTH:
            why = f"in pictures narrower than {LEAST_WIDTH} pixels points do not show exactly how the camera moves"
        found.append(f"{why}: {becomes}")
    return found + _each_once([(part.name, _on_part(part)) for part in parts])


def _each_once(told: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """The sentences on sources, each with the names of those that it is on; of a single source without."""
    names: dict[str, list[str]] = {}
    for name, sentences in told:
        for sentence in sentences:
            names.setdefault(sentence, []).append(name)
    if len(told) == 1:
        return list(names)
    return [f"{_named(of)}: {sentence}" for sentence, of in names.items()]


def _named(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {counted(len(names) - 1, 'other')}"


def _on_part(part: Part) -> list[str]:
    gaps = {drive.gap for drive in part.plan.drives}
    found = [*part.source.remarks, *part.known.remarks]
    if any(gap.is_too_fast for gap in gaps):
        found.append(_slower(part.source))
    if any(gap.is_too_plain for gap in gaps):
        found.append(
            "few points are found again, and those hardly move: it is too dark, blurred or plain, or what is near "
            "moves too fast; record in better light and in focus, or drive slower"
        )
    if not part.plan.drives:
        found.append("nothing of it is used")
    found += _on_pictures(part)
    for verdict, words in _REASONS.items():
        if part.plan.share(verdict) >= NOTABLE:
            found.append(f"{part.plan.share(verdict):.0%} of the frames {words}: they are left out")
    blurred, jumps = blurred_frames(part.analysis), exposure_jumps(part.analysis, part.plan.cuts)
    for what, frames in (("much less sharp than the frames around", blurred), ("suddenly brighter or darker", jumps)):
        if len(frames):
            times = [float(part.analysis.times[frame]) for frame in frames]
            found.append(f"{what}: {counted(len(frames), 'frame')}, {_at(times)}")
    return found


def _slower(source: Source) -> str:
    """How neighbours come to share more."""
    if source.every > 1:
        return f"this is too fast for one frame in {source.every}: give --most_fps {math.ceil(source.facts.rate)}"
    return "this is too fast for its frames: record with more frames per second, or drive slower"


def _on_pictures(part: Part) -> list[str]:
    found, framing = [], part.framing
    if part.bars:
        sides = [side for side in ("left", "top", "right", "bottom") if getattr(part.bars, side)]
        found.append(f"black bars ({', '.join(sides)}) are cut away; --crop takes another part")
    masked = float((part.mask == 0).mean())
    if masked >= LARGE_MASK:
        share = f"{masked:.0%}" if masked >= 0.01 else "less than 1%"
        found.append(f"{share} of the picture never moves (bonnet, logo, mirror): mask.png leaves it out")
        if crop := proposed_crop(part.mask, framing.box):
            found.append(f"some of that can be cut away: --crop {' '.join(map(str, crop))}")
    if part.shown < MUCH:
        found.append(
            f"pictures show {part.shown:.0%} of the frames' area: they have another shape, that of --height or of the "
            "first source; prepare videos of different shapes apart"
        )
    if framing.enlarges:
        found.append(
            f"the video has fewer pixels than pictures of --width {framing.size[0]}, so that they are enlarged: with a "
            "smaller --width nothing is lost"
        )
    if framing.size[1] > framing.size[0]:
        found.append(
            f"the pictures stand upright: much of them is sky and road; hold the camera sideways{_cost(framing.size)}"
        )
    return found


def _cost(size: Size) -> str:
    """How much larger pictures are than usual ones, and the width at which they are not."""
    times = size[0] * size[1] / USUAL_PIXELS
    width = max(LEAST_WIDTH, int(size[0] / times**0.5) // MULTIPLE * MULTIPLE)
    if times < LARGE or width >= size[0]:
        return ""
    return f". They have {times:.1f} times the pixels of 640x192, and train as much slower: --width {width} is smaller"


def _at(times: Sequence[float]) -> str:
    shown = ", ".join(f"{time:.1f} s" for time in times[:SHOWN_TIMES])
    return f"at {shown}" + (" and so on" if len(times) > SHOWN_TIMES else "")
