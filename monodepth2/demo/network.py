"""The demo's network, and the weights that it begins with.

`python -m monodepth2.demo.network FOLDER` makes these weights again: it renders streets that the demo does not show,
trains on them from scratch, and keeps the depth network in half precision.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from monodepth2.checkpoints.networks import read_network
from monodepth2.config import Options
from monodepth2.errors import run_script
from monodepth2.synthetic import DriveSettings, write_synthetic_drive
from monodepth2.training.trainer import Trainer

WEIGHTS = Path(__file__).parent / "weights"
FILES = ("encoder.pth", "depth.pth")
SEED = 500  # of the streets of `WEIGHTS`; the demo's own are made from small seeds
DRIVES, FRAMES = 17, 100
EPOCHS = 12  # those of `WEIGHTS` were 8, and 4 more from a rate of 6e-4 on


def network_options(drive: Path, folder: Path, name: str, epochs: int, seed: int) -> Options:
    """Options of a training from scratch: a small network, small pictures, mono and stereo together."""
    return Options(
        data_path=drive,
        split=str(drive / "split"),
        eval_split=str(drive / "split"),
        log_dir=folder,
        model_name=name,
        height=96,
        width=256,
        encoder="mobilenetv4_conv_small_050",
        pose_encoder="mobilenetv4_conv_small_050",
        decoder="small",
        scales=(0, 1),
        use_stereo=True,
        weights_init="scratch",
        batch_size=6,
        learning_rate=8e-4,
        optimizer="adamw",
        schedule="cosine",
        num_epochs=epochs,
        log_frequency=20,
        save_frequency=epochs,
        eval_mono=True,
        seed=seed,
        overwrite=True,
        no_report=True,
        no_doctor=True,  # which would say that it is tiny; rendered streets are learnt in fewer steps
    )


def going_on(options: Options) -> Options:
    """The options of a training that goes on from `WEIGHTS`: on stereo pairs alone, which need no pose network."""
    return replace(
        options,
        frame_ids=(0,),
        pose_encoder=None,
        load_weights_folder=WEIGHTS,
        models_to_load=("encoder", "depth"),
        learning_rate=3e-4,
    )


def keep_weights(checkpoint: Path, output: Path) -> None:
    """Write the depth network of a checkpoint in half precision."""
    output.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        state = read_network(checkpoint / name)
        halved = {key: value.half() if _is_large(value) else value for key, value in state.items()}
        torch.save(halved, output / name)


def _is_large(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point() and value.dim() == 4


def main() -> int:
    """Make the weights."""
    parser = argparse.ArgumentParser(prog="python -m monodepth2.demo.network", description=__doc__)
    parser.add_argument("folder", type=Path, help="receives the streets and the run")
    parser.add_argument("--output", type=Path, default=WEIGHTS, help="folder that receives the weights")
    arguments = parser.parse_args()
    settings = DriveSettings(drives=DRIVES, frames_per_drive=FRAMES, width=320, height=96, seed=SEED)
    write_synthetic_drive(arguments.folder / "streets", settings, progress=True)
    options = network_options(arguments.folder / "streets", arguments.folder, "weights", EPOCHS, seed=0)
    code = Trainer(replace(options, cache_dir=arguments.folder / "cache")).train()
    if code == 0:
        keep_weights(options.last_weights, arguments.output)
    return code


if __name__ == "__main__":
    run_script(main)
