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
from monodepth2.prediction.recording import Record, recorded
from monodepth2.prediction.steady import Steadiness
from monodepth2.prediction.video import VideoWriter
from monodepth2.runtime.signals import StopRequest
from monodepth2.runtime.threads import ahead, map_ahead


def predict_video(path: Path, job: Job, stop: StopRequest) -> Outcome:
    """Predict from a video, and write, until told to stop; where it is damaged, what can be decoded is kept.

    Raises:
        UserError: no frame can be read, or a file cannot be written.
    """
    done = cut = 0
    with ExitStack() as stack:
        reader = stack.enter_context(VideoReader(path))
        add_frame = stack.enter_context(joined(Label.of(path), job, reader.rate))
        record = stack.enter_context(recorded(job.recording_path(Label.of(path))))
        bar = stack.enter_context(tqdm(desc="predicting", total=reader.count, unit="frame", disable=None))
        # closed first: its threads read the video
        for frame, time, fitted in stack.enter_context(closing(_finished_frames(reader, path, job, record))):
            add_frame(frame, time)
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


@contextmanager
def joined(label: Label, job: Job, rate: Fraction) -> Iterator[Callable[[Any, float], None]]:
    """Lend what takes the finished frames: the video that joins them, where it is asked for."""
    if not job.with_video:
        yield lambda _, __: None
        return
    with whole_file(job.naming.video_path(label)) as partial, VideoWriter(partial, rate) as writer:
        yield writer.add


def _finished_frames(
    reader: VideoReader, path: Path, job: Job, record: Record
) -> Generator[tuple[np.ndarray | None, float, bool], None, None]:
    """Predict and write frame by frame.

    Yields:
        The frame beside its disparity, where it is asked for; its time in seconds; whether all fitted into its files.
    """
    steady = Steadiness(job.stabilise)

    def finish(item: tuple[int, tuple[DepthPrediction, Settings]]) -> tuple[np.ndarray | None, float, bool]:
        index, (prediction, settings) = item
        fitted = job.write(Label.of(path).frame(index), prediction, settings)
        record(prediction, settings, reader.times[index])
        return side_by_side(prediction, settings) if job.with_video else None, reader.times[index], fitted

    frames = ahead(reader.frames(), 2 * job.batch_size)
    predictions = job.predictor.predict_all(frames, job.batch_size, job.post_process)
    items = (
        (index, steady.follow(prediction, job.settings, reader.times[index]))
        for index, prediction in enumerate(predictions)
    )
    return map_ahead(finish, items, job.batch_size)
