"""A checkpoint as a function from pictures to disparity.

Legend of shapes: b batch, h w pixels of the checkpoint's input.
"""

from pathlib import Path

import torch
from torch import Tensor

from monodepth2.checkpoint import DepthNetwork, load_depth_network


class DepthPredictor:
    """Predicts scaled disparity (1 / depth, in the network's unit) from pictures of the checkpoint's size.

    Args:
        network: a depth network on `device`, in evaluation mode.
        device: where to predict.
        min_depth: nearest depth the network was trained to express.
        max_depth: farthest depth the network was trained to express.
    """

    def __init__(
        self, network: DepthNetwork, device: torch.device, min_depth: float = 0.1, max_depth: float = 100.0
    ) -> None:
        self.network = network
        self.device = device
        self.min_depth, self.max_depth = min_depth, max_depth
        self.height, self.width, self.use_stereo = network.height, network.width, network.use_stereo

    @classmethod
    def from_checkpoint(
        cls, folder: Path, device: torch.device, min_depth: float = 0.1, max_depth: float = 100.0
    ) -> "DepthPredictor":
        """Load the depth network of a checkpoint folder.

        Raises:
            UserError: the folder or its files are missing or unusable.
        """
        return cls(load_depth_network(folder, device), device, min_depth, max_depth)

    @torch.inference_mode()
    def predict(self, images_b3hw: Tensor, post_process: bool = False) -> Tensor:
        """Predict the disparity of pictures.

        Args:
            images_b3hw: RGB, uint8 or floats in [0, 1].
            post_process: average with the prediction of the mirrored pictures.

        Returns:
            Scaled disparity, bhw, float32, on the CPU.

        Raises:
            ValueError: the pictures do not have the checkpoint's size.
        """
        if images_b3hw.shape[1:] != (3, self.height, self.width):
            expected = f"(b, 3, {self.height}, {self.width})"
            raise ValueError(f"pictures of shape {tuple(images_b3hw.shape)}: resize them to {expected}")
        images = images_b3hw.to(self.device, non_blocking=True)
        images = images.float() / 255 if images.dtype == torch.uint8 else images
        disp = self._disparity(images)
        if post_process:
            disp = flip_post_process(disp, self._disparity(images.flip(-1)).flip(-1))
        return disp.cpu()

    def _disparity(self, images_b3hw: Tensor) -> Tensor:
        return self.network(images_b3hw, self.min_depth, self.max_depth)[:, 0].float()


def flip_post_process(disp_bhw: Tensor, mirrored_bhw: Tensor) -> Tensor:
    """Blend two predictions so that each hides the other's border, where half of the view has no match.

    Source: Godard et al., "Unsupervised Monocular Depth Estimation with Left-Right Consistency", CVPR 2017.

    Args:
        disp_bhw: disparity of the pictures.
        mirrored_bhw: disparity of the mirrored pictures, mirrored back.

    Returns:
        The mean of both, but the second alone at the left border and the first alone at the right one, bhw.
    """
    x = torch.linspace(0, 1, disp_bhw.shape[-1], device=disp_bhw.device, dtype=disp_bhw.dtype)
    left = 1 - (20 * (x - 0.05)).clamp(0, 1)
    right = left.flip(0)
    return right * disp_bhw + left * mirrored_bhw + (1 - left - right) * (disp_bhw + mirrored_bhw) / 2
