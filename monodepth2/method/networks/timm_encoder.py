"""Any backbone of the timm library as the encoder of depth and pose networks."""

import difflib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from monodepth2.errors import UserError, first_line
from monodepth2.files.weight_files import COLOURS, plain_state, read_weights
from monodepth2.runtime.extras import require_packages

REDUCTIONS = [2, 4, 8, 16, 32]  # of the five feature maps
STEM_CHANNELS = 32
ANY_SIZE = (64, 96)  # pictures that a backbone for pictures of any size is tried on
REMEDY = (
    "name a backbone of timm whose maps become smaller in steps, e.g. resnet10t, convnext_tiny or mobilenetv3_small_050"
)


class TimmEncoder(nn.Module):
    """A backbone of timm that returns five feature maps, at 1/2 to 1/32 of the input size.

    A backbone that begins at 1/4 gets a light stem, one convolution, for the map at 1/2. Of one that begins at 1/1 the
    first map is left out. One that takes pictures of a single size, as many with attention do, is made for `size`.

    Args:
        name: of the backbone in timm.
        size: height and width of the pictures.
        num_input_images: pictures that it sees at once.
        flag: that names it, for messages.

    Attributes:
        num_ch_enc: channels of the five maps.
        only_size: the size of the pictures, where it takes no others.

    Raises:
        UserError: timm is not installed, has no such backbone, or its maps have other sizes.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, size: tuple[int, int], num_input_images: int = 1, flag: str = "--encoder") -> None:
        super().__init__()
        self.name, self.num_input_images = name, num_input_images
        self.encoder, self.only_size = _backbone(name, size, num_input_images, flag)
        config = self.encoder.pretrained_cfg
        for statistic in COLOURS:
            values = torch.tensor(config[statistic]).repeat(num_input_images)
            self.register_buffer(statistic, values)  # kept with the weights: another timm may have other ones
        channels = list(self.encoder.feature_info.channels())[-len(REDUCTIONS) :]
        self.has_stem = len(channels) < len(REDUCTIONS)
        if self.has_stem:
            self.stem = nn.Sequential(
                nn.Conv2d(3 * num_input_images, STEM_CHANNELS, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(STEM_CHANNELS),
                nn.ReLU(inplace=True),
            )
            channels = [STEM_CHANNELS, *channels]
        self.num_ch_enc = np.array(channels)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the feature maps of images in [0, 1], (b, 3 * num_input_images, h, w)."""
        mean, std = (one.to(images.dtype).view(1, -1, 1, 1) for one in (self.mean, self.std))
        x = (images - mean) / std
        first = [self.stem(x)] if self.has_stem else []
        return [*first, *_maps(self.encoder, x)[-len(REDUCTIONS) :]]

    def without_first(self) -> None:
        """Compute no gradients for what only makes the features at half size: nothing reads these features."""
        if self.has_stem:
            self.stem.requires_grad_(False)

    @property
    def entries(self) -> dict[str, Any]:
        """What a checkpoint's file says beside the weights, so that their network is known."""
        import timm

        return {"backbone": self.name, "timm": timm.__version__, "images": self.num_input_images}

    def load_imagenet(self, file: Path | None = None) -> None:
        """Start from ImageNet weights: of a local file with timm's names, or downloaded by timm.

        Raises:
            UserError: the file is unusable, or the download fails; the message names the remedies.
        """
        if file and not file.expanduser().is_file():
            raise UserError(f"--pretrained_weights {file}: no such file")
        try:
            pretrained = self._of_file(file) if file else self._pretrained()
        except (OSError, RuntimeError, ValueError, LookupError, TypeError, ImportError) as error:
            raise UserError(self._unusable(file, error)) from error
        self.encoder.load_state_dict(pretrained)

    def _pretrained(self, state: dict[str, Any] | None = None) -> dict[str, Tensor]:
        backbone = _create(self.name, self.num_input_images, self.only_size, pretrained=True, state=state)
        return backbone.state_dict()

    def _of_file(self, file: Path) -> dict[str, Tensor]:
        """The weights of a file that has all of them: timm leaves what a file lacks as it was made, without a word.

        It renames and reshapes tensors. So what is lacking is found by a second loading, of other numbers: it is what
        does not change.
        """
        state = _read(file)
        if not state:
            raise ValueError("it holds no tensors")
        moved = {name: value + 1 if _is_floating(value) else value for name, value in state.items()}
        with torch.random.fork_rng(devices=[]), _quiet():
            made = []
            for content in (state, moved):
                torch.manual_seed(0)  # so that what is drawn is the same both times
                made.append(self._pretrained(dict(content)))
        lacking = [name for name, value in made[0].items() if _is_floating(value) and value.equal(made[1][name])]
        if lacking:
            raise ValueError(f"it lacks {len(lacking)} tensors, e.g. {lacking[0]}: pass a file with timm's own names")
        return made[0]

    def _unusable(self, file: Path | None, error: Exception) -> str:
        stated = f"--pretrained_weights {file}" if file else "--weights_init pretrained"
        if self.only_size and "size mismatch" in str(error) and "Missing key" not in str(error):
            _, height, width = self.encoder.pretrained_cfg["input_size"]
            ours = f"{self.only_size[1]}x{self.only_size[0]}"
            return (
                f"{stated}: ImageNet weights of {self.name} are for pictures of {width}x{height} and do not fit those "
                f"of {ours}; train at that size, or with --weights_init scratch, or name a backbone whose weights fit "
                "any size, e.g. swin_tiny_patch4_window7_224"
            )
        if file:
            return f"{stated}: not the weights of timm's {self.name} ({first_line(error)})"
        return (
            f"{stated}: ImageNet weights of {self.name} cannot be downloaded ({first_line(error)}). Use "
            "--weights_init scratch, or fetch the model's .safetensors or .bin file elsewhere and pass it as "
            "--pretrained_weights FILE"
        )


