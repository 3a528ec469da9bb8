"""What a data set is made of: videos, and folders of frames, read in one way.

Legend of shapes: h w pixels.
"""

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

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
from monodepth2.prepare.frames import Frame, PictureFrame

BIT = 1e-6
ALMOST = 0.9  # of the time between two frames that are looked at: times are not exact
SAMPLES = 12
APART = 15  # frames between samples, where the length of a video is not known


class Facts(NamedTuple):
    """What is known of a source before it is read.

    Attributes:
        rate: frames per second.
        seconds: how long it lasts; 0 where a file does not say.
        knows_times: whether the times of its frames are stated, as they are in videos, and not assumed.
        tags: what the file says of the camera, names in lower case; of a folder the EXIF data of its first picture.
    """

    rate: float
    seconds: float
    knows_times: bool
    tags: dict[str, str]


@dataclass
class Source(ABC):
    """A video or a folder of frames.

    Attributes:
        path: of the file or folder.
        start: seconds to leave out at its beginning.
        end: seconds from the beginning where to stop.
        most_fps: how many frames per second to look at.
        made_small: as of `VideoReader`.
        remarks: what to know of it, filled while it is read.
    """

    path: Path
    start: float = 0.0
    end: float = float("inf")
    most_fps: float = 20.0
    made_small: bool = False
    remarks: list[str] = field(default_factory=list)

    @property
    def state(self) -> list[float | str]:
        """What changes if other frames would be looked at, or if its files have been written anew."""
        content = hashlib.sha256(repr(self._content()).encode()).hexdigest()
        return [str(self.path.absolute()), content, self.start, str(self.end), self.most_fps]

    def frames(self, size: Size) -> Iterator[Frame]:
        """Yield the frames between start and end, in order, those left out that come too soon after another one.

        Args:
            size: (width, height) of the frames; others are left out.

        Raises:
            UserError: it cannot be read.
        """
        due = self.start
        for frame in self._read():
            if frame.time >= self.end:
                return
            if frame.size != size:
                self._remark("holds frames of several sizes; those of another size than most are left out")
            elif frame.time >= due - BIT:
                due = frame.time + ALMOST / self.most_fps
                yield frame

    def frames_declared(self) -> int | None:
        """About how many frames will be looked at; None where a file does not say."""
        seconds = max(0.0, min(self.facts.seconds, self.end) - self.start)
        return round(seconds * self.facts.rate / self.every) or None

    def mask(self, size: Size) -> np.ndarray:
        """Where its own mask leaves its pictures out, bool, (h, w) of a size (width, height); a video has none.

        Raises:
            PictureError: it cannot be read, leaves all out, or has another name.
        """
        return np.zeros(size[::-1], bool)

    @property
    def every(self) -> int:
        """One frame in so many is looked at."""
        return max(1, math.ceil(ALMOST * self.facts.rate / self.most_fps - BIT))

    @property
    @abstractmethod
    def facts(self) -> Facts:
        """What is known before it is read."""

    @abstractmethod
    def samples(self) -> Iterator[Frame]:
        """Yield some frames from all over the source."""

    @abstractmethod
    def _read(self) -> Iterator[Frame]:
        """All frames from the start on, or a little before, in order; remarks on the way."""

    @abstractmethod
    def _content(self) -> object:
        """What tells its files from others and from those that are written anew."""

    def _remark(self, remark: str) -> None:
        if remark not in self.remarks:
            self.remarks.append(remark)


class Video(Source):
    """A video file."""

    @cached_property
    def facts(self) -> Facts:
        """What the file states."""
        with VideoReader(self.path) as reader:
            return Facts(float(reader.rate), reader.seconds or 0.0, True, reader.tags)

    def samples(self) -> Iterator[Frame]:
        """Yield some frames from all over the source."""
        last = max(self.start, min(self.end, self.facts.seconds))
        if last == self.start:  # a file that does not say how long it lasts
            with VideoReader(self.path) as reader:
                frames = (frame for frame in reader.decoded() if self.start - BIT <= frame.time < self.end)
                yield from islice(frames, 0, SAMPLES * APART, APART)
            return
        for n in range(SAMPLES):
            with VideoReader(self.path) as reader:
                reader.seek(self.start + (last - self.start) * n / SAMPLES)
                yield from islice(reader.decoded(), 1)

    def _read(self) -> Iterator[Frame]:
        with VideoReader(self.path, self.made_small) as reader:
            if self.start > 1:
                reader.seek(self.start)
            yield from reader.decoded()
            if reader.damaged:
                self._remark("is damaged or cut off; what can be decoded is used")

    def _content(self) -> object:
        return _written(self.path)


@dataclass
class FrameFolder(Source):
    """A folder of frames; `fps` are those per second, None where the user does not state it."""

    fps: float | None = None

    @cached_property
    def paths(self) -> list[Path]:
        """The pictures in natural order, without those that `predict` wrote, as they were found first."""
        return [self.path / name for name in frame_names(self.path)]

    @cached_property
    def _times(self) -> FrameTimes:
        return times_of(self.path, [path.name for path in self.paths], self.fps)

    @cached_property
    def facts(self) -> Facts:
        """What its files or the user state."""
        steps, tags = np.diff(self._times.seconds), dict[str, str]()
        rate = round(1 / float(np.median(steps)), 6) if len(steps) else USUAL_RATE
        with suppress(UserError), open_picture(self.paths[0]) as picture:
            tags = _exif(picture)
        return Facts(rate, len(self.paths) / rate, self._times.are_known, tags)

    def samples(self) -> Iterator[Frame]:
        """Yield some frames from all over the source."""
        for _, path in evenly(self._timed_paths(), SAMPLES):
            with suppress(PictureError):  # is told when it is read
                yield PictureFrame(read_picture(path), 0.0)

    def mask(self, size: Size) -> np.ndarray:
        """Where its `mask.png` leaves its pictures out."""
        check_mask_name(self.path)
        path = self.path / MASK
        if not path.is_file():
            return super().mask(size)
        return np.asarray(grey_mask(path).resize(size, Image.Resampling.BOX)) < BLACK

    def _read(self) -> Iterator[Frame]:
        if own := len(picture_names(self.path)) - len(self.paths):
            self._remark(f"{counted(own, 'picture')} left out that `predict` wrote")
        if not self._times.are_known:
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

    def _content(self) -> object:
        return [(path.name, _written(path)) for path in self.paths], self._times.seconds

    def _timed_paths(self) -> list[tuple[float, Path]]:
        """The pictures between start and end, and their seconds."""
        timed = zip(self._times.seconds, self.paths, strict=True)
        return [(time, path) for time, path in timed if self.start - BIT <= time < self.end]


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
