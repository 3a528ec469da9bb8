"""What a source gives to the data set, decided before anything is written."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from monodepth2.config.prepare import PrepareOptions
from monodepth2.errors import tell
from monodepth2.files.fit import Box, Size
from monodepth2.files.output_paths import write_whole
from monodepth2.files.pictures import encoded
from monodepth2.motion.path import TrackedPath
from monodepth2.motion.still import Bars, black_bars
from monodepth2.motion.tracks import small_size
from monodepth2.prepare.analysis import Analyser, Analysis
from monodepth2.prepare.camera import KnownCamera, camera_of, camera_of_motion
from monodepth2.prepare.find import no_frame
from monodepth2.prepare.frames import Frame, of_commonest_size
from monodepth2.prepare.framing import Framing, box_without_bars, frame_pictures
from monodepth2.prepare.kept import KeptSource
from monodepth2.prepare.plan import Drive, Plan, plan
from monodepth2.prepare.sources import Source
from monodepth2.runtime.threads import ahead, map_ahead

READ_AHEAD = 8  # frames
QUALITY = 95  # of JPEG files


@dataclass(frozen=True)
class Part:
    """A source, and all that was found out and decided of it; `kept` has the pictures of its drives."""

    source: Source
    known: KnownCamera
    bars: Bars
    box: Box
    analysis: Analysis
    framing: Framing
    plan: Plan
    kept: KeptSource

    @cached_property
    def mask(self) -> np.ndarray:
        """The mask of its pictures: 0 where its frames never move, else 255, uint8, (h, w)."""
        return self.framing.mask(self.analysis.still)

    @property
    def shown(self) -> float:
        """The share of the box, the frame without its bars, that pictures show."""
        (left, top, right, bottom), (x0, y0, x1, y1) = self.framing.box, self.box
        return (right - left) * (bottom - top) / ((x1 - x0) * (y1 - y0))

    @property
    def name(self) -> str:
        """The name of the source's file or folder."""
        return self.source.path.name or str(self.source.path)


class WrittenDrive(NamedTuple):
    """A drive, its name in the data set, the source it is from, and the path of its camera where points show it."""

    name: str
    drive: Drive
    part: Part
    path: TrackedPath | None = None

    @property
    def span(self) -> tuple[float, float]:
        """When it begins and ends in its source, in seconds."""
        times = self.part.analysis.times
        return float(times[self.drive.frames[0]]), float(times[self.drive.frames[-1]])


def prepare_part(options: PrepareOptions, source: Source, size: Size | None, folder: Path) -> Part:
    """Look at a source once, write the pictures of its frames meanwhile, and decide which to keep.

    Reading a video is what takes the time: it is not read again for the frames that are kept, nor if an earlier run
    has read it in the same way.

    Args:
        options: what the user wants.
        source: the video or folder of frames.
        size: (width, height) that pictures of an earlier source have got, None for the first one.
        folder: that receives what is read, or has it from an earlier run.

    Raises:
        UserError: it holds no frame, its mask cannot be used, or what the options ask for does not fit it.
    """
    samples = of_commonest_size(source.samples())
    if not samples:
        raise no_frame(source)
    frame_size, (width, height) = samples[0].size, size or (options.width, options.height)
    known = camera_of(options, source, frame_size)
    small = small_size(frame_size)
    painted = source.mask(small)  # refused, if it is, before the source is read
    bars, box = _bars_and_box(options, samples)
    framing = frame_pictures(frame_size, box, known.camera, width, height)
    halved = all(2 * made <= side for made, side in zip(framing.scaled, frame_size, strict=True))
    source.made_small = halved and framing.lens is None
    of = {"source": source.state, "framing": asdict(framing), "camera": known.accuracy, "gap": options.gap}
    kept = KeptSource(folder, of)
    analysis = _kept_analysis(source, kept) or _analysed(source, framing, known, kept)
    planned = plan(analysis, options.gap)
    kept.trim(planned.drives)
    if known.is_assumed:  # the pictures stay as they are: what is assumed bends no lines
        known = camera_of_motion(known, analysis.focal, frame_size)
        framing = frame_pictures(frame_size, box, known.camera, width, height)
    analysis = replace(analysis, still=analysis.still | painted)
    return Part(source, known, bars, box, analysis, framing, planned, kept)


def _bars_and_box(options: PrepareOptions, samples: Sequence[Frame]) -> tuple[Bars, Box]:
    """The black bars around some frames of one size, and the box within them; with `--crop` that box, and no bars."""
    if options.crop:
        left, top, right, bottom = options.crop
        return Bars(), (left, top, right, bottom)
    small = small_size(samples[0].size)
    bars = black_bars([sample.grey(small) for sample in samples])
    return bars, box_without_bars(samples[0].size, bars, small)


def _kept_analysis(source: Source, kept: KeptSource) -> Analysis | None:
    """What an earlier run has found."""
    if kept.found is None:
        return None
    analysis, remarks = kept.found
    source.remarks += remarks
    tell(f"{source.path}: was read to its end by a run that was interrupted, and is not read again")
    return analysis


def _analysed(source: Source, framing: Framing, known: KnownCamera, kept: KeptSource) -> Analysis:
    analyser = Analyser(framing.frame_size, known.camera.fov, known.is_assumed)

    def new_frames() -> Iterator[tuple[int, Frame]]:
        frames = ahead(source.frames(framing.frame_size), READ_AHEAD)
        total = source.frames_declared()
        for number, frame in enumerate(tqdm(frames, source.path.name, total, unit="frame", disable=None)):
            if analyser.add(frame):
                yield number, frame

    def write(numbered: tuple[int, Frame]) -> None:
        number, frame = numbered
        write_whole(kept.picture(number), encoded(framing.picture(frame), "JPEG", quality=QUALITY))

    for _ in map_ahead(write, new_frames(), READ_AHEAD):
        pass
    if not analyser.rows:
        raise no_frame(source)
    found = analyser.result()
    kept.keep(found, source.remarks)
    return found
