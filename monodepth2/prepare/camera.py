"""The camera of a source: given, in a file, in its tags, shown by its motion, or assumed; how far it may be off."""

import math
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from monodepth2.config.prepare import PrepareOptions
from monodepth2.datasets.camera_choice import usual_fov
from monodepth2.datasets.camera_files import CAMERA, READERS, read_camera_json
from monodepth2.datasets.cameras import Camera, focal_of_fov
from monodepth2.errors import UserError
from monodepth2.files.fit import Size
from monodepth2.motion.focal import FocalLength
from monodepth2.prepare.camera_tags import is_wide_lens, view_of_tags
from monodepth2.prepare.sources import FrameFolder, Source

GIVEN, TAGGED, ASSUMED = "as given", "± 10 %", "± 30 %"
LEAST_ERROR = 0.05  # of a focal length that motion shows: of a lens with k1 = -0.05 it comes out 7 to 9 % too long
LARGEST_STRETCH = 1.02  # of pixels: beyond it, the numbers are for pictures of another shape
NOT_SHOWN = "nothing states the camera, and the drive does not show it"


class KnownCamera(NamedTuple):
    """The camera of a source's whole upright frames.

    Attributes:
        camera: with its source in words.
        accuracy: how far its focal length may be off, in words.
        remarks: what to know of it.
    """

    camera: Camera
    accuracy: str
    remarks: tuple[str, ...] = ()

    @property
    def is_assumed(self) -> bool:
        """Whether nothing states it."""
        return self.accuracy == ASSUMED


def camera_of(options: PrepareOptions, source: Source, size: Size) -> KnownCamera:
    """Find the camera of a source.

    Args:
        options: what the user says of it.
        source: the video or folder of frames.
        size: (width, height) of its frames, upright.

    Raises:
        UserError: a file that states it cannot be used.
    """
    tags = source.facts.tags
    known = _given(options, source, size) or _tagged(tags, source, size) or _assumed(size)
    remarks = [*known.remarks]
    if known.is_assumed:
        remarks.append(
            f"{NOT_SHOWN}: a view {known.camera.fov:.3g}° wide is assumed; give --intrinsics, --fov or --camera, or "
            "record a camera that also turns while it moves, e.g. in the hand"
        )
    if is_wide_lens(tags) and not known.camera.is_distorted:
        remarks.append(
            "this is an action camera: unless it recorded in its linear mode, its pictures are bent; calibrate it and "
            "give --intrinsics and --distortion"
        )
    stretch = known.camera.stretch_of_pixels(size)
    if not 1 / LARGEST_STRETCH < stretch < LARGEST_STRETCH:
        remarks.append(
            f"the camera's pixels are {stretch:.2f} times as tall as wide: are its numbers for another shape?"
        )
    return known._replace(remarks=tuple(remarks))


def camera_of_motion(known: KnownCamera, found: FocalLength | None, size: Size) -> KnownCamera:
    """Return the camera that the motion of a source shows, in place of an assumed one; where it shows none, that.

    Args:
        known: as it was before the source was read.
        found: its focal length by motion.
        size: (width, height) of its frames, upright.
    """
    if found is None or not known.is_assumed:
        return known
    error = max(found.error, LEAST_ERROR)
    camera = Camera.of_square_pixels(found.focal, size)
    off = math.sin(math.radians(camera.fov)) * math.degrees(error)  # the derivative of the angle
    words = f"estimated from the drive: {camera.fov:.0f}° ± {max(1, off):.0f}° wide"
    remark = (
        f"nothing states the camera: its view is {words}. This holds for a lens that does not bend straight lines; "
        "give --intrinsics, --fov or --camera if you know better"
    )
    others = tuple(one for one in known.remarks if not one.startswith(NOT_SHOWN))
    return KnownCamera(replace(camera, source=words), f"± {100 * error:.0f} %", (remark, *others))


def _given(options: PrepareOptions, source: Source, size: Size) -> KnownCamera | None:
    if options.intrinsics:
        numbers, whole = options.intrinsics, options.intrinsics_size or (1, 1)
        fx, fy, cx, cy = numbers
        camera = Camera.of_pixels((fx, fy, cx, cy), (whole[0], whole[1]), "given by --intrinsics", options.distortion)
        return KnownCamera(replace(camera, size=size), GIVEN)
    if options.fov:
        words = f"given by --fov: {options.fov:g}° wide"
        return KnownCamera(Camera.of_square_pixels(focal_of_fov(options.fov), size, words), GIVEN)
    path = options.camera.expanduser() if options.camera else _file_beside(source)
    if path is None:
        return None
    camera = _of_file(path, size)
    camera = replace(camera, source=camera.source.removeprefix(f"{CAMERA}: "))  # else it grows with each prepare
    words, _, stated = camera.source.rpartition(", ")  # a file that was prepared says how far it may be off
    return KnownCamera(replace(camera, source=words), stated) if stated.startswith("±") else KnownCamera(camera, GIVEN)


def _assumed(size: Size) -> KnownCamera:
    degrees = usual_fov(size)
    return KnownCamera(Camera.of_square_pixels(focal_of_fov(degrees), size, f"assumed: {degrees:.3g}° wide"), ASSUMED)


def _file_beside(source: Source) -> Path | None:
    """The file beside a video, or in a folder of frames or above it: training looks there, too."""
    above = source.path.absolute().parent
    folders = (source.path, above) if isinstance(source, FrameFolder) else (above,)
    return next((folder / name for folder in folders for name in READERS if (folder / name).is_file()), None)


def _of_file(path: Path, size: Size) -> Camera:
    reader = READERS.get(path.name) or (read_camera_json if path.suffix == ".json" else None)
    if reader is None:
        raise UserError(f"--camera {path}: name a .json file, or one called {', '.join(READERS)}")
    return reader(path, lambda: size)


def _tagged(tags: dict[str, str], source: Source, size: Size) -> KnownCamera | None:
    view = view_of_tags(tags, size, not isinstance(source, FrameFolder))
    if view is None:
        return None
    remark = (
        f"the camera is taken from the file: {view.words}, {TAGGED}; a video that was steadied shows less, and nothing "
        "is known of a zoom or of another lens"
    )
    return KnownCamera(Camera.of_square_pixels(view.focal, size, view.words), TAGGED, (remark,))
