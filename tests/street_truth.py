"""The rendered street as a perfect network would state it: exact depth and motion."""

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from monodepth2.config import FrameId, Options
from monodepth2.datasets.cameras import KITTI_INTRINSICS
from monodepth2.method.stages import Batch, Predictions, RelativePose, Views
from monodepth2.method.view_synthesis import ViewSynthesis
from monodepth2.synthetic import camera, make_street, render

WIDTH, HEIGHT, TARGET = 192, 64, 20
OPTIONS = Options(width=WIDTH, height=HEIGHT, scales=(0,))
Depths = dict[FrameId, Tensor]
Motions = dict[FrameId, np.ndarray]


def street_batch() -> tuple[Batch, Depths, Motions]:
    """A frame of a street between its neighbours; the depth of all three in metres, b1hw, and `source_T_target`."""
    street, color, depths = make_street(3, 40), {}, {}
    for frame in (0, -1, 1):
        image, depth = render(street, TARGET + frame, camera(WIDTH, HEIGHT))
        color[frame] = {0: torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255}
        depths[frame] = torch.from_numpy(np.minimum(depth, OPTIONS.max_depth)).float()[None, None]
    motions = {i: np.linalg.inv(street.pose(TARGET + i)) @ street.pose(TARGET) for i in (-1, 1)}
    K = {0: torch.from_numpy(KITTI_INTRINSICS.matrix(WIDTH, HEIGHT))[None]}
    pictures = {frame: levels[0] for frame, levels in color.items()}
    return Batch(color, pictures, K, None, torch.zeros(1).long(), torch.zeros(1)), depths, motions


def views_of(batch: Batch, depth_b1hw: Tensor, motions: Motions) -> Views:
    """The sources warped through a depth and motions, as predictions that state them lead to."""
    near, far = 1 / OPTIONS.min_depth, 1 / OPTIONS.max_depth
    poses = {source: _pose(motion) for source, motion in motions.items()}
    return ViewSynthesis.from_options(OPTIONS)(batch, Predictions({0: (1 / depth_b1hw - far) / (near - far)}, poses))


def _pose(source_T_target: np.ndarray) -> RelativePose:
    axisangle = Rotation.from_matrix(source_T_target[:3, :3]).as_rotvec()
    parts = (torch.from_numpy(part).float()[None] for part in (axisangle, source_T_target[:3, 3]))
    return RelativePose(*parts, invert=False)
