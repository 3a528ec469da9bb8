"""Predicting from picture files."""

import sys
from pathlib import Path

from tqdm import tqdm

from monodepth2.files.pictures import PictureError
from monodepth2.prediction.inputs import Pictures
from monodepth2.prediction.job import Job
from monodepth2.prediction.naming import Label
from monodepth2.prediction.predictor import DepthPrediction
from monodepth2.runtime.signals import StopRequest
from monodepth2.runtime.threads import map_ahead


def predict_pictures(pictures: Pictures, job: Job, stop: StopRequest) -> tuple[int, bool]:
    """Predict from pictures, and write, until told to stop; unreadable ones of a folder are named and left out.

    Returns:
        How many were predicted, and whether all that were tried could be.

    Raises:
        PictureError: the single picture cannot be read.
        UserError: a file cannot be written.
    """

    def finish(item: tuple[Path, DepthPrediction | PictureError]) -> PictureError | None:
        path, result = item
        if isinstance(result, PictureError):
            return result
        job.write(Label.of(path), result, job.settings)
        return None

    results = job.predictor.try_all(pictures.paths, job.batch_size, job.post_process)
    finished = map_ahead(finish, zip(pictures.paths, results, strict=True), job.batch_size)
    done = failed = 0
    for error in tqdm(finished, "predicting", len(pictures.paths), unit="picture", disable=None):
        if error is not None and pictures.folder is None:
            raise error
        if error is not None:
            tqdm.write(f"left out: {error}", file=sys.stderr)
        failed += error is not None
        done += error is None
        if stop.received:
            break
    if failed:
        print(f"{failed} of {done + failed} pictures could not be read", file=sys.stderr)
    return done, not failed
