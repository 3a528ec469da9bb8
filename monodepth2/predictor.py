"""A checkpoint, or an ONNX file made of one, as a function from pictures to depth.

Legend of shapes: b batch, h w pixels.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from monodepth2.checkpoint import load_depth_network
from monodepth2.datasets.pictures import resize
from monodepth2.devices import pick_device
from monodepth2.metrics import STEREO_SCALE_FACTOR, resize_bilinear


class DepthFunction(Protocol):
    """What predicts: the network of a checkpoint, or an ONNX file.

    Attributes:
        height: of the pictures that it takes.
        width: of the pictures that it takes.
        use_stereo: whether it was trained with stereo pairs, so that its depths have a known scale.
        min_depth: nearest depth that it expresses, in its own unit.
        max_depth: farthest.
    """

    height: int
    width: int
    use_stereo: bool
    min_depth: float
    max_depth: float

    def __call__(self, image_b3hw: Tensor, /) -> Tensor:
        """Return the scaled disparity (1 / depth) of images in [0, 1], b1hw."""


@dataclass(frozen=True)
class DepthPrediction:
    """What a network says of one picture.

    Attributes:
        disp: scaled disparity (1 / depth) at the picture's size, float32, (h, w).
        use_stereo: the network was trained with stereo pairs, so that its depths have a known scale.
    """

    disp: np.ndarray
    use_stereo: bool

    @property
    def depth(self) -> np.ndarray:
        """Depth in the network's unit, float32, (h, w)."""
        return 1 / self.disp

    @property
    def metric_depth(self) -> np.ndarray:
        """Depth in metres, float32, (h, w).

        Raises:
            ValueError: the network was trained on single pictures: the scale of its depths is arbitrary.
        """
        if not self.use_stereo:
            raise ValueError("a network trained without stereo pairs knows no metres: scale its depth yourself")
        return STEREO_SCALE_FACTOR * self.depth


class DepthPredictor:
    """Predicts depth from pictures.

    Args:
        network: on `device`, in evaluation mode.
        device: where to predict.
    """

    def __init__(self, network: DepthFunction, device: torch.device) -> None:
        self.network = network
        self.device = device
        self.height, self.width, self.use_stereo = network.height, network.width, network.use_stereo

    @classmethod
    def from_checkpoint(
        cls,
        path: Path | str,
        device: torch.device | str = "auto",
        min_depth: float | None = None,
        max_depth: float | None = None,
    ) -> "DepthPredictor":
        """Load the depth network of a checkpoint folder or of an `.onnx` file that `export_depth.py` wrote.

        Args:
            path: the folder with `encoder.pth` and `depth.pth`, or the file.
            device: where to predict.
            min_depth: nearest depth that the network expresses (default: as it was trained).
            max_depth: farthest.

        Raises:
            UserError: the folder or file is missing or unusable.
        """
        path = Path(path)
        device = pick_device(device) if isinstance(device, str) else device
        if path.suffix == ".onnx":
            from monodepth2.onnx_network import OnnxDepthNetwork  # onnxruntime is an optional dependency

            return cls(OnnxDepthNetwork(path, device, min_depth, max_depth), device)
        return cls(load_depth_network(path, device, min_depth, max_depth), device)

    def predict(self, image: Image.Image | np.ndarray, post_process: bool = False) -> DepthPrediction:
        """Predict the depth of one picture.

        Args:
            image: a picture, or an array of RGB values, uint8, (h, w, 3).
            post_process: average with the prediction of the mirrored picture.
        """
        picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
        disps = self.disparities(self.prepared(picture)[None], post_process)
        return self.at_size(disps[0], picture.width, picture.height)

    def prepared(self, picture: Image.Image) -> Tensor:
        """Bring a picture to the network's size: RGB, uint8, (3, height, width)."""
        small = resize(picture.convert("RGB"), self.width, self.height)
        return torch.from_numpy(np.asarray(small).transpose(2, 0, 1).copy())

    def at_size(self, disp_hw: Tensor, width: int, height: int) -> DepthPrediction:
        """Bring one disparity from the network's size to a picture's."""
        return DepthPrediction(resize_bilinear(disp_hw.numpy(), height, width), self.use_stereo)

    @torch.inference_mode()
    def disparities(self, images_b3hw: Tensor, post_process: bool = False) -> Tensor:
        """Predict the disparity of pictures of the network's size.

        Args:
            images_b3hw: RGB, uint8 or floats in [0, 1].
            post_process: average with the prediction of the mirrored pictures.

        Returns:
            Scaled disparity, bhw, float32, on the CPU.

        Raises:
            ValueError: the pictures do not have the network's size.
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

        return self.network(images_b3hw)[:, 0].float()


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
