"""The options of training and scoring as one whole, what follows from them, and their record, `opt.json`.

The flags with their names, defaults and help texts are in `method_flags`, `run_flags` and `scoring_flags`. No module of
this room imports anything heavy, so that `--help` answers at once.
"""

import json
import math
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar

from monodepth2.config.declare import Checked, available_cores, same_as, value_from_json
from monodepth2.config.method_flags import POSE_BACKBONE, MethodFlags
from monodepth2.config.option_checks import ODOMETRY_SPLITS, check_options
from monodepth2.config.run_flags import RunFlags
from monodepth2.config.scoring_flags import ScoringFlags
from monodepth2.errors import UserError, first_line
from monodepth2.files.fit import Fit

FrameId = int | str  # a temporal offset from the target (0), or STEREO
STEREO = "s"
START_DEPTH = 15.0  # metres: that of half of a street's pixels
TRACKED_DEPTH = 4.0  # units of tracked motion: the median of its points; streets then have some 5 m per unit
SPLITS_WITHOUT_DEPTH = ("benchmark", *ODOMETRY_SPLITS)  # there is no ground truth for them to score depth on


@dataclass(frozen=True)
class Options(ScoringFlags, RunFlags, MethodFlags):
    """One run's settings, checked on creation and never changed.

    Raises:
        UserError: a value is out of range or a combination is impossible; the message names flag and remedy.
    """

    groups: ClassVar[dict[str, str]] = {
        "paths": "where things are",
        "training": "the method",
        "camera": "what took the pictures, and how they come to the network's size",
        "ablation": "variants of the method",
        "optimization": "how it is optimised",
        "system": "where it runs",
        "loading": "starting from existing weights",
        "logging": "what a run tells",
        "checkpoints": "what a run keeps, and how it goes on",
        "evaluation": "scoring a checkpoint",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        check_options(self)

    @property
    def temporal_ids(self) -> tuple[int, ...]:
        """The sources in time: `frame_ids` less the target."""
        return self.frame_ids[1:]

    @property
    def source_ids(self) -> tuple[FrameId, ...]:
        """All sources of the loss, in the order of the reprojection errors: in time, then the other camera."""
        return (*self.temporal_ids, STEREO) if self.use_stereo else self.temporal_ids

    @property
    def gaps(self) -> tuple[int, ...]:
        """What `--frame_gap` draws from: multiples of the temporal ids, the smallest first; 1 alone without it."""
        return tuple(range(self.frame_gap[0], self.frame_gap[1] + 1)) if self.frame_gap else (1,)

    @property
    def at_smallest_gap(self) -> "Options":
        """The options of a run in which every sample has the smallest gap that `--frame_gap` draws."""
        ids = (0, *(self.gaps[0] * offset for offset in self.temporal_ids))
        return replace(self, frame_ids=ids, frame_gap=()) if self.frame_gap else self

    @property
    def pose_backbone(self) -> str | None:
        """The pose network's backbone of timm; None for the ResNet of `num_layers`."""
        return self.pose_encoder or (POSE_BACKBONE if self.encoder else None)

    @property
    def makes_split(self) -> bool:
        """Whether the split is made from the drives: those of plain folders, where `--split` has its default."""
        return self.dataset == "folder" and self.split == "eigen_zhou"

    @property
    def loaded_ids(self) -> tuple[FrameId, ...]:
        """Every frame a sample holds, the target first."""
        return (0, *self.source_ids)

    @property
    def knows_motion(self) -> bool:
        """Whether files state the motion between neighbours, so that there is no pose network."""
        return self.poses != "network"

    @property
    def knows_metres(self) -> bool:
        """Whether the training is told lengths in metres beside its pictures, so that its depths have their scale."""
        return self.depth_supervision > 0 or self.poses == "known" or self.velocity_weight > 0

    @property
    def start_depth(self) -> float | None:
        """The depth that new networks predict at first, in their unit, where a typical one is known; None: as in 2019.

        2019's networks begin at 0.2 units. From there depths are hardly found when the motion is given in metres.
        """
        if self.use_stereo or not (self.knows_metres or self.knows_motion):
            return None
        usual = TRACKED_DEPTH if self.poses == "tracked" else START_DEPTH
        return usual if self.min_depth < usual < self.max_depth else math.sqrt(self.min_depth * self.max_depth)

    @property
    def nearest_id(self) -> int:
        """The temporal source that is nearest in time, the later one of two; there must be one."""
        return min(self.temporal_ids, key=lambda frame: (abs(frame), -frame))

    @property
    def farther_frames(self) -> str:
        """The flags that take neighbours twice as far away."""
        return f"--frame_ids {' '.join(str(2 * frame) for frame in self.frame_ids)} --skip_incomplete"

    @property
    def learns_pseudo_labels(self) -> bool:
        """Whether another model's disparities are part of the loss."""
        return self.pseudo_labels is not None and self.pseudo_weight > 0

    @property
    def for_looking(self) -> "Options":
        """The options for looking at pictures only, also at those of which nothing else is known."""
        taught = ("pseudo_labels", "pseudo_weight", "depth_supervision", "velocity_weight", "gt_png_scale")
        return replace(self, **{name: getattr(Options, name) for name in taught})

    @property
    def run_folder(self) -> Path:
        """`<log_dir>/<model_name>`."""
        return self.log_dir.expanduser() / self.model_name

    @property
    def models_folder(self) -> Path:
        """Where `opt.json` and the `weights_*` folders of the run lie."""
        return self.run_folder / "models"

    @property
    def last_weights(self) -> Path:
        """The checkpoint that the run ends with; it is there once all epochs are trained."""
        return self.models_folder / f"weights_{self.num_epochs - 1}"

    @property
    def asked_factor(self) -> float | None:
        """The factor from predicted depth to metres that the user gave; None: as the network was trained."""
        return self.if_given("pred_depth_scale_factor")

    @property
    def input_fit(self) -> Fit:
        """How pictures come to the network's size."""
        return Fit(self.fit, self.crop_top)

    @property
    def threads(self) -> int:
        """Threads that read what is scored: `num_workers`, at most one per core of the machine."""
        return max(1, min(self.num_workers, available_cores()))

    def to_json(self) -> str:
        """The content of `opt.json`: every option by its 2019 name; `frame_ids` ends with "s" where stereo is used."""
        values = {**asdict(self), "frame_ids": self.loaded_ids}
        return json.dumps(values, indent=2, default=str)


@dataclass(frozen=True)
class OfTraining(Checked):
    """Options of a command that reads the data set of a training: among them those that say what is read."""

    data_path: Path = same_as(Options, "data_path")
    split: str = same_as(Options, "split")
    dataset: str = same_as(Options, "dataset")
    png: bool = same_as(Options, "png")
    skip_incomplete: bool = same_as(Options, "skip_incomplete")
    use_stereo: bool = same_as(Options, "use_stereo")
    frame_ids: tuple[int, ...] = same_as(Options, "frame_ids")
    frame_gap: tuple[int, ...] = same_as(Options, "frame_gap")
    poses: str = same_as(Options, "poses")

    def training(self, **more: Any) -> Options:
        """The options of the training: those that were given here, as given, and `more`.

        Raises:
            UserError: training would refuse them.
        """
        shared = {item.name for item in fields(self)} & {item.name for item in fields(Options)}
        return Options.stated({name: getattr(self, name) for name in shared if self.is_given(name)} | more)


def options_from_json(text: str, source: str) -> Options:
    """Read the content of an `opt.json`, also one written in 2019; unknown entries are ignored.

    Raises:
        UserError: the text is not a JSON object of valid options; the message names `source`.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{source} is not a JSON file: {error}") from error
    if not isinstance(values, dict):
        raise UserError(f"{source} holds no options: expected a JSON object")
    _bring_up_to_date(values)
    known = {item.name: item for item in fields(Options) if item.name in values}
    kept = {name: value_from_json(item, values[name], source, ignored=STEREO) for name, item in known.items()}
    try:
        return replace(Options(), **kept)
    except UserError as error:
        raise UserError(f"{source}: {first_line(error)}") from error


def _bring_up_to_date(values: dict[str, Any]) -> None:
    """Bring what a record of an earlier version says into today's names and values."""
    factor, rate = values.get("encoder_lr_factor"), values.get("learning_rate")
    if isinstance(factor, float) and isinstance(rate, float) and factor != 1:
        values["encoder_lr"] = factor * rate
    if values.get("poses", "") is None:  # it was the name of the file of true poses then
        del values["poses"]
    for motion in ("known", "tracked"):
        if values.get(f"{motion}_poses") is True:
            values["poses"] = motion
