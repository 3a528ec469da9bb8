"""The options of `monodepth2 doctor`: what is wrong with a data set."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from monodepth2.config.declare import option, same_as
from monodepth2.config.options import OfTraining, Options
from monodepth2.errors import UserError


@dataclass(frozen=True)
class DoctorOptions(OfTraining):
    """The settings of `monodepth2 doctor`: those of a training that say what it reads, and how closely to look.

    Raises:
        UserError: a value is out of range, or training would refuse it; the message names flag and remedy.
    """

    groups: ClassVar[dict[str, str]] = {
        "paths": "where things are; the same flags as in training",
        "training": "the same flags as in training",
        "camera": "the same flags as in training",
        "doctor": "how closely to look, and where to write",
    }

    log_dir: Path = same_as(Options, "log_dir")
    model_name: str = same_as(Options, "model_name", "name of the run: its folder in --log_dir", "paths")

    height: int = same_as(Options, "height")
    width: int = same_as(Options, "width")
    baseline: float | None = same_as(Options, "baseline", group="camera")
    batch_size: int = same_as(Options, "batch_size", group="training")
    num_epochs: int = same_as(Options, "num_epochs", group="training")
    motion_warmup: int = same_as(
        Options, "motion_warmup", "as in training: the command that `prepare` prints may have it (default: 0)"
    )

    intrinsics: tuple[float, ...] = same_as(Options, "intrinsics")
    intrinsics_size: tuple[int, ...] = same_as(Options, "intrinsics_size")
    kitti_calibration: bool = same_as(Options, "kitti_calibration")
    fov: float | None = same_as(Options, "fov")
    fit: str = same_as(Options, "fit")
    crop_top: float = same_as(Options, "crop_top")

    samples: int = option(200, "doctor", "targets, spread over the lists, whose pictures are looked at")
    output: Path | None = option(
        None, "doctor", "file to write, *.html (default: doctor.html in the run's folder, --log_dir/--model_name)"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_at_least(1, "samples")
        if self.output and self.output.suffix != ".html":
            raise UserError(f"--output {self.output}: give a name that ends with .html")
        self.training()
