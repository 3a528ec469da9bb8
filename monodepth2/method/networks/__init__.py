"""The networks: ResNet encoder, depth decoder, pose decoder, PoseCNN, learnt focal lengths."""

from monodepth2.method.networks.depth_decoder import DepthDecoder
from monodepth2.method.networks.learnt_focals import LearntFocals, refocused
from monodepth2.method.networks.pose_cnn import PoseCNN
from monodepth2.method.networks.pose_decoder import PoseDecoder
from monodepth2.method.networks.resnet_encoder import ResnetEncoder, imagenet_weights

__all__ = ["DepthDecoder", "LearntFocals", "PoseCNN", "PoseDecoder", "ResnetEncoder", "imagenet_weights", "refocused"]
