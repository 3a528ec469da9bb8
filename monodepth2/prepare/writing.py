"""The files of a drive: its pictures, its camera, its mask, its path, and what they were made of."""

import json
import os
import shutil
from pathlib import Path

from monodepth2 import __version__
from monodepth2.datasets.camera_files import CAMERA
from monodepth2.datasets.drive_notes import DRIVE
from monodepth2.datasets.poses import TRACKED
from monodepth2.datasets.trajectories import chained, write_poses
from monodepth2.files.output_paths import write_whole
from monodepth2.files.picture_names import MASK
from monodepth2.files.pictures import encoded
from monodepth2.prepare.part import Part, WrittenDrive
from monodepth2.prepare.sources import Source


def place_pictures(folder: Path, written: WrittenDrive) -> None:
    """Put the pictures of a drive into its folder in the data set's, which is made, as `000000.jpg` and so on.

    They are there twice until the data set is whole: a run that is interrupted until then loses nothing.
    """
    (folder / written.name).mkdir()
    for n, frame in enumerate(written.drive.frames):
        kept, picture = written.part.kept.picture(frame), folder / written.name / f"{n:06d}.jpg"
        try:
            os.link(kept, picture)
        except OSError:  # a file system without links
            shutil.copyfile(kept, picture)


def write_facts(folder: Path, written: WrittenDrive) -> None:
    """Write what is known of a drive into its folder in the data set's.

    These are `camera.json`, `mask.png` where something is still, `tracked_poses.txt` where points show the path of the
    camera, and `drive.json`.

    Raises:
        UserError: a file cannot be written.
    """
    folder, part, gap = folder / written.name, written.part, written.drive.gap
    _write_json(folder / CAMERA, camera_values(part))
    if not part.mask.all():
        write_whole(folder / MASK, encoded(part.mask, "PNG"))
    if written.path:
        write_poses(folder / TRACKED, chained(written.path.steps))
    values: dict[str, object] = {
        "source": source_values(part.source),
        "gap": {"seconds": gap.seconds, "flow": gap.flow, "survival": gap.survival, "reason": gap.reason},
        "camera": {**part.framing.camera.to_plain(), "accuracy": part.known.accuracy},
        "box": [round(side, 3) for side in part.framing.box],
        "frame_size": part.framing.frame_size,
        "monodepth2": __version__,
    }
    if part.source.facts.knows_times:
        values["times"] = [round(float(part.analysis.times[frame]), 6) for frame in written.drive.frames]
    _write_json(folder / DRIVE, values)


def source_values(source: Source) -> dict[str, str | int | float]:
    """What tells a source from another one of its name."""
    status = source.path.stat()
    return {"path": str(source.path.absolute()), "bytes": status.st_size, "mtime": status.st_mtime}


def camera_values(part: Part) -> dict[str, str | int | float]:
    """The camera of a source's pictures with nerfstudio's keys, where it comes from, and how far it may be off."""
    (width, height), camera = part.framing.size, part.framing.camera
    numbers = camera.matrix(width, height, dtype=float)
    return {
        "fl_x": float(numbers[0, 0]),
        "fl_y": float(numbers[1, 1]),
        "cx": float(numbers[0, 2]),
        "cy": float(numbers[1, 2]),
        "w": width,
        "h": height,
        "source": camera.source,
        "accuracy": part.known.accuracy,
    }


def _write_json(path: Path, values: dict[str, object] | dict[str, str | int | float]) -> None:
    write_whole(path, json.dumps(values, indent=1) + "\n")
