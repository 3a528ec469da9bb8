"""The options of `monodepth2 prepare`: a video becomes a data set."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from monodepth2.config.declare import Checked, check_input_size, option, same_as
from monodepth2.config.option_checks import check_given_camera
from monodepth2.config.options import Options
from monodepth2.errors import UserError

LARGEST_DISTORTION = 10.0
FEWEST_CROPPED = 64  # pixels of a side


@dataclass(frozen=True)
class PrepareOptions(Checked):
    """The settings of `monodepth2 prepare`.

    Raises:
        UserError: a value is out of range or a combination is impossible; the message names flag and remedy.
    """

    groups: ClassVar[dict[str, str]] = {
        "input": "what the camera has seen",
        "camera": "what took the pictures",
        "output": "the data set",
    }

    sources: tuple[Path, ...] = option(
        (), "input", "videos, folders of videos, or folders of frames that follow one another"
    )
    start: float = option(0.0, "input", "seconds of the video to leave out at its beginning")
    end: float | None = option(
        None, "input", "seconds from the beginning of the video where to stop (default: its end)"
    )
    fps: float | None = option(
        None,
        "input",
        "frames per second of folders (default: their times.txt, or names that are time stamps; else 10 are assumed)",
    )
    most_fps: float = option(20.0, "input", "frames per second to look at, at most; more for very fast cameras")

    intrinsics: tuple[float, ...] = same_as(
        Options,
        "intrinsics",
        "focal lengths and principal point: in widths and heights of the whole upright picture, or in pixels with "
        "--intrinsics_size (default: a camera file beside the video or frames, else what the video says of its "
        "camera, else what the motion in it shows, else a view of 60° along the longer side)",
    )
    intrinsics_size: tuple[int, ...] = same_as(Options, "intrinsics_size")
    fov: float | None = option(
        None, "camera", "width of the view in degrees, of square pixels, in place of --intrinsics"
    )
    camera: Path | None = option(None, "camera", "file that states the camera: camera.json, cam.txt, cameras.txt")
    distortion: tuple[float, ...] = option(
        (),
        "camera",
        "OpenCV's K1 K2 P1 P2 [K3] of the lens, with --intrinsics; the pictures are undistorted",
        metavar="K",
    )

    output: Path | None = option(None, "output", "folder of the data set, which is made")
    overwrite: bool = option(
        False, "output", "replace a data set that was prepared before; masks painted into its drives are removed, too"
    )
    width: int = option(640, "output", "width of the pictures, a multiple of 32")
    height: int | None = option(
        None, "output", "height of the pictures, a multiple of 32 (default: what fits the video's shape)"
    )
    crop: tuple[int, ...] = option(
        (),
        "output",
        "part of the upright frame to use, in its pixels (default: all but black bars)",
        nargs=4,
        metavar=("LEFT", "TOP", "RIGHT", "BOTTOM"),
    )
    gap: float | None = option(
        None, "output", "seconds between two pictures (default: what lets neighbours move by 5 pixels and more)"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.sources:
            raise UserError("no video is given: name one, or several, or a folder of frames")
        if self.output is None:
            raise UserError("--output is missing: name the folder that is to receive the data set")
        check_input_size(width=self.width, height=self.height)
        self.require_positive("fps", "most_fps", "gap")
        self._check_times()
        self._check_crop()
        self._check_camera()

    def _check_times(self) -> None:
        self.require_at_least(0, "start")
        if self.end is not None and not self.start < self.end < float("inf"):
            raise UserError(f"--start {self.start:g} --end {self.end:g}: the end must come after the start")
        if len(self.sources) > 1 and (self.start or self.end is not None):
            raise UserError("--start and --end are for one video: prepare the videos one by one, or drop them")

    def _check_crop(self) -> None:
        if not self.crop:
            return
        left, top, right, bottom = self.crop
        if min(left, top) < 0 or right - left < FEWEST_CROPPED or bottom - top < FEWEST_CROPPED:
            raise UserError(f"--crop {left} {top} {right} {bottom}: give LEFT TOP RIGHT BOTTOM of at least 64 pixels")

    def _check_camera(self) -> None:
        given = [f"--{name}" for name in ("intrinsics", "fov", "camera") if getattr(self, name)]
        if len(given) > 1:
            raise UserError(f"{' and '.join(given)} both state the camera: keep one of them")
        check_given_camera(self)
        if self.distortion and not self.intrinsics:
            raise UserError("--distortion belongs to measured intrinsics: add --intrinsics FX FY CX CY")
        if self.distortion and (
            len(self.distortion) not in (4, 5) or not all(abs(one) < LARGEST_DISTORTION for one in self.distortion)
        ):
            raise UserError("--distortion: give OpenCV's K1 K2 P1 P2, or K1 K2 P1 P2 K3")
