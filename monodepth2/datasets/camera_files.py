"""Files that state a camera, read without trust.

| file | what it is | pixels are counted |
|---|---|---|
| `camera.json` | nerfstudio's keys fl_x fl_y cx cy w h k1 k2 p1 p2 k3 | as the file's, from 0 |
| `cam.txt`, `K.txt` | a 3x3 matrix | from 0 |
| `cameras.txt` | COLMAP's list | from the corner: half a pixel more |
| `calib_cam_to_cam.txt`, `calib.txt` | KITTI's rectified cameras | from 0 |
"""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from monodepth2.datasets.calibration import MOST_PIXELS, USUAL_CENTRES, check_size_of_pictures, read_calibration
from monodepth2.datasets.cameras import Camera
from monodepth2.errors import UserError, first_line, printable, shown
from monodepth2.files.fit import Size
from monodepth2.files.input_files import required_input
from monodepth2.files.text import read_text

MOST_BYTES = 1 << 20
LARGEST_NUMBER = 1e6  # of pixels, and of a coefficient of distortion
WIDEST = 1e-2  # least focal length in picture sizes: a view of 179 degrees
CAMERA = "camera.json"
DISTORTION = ("k1", "k2", "p1", "p2", "k3")
# COLMAP's models: for each parameter the number of the camera that it is
_COLMAP = {
    "SIMPLE_PINHOLE": ("f", "cx", "cy"),
    "PINHOLE": ("fx", "fy", "cx", "cy"),
    "SIMPLE_RADIAL": ("f", "cx", "cy", "k1"),
    "RADIAL": ("f", "cx", "cy", "k1", "k2"),
    "OPENCV": ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2"),
}
COLMAP_CORNER = 0.5
LONGEST_SOURCE = 120  # characters of what a file says of its numbers, and as many of how far they may be off

SizeOfPictures = Callable[[], Size]


def read_camera_json(path: Path, size_of_pictures: SizeOfPictures) -> Camera:
    """Read a `camera.json` with nerfstudio's keys; what it does not state of size and centre, the pictures tell.

    Raises:
        UserError: it cannot be read, states no pinhole camera, or without `w` and `h` one of pictures of another size.
    """
    values = read_json_object(path)
    model = values.get("camera_model", "OPENCV")
    if not isinstance(model, str) or model not in _COLMAP:
        raise UserError(f"{path}: camera_model {shown(str(model))} is no pinhole; undistort the pictures first")
    if "fl_x" not in values:
        raise UserError(f"{path}: has no fl_x, the focal length in pixels; give fl_x, fl_y, cx, cy, w and h")
    stated = "w" in values
    if stated != ("h" in values):
        raise UserError(f"{path}: states one of w and h, the size of the pictures; give both, or none")
    size = (values["w"], values["h"]) if stated else size_of_pictures()
    defaults = {
        "fl_y": values["fl_x"],
        "cx": _number(size[0]) / 2,
        "cy": _number(size[1]) / 2,
        **dict.fromkeys((*DISTORTION, "k4"), 0.0),
    }
    found = {name: values.get(name, default) for name, default in defaults.items()}
    if found["k4"] != 0:
        raise UserError(f"{path}: k4 is of a fisheye camera; undistort the pictures first, e.g. with OpenCV")
    distortion = [found[name] for name in DISTORTION]
    camera = _checked([values["fl_x"], found["fl_y"], found["cx"], found["cy"]], size, distortion, path)
    if not stated:
        _check_size(camera, path)
    # where the numbers are from, as the file says it for people: `prepare` writes "assumed", for one
    texts = [values[name][:LONGEST_SOURCE] for name in ("source", "accuracy") if isinstance(values.get(name), str)]
    said = printable(", ".join(texts))
    return replace(camera, source=f"{camera.source}: {said}") if said else camera


