"""What a checkpoint says of pictures, by the way on which `predict.py` asks it."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from monodepth2.prediction.predictor import DepthPredictor


def disparities(weights: Path, pictures: Iterable[Path]) -> np.ndarray:
    """Scaled disparities at the checkpoint's size, float32, (n, h, w); in batches as scoring has them."""
    predictor = DepthPredictor.from_checkpoint(weights, "cpu")
    return np.stack([one.network_disp for one in predictor.predict_all(pictures, 16)])
