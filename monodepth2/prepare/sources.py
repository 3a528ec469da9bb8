"""What a data set is made of: videos, and folders of frames, read in one way.

Legend of shapes: h w pixels.
"""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from PIL import ExifTags, Image

from monodepth2.datasets.folders import MASK, Folders
from monodepth2.errors import UserError
from monodepth2.files.fit import Size
from monodepth2.files.picture_files import ENDINGS, PictureError
from monodepth2.files.pictures import open_picture, read_picture
from monodepth2.files.videos import VideoReader

BIT = 1e-6  # seconds


class Frame(Protocol):
    """A frame, upright; `size` is (width, height), `time` in seconds from the beginning of its source."""

    time: float
    size: Size

    def pixels(self, size: Size, form: str = "rgb24") -> np.ndarray:
        """The whole frame at a size, uint8: (h, w, 3), or (h, w) as "gray"."""
        ...


class PictureFrame:
    """A picture of a folder of frames."""

    def __init__(self, picture: Image.Image, time: float) -> None:
        self.time, self.size = time, picture.size
        self._rgb = np.asarray(picture)

    def pixels(self, size: Size, form: str = "rgb24") -> np.ndarray:
        """The whole frame at a size, averaged where it shrinks."""
        pixels = cv2.cvtColor(self._rgb, cv2.COLOR_RGB2GRAY) if form == "gray" else self._rgb
        if size == self.size:
            return pixels
        shrinks = size[0] < self.size[0]
        return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


@dataclass
class Source:
    """A video or a folder of frames.

    Attributes:
        path: of the file or folder.
        start: seconds to leave out at its beginning.
        end: seconds from the beginning where to stop.
        fps: frames per second of a folder.
        remarks: what to know of it, filled while it is read.
    """

    path: Path
    start: float = 0.0
    end: float = float("inf")
    fps: float = 10.0
    remarks: list[str] = field(default_factory=list)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of frames."""
        return self.path.is_dir()

    def frames(self, quick: bool = False) -> Iterator[Frame]:
        """Yield the frames between start and end, in order.

        Args:
            quick: decode less carefully, for a look.

        Raises:
            UserError: it can be read as neither.
        """
        every = self._pictures() if self.is_folder else self._decoded(quick)
        for frame in every:
            if frame.time >= self.end:
                return
            if frame.time >= self.start - BIT:
                yield frame

    def _decoded(self, quick: bool) -> Iterator[Frame]:
        with VideoReader(self.path, quick) as reader:
            if self.start > 1:
                reader.seek(self.start)
            yield from reader.decoded()
            if reader.damaged:
                self._remark("is damaged or cut off; what can be decoded is used")

    def _pictures(self) -> Iterator[Frame]:
        for index, path in enumerate(self.picture_paths()):
            time = index / self.fps
            if not self.start - BIT <= time < self.end:
                continue
            try:
                yield PictureFrame(read_picture(path), time)
            except PictureError as error:
                self._remark(f"a picture is left out: {error}")

    def picture_paths(self) -> list[Path]:
        """The pictures of a folder in natural order."""
        return [self.path / name for name in Folders(self.path).names(self.path) if name != MASK]

    def frames_declared(self) -> int | None:
        """How many frames there are, of start and end alone; None where a file does not say."""
        if self.is_folder:
            return len(self.picture_paths())
        with VideoReader(self.path) as reader:
            seconds = reader.count and reader.count / float(reader.rate)
            used = seconds and max(0.0, min(seconds, self.end) - self.start)
            return round(used * float(reader.rate)) if used else None

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


def find_sources(paths: tuple[Path, ...], start: float, end: float | None, fps: float) -> list[Source]:
    """Check that all there is can be opened.

    Raises:
        UserError: a path does not exist, is no video, or a folder without pictures.
    """
    sources = [Source(path.expanduser(), start, float("inf") if end is None else end, fps) for path in paths]
    for source in sources:
        if source.is_folder:
            if not source.picture_paths():
                endings = " ".join(ENDINGS)
                raise UserError(f"{source.path}: holds no pictures ({endings}); name a video or a folder of frames")
        elif not source.path.exists():
            raise UserError(f"{source.path}: no such file or folder; name a video or a folder of frames")
        else:
            with VideoReader(source.path):
                pass
    return sources


def _exif(picture: Image.Image) -> dict[str, str]:
    try:
        exif = picture.getexif()
        values = {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
    except Exception:  # damaged EXIF data, of which Pillow raises many kinds
        return {}
    return {ExifTags.TAGS.get(number, str(number)).lower(): str(value)[:200] for number, value in values.items()}
