"""The ResNet encoder of depth and pose networks."""

from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
from torch import Tensor, nn

from monodepth2.errors import UserError, first_line
from monodepth2.files.weight_files import misfits, plain_state, read_weights
from monodepth2.method.cpu_kernels import BatchNorm
from monodepth2.method.networks.checkpointing import recomputed


class ResnetEncoder(nn.Module):
    """A torchvision ResNet that returns five feature maps, at 1/2 to 1/32 of the input size.

    The unused classifier stays: checkpoints and the optimizer's order of parameters contain it.

    Attributes:
        num_ch_enc: channels of the five maps.
        checkpointing: compute the layers again in the backward pass instead of keeping their activations.
    """

    checkpointing = False

    def __init__(self, num_layers: int, num_input_images: int = 1) -> None:
        super().__init__()
        self.encoder = _network(num_layers, norm_layer=BatchNorm)
        self.encoder.fc.requires_grad_(False)
        if num_input_images > 1:
            self.encoder.conv1 = nn.Conv2d(3 * num_input_images, 64, 7, stride=2, padding=3, bias=False)
            nn.init.kaiming_normal_(self.encoder.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.num_input_images = num_input_images
        self.num_ch_enc = np.array([64, 64, 128, 256, 512]) * np.array([1, *[4 if num_layers >= 50 else 1] * 4])

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the feature maps of images in [0, 1], (b, 3 * num_input_images, h, w)."""
        net = self.encoder
        features = [recomputed(net.bn1, self._stem, images) if self.checkpointing else self._stem(images)]
        x = net.maxpool(features[0])
        for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = recomputed(layer, layer, x) if self.checkpointing else layer(x)
            features.append(x)
        return features

    def _stem(self, images: Tensor) -> Tensor:
        net = self.encoder
        return net.relu(net.bn1(net.conv1((images - 0.45) / 0.225)))

    def load_imagenet(self, weights: dict[str, Tensor]) -> None:
        """Take over ImageNet weights; conv1's are repeated per input image and divided by their number."""
        n = self.num_input_images
        self.encoder.load_state_dict({**weights, "conv1.weight": weights["conv1.weight"].repeat(1, n, 1, 1) / n})


def imagenet_weights(num_layers: int, file: Path | None = None) -> dict[str, Tensor]:
    """Return torchvision's IMAGENET1K_V1 state dict of a ResNet, from a local file or by download.

    Raises:
        UserError: the file is unusable, or the download fails; the message names the remedies.
    """
    if file is None:
        return _download(num_layers)
    expected = _network(num_layers).state_dict()
    weights, _ = plain_state(read_weights(file.expanduser(), "pass torchvision's weights with --pretrained_weights"))
    if wrong := misfits(weights, expected):
        raise UserError(
            f"--pretrained_weights {file}: not the weights of a torchvision resnet{num_layers} "
            f"({len(wrong)} tensors missing or of another shape, e.g. {wrong[0]})"
        )
    return {key: weights.get(key, value) for key, value in expected.items()}


def _download(num_layers: int) -> dict[str, Tensor]:
    from torchvision import models

    entry = models.get_model_weights(f"resnet{num_layers}")["IMAGENET1K_V1"]
    try:
        return dict(entry.get_state_dict(progress=True, check_hash=True))
    except (URLError, OSError, RuntimeError) as error:
        raise UserError(
            f"--weights_init pretrained: ImageNet weights cannot be downloaded ({first_line(error)}). Use "
            f"--weights_init scratch, or fetch {entry.url} elsewhere and pass it as --pretrained_weights FILE"
        ) from error


def _network(num_layers: int, **how: Any) -> Any:
    from torchvision import models  # imported here: it takes a second, and a network of timm does not need it

    return models.get_model(f"resnet{num_layers}", weights=None, **how)
