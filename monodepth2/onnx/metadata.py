"""What an exported file says of itself, in the `metadata_props` of ONNX.

Names and meanings are a contract with whoever reads the file; a change of either is a new format.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.config.tools import LARGEST_BATCH
from monodepth2.datasets.camera_choice import KITTI_BASELINE
from monodepth2.errors import UserError
from monodepth2.files.fit import STRETCH
from monodepth2.files.picture_opening import LARGEST_SIDE
from monodepth2.method.depth_maps import stereo_factor

FORMAT = 1
PREFIX = "monodepth2."
# files of earlier versions have none of these
ADDED = ("baseline", "fit", "cameras", "metric_scale", "supervision", "learnt_depths")


@dataclass(frozen=True)
class Metadata:
    """The facts of an exported file; each is a property `monodepth2.<name>` in JSON, beside `monodepth2.format`.

    Attributes:
        program: name and version of what wrote the file.
        network: "depth" or "pose".
        height: of the input; where the size is dynamic, that of training.
        width: of the input, likewise.
        size_multiple: what height and width must be multiples of; also their least is 64.
        batch_size: of the input; where it is dynamic, 1.
        dynamic_batch: any batch size will do.
        dynamic_size: any height and width within those rules will do.
        precision: of weights and arithmetic, "fp32", "fp16" or "int8"; inputs and outputs are float32.
        training: "mono", "stereo" or "mono+stereo".
        use_stereo: trained with stereo pairs, so that depths and translations have a known scale: the baseline by 0.1
            metres to the unit.
        min_depth: nearest depth, before the factor; null for a pose network.
        max_depth: farthest, likewise.
        depth_factor: depth = factor / disp; null for a pose network.
        depth_unit: of the output depth, "m" or "arbitrary"; null for a pose network.
        pose_model_type: kind of pose network; null for a depth network.
        frames: ids of the frames that a pose network's input stacks, in order, 0 being the target; null for a depth
            network. [0, 1] are any two frames in temporal order.
        baseline: metres between the cameras of the rig; null where that is unknown.
        fit: how pictures come to the input's size: "stretch" or "crop", with the share of the rows to cut that is cut
            at the top, e.g. ["crop", 0.5].
        cameras: that took the pictures: fx, fy, cx, cy in units of the picture's size, and where they come from.
        metric_scale: metres per unit of depth, learnt from lengths that were known; null where it is the rig's, or
            unknown.
        supervision: what was learnt from beside pictures: "pseudo_labels" of another model, "depth" that was known.
        learnt_depths: nearest and farthest depth of the training, for which alone its metres hold; null for a pose
            network, and where they are `min_depth` and `max_depth`.
    """

    program: str
    network: str
    height: int
    width: int
    size_multiple: int
    batch_size: int
    dynamic_batch: bool
    dynamic_size: bool
    precision: str
    training: str
    use_stereo: bool
    min_depth: float | None = None
    max_depth: float | None = None
    depth_factor: float | None = None
    depth_unit: str | None = None
    pose_model_type: str | None = None
    frames: list | None = None
    baseline: float | None = KITTI_BASELINE
    fit: list | None = None
    cameras: list | None = None
    metric_scale: float | None = None
    supervision: list | None = None
    learnt_depths: list | None = None

    def facts(self, source: str) -> TrainingFacts:
        """What is known of the training.

        Raises:
            UserError: it cannot be used; the message names `source`.
        """
        kind, top = self.fit if self.fit and len(self.fit) == 2 else (STRETCH.kind, STRETCH.crop_top)
        depths = [self.min_depth, self.max_depth]
        if self.depth_unit != "m" and self.learnt_depths:  # metres of a file are those of the depths that it expresses
            depths = self.learnt_depths
        nearest, farthest = depths if len(depths) == 2 else (None, None)
        state: dict[str, Any] = {"min_depth": nearest, "max_depth": farthest, "baseline": self.baseline}
        state |= {"fit": kind, "crop_top": top, "cameras": self.cameras or [], "supervision": self.supervision}
        state |= {"use_stereo": self.use_stereo}
        rig = stereo_factor(self.baseline) if self.use_stereo and self.baseline else None
        # a scale that the file was exported with is that of its depths, unless it is the rig's
        exported = self.depth_unit == "m" and self.depth_factor != rig
        state["metric_scale"] = self.depth_factor if exported else self.metric_scale
        return TrainingFacts.from_state(state, Path(source))

    def to_properties(self) -> dict[str, str]:
        """Return the properties to write."""
        return {PREFIX + name: json.dumps(value) for name, value in {"format": FORMAT, **asdict(self)}.items()}

    @classmethod
    def from_properties(cls, properties: Mapping[str, str], source: str) -> "Metadata":
        """Read the properties of a file.

        Raises:
            UserError: they are missing, of another format, or damaged; the message names `source`.
        """
        found = properties.get(f"{PREFIX}format")
        if found is None:
            raise UserError(f"{source}: not a file of export_depth.py (it states no input size); export the checkpoint")
        if found != str(FORMAT):
            raise UserError(f"{source}: made by another version of export_depth.py; export the checkpoint again")
        known = [item for item in fields(cls) if item.name not in ADDED or PREFIX + item.name in properties]
        return cls(**{item.name: _value(item, properties.get(PREFIX + item.name, ""), source) for item in known})


def of_training(facts: TrainingFacts) -> dict[str, Any]:
    """What a file says of its network's training beside the depth range."""
    state = facts.to_state()
    return {
        "baseline": state["baseline"],
        "fit": [state["fit"], state["crop_top"]],
        "cameras": state["cameras"],
        "metric_scale": facts.metric_scale,
        "supervision": list(facts.supervision),
    }


def _value(item: Any, text: str, source: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = ...
    if not isinstance(value, item.type) or not _is_likely(item.name, value):
        raise UserError(f"{source}: its metadata are damaged ({item.name} is {text[:40]!r}); export it again")
    return value


def _is_likely(name: str, value: Any) -> bool:
    if name in ("height", "width"):
        return 64 <= value <= LARGEST_SIDE and value % 32 == 0
    if name == "batch_size":
        return 1 <= value <= LARGEST_BATCH
    return not isinstance(value, float) or 0 < value < float("inf")
