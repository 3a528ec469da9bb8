"""What flows through a step: Batch → Predictions → Views → Losses.

Legend of shapes: b batch, s sources, h w pixels. `source_T_target` maps points of the target camera into the
source camera. Levels are pyramid levels: level l is 1/2^l of the input size.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Protocol, TypeVar, cast

import torch
from torch import Tensor

from monodepth2.config import FrameId

Nest = TypeVar("Nest")


def mapped(nest: Nest, change: Callable[[Tensor], Tensor]) -> Nest:
    """Return a copy of nested dictionaries and dataclasses in which every tensor is changed."""
    if isinstance(nest, Tensor):
        return cast(Nest, change(nest))
    if isinstance(nest, dict):
        return cast(Nest, {key: mapped(value, change) for key, value in nest.items()})
    if is_dataclass(nest) and not isinstance(nest, type):
        return replace(nest, **{item.name: mapped(getattr(nest, item.name), change) for item in fields(nest)})
    return nest


def tensors_of(nest: object) -> list[Tensor]:
    """Return the tensors of nested dictionaries and dataclasses, in the order in which `mapped` changes them."""
    found: list[Tensor] = []

    def note(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    mapped(nest, note)
    return found


class Jitters(Protocol):
    """The colour jitter of a batch's samples, a dataclass: drawn with the samples, and left to the device to apply."""

    def __call__(self, images_fb3hw: Tensor) -> Tensor:
        """Return images of f frames in [0, 1] with the jittered samples' changed."""


