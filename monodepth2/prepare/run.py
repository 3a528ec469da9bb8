"""What `monodepth2 prepare` does: look at the video, decide what to keep, write the data set and a page about it."""

import json
import shlex
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from monodepth2 import __version__
from monodepth2.config import MOTION_WARMUP, Options, PrepareOptions
from monodepth2.config.scripts import started_as
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.poses import TRACKED
from monodepth2.datasets.training_lines import steps_of, training_lines, usual_batch
from monodepth2.datasets.trajectories import chained, write_poses
from monodepth2.errors import counted, tell
from monodepth2.files.output_paths import write_whole
from monodepth2.prepare.staging import FACTS, READ, REPORT, check_output, staged_folder
from monodepth2.runtime.extras import require_packages

if TYPE_CHECKING:
    from monodepth2.prepare.kept import KeptSource
    from monodepth2.prepare.part import Part, WrittenDrive
    from monodepth2.prepare.plan import Gap
    from monodepth2.prepare.sources import Source

NOTHING_LEFT = 3  # exit code


def run(options: PrepareOptions) -> int:
    """Make a data set of videos or folders of frames.

    It is written beside its place, and appears when it is whole. What a run that was interrupted has read to its end is
    taken over by the next one.

    Returns:
        The exit code: 3 if nothing is left to learn from, since nothing moves or neighbours share too little.

    Raises:
        UserError: nothing can be done; found before the work where it can be.
    """
    require_packages("prepare", "videos", "av", "cv2")
    from monodepth2.prepare.advice import why_nothing
    from monodepth2.prepare.find import find_sources

    assert options.output is not None
    started, output = time.monotonic(), options.output.expanduser()
    named = [path.expanduser() for path in options.sources]
    check_output(output, named, options.overwrite)
    sources = find_sources(options)
    with staged_folder(output) as folder:
        parts, drives = _read(options, sources, folder)
        if not drives:
            tell(f"error: {why_nothing(parts, options.gap)}")
            return NOTHING_LEFT
        counts, advice = _write_rest(folder, options, parts, drives)
        check_output(output, named, options.overwrite)  # again: much may have been laid there in the meantime
    _tell_result(output, parts, drives, counts, advice, time.monotonic() - started)
    return 0


def _read(options: PrepareOptions, sources: list["Source"], folder: Path) -> tuple[list["Part"], list["WrittenDrive"]]:
    """Read all sources, and write pictures, cameras and masks of their drives."""
    from monodepth2.prepare.part import WrittenDrive, prepare_part
    from monodepth2.prepare.writing import place_pictures, write_facts

    read: list[tuple[Part, KeptSource]] = []
    for n, source in enumerate(sources):
        size = read[0][0].framing.size if read else None
        read.append(prepare_part(options, source, size, folder / READ / f"{n:03d}"))
    written: list[WrittenDrive] = []
    for part, kept in read:
        first = len(written)
        written += [
            WrittenDrive(f"drive_{first + n:03d}", drive, part, path)
            for n, (drive, path) in enumerate(zip(part.plan.drives, part.paths, strict=True))
        ]
        place_pictures(kept, {folder / one.name: one.drive for one in written[first:]})
        for one in written[first:]:
            write_facts(folder / one.name, one.drive, part.framing, part.known, part.analysis, part.source)
            if one.path:
                write_poses(folder / one.name / TRACKED, chained(one.path.steps))
    return [part for part, _ in read], written


def _write_rest(
    folder: Path, options: PrepareOptions, parts: list["Part"], drives: list["WrittenDrive"]
) -> tuple[dict[str, int], list[str]]:
    """Write the choices and the page; return the number of lines of each list that training makes, and advice."""
    from monodepth2.prepare.advice import advice_on, trains_tracked
    from monodepth2.prepare.page import write_report
    from monodepth2.prepare.writing import source_values

    usual = Options(data_path=folder, dataset="folder", poses="tracked" if trains_tracked(drives) else Options.poses)
    lines = training_lines(usual, layout_of(usual))
    counts = {"train": len(lines.training), "val": len(lines.validation)}
    advice = advice_on(parts, drives, counts["train"])
    assert options.output is not None
    write_report(folder, parts, drives, counts, advice, training_command(options.output, drives, counts["train"]))
    values = {
        "monodepth2": __version__,
        "options": asdict(options),
        "sources": [source_values(part.source) for part in parts],
        "drives": [one.name for one in drives],
        "lines": counts,
        "advice": advice,
    }
    write_whole(folder / FACTS, json.dumps(values, indent=1, default=str) + "\n")
    return counts, advice


def training_command(output: Path, drives: list["WrittenDrive"], targets: int) -> str:
    """The command that trains on a data set of these drives, with so many targets."""
    from monodepth2.prepare.advice import trains_tracked

    width, height = drives[0].part.framing.size
    motion = ""
    if trains_tracked(drives):
        motion = " --poses tracked"
    elif steps_of(targets) >= 4 * MOTION_WARMUP:
        motion = f" --motion_warmup {MOTION_WARMUP}"
    batch_size = usual_batch(targets)
    batch = f" --batch_size {batch_size}" if batch_size != Options.batch_size else ""
    return f"{started_as('train')} {shlex.quote(str(output))} --width {width} --height {height}{motion}{batch}"


def _gaps_in_words(gaps: list["Gap"]) -> str:
    seconds, flows, survivals, reasons = zip(*((g.seconds, g.flow, g.survival, g.reason) for g in gaps), strict=True)
    least, most = min(seconds), max(seconds)
    told = f"gap {least:.3f} s" if least == most else f"gaps from {least:.3f} to {most:.3f} s"
    if least == most and len(set(reasons)) == 1:
        return f"{told}: {reasons[0]}"
    return (
        f"{told}: from one picture to the next, points move by "
        f"{min(flows):.1f} to {max(flows):.1f} pixels (medians, in a picture 640 wide), and {min(survivals):.0%} to "
        f"{max(survivals):.0%} of them are found again; report.html has the reasons"
    )


def _tell_result(
    output: Path,
    parts: list["Part"],
    drives: list["WrittenDrive"],
    counts: dict[str, int],
    advice: list[str],
    seconds: float,
) -> None:
    pictures, frames = sum(len(one.drive.frames) for one in drives), sum(len(part.analysis.times) for part in parts)
    seen = f"{counted(pictures, 'picture')} of {counted(frames, 'frame')} looked at"
    print(f"{output}: {counted(len(drives), 'drive')}, {seen}, in {seconds:.0f} s")
    print(_gaps_in_words([one.drive.gap for one in drives]))
    targets = f"{counted(counts['train'], 'target')} to train on, {counts['val']:,} to validate on"
    print(targets)
    for sentence in advice:
        print(f"- {sentence}")
    print(f"look at {output / REPORT}, then train: {training_command(output, drives, counts['train'])}")
