"""The options of making pseudo-labels: the disparities that another model says of a data set's pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from monodepth2.config.declare import check_device, option, same_as
from monodepth2.config.options import OfTraining, Options
from monodepth2.config.scripts import started_as
from monodepth2.errors import UserError

NORMALISATIONS = {
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
SMALLEST_SIDE, LARGEST_SIDE = 16, 4096  # of a model's input
Three = tuple[float, ...]


@dataclass(frozen=True)
class PseudoLabelOptions(OfTraining):
    """The settings of `monodepth2 pseudo_label`.

    Raises:
        UserError: a value is missing or out of range, or training would refuse the data set.
    """

    groups: ClassVar[dict[str, str]] = {
        "paths": "where things are",
        "model": "the model, and what it expects and says; nothing of this can be seen in a file",
        "training": "which pictures: the flags of the training",
        "system": "where it runs",
    }

    onnx: Path | None = option(None, "paths", "the model, a single .onnx file of an origin that you trust")
    output: Path | None = option(None, "paths", "folder that receives a file per picture; those that are there stay")

    output_is: str | None = option(
        None, "model", "what the model says: disparity (larger is nearer) or depth", choices=("disparity", "depth")
    )
    normalise: str | None = option(
        None,
        "model",
        "the colours that it expects, red first. none: from 0 to 1; imagenet: ImageNet's mean is subtracted from "
        "these, and the result is divided by its standard deviation",
        choices=tuple(NORMALISATIONS),
    )
    mean: Three = option((), "model", "another mean than ImageNet's, of colours from 0 to 1", nargs=3, metavar="M")
    std: Three = option((), "model", "another standard deviation than ImageNet's, likewise", nargs=3, metavar="S")
    input_size: tuple[int, ...] = option(
        (), "model", "size of its input, where the file leaves it open", nargs=2, metavar=("H", "W")
    )
    output_name: str | None = option(None, "model", "which of several outputs to take (default: the only one)")

    device: str = same_as(Options, "device")
    no_cuda: bool = same_as(Options, "no_cuda")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, what in (("onnx", "the model, MODEL.onnx"), ("output", "the folder that receives the files"),
                           ("output_is", "what the model says, disparity or depth")):  # fmt: skip
            if getattr(self, name) is None:
                raise UserError(f"--{name} is missing: name {what}")
        self._check_kind_of_file()
        if bool(self.mean) != bool(self.std) or bool(self.mean) == bool(self.normalise):
            raise UserError("say which colours the model expects: --normalise imagenet, --normalise none, or --mean "
                            "and --std of three numbers each")  # fmt: skip
        if self.std and not min(self.std) > 0:
            raise UserError(f"--std {' '.join(map(str, self.std))}: must be positive")
        for side in self.input_size:
            if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
                raise UserError(f"--input_size {side}: give H and W from {SMALLEST_SIDE} to {LARGEST_SIDE} pixels")
        check_device(self.no_cuda, self.device)
        self.training()

    def _check_kind_of_file(self) -> None:
        """Refuse a checkpoint of this program: it has to be exported to an .onnx file first."""
        path = self.onnx.expanduser() if self.onnx else Path()
        if self.onnx and (path.is_dir() or path.suffix == ".pth"):
            raise UserError(f"--onnx {self.onnx}: is no .onnx file; {started_as('export')} --run NAME --output "
                            "NAME.onnx makes one of a run")  # fmt: skip

    @property
    def colours(self) -> tuple[Three, Three]:
        """Mean and deviation by which colours from 0 to 1 are normalised."""
        return (self.mean, self.std) if self.mean else NORMALISATIONS[self.normalise or "none"]

    def training(self, **more: Any) -> Options:
        """The options of a training on these pictures, which reads the labels of `output`.

        Raises:
            UserError: training would refuse them.
        """
        return super().training(pseudo_labels=self.output, **more)
