"""Some targets, spread over the lists: their pictures are decoded, and measured where OpenCV is there."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from monodepth2.config import Options
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.files.evenly import evenly
from monodepth2.files.fit import Size
from monodepth2.files.pictures import PictureError, read_picture
from monodepth2.runtime.threads import THREADS, map_ahead

if TYPE_CHECKING:
    from monodepth2.doctor.measures import Measures


@dataclass(frozen=True)
class Sample:
    """The pictures of a target that are looked at.

    Attributes:
        line: of the split.
        target: its picture.
        near: the neighbour that is nearest in time; None without neighbours.
        beyond: the picture as far again behind it; None where there is none.
        before: the neighbour on the target's other side, likewise.
        pair: the left and the right camera's picture; None without stereo.
    """

    line: SplitLine
    target: Path
    near: Path | None = None
    beyond: Path | None = None
    before: Path | None = None
    pair: tuple[Path, Path] | None = None

    @property
    def paths(self) -> list[Path]:
        """Every picture once."""
        return list(dict.fromkeys(filter(None, (self.target, self.near, self.beyond, self.before, *(self.pair or ())))))


@dataclass(frozen=True)
class Look:
    """What was seen of a sample.

    Attributes:
        sample: its pictures.
        sizes: (width, height) of those that could be read.
        faults: what is wrong with the others.
        measures: None without OpenCV.
    """

    sample: Sample
    sizes: dict[Path, Size] = field(default_factory=dict)
    faults: dict[Path, str] = field(default_factory=dict)
    measures: "Measures | None" = None


def can_measure() -> bool:
    """Whether motion can be followed, which takes OpenCV."""
    return find_spec("cv2") is not None


def choose(options: Options, layout: Layout, lines: Sequence[SplitLine], count: int) -> list[Sample]:
    """Return the samples of some lines, evenly chosen, in an order of which every beginning is spread as well."""
    chosen = evenly(lines, count)
    return [_sample(options, layout, chosen[n]) for n in np.random.default_rng(0).permutation(len(chosen))]


def _sample(options: Options, layout: Layout, line: SplitLine) -> Sample:
    pair = _pair(layout, line) if options.use_stereo else None
    target = layout.picture_path(line)
    if not options.temporal_ids:
        return Sample(line, target, pair=pair)
    step = options.nearest_id

    def there(offset: int) -> Path | None:
        other = line.other(offset)
        path = layout.picture_path(other)
        return path if other.frame >= 0 and path.is_file() else None

    return Sample(line, target, there(step), there(2 * step), there(-step), pair)


def _pair(layout: Layout, line: SplitLine) -> tuple[Path, Path]:
    """The left and the right camera's picture."""
    left, right = (layout.picture_path(replace(line, side=side)) for side in "lr")
    return left, right


def look_at(samples: Sequence[Sample], seconds: float, quiet: bool = True) -> list[Look]:
    """Read and measure samples in several threads, until the time is over.

    Args:
        samples: in order.
        seconds: after which no further ones are begun.
        quiet: show no progress.
    """
    end = time.monotonic() + seconds

    def in_time() -> Iterator[Sample]:
        for sample in samples:
            if time.monotonic() > end:
                return
            yield sample

    looks = map_ahead(partial(_look, measured=can_measure()), in_time(), 2 * THREADS)
    return list(tqdm(looks, "looking", len(samples), unit="target", disable=quiet or None, leave=False))


def _look(sample: Sample, measured: bool) -> Look:
    look, greys = Look(sample), {}
    for path in sample.paths:
        try:
            picture = read_picture(path)
        except PictureError as error:
            look.faults[path] = str(error)
            continue
        look.sizes[path] = picture.size
        if measured:
            from monodepth2.doctor.measures import small_grey

            greys[path] = small_grey(picture)
    if not measured:
        return look
    from monodepth2.doctor.measures import measure

    return Look(sample, look.sizes, look.faults, measure(sample, greys, look.sizes))
