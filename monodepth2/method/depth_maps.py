"""What becomes of a network's maps after it: metres, and other sizes.

Legend of shapes: b batch, h w pixels.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from monodepth2.errors import UserError

STEREO_SCALE_FACTOR = 5.4  # the rig's baseline is 0.54 m, and 0.1 to the network


def depth_factor(use_stereo: bool, metric: bool, scale: float) -> float:
    """Return the factor from predicted depth to what `--pred_metric_depth` and `--pred_depth_scale_factor` ask for.

    Args:
        use_stereo: the network was trained with stereo pairs.
        metric: metres are asked for.
        scale: a further factor.

    Raises:
        UserError: metres are asked of a network that knows none.
    """
    if metric and not use_stereo:
        raise UserError(
            "--pred_metric_depth: this network was trained without stereo pairs, so that its depths have no known "
            "scale; give --pred_depth_scale_factor instead"
        )
    return scale * (STEREO_SCALE_FACTOR if metric else 1)


def resize_bilinear(disp: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize a map (h', w') to (height, width): half-pixel centres, no antialiasing; float32."""
    # float32 weights would move pixels by 1e-6, and figures with them
    return resized(torch.from_numpy(disp.astype(np.float64))[None, None], (height, width))[0, 0].float().numpy()


def resized(maps_b1hw: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize maps to (h, w): half-pixel centres, no antialiasing."""
    return F.interpolate(maps_b1hw, size, mode="bilinear", align_corners=False)
