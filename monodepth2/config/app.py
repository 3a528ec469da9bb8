"""The options of the app."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from monodepth2.config.declare import Checked, check_device, check_input_size, option, same_as
from monodepth2.config.predict import LAST_PORT, PredictOptions, check_weights
from monodepth2.errors import UserError


@dataclass(frozen=True)
class AppOptions(Checked):
    """The settings of the app.

    Raises:
        UserError: a value is out of range or a combination is impossible; the message names flag and remedy.
    """

    groups: ClassVar[dict[str, str]] = {"weights": "the network", "page": "the page", "system": "where it runs"}

    load_weights_folder: Path | None = same_as(PredictOptions, "load_weights_folder")
    model_name: str | None = same_as(PredictOptions, "model_name")
    run: str | None = same_as(PredictOptions, "run")
    log_dir: Path = same_as(PredictOptions, "log_dir")
    height: int | None = same_as(PredictOptions, "height")
    width: int | None = same_as(PredictOptions, "width")

    port: int = option(7860, "page", "the page is at http://127.0.0.1:PORT/, for browsers of this machine alone")

    device: str = same_as(PredictOptions, "device")
    no_cuda: bool = same_as(PredictOptions, "no_cuda")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_weights(self)
        check_input_size(height=self.height, width=self.width)
        check_device(self.no_cuda, self.device)
        if not 0 < self.port <= LAST_PORT:
            raise UserError(f"--port {self.port}: a port is a number from 1 to {LAST_PORT}; try 7860")