def _is_floating(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without timm's list of tensors that it leaves out: they are the classifier's, which nobody needs."""
    log = logging.getLogger("timm")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _read(file: Path) -> dict[str, Any]:
    if file.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(file.expanduser())
        except SafetensorError as error:
            raise ValueError(error) from error
    return plain_state(read_weights(file.expanduser(), "pass timm's weights with --pretrained_weights"))[0]


def _backbone(name: str, size: tuple[int, int], num_input_images: int, flag: str) -> tuple[Any, tuple[int, int] | None]:
    """Return a backbone, and the only size of its pictures if there is one."""
    require_packages("encoders", f"{flag} {name}", "timm")
    import timm

    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), 3)
        meant = f"did you mean {', '.join(near)}?" if near else REMEDY
        raise UserError(f"{flag} {name}: timm {timm.__version__} has no such network; {meant}")
    trouble = ""
    for only_size in (None, size):
        try:
            backbone = _create(name, num_input_images, only_size)
            trouble = _trouble(backbone, num_input_images, only_size or ANY_SIZE)
        except (RuntimeError, AssertionError, ValueError, TypeError, AttributeError, LookupError) as error:
            if not (only_size and isinstance(error, TypeError)):  # which says that it knows no img_size
                trouble = f"gives no feature maps ({first_line(error)})"
        else:
            if not trouble:
                return backbone.train(), only_size
    raise UserError(f"{flag} {name}: {trouble}; {REMEDY}")


def _trouble(backbone: Any, num_input_images: int, size: tuple[int, int]) -> str:
    """What is wrong with a backbone's maps of a picture; empty if nothing is."""
    with torch.no_grad():
        maps = _maps(backbone.eval(), torch.zeros(1, 3 * num_input_images, *size))
    reductions, shapes = list(backbone.feature_info.reduction()), [tuple(features.shape[2:]) for features in maps]
    fits = reductions in ([1, *REDUCTIONS], REDUCTIONS, REDUCTIONS[1:])
    if fits and shapes == [(size[0] // r, size[1] // r) for r in reductions]:
        return ""
    sizes = ", ".join("x".join(map(str, shape)) for shape in shapes)
    return (f"its feature maps of a picture of {size[0]}x{size[1]} are {sizes}, and 1/2 (or 1/4) to 1/32 of the "
            "picture's size are needed")  # fmt: skip


def _maps(backbone: Any, images: Tensor) -> list[Tensor]:
    """Its feature maps, (b, c, h, w): some backbones put their channels last."""
    channels_last = getattr(backbone, "output_fmt", "NCHW") == "NHWC"
    return [features.permute(0, 3, 1, 2) if channels_last else features for features in backbone(images)]


def _create(
    name: str,
    num_input_images: int,
    only_size: tuple[int, int] | None,
    pretrained: bool = False,
    state: dict[str, Any] | None = None,
) -> Any:
    import timm

    overlay: Any = {"state_dict": state} if state is not None else None
    sized: Any = {"img_size": only_size} if only_size else {}  # not every backbone knows this argument
    return timm.create_model(
        name,
        pretrained=pretrained,
        pretrained_cfg_overlay=overlay,
        features_only=True,
        in_chans=3 * num_input_images,
        **sized,
    )
