"""Predicting from the frames of a video."""

import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from monodepth2.errors import UserError, counted
from monodepth2.files.output_paths import whole_file
from monodepth2.files.videos import VideoReader
from monodepth2.prediction.job import Job, Outcome
from monodepth2.prediction.naming import Label
from monodepth2.prediction.outputs import Settings, side_by_side
from monodepth2.prediction.predictor import DepthPrediction
from monodepth2.prediction.recording import recorded
from monodepth2.prediction.steady import Steadiness
from monodepth2.prediction.video import VideoWriter
from monodepth2.runtime.signals import StopRequest
from monodepth2.runtime.threads import THREADS, ahead, map_ahead

Predicted = tuple[int, float, DepthPrediction, Settings]  # number, time in seconds, prediction, how to express it


def predict_video(path: Path, job: Job, stop: StopRequest) -> Outcome:
    """Predict from a video, and write, until told to stop; where it is damaged, what can be decoded is kept.

    Raises:
        UserError: no frame can be read, or a file cannot be written.
    """
    done = cut = 0
    with (
        VideoReader(path) as reader,
        tqdm(desc="predicting", total=reader.count, unit="frame", disable=None) as bar,
        finished(_predicted(reader, job), Label.of(path), job, reader.rate, job.batch_size) as frames,
    ):
        for fitted in frames:
            bar.update()
            done += 1
            cut += not fitted
            if stop.received:
                break
        if not done:
            raise UserError(f"{path}: holds no frame that can be decoded")
    if reader.damaged:
        print(f"{path}: is damaged or cut off; only {counted(done, 'frame')} could be read", file=sys.stderr)
    return Outcome(done, not reader.damaged, cut)


def _predicted(reader: VideoReader, job: Job) -> Generator[Predicted, None, None]:
    steady = Steadiness(job.stabilise)
    frames = ahead(reader.frames(), 2 * job.batch_size)
    for index, prediction in enumerate(job.predictor.predict_all(frames, job.batch_size, job.post_process)):
        time = reader.times[index]
        yield index, time, *steady.follow(prediction, job.settings, time)


@contextmanager
def finished(
    predictions: Generator[Predicted, None, None],
    label: Label,
    job: Job,
    rate: Fraction,
    count: int,
    show: Callable[[np.ndarray], None] | None = None,
    threads: int = THREADS,
) -> Iterator[Iterator[bool]]:
    """Show, write and join frame by frame, in threads, while the network works on the next ones.

    Args:
        predictions: of the frames, in order.
        label: of what they are frames of.
        job: what to write.
        rate: of the frames.
        count: how many are begun before the first is asked for.
        show: what shows a frame beside its disparity, uint8, as `side_by_side` makes it; None for nothing.
        threads: how many.

    Yields:
        What finishes a frame each time, and says whether all fitted into its files.

    Raises:
        UserError: a file cannot be written.
    """
    with ExitStack() as stack:
        add_frame = stack.enter_context(_joined(label, job, rate))
        record = stack.enter_context(recorded(job.recording_path(label)))

        def finish(item: Predicted) -> tuple[np.ndarray | None, float, bool]:
            index, time, prediction, settings = item
            both = side_by_side(prediction, settings) if show or job.with_video else None
            if show and both is not None:
                show(both)
            record(prediction, settings, time)
            return both, time, job.write(label.frame(index), prediction, settings)

        def one_by_one() -> Iterator[bool]:
            for both, time, fitted in frames:
                add_frame(both, time)
                yield fitted

        # closed first: their threads read the source and add to the recording
        stack.enter_context(closing(predictions))
        frames = stack.enter_context(closing(map_ahead(finish, predictions, count, threads)))
        yield one_by_one()


@contextmanager
def _joined(label: Label, job: Job, rate: Fraction) -> Iterator[Callable[[Any, float], None]]:
    """Lend what takes the finished frames: the video that joins them, where it is asked for."""
    if not job.with_video:
        yield lambda _, __: None
        return
    with whole_file(job.naming.video_path(label)) as partial, VideoWriter(partial, rate) as writer:
        yield writer.add
