"""Predicting from picture files."""

import sys
from pathlib import Path

from tqdm import tqdm

from monodepth2.files.pictures import PictureError
from monodepth2.prediction.inputs import Pictures
from monodepth2.prediction.job import Job, Outcome
from monodepth2.prediction.naming import Label
from monodepth2.prediction.predictor import DepthPrediction
from monodepth2.runtime.signals import StopRequest
from monodepth2.runtime.threads import map_ahead


def predict_pictures(pictures: Pictures, job: Job, stop: StopRequest) -> Outcome:
    """Predict from pictures, and write, until told to stop; unreadable ones of a folder are named and left out.

    Raises:
        PictureError: the single picture cannot be read.
        UserError: a file cannot be written.
    """

    def finish(item: tuple[Path, DepthPrediction | PictureError]) -> bool | PictureError:
        path, result = item
        return result if isinstance(result, PictureError) else job.write(Label.of(path), result, job.settings)

    results = job.predictor.try_all(pictures.paths, job.batch_size, job.post_process)
    finished = map_ahead(finish, zip(pictures.paths, results, strict=True), job.batch_size)
    done = failed = cut = 0
    for result in tqdm(finished, "predicting", len(pictures.paths), unit="picture", disable=None):
        if isinstance(result, PictureError):
            if pictures.folder is None:
                raise result
            tqdm.write(f"left out: {result}", file=sys.stderr)
            failed += 1
        else:
            done += 1
            cut += not result
        if stop.received:
            break
    if failed:
        print(f"{failed} of {done + failed} pictures could not be read", file=sys.stderr)
    return Outcome(done, not failed, cut)
