"""A checkpoint, or an ONNX file made of one, as a function from pictures to depth.

Legend of shapes: b batch, h w pixels.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from monodepth2.checkpoints.depth_network import load_depth_network
from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.checkpoints.hub import pulled_model
from monodepth2.checkpoints.named import resolve_reference
from monodepth2.config.hub_names import is_hub_name
from monodepth2.errors import UserError
from monodepth2.files.pictures import PictureError, resize
from monodepth2.method.depth_maps import at_picture_size
from monodepth2.prediction.rgb import Picture, as_rgb
from monodepth2.runtime.devices import pick_device
from monodepth2.runtime.precision import autocast, check_precision, order_channels
from monodepth2.runtime.threads import map_ahead


class DepthFunction(Protocol):
    """What predicts: the network of a checkpoint, or an ONNX file.

    Attributes:
        height: of the pictures that it takes.
        width: of the pictures that it takes.
        min_depth: nearest depth that it expresses, in its own unit.
        max_depth: farthest.
        facts: what is known of its training.
    """

    height: int
    width: int
    min_depth: float
    max_depth: float
    facts: TrainingFacts

    def __call__(self, image_b3hw: Tensor, /) -> Tensor:
        """Return the scaled disparity (1 / depth) of images in [0, 1], b1hw."""


@dataclass(frozen=True, eq=False)
class DepthPrediction:
    """What a network says of one picture.

    Attributes:
        picture: what it was shown: 8-bit RGB, upright.
        network_disp: scaled disparity (1 / depth) at the network's size, float32, (h', w').
        facts: what is known of the network's training.
        depths: nearest and farthest depth that the disparity expresses; None: as the network was trained.
    """

    picture: Image.Image
    network_disp: np.ndarray
    _: KW_ONLY
    facts: TrainingFacts = TrainingFacts()
    depths: tuple[float, float] | None = None

    @cached_property
    def disp(self) -> np.ndarray:
        """Scaled disparity (1 / depth) at the picture's size, float32, (h, w); NaN where `--fit crop` cut it off."""
        return at_picture_size(self.network_disp, self.picture.height, self.picture.width, self.facts.fit)

    @cached_property
    def depth(self) -> np.ndarray:
        """Depth in the network's unit, float32, (h, w)."""
        return 1 / self.disp

    @property
    def metric_depth(self) -> np.ndarray:
        """Depth in metres, float32, (h, w).

        Raises:
            ValueError: the scale of the depths is arbitrary, as the network was trained on single pictures alone, with
                a rig of unknown baseline, or with another range of depths.
        """
        known = self.facts.known_scale(self.depths)
        if known is not None:
            return np.float32(known) * self.depth
        if self.facts.known_scale() is not None:
            why = f"its metres are those of depths from {self.facts.min_depth:g} to {self.facts.max_depth:g} units"
        else:
            why = (
                "the baseline of its rig is unknown" if self.facts.use_stereo else "it was trained without stereo pairs"
            )
        raise ValueError(f"this network knows no metres, as {why}: scale its depth yourself")


class _Prepared(NamedTuple):
    """A picture, RGB, and the same at the network's size, uint8, (3, h', w')."""

    picture: Image.Image
    small_3hw: Tensor


