"""What becomes of a network's maps after it: metres, and other sizes.

Legend of shapes: b batch, h w pixels.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from monodepth2.errors import UserError
from monodepth2.files.fit import STRETCH, Fit, Size

NETWORK_BASELINE = 0.1  # of every stereo rig, in the network's unit of depth


def stereo_factor(baseline: float) -> float:
    """Return the factor from the depth of a stereo-trained network to metres, of a rig with this baseline in metres."""
    return baseline / NETWORK_BASELINE


STEREO_SCALE_FACTOR = stereo_factor(0.54)  # of KITTI's rig: 5.4


def network_unit(use_stereo: bool, baseline: float | None) -> float:
    """Return how long a metre is in the unit of a network that is given lengths in metres in training.

    Args:
        use_stereo: it learns from stereo pairs, too, whose baseline is `NETWORK_BASELINE` of its units.
        baseline: metres between the two cameras of the rig; None where that is unknown.

    Raises:
        UserError: there is a rig of unknown baseline.
    """
    if not use_stereo:
        return 1.0
    if baseline is None:
        raise UserError(
            "--use_stereo: the baseline of the rig is unknown, so that lengths in metres have no meaning beside it; "
            "give --baseline METRES"
        )
    return NETWORK_BASELINE / baseline


def resize_bilinear(disp: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize a map (h', w') to (height, width): half-pixel centres, no antialiasing; float32."""
    # float32 weights would shift pixels by 1e-6, which changes the figures
    return resized(torch.from_numpy(disp.astype(np.float64))[None, None], (height, width))[0, 0].float().numpy()


def at_picture_size(
    disp: np.ndarray, height: int, width: int, fit: Fit = STRETCH, picture: Size | None = None
) -> np.ndarray:
    """Bring a network's map (h', w') to a map of its whole picture, float32, (height, width).

    What the network has not seen, because the fit cut it off, is not a number.

    Args:
        disp: of the network.
        height: of the result.
        width: of the result.
        fit: how the picture came to the network's size.
        picture: (width, height) of the picture, where the result has another shape.
    """
    shown = picture or (width, height)
    box = fit.box(shown, (disp.shape[1], disp.shape[0]))
    if box is None:
        return resize_bilinear(disp, height, width)
    left, right = (edge * (width / shown[0]) for edge in box[::2])
    top, bottom = (edge * (height / shown[1]) for edge in box[1::2])
    across = 2 * (np.arange(width) + 0.5 - left) / (right - left) - 1  # -1 and 1 are the borders of what was seen
    down = 2 * (np.arange(height) + 0.5 - top) / (bottom - top) - 1
    grid = torch.from_numpy(np.stack(np.meshgrid(across, down), -1))[None]
    maps = torch.from_numpy(disp.astype(np.float64))[None, None]
    found = F.grid_sample(maps, grid, padding_mode="border", align_corners=False)[0, 0].float().numpy()
    found[:, np.abs(across) > 1] = np.nan
    found[np.abs(down) > 1] = np.nan
    return found


def resized(maps_b1hw: Tensor, size: Sequence[int]) -> Tensor:
    """Resize maps to (h, w): half-pixel centres, no antialiasing."""
    if maps_b1hw.shape[-2:] == tuple(size):  # resizing would spread what is not a number
        return maps_b1hw
    return F.interpolate(maps_b1hw, tuple(size), mode="bilinear", align_corners=False)
