"""Predicting from a camera or a stream, whose frames do not wait."""

import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
from tqdm import tqdm

from monodepth2.errors import UserError, counted
from monodepth2.files.output_paths import make_output_folder
from monodepth2.files.streams import StreamReader
from monodepth2.prediction.from_video import Predicted, finished
from monodepth2.prediction.inputs import Stream
from monodepth2.prediction.job import Job, Outcome
from monodepth2.prediction.live import LivePage
from monodepth2.prediction.naming import Label
from monodepth2.prediction.newest import NewestFrames
from monodepth2.prediction.steady import Steadiness
from monodepth2.runtime.signals import StopRequest


def predict_stream(source: Stream, job: Job, live: int | None, seconds: float | None, stop: StopRequest) -> Outcome:
    """Predict the newest frame of a stream again and again, write and show it, until told to stop or the stream ends.

    Args:
        source: the stream.
        job: how to predict, and what to write.
        live: port of the page that shows it; None for no page.
        seconds: after the first frame, after which to stop; None for never.
        stop: what tells to stop.

    Raises:
        UserError: the stream cannot be opened or sends no frame, a file cannot be written, or the port cannot be used.
    """
    done = cut = 0
    name = f"{source.name}_{time.strftime('%Y%m%d-%H%M%S')}"  # another run shall not overwrite what this one has seen
    label = Label(name, name)
    with ExitStack() as stack:
        show = stack.enter_context(_shown(source, job, live))
        reader = StreamReader(source.address, str(source))
        newest = stack.enter_context(NewestFrames(reader))
        if job.kinds:
            make_output_folder("output_dir", job.naming.folder)
        bar = stack.enter_context(tqdm(desc="predicting", unit="frame", disable=None))
        predictions = _predicted(newest, job, seconds, stop)
        for fitted in stack.enter_context(finished(predictions, label, job, reader.rate, 1, show, threads=1)):
            bar.set_postfix(dropped=newest.dropped, refresh=False)
            bar.update()
            done += 1
            cut += not fitted
        broke_off = "" if stop.received else reader.broke_off
        if not done:
            raise UserError(f"{source}: no frame came that can be decoded{f' ({broke_off})' if broke_off else ''}")
    if broke_off:
        print(f"{source}: the stream broke off after {counted(done, 'predicted frame')} ({broke_off})", file=sys.stderr)
    return Outcome(done, not broke_off, cut, newest.dropped)


@contextmanager
def _shown(source: Stream, job: Job, live: int | None) -> Iterator[Callable[[np.ndarray], None] | None]:
    """Lend what shows a picture on the page, where one is asked for."""
    if live is None:
        yield None
        return
    with LivePage(live, name=str(source), colours=job.settings.colours) as page:
        print(f"live: {page.address} shows the stream beside its disparity", flush=True)
        yield page.show


def _predicted(
    newest: NewestFrames, job: Job, seconds: float | None, stop: StopRequest
) -> Generator[Predicted, None, None]:
    steady = Steadiness(job.stabilise)
    for index, (frame, came) in enumerate(newest.frames(lambda: stop.received is not None)):
        if seconds is not None and came >= seconds:
            break
        prediction = job.predictor.predict(frame.picture(), job.post_process)
        yield index, came, *steady.follow(prediction, job.settings, came)
