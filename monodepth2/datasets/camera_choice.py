"""Which camera a drive was taken with: what the flags say, a file beside the pictures, or what is assumed."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from monodepth2.config import Options
from monodepth2.datasets.camera_files import READERS, read_kitti_camera
from monodepth2.datasets.cameras import Camera, focal_of_fov
from monodepth2.errors import UserError
from monodepth2.files.fit import Size
from monodepth2.files.picture_names import picture_names
from monodepth2.files.pictures import picture_size

KITTI_BASELINE = 0.54  # metres between the two cameras of KITTI's rig
USUAL_FOV = 60.0  # degrees along the longer side of the picture
BY_FOV = "given by --fov"


class Place(NamedTuple):
    """Where a camera's pictures lie.

    Attributes:
        folder: of the pictures.
        root: of the data set; files beside the pictures are looked for from the folder up to here.
        calibration: KITTI's file for the drive, and the camera's number in it; None where there is no such thing.
        standard: what holds for this kind of data set where nothing else is known.
    """

    folder: Path
    root: Path
    calibration: tuple[Path, int] | None = None
    standard: Camera | None = None


@dataclass(frozen=True)
class CameraChoice:
    """What the flags say of cameras.

    Attributes:
        given: the camera of all pictures.
        kitti_calibration: use each drive's own calibration.
        fov: width of the view in degrees, of square pixels; None where no flag states it.
        baseline: metres between the two cameras of a rig, likewise.
    """

    given: Camera | None = None
    kitti_calibration: bool = False
    fov: float | None = None
    baseline: float | None = None
    _known: dict[Place, Camera] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_options(cls, options: Options) -> "CameraChoice":
        """What a run's options say."""
        given = _given(options.intrinsics, options.intrinsics_size) if options.intrinsics else None
        return cls(given, options.kitti_calibration, options.fov, options.baseline)

    def camera(self, place: Place) -> Camera:
        """Return the camera of the pictures of a place: given, from a file beside them, KITTI's, or assumed.

        Raises:
            UserError: a file cannot be used, or no picture tells the size that is needed.
        """
        if place not in self._known:
            self._known[place] = _camera(self, place)
        return self._known[place]


def _given(numbers: tuple[float, ...], size: tuple[int, ...]) -> Camera:
    fx, fy, cx, cy = numbers
    if size:
        return Camera.of_pixels((fx, fy, cx, cy), (size[0], size[1]), "given by --intrinsics")
    return Camera(fx, fy, cx, cy, source="given by --intrinsics")


def _camera(choice: CameraChoice, place: Place) -> Camera:
    if choice.given:
        return choice.given
    for path in files_above(place.folder, place.root):
        return READERS[path.name](path, lambda: size_of_pictures(place.folder))
    if choice.kitti_calibration:
        if place.calibration is None:
            raise UserError("--kitti_calibration: there is none for this --dataset; leave it out")
        return read_kitti_camera(*place.calibration, lambda: size_of_pictures(place.folder))
    if place.standard and choice.fov is None:
        return place.standard
    return _assumed(choice.fov, size_of_pictures(place.folder))


def files_above(folder: Path, root: Path) -> Iterator[Path]:
    """Yield the files that state a camera, in a folder of pictures and up to a root, the nearest first."""
    for parent in (folder, *folder.parents):
        yield from (path for name in READERS if os.path.lexists(path := parent / name))
        if parent == root:
            return


def _assumed(fov: float | None, size: Size) -> Camera:
    degrees = fov or usual_fov(size)
    words = f"{BY_FOV}: {fov:g}°" if fov else f"assumed: {degrees:.3g}°"
    return Camera.of_square_pixels(focal_of_fov(degrees), size, f"{words} wide, square pixels")


def usual_fov(size: Size) -> float:
    """Return how many degrees a camera of which nothing is known sees from left to right.

    Args:
        size: (width, height) of its pictures; one that is held upright has turned its wide side.
    """
    width, height = size
    if width >= height:
        return USUAL_FOV
    return math.degrees(2 * math.atan(math.tan(math.radians(USUAL_FOV) / 2) * width / height))


def size_of_pictures(folder: Path) -> Size:
    """Return (width, height) of the first picture of a folder.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    names = picture_names(folder)
    if not names:
        raise UserError(f"{folder}: holds no picture whose size could be told")
    return picture_size(folder / names[0])
