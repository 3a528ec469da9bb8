"""The networks: ResNet and timm encoders, depth decoders, pose decoder, PoseCNN, learnt focal lengths."""

from collections.abc import Sequence

import numpy as np

from monodepth2.method.networks.depth_decoder import CHANNELS, SMALL_CHANNELS, DepthDecoder
from monodepth2.method.networks.hr_decoder import HrDecoder
from monodepth2.method.networks.learnt_focals import LearntFocals, refocused, with_picture_kept
from monodepth2.method.networks.pose_cnn import PoseCNN
from monodepth2.method.networks.pose_decoder import PoseDecoder
from monodepth2.method.networks.resnet_encoder import ResnetEncoder, imagenet_weights
from monodepth2.method.networks.timm_encoder import TimmEncoder

Encoder = ResnetEncoder | TimmEncoder
Decoder = DepthDecoder | HrDecoder

HR = "hr"  # the kind of HrDecoder
DECODERS = {"2019": CHANNELS, "small": SMALL_CHANNELS}  # channels of the stages of DepthDecoder


def make_encoder(
    backbone: str | None, num_layers: int, size: tuple[int, int], num_input_images: int = 1, flag: str = "--encoder"
) -> Encoder:
    """Return a backbone of timm for pictures of a size, or where none is named 2019's ResNet of so many layers.

    Raises:
        UserError: timm has no such backbone; the message begins with `flag`.
    """
    if backbone:
        return TimmEncoder(backbone, size, num_input_images, flag)
    return ResnetEncoder(num_layers, num_input_images)


def make_decoder(kind: str, num_ch_enc: np.ndarray, scales: Sequence[int], out_channels: int = 1) -> Decoder:
    """Return the decoder that `--decoder` names."""
    if kind == HR:
        return HrDecoder(num_ch_enc, scales, out_channels)
    return DepthDecoder(num_ch_enc, scales, out_channels, DECODERS[kind])


__all__ = [
    "DECODERS",
    "HR",
    "Decoder",
    "DepthDecoder",
    "Encoder",
    "HrDecoder",
    "LearntFocals",
    "PoseCNN",
    "PoseDecoder",
    "ResnetEncoder",
    "TimmEncoder",
    "imagenet_weights",
    "make_decoder",
    "make_encoder",
    "refocused",
    "with_picture_kept",
]
