"""Pure functions of projective geometry.

Legend of shapes: b batch, n points, h w pixels. Transforms are named so that frames cancel: `a_T_c = a_T_b @ b_T_c`.
Pixels are integer coordinates (u to the right, v down), cameras look along z with x to the right and y down.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def disp_of_depth(depth: float, min_depth: float, max_depth: float) -> float:
    """Return the network's output, 0 to 1, that `disp_to_depth` turns into this depth."""
    return (1 / depth - 1 / max_depth) / (1 / min_depth - 1 / max_depth)


def disp_to_depth(disp: Tensor, min_depth: float, max_depth: float) -> tuple[Tensor, Tensor]:
    """Turn the network's sigmoid output into disparity and depth (section 3.3 of the paper).

    Args:
        disp: sigmoid output in [0, 1], any shape.
        min_depth: depth at output 1.
        max_depth: depth at output 0.

    Returns:
        The scaled disparity 1/max + (1/min - 1/max) * disp, and its inverse, the depth.
    """
    min_disp, max_disp = 1 / max_depth, 1 / min_depth
    scaled = min_disp + (max_disp - min_disp) * disp
    return scaled, 1 / scaled


def rotation_from_axisangle(axisangle_b3: Tensor) -> Tensor:
    """Return the rotation matrices of axis-angle vectors in radians, b33, by Rodrigues' formula.

    The axis is v / (|v| + 1e-7), so a zero vector gives the identity.
    """
    angle = torch.linalg.vector_norm(axisangle_b3, dim=1, keepdim=True)
    x, y, z = (axisangle_b3 / (angle + 1e-7)).unbind(1)
    o = torch.zeros_like(x)
    cross = torch.stack([o, -z, y, z, o, -x, -y, x, o], 1).view(-1, 3, 3)
    axis = torch.stack([x, y, z], 1)
    outer = axis[:, :, None] * axis[:, None, :]
    cos, sin = angle.cos()[:, :, None], angle.sin()[:, :, None]
    identity = torch.eye(3, dtype=axisangle_b3.dtype, device=axisangle_b3.device)
    return cos * identity + sin * cross + (1 - cos) * outer


def transform_from_parameters(axisangle_b3: Tensor, translation_b3: Tensor, invert: bool = False) -> Tensor:
    """Return the rigid transform "rotate, then translate", b44, or its inverse.

    Args:
        axisangle_b3: rotation in radians.
        translation_b3: translation in the unit of depth.
        invert: return the inverse transform.
    """
    rotation = rotation_from_axisangle(axisangle_b3)
    translation = translation_b3[:, :, None]
    if invert:
        rotation = rotation.transpose(1, 2)
        translation = -rotation @ translation
    bottom = translation.new_zeros(len(translation), 1, 4)
    bottom[..., 3] = 1
    return torch.cat([torch.cat([rotation, translation], 2), bottom], 1)


def inverse_intrinsics(K_b44: Tensor) -> Tensor:
    """Return the inverse of pinhole intrinsics in closed form, b44."""
    inverse = torch.zeros_like(K_b44)
    fx, fy, cx, cy = K_b44[:, 0, 0], K_b44[:, 1, 1], K_b44[:, 0, 2], K_b44[:, 1, 2]
    inverse[:, 0, 0], inverse[:, 1, 1] = 1 / fx, 1 / fy
    inverse[:, 0, 2], inverse[:, 1, 2] = -cx / fx, -cy / fy
    inverse[:, 2, 2] = inverse[:, 3, 3] = 1
    return inverse


def pixel_grid(height: int, width: int, device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the homogeneous integer coordinates (u, v, 1) of all pixels in row order, shape (3, h * w)."""
    v, u = torch.meshgrid(
        torch.arange(height, device=device, dtype=dtype), torch.arange(width, device=device, dtype=dtype), indexing="ij"
    )
    return torch.stack([u.reshape(-1), v.reshape(-1), torch.ones_like(u).reshape(-1)])


def backproject(depth_b1hw: Tensor, inv_K_b44: Tensor) -> Tensor:
    """Lift every pixel to its point in the camera's frame.

    Args:
        depth_b1hw: depth along z.
        inv_K_b44: inverse intrinsics in pixels of that size.

    Returns:
        Points, b3n with n = h * w, in the unit of depth.
    """
    b, _, h, w = depth_b1hw.shape
    rays = _product(inv_K_b44[:, :3, :3], pixel_grid(h, w, depth_b1hw.device, depth_b1hw.dtype)[None])
    return rays * depth_b1hw.reshape(b, 1, h * w)


def project(points_b3n: Tensor, K_b44: Tensor, source_T_target_b44: Tensor) -> Tensor:
    """Project points of the target camera into the source image.

    Returns:
        Pixel coordinates (u, v), b2n; the division is by z + 1e-7.
    """
    P = K_b44[:, :3] @ source_T_target_b44
    camera = _product(P[:, :, :3], points_b3n) + P[:, :, 3:]
    return camera[:, :2] / (camera[:, 2:] + 1e-7)


def mean_displacement(depth_b1hw: Tensor, K_b44: Tensor, transforms: Sequence[Tensor]) -> Tensor:
    """Return how far from its own place a pixel is sampled in the sources, the mean in pixels, a scalar.

    A distance above the picture's width counts as that width.

    Args:
        depth_b1hw: depth of the target.
        K_b44: intrinsics in pixels of that size.
        transforms: `source_T_target` of the sources, b44.
    """
    h, w = depth_b1hw.shape[-2:]
    places = pixel_grid(h, w, depth_b1hw.device)[:2]
    points = backproject(depth_b1hw, inverse_intrinsics(K_b44))
    shifts = [torch.linalg.vector_norm(project(points, K_b44, moved) - places, dim=1) for moved in transforms]
    return torch.stack(shifts).clamp(max=w).mean()


def _product(matrix_b33: Tensor, points_b3n: Tensor) -> Tensor:
    """Return matrix @ points, b3n.

    On a GPU it is a sum of three products: for matrices this flat the GPU's library takes ten times as long, above all
    for the gradient of the left one.
    """
    if points_b3n.is_cpu:
        return matrix_b33 @ points_b3n
    total = matrix_b33[:, :, :1] * points_b3n[:, :1]
    for n in (1, 2):
        total = torch.addcmul(total, matrix_b33[:, :, n : n + 1], points_b3n[:, n : n + 1])
    return total


def sampling_grid(pixels_b2n: Tensor, height: int, width: int) -> Tensor:
    """Normalise pixel coordinates for `grid_sample(align_corners=True)`: -1 and 1 are the centres of border pixels.

    Returns:
        Shape (b, n, 2).
    """
    u, v = pixels_b2n.unbind(1)
    return torch.stack([u / (width - 1), v / (height - 1)], 2) * 2 - 1
