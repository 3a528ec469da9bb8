"""The options of sharing a model."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from monodepth2.config.declare import Checked, check_input_size, option, same_as
from monodepth2.config.hub_names import is_hub_name
from monodepth2.config.predict import PredictOptions, check_log_dir
from monodepth2.errors import UserError


@dataclass(frozen=True)
class PushOptions(Checked):
    """The settings of `monodepth2 push`.

    Raises:
        UserError: a value cannot be used or a combination is impossible; the message names flag and remedy.
    """

    groups: ClassVar[dict[str, str]] = {"weights": "the network", "output": "where it goes, and what is said of it"}

    load_weights_folder: Path | None = option(None, "weights", "weights folder of a checkpoint")
    run: str | None = same_as(PredictOptions, "run")
    log_dir: Path = same_as(PredictOptions, "log_dir")
    height: int | None = same_as(PredictOptions, "height")
    width: int | None = same_as(PredictOptions, "width")

    repository: str | None = option(None, "output", "USER/MODEL on the Hugging Face hub; it is made if there is none")
    output: Path | None = option(
        None, "output", "write the files into this new folder, e.g. to look at them first; nothing is sent then"
    )
    license: str | None = option(
        None,
        "output",
        "the licence that you give the weights, in the hub's short form, e.g. apache-2.0, cc-by-nc-4.0 or other "
        "(default: the card says that there is none stated)",
    )
    private: bool = option(
        False, "output", "make the model visible to you alone; one that is there already has to be so"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.load_weights_folder is None) == (self.run is None):
            raise UserError("choose the network: one of --load_weights_folder FOLDER and --run NAME of a training")
        check_log_dir(self)
        check_input_size(height=self.height, width=self.width)
        if (self.repository is None) == (self.output is None):
            raise UserError("say where it goes: USER/MODEL on the hub, or --output FOLDER on this machine")
        if self.repository and (not is_hub_name(self.repository) or "@" in self.repository):
            raise UserError(f"REPOSITORY {self.repository}: give it as USER/MODEL, of letters, digits and - _ .")
        if self.license is not None and not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", self.license):
            raise UserError(f"--license {self.license!r:.40}: give the hub's short form, e.g. apache-2.0, or other")
        if self.private and self.output:
            raise UserError("--private is about a model on the hub: drop it, or --output")