@dataclass(frozen=True)
class Batch:
    """The samples of one step.

    Attributes:
        color: un-augmented images per frame and level, in [0, 1] (uint8 in any memory order until `prepared`), b3hw.
        color_aug: augmented images per frame at level 0, likewise, b3hw.
        K: intrinsics in pixels per level, b44.
        stereo_T: `source_T_target` of the other camera, b44; None without stereo.
        index: the samples' positions in the split, b.
        mirrored: whether each sample was mirrored, b.
        faults: pictures that could not be read and were replaced by other samples.
        jitters: what `prepared` still has to do to `color_aug`; None where the loader did it.
        loader_seconds: that the loader spent per sample.
        mask: per level of the target where it counts, bool, b1hw; None where all of it does.
        camera: which of the run's cameras took a sample, b; 0 where no focal length is learnt, None if unknown.
        source_T_target: known motion to every source in time, in the network's unit, b44; None where it is predicted.
        travelled: known length of the way to every source in time, in the network's unit, b; None without.
        depth: known depth of the target in the network's unit, 0 where unknown, at level 0, b1hw; None without.
        pseudo: disparity of the target that another model made, of any scale and shift, likewise.
    """

    color: dict[FrameId, dict[int, Tensor]]
    color_aug: dict[FrameId, Tensor]
    K: dict[int, Tensor]
    stereo_T: Tensor | None
    index: Tensor
    mirrored: Tensor
    faults: tuple[str, ...] = ()
    jitters: Jitters | None = None
    loader_seconds: float = 0.0
    mask: dict[int, Tensor] | None = None
    camera: Tensor | None = None
    source_T_target: dict[FrameId, Tensor] | None = None
    travelled: dict[FrameId, Tensor] | None = None
    depth: Tensor | None = None
    pseudo: Tensor | None = None

    def __len__(self) -> int:
        return len(self.index)

    def pin_memory(self) -> "Batch":
        """Return the batch in page-locked memory (called by the data loader)."""
        return self._map(lambda tensor: tensor.pin_memory())

    def prepared(self, device: torch.device) -> "Batch":
        """Return the batch on `device`, its 8-bit pictures in [0, 1], jittered if that was left to do.

        Pictures become numbers of the intrinsics' type: float32, or what the data set was asked for.
        """
        dtype = next(iter(self.K.values())).dtype

        def move(tensor: Tensor) -> Tensor:
            moved = tensor.to(device, non_blocking=device.type == "cuda")  # where the loader's copies are page-locked
            return moved.contiguous().to(dtype) / 255 if moved.dtype == torch.uint8 else moved

        moved = self._map(move)
        if moved.jitters is None:
            return moved
        jittered = moved.jitters(torch.stack([*moved.color_aug.values()]))
        return replace(moved, color_aug=dict(zip(moved.color_aug, jittered.unbind(), strict=True)), jitters=None)

    def rows(self, rows: slice) -> "Batch":
        """Return some of the samples."""
        return replace(self._map(lambda tensor: tensor[rows]), index=self.index[rows], mirrored=self.mirrored[rows])

    @property
    def tensors(self) -> list[Tensor]:
        """The tensors that a step reads, in a fixed order; one that is used in several places comes several times."""
        return tensors_of(self._read)

    def copy(self) -> "Batch":
        """Return a prepared batch with memory of its own for each of its tensors."""
        return self._changed(Tensor.clone)

    def _map(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """Change every tensor; one that is used in several places is changed once."""
        changed: dict[int, Tensor] = {}

        def once(tensor: Tensor) -> Tensor:
            if id(tensor) not in changed:
                changed[id(tensor)] = change(tensor)
            return changed[id(tensor)]

        return self._changed(once)

    def _changed(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        return replace(self, **mapped(self._read, change))

    @property
    def _read(self) -> dict[str, Any]:
        """What steps read, by attribute. `index` and `mirrored` are not moved to the device: the program reads them."""
        return {name: value for name, value in vars(self).items() if name not in ("index", "mirrored")}


@dataclass(frozen=True)
class RelativePose:
    """The motion between the target and a source as a pose network states it.

    Attributes:
        axisangle: rotation, b3, radians.
        translation: b3, in the network's unit of depth.
        invert: the network saw the source first, so the stated motion is `target_T_source`.
    """

    axisangle: Tensor
    translation: Tensor
    invert: bool


@dataclass(frozen=True)
class Predictions:
    """What the networks say of a batch.

    Attributes:
        disps: sigmoid disparity per scale at its own size, b1hw.
        poses: motion per temporal source.
        masks: predictive masks per scale at its own size, one channel per source, bshw; None without them.
        focals: factors on the samples' focal lengths, b; None where these are known.
    """

    disps: dict[int, Tensor]
    poses: dict[FrameId, RelativePose]
    masks: dict[int, Tensor] | None = None
    focals: Tensor | None = None

    @property
    def tensors(self) -> list[Tensor]:
        """All tensors, in an order that `map` keeps."""
        return tensors_of(self)

    def map(self, change: Callable[[Tensor], Tensor]) -> "Predictions":
        """Return the predictions with every tensor changed."""
        return mapped(self, change)


@dataclass(frozen=True)
class Views:
    """The sources as seen from the target, through depth and pose.

    Attributes:
        warped: per scale the warped sources in the order of the options' `source_ids`, bs3hw, at level 0 or, under
            v1 multiscale, at the scale's own level.
        depths: per scale the depth that warped them, b1hw.
        source_T_target: transforms per scale and source, b44.
        K: intrinsics that warped them, in pixels per level, b44.
    """

    warped: dict[int, Tensor]
    depths: dict[int, Tensor]
    source_T_target: dict[int, dict[FrameId, Tensor]]
    K: dict[int, Tensor]


@dataclass(frozen=True)
class Losses:
    """The objective and its parts.

    Attributes:
        total: scalar, the mean of `per_scale`.
        per_scale: scalar per scale.
        automask: per scale 1 where a reprojection wins over the unwarped sources, bhw; empty without auto-masking.
        known: the errors against what else is known, before their weights, scalars by name, the means over the scales.
    """

    total: Tensor
    per_scale: dict[int, Tensor]
    automask: dict[int, Tensor]
    known: dict[str, Tensor] = field(default_factory=dict)

    @property
    def figures(self) -> dict[str, Tensor]:
        """The scalars by TensorBoard tag."""
        parts = [*self.per_scale.items(), *self.known.items()]
        return {"loss": self.total, **{f"loss/{name}": loss for name, loss in parts}}
