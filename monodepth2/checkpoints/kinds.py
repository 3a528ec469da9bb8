"""What kind of network a state dict belongs to, by its tensors and by what is written beside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from monodepth2.errors import UserError
from monodepth2.files.picture_opening import LARGEST_SIDE
from monodepth2.method.networks import DECODERS, HR

MOST_IMAGES = 64  # that a pose network sees at once


def backbone_of(state: dict[str, Any], path: Path) -> tuple[str, int] | None:
    """Return the name of a state dict's backbone in timm, and how many pictures it sees; None for 2019's ResNets.

    Raises:
        UserError: the entries that say so cannot be used.
    """
    if "backbone" not in state:
        return None
    name, images = state["backbone"], state.get("images")
    if not isinstance(name, str) or not isinstance(images, int) or not 1 <= images <= MOST_IMAGES:
        raise UserError(f"{path}: its backbone cannot be used; take another copy of the file")
    return name, images


def num_layers(state: dict[str, Any], path: Path) -> int:
    """Tell the ResNet of a state dict by the number of blocks in its third layer and by its kind of block.

    Raises:
        UserError: it is none of 18, 34, 50, 101 or 152 layers.
    """
    blocks = len({key.split(".")[2] for key in state if key.startswith("encoder.layer3.")})
    bottleneck = "encoder.layer1.0.conv3.weight" in state
    known = {(2, False): 18, (6, False): 34, (6, True): 50, (23, True): 101, (36, True): 152}
    if (blocks, bottleneck) not in known:
        raise UserError(f"{path}: not the encoder of a known ResNet (18, 34, 50, 101, 152 layers)")
    return known[blocks, bottleneck]


def input_size(
    encoder_state: dict[str, Any], path: Path, height: int | None = None, width: int | None = None
) -> tuple[int, int]:
    """Return the (height, width) that `encoder.pth` states; those given where it states neither.

    Raises:
        UserError: it states none that the networks can take, or none at all, and none is given.
    """
    if encoder_state.get("height") is None and encoder_state.get("width") is None:
        if height is None or width is None:
            raise UserError(
                f"{path}: does not state the size of the network's pictures; give the size that it was trained with: "
                "--height and --width"
            )
        encoder_state = {"height": height, "width": width}
    height, width = (encoder_state.get(key) for key in ("height", "width"))
    if (
        not (isinstance(height, int) and isinstance(width, int))
        or not 64 <= min(height, width) <= max(height, width) <= LARGEST_SIDE
        or (height | width) % 32
    ):
        raise UserError(f"{path}: states no usable input size (height {height!r:.20}, width {width!r:.20})")
    return height, width


def kind_of_decoder(state: dict[str, Any], path: Path) -> tuple[str, tuple[int, ...]]:
    """Tell the kind of a depth decoder (as `--decoder` names it) and its scales by its tensors.

    Raises:
        UserError: it is none.
    """
    if hr := tuple(scale for scale in range(4) if f"heads.{scale}.conv.weight" in state):
        return HR, hr
    first = state.get("decoder.0.conv.conv.weight")
    known = {channels[-1]: kind for kind, channels in DECODERS.items()}
    kind = known.get(len(first) if isinstance(first, Tensor) and first.dim() else 0, "2019")
    return kind, _scales(state, DECODERS[kind], path)


def _scales(state: dict[str, Any], channels: Sequence[int], path: Path) -> tuple[int, ...]:
    """Tell the scales by the input channels of the heads, which follow the ten blocks."""
    by_channels = {channels[scale]: scale for scale in range(4)}
    heads: list[int] = []
    while (weight := state.get(f"decoder.{10 + len(heads)}.conv.weight")) is not None and len(heads) < 4:
        inputs = weight.shape[1] if isinstance(weight, Tensor) and weight.dim() == 4 else None
        if inputs not in by_channels:
            raise UserError(f"{path}: head {len(heads)} is not one of a depth decoder")
        heads.append(by_channels[inputs])
    if not heads:
        raise UserError(f"{path}: holds no depth decoder")
    return tuple(heads)
