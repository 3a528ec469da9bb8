"""What a source gives to the data set, decided before anything is written."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tqdm import tqdm

from monodepth2.config.prepare import PrepareOptions
from monodepth2.errors import UserError
from monodepth2.files.fit import Box, Size
from monodepth2.motion.tracks import small_size
from monodepth2.prepare.analysis import Analysis, analyse
from monodepth2.prepare.camera import KnownCamera, camera_of
from monodepth2.prepare.framing import Framing, box_without_bars, frame_pictures
from monodepth2.prepare.plan import Drive, Plan, plan
from monodepth2.prepare.sources import Frame, Source
from monodepth2.runtime.threads import ahead

READ_AHEAD = 8  # frames


@dataclass(frozen=True)
class Part:
    """A source, and all that was found out and decided of it."""

    source: Source
    known: KnownCamera
    analysis: Analysis
    framing: Framing
    plan: Plan

    @property
    def name(self) -> str:
        """The name of the source's file or folder."""
        return self.source.path.name or str(self.source.path)


class WrittenDrive(NamedTuple):
    """A drive, its name in the data set, and the source it is from."""

    name: str
    drive: Drive
    part: Part

    @property
    def span(self) -> tuple[float, float]:
        """When it begins and ends in its source, in seconds."""
        times = self.part.analysis.times
        return float(times[self.drive.frames[0]]), float(times[self.drive.frames[-1]])


def prepare_part(options: PrepareOptions, source: Source, size: Size | None) -> Part:
    """Look at a source, and decide what to keep of it, and how.

    Args:
        options: what the user wants.
        source: the video or folder of frames.
        size: (width, height) that pictures of an earlier source have got, None for the first one.

    Raises:
        UserError: it holds no frame, or what the options ask for does not fit it.
    """
    first = next(iter(source.frames()), None)
    if first is None:
        raise UserError(f"{source.path}: holds no frame that can be decoded between --start and --end")
    frame_size, width, height = first.size, *(size or (options.width, options.height))
    del first
    known = camera_of(options, source, frame_size)
    _check_crop(options.crop, frame_size, source)
    analysis = analyse(with_bar(source.frames(quick=True), source, "looking"), str(source.path), known.fov)
    box: Box = options.crop or box_without_bars(frame_size, analysis.bars, small_size(frame_size))  # type: ignore[assignment]
    framing = frame_pictures(frame_size, box, known.camera, width, height)
    return Part(source, known, analysis, framing, plan(analysis, options.gap))


def with_bar(frames: Iterable[Frame], source: Source, word: str) -> Iterator[Frame]:
    """Yield frames, decoded ahead by a thread of their own, and show how far they are."""
    total = source.frames_declared()
    yield from tqdm(ahead(frames, READ_AHEAD), f"{word} at {source.path.name}", total, unit="frame", disable=None)


def _check_crop(crop: tuple[int, ...], size: Size, source: Source) -> None:
    if crop and (crop[2] > size[0] or crop[3] > size[1]):
        raise UserError(f"--crop {' '.join(map(str, crop))}: {source.path} has frames of {size[0]} x {size[1]} pixels")
