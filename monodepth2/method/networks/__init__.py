"""The networks: ResNet encoder, depth decoder, pose decoder, PoseCNN, learnt focal lengths."""

from monodepth2.method.networks.depth_decoder import CHANNELS, SMALL_CHANNELS, DepthDecoder
from monodepth2.method.networks.learnt_focals import LearntFocals, refocused
from monodepth2.method.networks.pose_cnn import PoseCNN
from monodepth2.method.networks.pose_decoder import PoseDecoder
from monodepth2.method.networks.resnet_encoder import ResnetEncoder, imagenet_weights
from monodepth2.method.networks.timm_encoder import TimmEncoder

Encoder = ResnetEncoder | TimmEncoder


DECODERS = {"2019": CHANNELS, "small": SMALL_CHANNELS}  # channels of their stages


def make_encoder(backbone: str | None, num_layers: int, num_input_images: int = 1) -> Encoder:
    """Return a backbone of timm, or where none is named 2019's ResNet of so many layers.

    Raises:
        UserError: timm has no such backbone.
    """
    return TimmEncoder(backbone, num_input_images) if backbone else ResnetEncoder(num_layers, num_input_images)


__all__ = [
    "DECODERS",
    "DepthDecoder",
    "Encoder",
    "LearntFocals",
    "PoseCNN",
    "PoseDecoder",
    "ResnetEncoder",
    "TimmEncoder",
    "imagenet_weights",
    "make_encoder",
    "refocused",
]
