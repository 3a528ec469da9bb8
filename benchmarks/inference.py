"""What scoring and predicting cost beside the network alone."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from monodepth2.runtime.tuning import tune_process

if __name__ == "__main__":  # else whoever imports this has done so
    tune_process()

import numpy as np
import torch
from PIL import Image

from benchmarks.timing import Table, in_turns, show
from monodepth2.checkpoints.networks import save_checkpoint
from monodepth2.config import Options
from monodepth2.config.tools import ExportOptions
from monodepth2.datasets.ground_truth import write_ground_truth
from monodepth2.datasets.splits import read_split
from monodepth2.evaluation.scoring import evaluate_all
from monodepth2.method.model import MonodepthModel
from monodepth2.onnx.export import export
from monodepth2.prediction.predictor import DepthPredictor

FRAMES = 64
BATCH_SIZE = 16
DRIVE = "2011_09_26/2011_09_26_drive_0001_sync"
SIZE = (375, 1242)


def measure(rounds: int) -> list[Table]:
    """Return the table of inference: seconds per picture of 1242 x 375, as JPEG, at 640 x 192."""
    with tempfile.TemporaryDirectory() as folder:
        options = _prepare(Path(folder))
        weights = options.load_weights_folder
        assert weights is not None
        exported = export(ExportOptions(load_weights_folder=weights, output=weights / "model.onnx", dynamic_batch=True))
        predictor = DepthPredictor.from_checkpoint(weights)
        bf16 = DepthPredictor.from_checkpoint(weights, precision="bf16")
        onnx = DepthPredictor.from_checkpoint(exported.path)
        noise = torch.randint(0, 256, (BATCH_SIZE, 3, 192, 640), dtype=torch.uint8)
        files = sorted(Path(options.data_path).rglob("*.jpg"))
        batches = FRAMES // BATCH_SIZE
        seconds = in_turns(
            {
                "depth network alone": lambda: [predictor.disparities(noise) for _ in range(batches)],
                "depth network alone, bf16": lambda: [bf16.disparities(noise) for _ in range(batches)],
                "depth network alone, ONNX": lambda: [onnx.disparities(noise) for _ in range(batches)],
                "evaluate_depth.py's work": lambda: evaluate_all(options),
                "predict_all": lambda: list(predictor.predict_all(files, BATCH_SIZE)),
            },
            rounds,
            predictor.device,
        )
    alone = seconds["depth network alone"]
    rows = {name: (1e3 * s / FRAMES, s / alone) for name, s in seconds.items()}
    return [Table(f"{FRAMES} pictures, batch {BATCH_SIZE}", ("ms/picture", "ratio"), rows)]


def _prepare(folder: Path) -> Options:
    """Write pictures, a split with ground truth and a checkpoint; return the options that score it."""
    rng = np.random.default_rng(0)
    pictures, split = folder / "data" / DRIVE / "image_02/data", folder / "split"
    pictures.mkdir(parents=True)
    split.mkdir()
    for n in range(FRAMES):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 78, 3), dtype=np.uint8))
        grain = rng.normal(0, 6, (*SIZE, 3))
        picture = np.clip(np.asarray(coarse.resize(SIZE[::-1], Image.Resampling.BICUBIC)) + grain, 0, 255)
        Image.fromarray(picture.astype(np.uint8)).save(pictures / f"{n:010d}.jpg", quality=92)
    (split / "test_files.txt").write_text("\n".join(f"{DRIVE} {n} l" for n in range(FRAMES)))
    depth = np.where(rng.random((FRAMES, *SIZE)) < 0.04, rng.uniform(2, 70, (FRAMES, *SIZE)), 0).astype(np.float32)
    lines = read_split(str(split), "test")
    write_ground_truth(split / "gt_depths.npz", depth, lines, SIZE)
    options = Options(
        data_path=folder / "data", eval_split=str(split), eval_mono=True, load_weights_folder=folder / "weights"
    )
    torch.manual_seed(0)
    model = MonodepthModel(options)
    save_checkpoint(folder / "weights", model, torch.optim.Adam(model.parameters()), options)
    return options


if __name__ == "__main__":
    show(measure(rounds=3))
