"""What `monodepth2 prepare` does: look at the video, decide what to keep, write the data set and a page about it."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from monodepth2 import __version__
from monodepth2.config import Options, PrepareOptions
from monodepth2.datasets.drive_notes import PREPARED
from monodepth2.datasets.folders import SPLITS
from monodepth2.datasets.made_lists import LISTS, digest_of_lists
from monodepth2.datasets.splits import write_lines
from monodepth2.datasets.training_lines import TEACH_MOTION, prefers_tracked, training_lines
from monodepth2.errors import counted, tell
from monodepth2.files.output_paths import write_whole
from monodepth2.prepare.staging import READ, REPORT, check_output, staged_folder
from monodepth2.runtime.extras import require_packages

if TYPE_CHECKING:
    from monodepth2.prepare.part import Part, WrittenDrive
    from monodepth2.prepare.plan import Gap
    from monodepth2.prepare.prepared import Prepared
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
        parts = _read(options, sources, folder)
        if not any(part.plan.drives for part in parts):
            tell(f"error: {why_nothing(parts, options.gap)}")
            return NOTHING_LEFT
        prepared = _write(options, output, parts, folder)
        check_output(output, named, options.overwrite)  # again: much may have been laid there in the meantime
    _tell_result(prepared, time.monotonic() - started)
    return 0


def _read(options: PrepareOptions, sources: list["Source"], folder: Path) -> list["Part"]:
    from monodepth2.prepare.part import prepare_part

    parts: list[Part] = []
    for n, source in enumerate(sources):
        size = parts[0].framing.size if parts else None
        parts.append(prepare_part(options, source, size, folder / READ / f"{n:03d}"))
    return parts


def _write(options: PrepareOptions, output: Path, parts: list["Part"], folder: Path) -> "Prepared":
    """Write the drives, the page and the choices into the folder, which becomes the output."""
    from monodepth2.prepare.page import write_report
    from monodepth2.prepare.prepared import Prepared
    from monodepth2.prepare.writing import place_pictures, source_values, write_facts

    drives = _drives(parts)
    for drive in drives:
        place_pictures(folder, drive)
        write_facts(folder, drive)
    tracked = prefers_tracked(_pictures(drives), _pictures([drive for drive in drives if drive.path]))
    usual = Options(data_path=folder, dataset="folder", poses="tracked" if tracked else Options.poses)
    lines = training_lines(usual)
    write_lines({"train": lines.training, "val": lines.validation}, folder / SPLITS)
    counts = {"train": len(lines.training), "val": len(lines.validation)}
    prepared = Prepared(output, parts, drives, tracked, counts)
    write_report(folder, prepared)
    values = {
        "monodepth2": __version__,
        "options": asdict(options),
        "sources": [source_values(part.source) for part in parts],
        "drives": [one.name for one in drives],
        "lines": counts,
        LISTS: digest_of_lists(lines.training, lines.validation),
        "advice": prepared.advice,
    }
    write_whole(folder / PREPARED, json.dumps(values, indent=1, default=str) + "\n")
    return prepared


def _drives(parts: list["Part"]) -> list["WrittenDrive"]:
    """The drives of all sources, and the path of the camera along each.

    Where pictures are so many that a network learns the motion from them, no path is looked for: to follow points takes
    time.
    """
    from monodepth2.prepare.part import WrittenDrive
    from monodepth2.prepare.tracked_paths import tracked_paths

    found = [(drive, part) for part in parts for drive in part.plan.drives]
    drives = [WrittenDrive(f"drive_{n:03d}", *one) for n, one in enumerate(found)]
    if _pictures(drives) >= TEACH_MOTION:
        return drives
    paths = [path for part in parts for path in tracked_paths(part)]
    return [drive._replace(path=path) for drive, path in zip(drives, paths, strict=True)]


def _pictures(drives: Sequence["WrittenDrive"]) -> int:
    return sum(len(one.drive.frames) for one in drives)


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


def _tell_result(prepared: "Prepared", seconds: float) -> None:
    output, drives, counts = prepared.output, prepared.drives, prepared.counts
    frames = sum(len(part.analysis.times) for part in prepared.parts)
    seen = f"{counted(_pictures(drives), 'picture')} of {counted(frames, 'frame')} looked at"
    print(f"{output}: {counted(len(drives), 'drive')}, {seen}, in {seconds:.0f} s")
    print(_gaps_in_words([one.drive.gap for one in drives]))
    print(f"{counted(counts['train'], 'target')} to train on, {counts['val']:,} to validate on")
    for sentence in prepared.advice:
        print(f"- {sentence}")
    print(f"look at {output / REPORT}, then train: {prepared.command}")
