"""Makes `verdicts.jpg`: what a network shows that has learnt, and three that have not.

`python docs/images/verdicts.py FOLDER` renders a street into FOLDER and trains three small networks on it, for some
minutes in all.
"""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from monodepth2.config import Options
from monodepth2.demo.network import WEIGHTS, network_options
from monodepth2.pages.colours import coloured_disparity
from monodepth2.prediction.predictor import DepthPredictor
from monodepth2.synthetic import DriveSettings, write_synthetic_drive
from monodepth2.training.trainer import Trainer

STREET = DriveSettings(drives=3, frames_per_drive=40, width=320, height=96, seed=7)
SHOWN = 12, 30  # frames of the held-out street


def main(folder: Path) -> None:
    """Render, train, predict, paste."""
    street = folder / "street"
    write_synthetic_drive(street, STREET, progress=True)
    short = network_options(street, folder / "runs", "short", epochs=1, seed=0)
    runs = {
        "good": WEIGHTS,
        "short": trained(short),
        "collapsed": trained(replace(short, model_name="collapsed", num_epochs=4, learning_rate=0.03)),
        "standing": trained(standing(short, street, folder / "still")),
    }
    pictures = [street / STREET.folder(2) / f"image_02/data/{frame:010d}.jpg" for frame in SHOWN]
    strips = [np.concatenate([np.asarray(Image.open(picture)) for picture in pictures], axis=1)]
    strips += [strip(weights, pictures) for weights in runs.values()]
    for name, one in zip(["pictures", *runs], strips, strict=True):
        Image.fromarray(one).save(Path(__file__).with_name(f"verdict_{name}.jpg"), quality=88)


def trained(options: Options) -> Path:
    """Train, and return the last checkpoint."""
    shutil.rmtree(options.run_folder, ignore_errors=True)
    Trainer(options).train()
    return options.last_weights


def standing(options: Options, street: Path, data: Path) -> Options:
    """The options of a training on a drive whose pictures are all the same one."""
    drive = data / "drive"
    drive.mkdir(parents=True, exist_ok=True)
    for n in range(60):
        shutil.copy(street / STREET.folder(0) / "image_02/data/0000000010.jpg", drive / f"{n:03d}.jpg")
    plain = {"dataset": "folder", "data_path": data, "split": "eigen_zhou", "eval_split": "eigen", "use_stereo": False}
    return replace(options, model_name="standing", num_epochs=4, **plain)


def strip(weights: Path, pictures: list[Path]) -> np.ndarray:
    """The disparities of pictures, side by side, uint8, (h, w, 3)."""
    predictor = DepthPredictor.from_checkpoint(weights)
    with torch.inference_mode():
        maps = [predictor.predict(Image.open(picture)).disp for picture in pictures]
    return np.concatenate([coloured_disparity(disp) for disp in maps], axis=1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