def read_baseline(path: Path) -> float | None:
    """Return the metres between the two cameras that a `camera.json` states as `baseline`, None where it does not.

    Raises:
        UserError: it cannot be read, or states something that is no length.
    """
    value = read_json_object(path).get("baseline")
    if value is None:
        return None
    if not 0 < _number(value) < LARGEST_NUMBER:
        raise UserError(f"{path}: baseline {shown(str(value))} is no length in metres")
    return float(value)


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a file that holds a JSON object.

    Raises:
        UserError: it cannot be read, or holds something else.
    """
    content = required_input(path, MOST_BYTES, "no such file")
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a JSON file ({first_line(error)})") from error
    if not isinstance(values, dict):
        raise UserError(f'{path}: holds no JSON object, e.g. {{"fl_x": 900, "w": 1280, "h": 720}}')
    return values


def read_matrix(path: Path, size_of_pictures: SizeOfPictures) -> Camera:
    """Read a 3x3 matrix of numbers in pixels; the size comes from the pictures beside it.

    Raises:
        UserError: it cannot be read, is no matrix of a pinhole camera, or is about pictures of another size.
    """
    words = read_text(path, MOST_BYTES).replace(",", " ").split()
    numbers = [_parsed(word) for word in words[:10]]
    if len(words) != 9 or not all(map(math.isfinite, numbers)):
        raise UserError(f"{path}: is no 3x3 matrix of numbers; write fx 0 cx, 0 fy cy, 0 0 1 in three lines")
    fx, skew, cx, zero, fy, cy, *last = numbers
    if last != [0, 0, 1] or zero or abs(skew) > 1e-3 * abs(fx):
        raise UserError(f"{path}: is no camera matrix; write fx 0 cx, 0 fy cy, 0 0 1 in three lines")
    if fx < 10:
        raise UserError(f"{path}: fx is {fx:g}, but pixels are expected; give such numbers as --intrinsics FX FY CX CY")
    return _check_size(_checked([fx, fy, cx, cy], size_of_pictures(), [], path), path)


def read_colmap(path: Path, _: SizeOfPictures) -> Camera:
    """Read COLMAP's `cameras.txt`, which must hold one camera, or several that are the same.

    Raises:
        UserError: it cannot be read, holds different cameras, or one of a model that is not known here.
    """
    lines = [
        line.split()
        for line in read_text(path, MOST_BYTES).splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    cameras = {tuple(line[1:]) for line in lines}
    if len(cameras) != 1:
        found = "several cameras" if cameras else "no camera"
        raise UserError(f"{path}: holds {found}; lay a camera.json or cameras.txt with one beside each drive")
    model, *words = cameras.pop() or ("",)
    if model not in _COLMAP:
        known = ", ".join(_COLMAP)
        raise UserError(f"{path}: model {shown(model)} is none of {known}; undistort with COLMAP's image_undistorter")
    numbers = [_parsed(word) for word in words]
    if len(numbers) != 2 + len(_COLMAP[model]):
        raise UserError(f"{path}: {model} takes a width, a height and {len(_COLMAP[model])} numbers")
    values = dict(zip(_COLMAP[model], numbers[2:], strict=True))
    focal = [values.get("fx", values.get("f")), values.get("fy", values.get("f"))]
    centre = [values["cx"] - COLMAP_CORNER, values["cy"] - COLMAP_CORNER]
    return _checked([*focal, *centre], (numbers[0], numbers[1]), [values.get(name, 0.0) for name in DISTORTION], path)


def read_kitti_camera(path: Path, camera: int, size_of_pictures: SizeOfPictures) -> Camera:
    """Read a rectified camera of KITTI: `P_rect_0X` with `S_rect_0X` of raw drives, `PX` of odometry sequences.

    Raises:
        UserError: the file is missing or damaged, has not this camera, or is about pictures of another size.
    """
    values = read_calibration(path)
    key = next((name for name in (f"P_rect_{camera:02d}", f"P{camera}") if name in values), None)
    if key is None or values[key].size != 12:
        raise UserError(f"{path}: has no 3x4 matrix P_rect_{camera:02d} or P{camera}; leave out --kitti_calibration")
    projection = values[key].reshape(3, 4)
    numbers = list(map(float, (projection[0, 0], projection[1, 1], projection[0, 2], projection[1, 2])))
    stated = values.get(f"S_rect_{camera:02d}", np.empty(0)).tolist()
    if len(stated) == 2:
        return _checked(numbers, stated, [], path)
    return _check_size(_checked(numbers, size_of_pictures(), [], path), path)


def _check_size(camera: Camera, path: Path) -> Camera:
    """Return the camera of a file that states no size, if it can be that of the pictures whose size was taken.

    Raises:
        UserError: its centre is not in the middle of them.
    """
    assert camera.size
    width, height = camera.size
    check_size_of_pictures(path, (camera.cx * width, camera.cy * height), camera.size, USUAL_CENTRES)
    return camera


def _checked(numbers: list[Any], size: Any, distortion: list[Any], path: Path) -> Camera:
    """The camera of numbers in pixels.

    Raises:
        UserError: they are not those of a camera.
    """
    fx, fy, cx, cy = map(_number, numbers)
    width, height = map(_number, size)
    if not (width >= 1 and height >= 1 and width * height <= MOST_PIXELS and width % 1 == height % 1 == 0):
        raise UserError(f"{path}: states pictures of {size[0]!r:.20} x {size[1]!r:.20} pixels")
    if not (WIDEST * width < fx < LARGEST_NUMBER and WIDEST * height < fy < LARGEST_NUMBER):
        raise UserError(f"{path}: focal lengths {numbers[0]!r:.20} and {numbers[1]!r:.20} are none in pixels")
    if not (-width < cx < 2 * width and -height < cy < 2 * height):
        raise UserError(f"{path}: the principal point {numbers[2]!r:.20} {numbers[3]!r:.20} lies far from the picture")
    bent = tuple(map(_number, distortion))
    if not all(abs(value) < LARGEST_NUMBER for value in bent):
        raise UserError(f"{path}: a coefficient of the distortion is no number")
    return Camera.of_pixels((fx, fy, cx, cy), (int(width), int(height)), path.name, bent if any(bent) else ())


def _number(value: Any) -> float:
    """A number as a float; NaN for what is none."""
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300
    return float(value) if usable else math.nan


def _parsed(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan


READERS: dict[str, Callable[[Path, SizeOfPictures], Camera]] = {
    CAMERA: read_camera_json,
    "cam.txt": read_matrix,
    "K.txt": read_matrix,
    "cameras.txt": read_colmap,
}