class DepthPredictor:
    """Predicts depth from pictures.

    Args:
        network: on `device`, in evaluation mode.
        device: where to predict.
        precision: numbers in which the network computes: fp32, bf16 or fp16.
    """

    def __init__(self, network: DepthFunction, device: torch.device, precision: str = "fp32") -> None:
        self.network = network
        self.device = device
        self.precision = precision
        self.height, self.width = network.height, network.width

    @classmethod
    def from_checkpoint(
        cls,
        path: Path | str,
        device: torch.device | str = "auto",
        min_depth: float | None = None,
        max_depth: float | None = None,
        precision: str = "fp32",
        height: int | None = None,
        width: int | None = None,
    ) -> "DepthPredictor":
        """Load the depth network of a checkpoint folder or of an `.onnx` file that `export_depth.py` wrote.

        Args:
            path: the folder with `encoder.pth` and `depth.pth`, or the file.
            device: where to predict.
            min_depth: nearest depth that the network expresses (default: as it was trained).
            max_depth: farthest.
            precision: numbers in which the network computes: fp32, bf16 or fp16; a file has its own.
            height: of the network's pictures, for checkpoints that do not state it.
            width: likewise.

        Raises:
            UserError: the folder or file is missing or unusable, its size is not the one given, or the device has not
                the numbers asked for.
        """
        path = Path(path)
        device = pick_device(device) if isinstance(device, str) else device
        if path.suffix == ".onnx":
            from monodepth2.onnx.network import OnnxDepthNetwork  # onnxruntime is an optional dependency

            if precision != "fp32":
                raise UserError(f"--precision {precision}: {path} has numbers of its own; drop --precision")
            file = OnnxDepthNetwork(path, device, min_depth, max_depth)
            _check_size(file, path, height, width)
            return cls(file, device)
        check_precision(precision, device)
        network = load_depth_network(path, device, min_depth, max_depth, height, width)
        _check_size(network, path, height, width)
        order_channels(network, "auto", precision, device)
        return cls(network, device, precision)

    @classmethod
    def from_pretrained(cls, name: Path | str, device: torch.device | str = "auto", **how: Any) -> "DepthPredictor":
        """Load the depth network of a model that somebody has shared, or of a folder.

        Args:
            name: USER/MODEL or USER/MODEL@REVISION on the Hugging Face hub (see `pulled_model`), or the name of a
                published model of 2019; a folder or an `.onnx` file wins over a name.
            device: where to predict.
            how: what else `from_checkpoint` takes.

        Raises:
            UserError: there is no such model, it cannot be had, the `hub` extra is missing, or as `from_checkpoint`.
        """
        shared = is_hub_name(str(name)) and not Path(name).exists()
        path = pulled_model(str(name)) if shared else resolve_reference(str(name))
        return cls.from_checkpoint(path, device, **how)

    def predict(self, image: Picture, post_process: bool = False) -> DepthPrediction:
        """Predict the depth of one picture.

        Args:
            image: a picture file, an image of any kind, or an array: uint8, RGB (h, w, 3) or grey (h, w). It is turned
                upright as its EXIF data say.
            post_process: average with the prediction of the mirrored picture.

        Raises:
            PictureError: the file is missing, or is not a whole picture.
            ValueError: the image or array is of a kind that does not say what its values mean.
        """
        return self._predict([self._prepared(image)], post_process)[0]

    def predict_all(
        self, images: Iterable[Picture], batch_size: int = 8, post_process: bool = False
    ) -> Iterator[DepthPrediction]:
        """Predict the depth of many pictures, as `predict` does, one after the other.

        Pictures are taken, decoded and predicted as the results are asked for: a batch on the network while threads
        decode the next two, however many there are in all.

        Args:
            images: may be of different sizes.
            batch_size: pictures per pass of the network.
            post_process: average with the predictions of the mirrored pictures.

        Raises:
            PictureError: a file is missing or is not a whole picture; raised after the predictions before it.
            ValueError: an image or array is of a kind that does not say what its values mean.
        """
        for result in self.try_all(images, batch_size, post_process):
            if isinstance(result, PictureError):
                raise result
            yield result

    def try_all(
        self, images: Iterable[Picture], batch_size: int = 8, post_process: bool = False
    ) -> Iterator[DepthPrediction | PictureError]:
        """Predict as `predict_all`, but with an unreadable file's error in the place of its prediction."""
        prepared = map_ahead(self._try_prepared, images, 2 * batch_size)
        while batch := list(islice(prepared, batch_size)):
            readable = [item for item in batch if not isinstance(item, PictureError)]
            predictions = iter(self._predict(readable, post_process))
            yield from (item if isinstance(item, PictureError) else next(predictions) for item in batch)

    def _try_prepared(self, image: Picture) -> _Prepared | PictureError:
        try:
            return self._prepared(image)
        except PictureError as error:
            return error

    def _prepared(self, image: Picture) -> _Prepared:
        picture = as_rgb(image)
        small = np.array(resize(picture, self.width, self.height, self.network.facts.fit))
        return _Prepared(picture, torch.from_numpy(small).permute(2, 0, 1))

    def _predict(self, batch: Sequence[_Prepared], post_process: bool) -> list[DepthPrediction]:
        if not batch:
            return []
        disps = self.disparities(torch.stack([item.small_3hw for item in batch]), post_process)
        if not disps.isfinite().all():
            raise UserError("the network's predictions are not finite: use other weights")
        depths = (self.network.min_depth, self.network.max_depth)
        return [
            DepthPrediction(item.picture, disp, facts=self.network.facts, depths=depths)
            for item, disp in zip(batch, disps.numpy(), strict=True)
        ]

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
        with autocast(self.precision, self.device):
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


def _check_size(network: DepthFunction, path: Path, height: int | None, width: int | None) -> None:
    """Refuse another size than the network has."""
    for name, asked, own in (("height", height, network.height), ("width", width, network.width)):
        if asked is not None and asked != own:
            raise UserError(
                f"--{name} {asked}: {path} takes pictures of {network.width} x {network.height} (width x height); "
                f"drop --{name}"
            )
