"""The networks: ResNet encoder, depth decoder, pose decoder, PoseCNN."""

from monodepth2.method.networks.depth_decoder import DepthDecoder
from monodepth2.method.networks.pose_cnn import PoseCNN
from monodepth2.method.networks.pose_decoder import PoseDecoder
from monodepth2.method.networks.resnet_encoder import ResnetEncoder, imagenet_weights

__all__ = ["DepthDecoder", "PoseCNN", "PoseDecoder", "ResnetEncoder", "imagenet_weights"]
