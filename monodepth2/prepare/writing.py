"""The files of a drive: its pictures, its camera, its mask, and what they were made of."""

import json
import os
import shutil
from pathlib import Path

from monodepth2 import __version__
from monodepth2.datasets.camera_files import CAMERA
from monodepth2.datasets.drive_notes import DRIVE
from monodepth2.files.output_paths import write_whole
from monodepth2.files.picture_names import MASK
from monodepth2.files.pictures import encoded
from monodepth2.prepare.analysis import Analysis
from monodepth2.prepare.camera import KnownCamera
from monodepth2.prepare.framing import Framing
from monodepth2.prepare.kept import KeptSource
from monodepth2.prepare.plan import Drive
from monodepth2.prepare.sources import Frame, Source

QUALITY = 95  # of JPEG files


def write_picture(path: Path, framing: Framing, frame: Frame) -> None:
    """Write the picture of a frame.

    Raises:
        UserError: it cannot be written.
    """
    write_whole(path, encoded(framing.picture(frame), "JPEG", quality=QUALITY))


def place_pictures(kept: KeptSource, drives: dict[Path, Drive]) -> None:
    """Put the pictures of drives into their folders, which are made, as `000000.jpg` and so on.

    They are there twice until the data set is whole: a run that is interrupted until then loses nothing.

    Args:
        kept: has the pictures of a source.
        drives: by the folder that receives their pictures.
    """
    for target, drive in drives.items():
        target.mkdir()
        for n, frame in enumerate(drive.frames):
            picture = target / f"{n:06d}.jpg"
            try:
                os.link(kept.picture(frame), picture)
            except OSError:  # a file system without links
                shutil.copyfile(kept.picture(frame), picture)


def write_facts(
    folder: Path, drive: Drive, framing: Framing, known: KnownCamera, analysis: Analysis, source: Source
) -> None:
    """Write a drive's `camera.json`, its `mask.png` where something is still, and its `drive.json`.

    Raises:
        UserError: a file cannot be written.
    """
    _write_json(folder / CAMERA, camera_values(framing, known))
    mask = framing.mask(analysis.still)
    if not mask.all():
        write_whole(folder / MASK, encoded(mask, "PNG"))
    values: dict[str, object] = {
        "source": source_values(source),
        "gap": {
            "seconds": drive.gap.seconds,
            "flow": drive.gap.flow,
            "survival": drive.gap.survival,
            "reason": drive.gap.reason,
        },
        "camera": {**framing.camera.to_plain(), "accuracy": known.accuracy},
        "box": [round(side, 3) for side in framing.box],
        "frame_size": framing.frame_size,
        "monodepth2": __version__,
    }
    if source.knows_times:
        values["times"] = [round(float(analysis.times[frame]), 6) for frame in drive.frames]
    _write_json(folder / DRIVE, values)


def source_values(source: Source) -> dict[str, str | int | float]:
    """What tells a source from another one of its name."""
    status = source.path.stat()
    return {"path": str(source.path.absolute()), "bytes": status.st_size, "mtime": status.st_mtime}


def camera_values(framing: Framing, known: KnownCamera) -> dict[str, str | int | float]:
    """A picture's camera with nerfstudio's keys, where it comes from, and how far it may be off."""
    (width, height), camera = framing.size, framing.camera
    numbers = camera.matrix(width, height, dtype=float)
    return {
        "fl_x": float(numbers[0, 0]),
        "fl_y": float(numbers[1, 1]),
        "cx": float(numbers[0, 2]),
        "cy": float(numbers[1, 2]),
        "w": width,
        "h": height,
        "source": camera.source,
        "accuracy": known.accuracy,
    }


def _write_json(path: Path, values: dict[str, object] | dict[str, str | int | float]) -> None:
    write_whole(path, json.dumps(values, indent=1) + "\n")
