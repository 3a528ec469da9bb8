"""What a data set is made of: videos, and folders of frames, read in one way.

Legend of shapes: h w pixels.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from PIL import ExifTags, Image

from monodepth2.datasets.camera_files import CAMERA, read_baseline
from monodepth2.datasets.folders import MASKS, RIGHT, TRUTH
from monodepth2.datasets.known_speeds import SPEEDS
from monodepth2.datasets.masks import BLACK, grey_mask
from monodepth2.datasets.poses import POSES
from monodepth2.errors import UserError, counted
from monodepth2.files.evenly import evenly
from monodepth2.files.fit import Size
from monodepth2.files.picture_names import MASK, check_mask_name, frame_names, picture_names
from monodepth2.files.picture_opening import PictureError
from monodepth2.files.pictures import open_picture, read_picture
from monodepth2.files.videos import VideoReader
from monodepth2.prepare.frame_times import USUAL_RATE, FrameTimes, times_of

BIT = 1e-6
ALMOST = 0.9  # of the time between two frames that are looked at: times are not exact
SAMPLES = 12
APART = 15  # frames between samples, where the length of a video is not known


class Frame(Protocol):
    """A frame, upright; `size` is (width, height), `time` in seconds from the beginning of its source."""

    time: float
    size: Size

    def rgb(self, size: Size) -> np.ndarray:
        """The whole frame at a size (width, height), uint8, (h, w, 3)."""
        ...

    def grey(self, size: Size) -> np.ndarray:
        """The same without colours, (h, w)."""
        ...


class PictureFrame:
    """A picture of a folder of frames."""

    def __init__(self, picture: Image.Image, time: float) -> None:
        self.time, self.size = time, picture.size
        self._picture = picture

    def rgb(self, size: Size) -> np.ndarray:
        """The whole frame at a size, averaged where it shrinks."""
        return resized(np.asarray(self._picture), size)

    def grey(self, size: Size) -> np.ndarray:
        """The same without colours."""
        return resized(np.asarray(self._picture.convert("L")), size)


def of_commonest_size(frames: Iterable[Frame]) -> list[Frame]:
    """Those of some frames that have the size of most of them."""
    found = list(frames)
    sizes = [frame.size for frame in found]
    return [frame for frame in found if frame.size == max(sizes, key=sizes.count)]


def resized(pixels: np.ndarray, size: Size) -> np.ndarray:
    """Pixels at a size (width, height): averaged where they shrink, a smooth curve through them where they grow."""
    shrinks = size[0] < pixels.shape[1]
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC))


@dataclass
class Source:
    """A video or a folder of frames.

    Attributes:
        path: of the file or folder.
        start: seconds to leave out at its beginning.
        end: seconds from the beginning where to stop.
        fps: frames per second of a folder; None where the user does not state it.
        most_fps: how many frames per second to look at.
        made_small: as of `VideoReader`.
        remarks: what to know of it, filled while it is read.
    """

    path: Path
    start: float = 0.0
    end: float = float("inf")
    fps: float | None = None
    most_fps: float = 20.0
    made_small: bool = False
    remarks: list[str] = field(default_factory=list)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of frames."""
        return self.path.is_dir()

    @property
    def state(self) -> list[float | str]:
        """What changes if other frames would be looked at, or if its files have been written anew."""
        files = [(path.name, _written(path)) for path in (self.picture_paths() if self.is_folder else [self.path])]
        seen = repr([files, self._times.seconds if self.is_folder else None])
        content = hashlib.sha256(seen.encode()).hexdigest()
        return [str(self.path.absolute()), content, self.start, str(self.end), self.most_fps]

    def frames(self, size: Size) -> Iterator[Frame]:
        """Yield the frames between start and end, in order, those left out that come too soon after another one.

        Args:
            size: (width, height) of the frames; others are left out.

        Raises:
            UserError: it can be read as neither.
        """
        due = self.start
        for frame in self._pictures() if self.is_folder else self._decoded():
            if frame.time >= self.end:
                return
            if frame.size != size:
                self._remark("holds frames of several sizes; those of another size than most are left out")
            elif frame.time >= due - BIT:
                due = frame.time + ALMOST / self.most_fps
                yield frame

    def samples(self) -> Iterator[Frame]:
        """Yield some frames from all over the source."""
        if self.is_folder:
            paths = [path for _, path in self._timed_paths()]
            for path in evenly(paths, SAMPLES):
                with suppress(PictureError):  # is told when it is read
                    yield PictureFrame(read_picture(path), 0.0)
            return
        last = self.start
        with VideoReader(self.path) as reader:
            last = max(last, min(self.end, reader.seconds or 0.0))
            if last == self.start:  # a file that does not say how long it lasts
                frames = (frame for frame in reader.decoded() if self.start - BIT <= frame.time < self.end)
                yield from islice(frames, 0, SAMPLES * APART, APART)
                return
        for n in range(SAMPLES):
            with VideoReader(self.path) as reader:
                reader.seek(self.start + (last - self.start) * n / SAMPLES)
                yield from islice(reader.decoded(), 1)

    def _decoded(self) -> Iterator[Frame]:
        with VideoReader(self.path, self.made_small) as reader:
            if self.start > 1:
                reader.seek(self.start)
            yield from reader.decoded()
            if reader.damaged:
                self._remark("is damaged or cut off; what can be decoded is used")

    def _pictures(self) -> Iterator[Frame]:
        if own := len(picture_names(self.path)) - len(self.picture_paths()):
            self._remark(f"{counted(own, 'picture')} left out that `predict` wrote")
        if not self.knows_times:
            self._remark(f"{USUAL_RATE:g} frames per second are assumed: give --fps, or their seconds in times.txt")
        if lost := not_taken_over(self.path):
            self._remark(f"of what lies beside the frames, {', '.join(lost)} are not taken over")
        unread: list[PictureError] = []
        for time, path in self._timed_paths():
            try:
                yield PictureFrame(read_picture(path), time)
            except PictureError as error:
                unread.append(error)
        if unread:
            self._remark(f"{counted(len(unread), 'picture')} left out that cannot be read, e.g. {unread[0]}")

    def _timed_paths(self) -> list[tuple[float, Path]]:
        """The pictures of a folder between start and end, and their seconds."""
        timed = zip(self._times.seconds, self._paths, strict=True)
        return [(time, path) for time, path in timed if self.start - BIT <= time < self.end]

    @cached_property
    def _paths(self) -> list[Path]:
        """The pictures of a folder as they were found first: times belong to these."""
        return self.picture_paths()

    @cached_property
    def _times(self) -> FrameTimes:
        return times_of(self.path, [path.name for path in self._paths], self.fps)

    @property
    def knows_times(self) -> bool:
        """Whether the times of its frames are stated, as they are in videos, and not assumed."""
        return not self.is_folder or self._times.are_known

    def picture_paths(self) -> list[Path]:
        """The pictures of a folder in natural order, without those that `predict` wrote."""
        return [self.path / name for name in frame_names(self.path)]

    def mask(self, size: Size) -> np.ndarray:
        """Where a folder's own `mask.png` leaves its pictures out, bool, (h, w) of a size (width, height).

        Raises:
            PictureError: it cannot be read, leaves all out, or has another name.
        """
        check_mask_name(self.path)
        path = self.path / MASK
        if not path.is_file():
            return np.zeros(size[::-1], bool)
        return np.asarray(grey_mask(path).resize(size, Image.Resampling.BOX)) < BLACK

    def frames_declared(self) -> int | None:
        """About how many frames will be looked at; None where a file does not say."""
        if self.is_folder:
            seconds = len(self._paths) / self.rate
        else:
            with VideoReader(self.path) as reader:
                seconds = reader.seconds or 0.0
        return round(max(0.0, min(seconds, self.end) - self.start) * self.rate / self.every) or None

    @cached_property
    def rate(self) -> float:
        """The frames per second that it has."""
        if self.is_folder:
            steps = np.diff(self._times.seconds)
            return round(1 / float(np.median(steps)), 6) if len(steps) else USUAL_RATE
        with VideoReader(self.path) as reader:
            return float(reader.rate)

    @property
    def every(self) -> int:
        """One frame in so many is looked at."""
        return max(1, math.ceil(ALMOST * self.rate / self.most_fps - BIT))

    def tags(self) -> dict[str, str]:
        """What the file says of the camera: names in lower case; of a folder its first picture's EXIF data."""
        with ExitStack() as stack:
            if not self.is_folder:
                return stack.enter_context(VideoReader(self.path)).tags
            with suppress(UserError):
                return _exif(stack.enter_context(open_picture(self.picture_paths()[0])))
        return {}

    def _remark(self, remark: str) -> None:
        if remark not in self.remarks:
            self.remarks.append(remark)


def _written(path: Path) -> tuple[int, int] | None:
    """What changes if a file is written anew; None of a link that leads nowhere."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _exif(picture: Image.Image) -> dict[str, str]:
    try:
        exif = picture.getexif()
        values = {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
    except Exception:  # damaged EXIF data, of which Pillow raises many kinds
        return {}
    return {ExifTags.TAGS.get(number, str(number)).lower(): str(value)[:200] for number, value in values.items()}


def not_taken_over(folder: Path) -> list[str]:
    """Return what lies beside a folder's frames and does not become part of the data set, in words."""
    found = [f"{name}/" for name in (RIGHT, MASKS, TRUTH) if (folder / name).is_dir()]
    found += [name for name in (POSES, SPEEDS) if (folder / name).is_file()]
    with suppress(UserError):  # what cannot be used is told where it is needed
        if any(read_baseline(path) for place in (folder, folder.parent) if (path := place / CAMERA).is_file()):
            found.append(f"the baseline of {CAMERA}")
    return found
