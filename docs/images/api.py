"""Makes `api_*.jpg`, the pictures of docs/api.md: `python docs/images/api.py`.

What the functions do is shown on a frame of the rendered street, with its true depth and motion.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))
sys.path.insert(0, str(HERE.parents[1] / "tests"))

import street_truth
from monodepth2.method.geometry import backproject, inverse_intrinsics
from monodepth2.method.losses.photometric import Target
from monodepth2.method.losses.reprojection import automasked_minimum, min_reprojection
from monodepth2.pages.colours import coloured, coloured_disparity
from monodepth2.report.evidence import errors_of

SIZE = (384, 128)
LARGEST_ERROR = 0.5  # that colours tell apart
FARTHEST, WIDEST = 40, 15  # metres that the view from above shows


def main() -> None:
    """Render, warp, compare, paste."""
    street_truth.WIDTH, street_truth.HEIGHT = SIZE
    batch, depths, motions = street_truth.street_batch()
    views = street_truth.views_of(batch, depths[0], motions)
    target, before, after = (batch.color[frame][0] for frame in (0, -1, 1))
    warped_bs3hw = views.warped[0]
    of_target = Target.of(target.unsqueeze(1), ssim=True)
    unwarped_bshw = of_target.photometric_error(torch.stack([before, after], 1))
    warped_bshw = of_target.photometric_error(warped_bs3hw)
    shown = {
        "view_synthesis": {
            "target: frame t": picture(target),
            "source: frame t-1": picture(before),
            "the source, warped into the target": picture(warped_bs3hw[:, 0]),
            "disparity that it is warped by": coloured_disparity(1 / depths[0][0, 0].numpy()),
        },
        "losses": {
            "photometric error of frame t-1, warped": error(warped_bshw[:, 0]),
            "photometric error of frame t+1, warped": error(warped_bshw[:, 1]),
            "minimum over both (equation 4)": error(min_reprojection(warped_bshw)),
            "the same of the sources as they are": error(errors_of(batch, warped_bs3hw, street_truth.OPTIONS)[0]),
            "auto-mask (equation 5): white counts": picture(automasked_minimum(warped_bshw, unwarped_bshw)[1]),
        },
    }
    for name, pictures in shown.items():
        write(name, pictures)
    write_geometry(target, depths[0], batch.K[0])


def picture(image: Tensor) -> np.ndarray:
    """The first image of a batch, in colours or in grey, (h, w, 3)."""
    grey_or_rgb = image[0] if image.dim() == 4 else image.expand(3, -1, -1)
    return grey_or_rgb.permute(1, 2, 0).clamp(0, 1).numpy()


def error(error_bhw: Tensor) -> np.ndarray:
    """The first error map of a batch, or one without a batch, in colours."""
    return coloured(error_bhw.view(error_bhw.shape[-2:]).numpy() / LARGEST_ERROR, "viridis")


def write(name: str, pictures: dict[str, np.ndarray]) -> None:
    """Write pictures with their titles, in two columns."""
    rows = -(-len(pictures) // 2)
    figure, axes = plt.subplots(rows, 2, figsize=(8, 1.6 * rows), layout="constrained")
    for axis in axes.flat:
        axis.axis("off")
    for axis, (title, pixels) in zip(axes.flat, pictures.items(), strict=False):
        axis.imshow(pixels)
        axis.set_title(title, fontsize=9)
    save(figure, name)


def write_geometry(target: Tensor, depth_b1hw: Tensor, K_b44: Tensor) -> None:
    """Write a frame, and its points in space from above."""
    points = backproject(depth_b1hw, inverse_intrinsics(K_b44))[0].numpy()
    colours = target[0].flatten(1).T.numpy()
    x, y, z = points
    near = (z < FARTHEST) & (abs(x) < WIDEST) & (y > -3)  # without the sky and the roofs
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.9), layout="constrained", width_ratios=(3, 2))
    left.imshow(picture(target))
    left.set_title("a frame, with the depth of every pixel", fontsize=9)
    left.axis("off")
    right.scatter(z[near], -x[near], s=1, c=colours[near], linewidths=0)
    right.set_title("its points from above, the camera at 0", fontsize=9)
    right.set_xlabel("z, metres ahead", fontsize=8)
    right.set_ylabel("-x, metres to the left", fontsize=8)
    right.set_aspect("equal")
    right.tick_params(labelsize=7)
    save(figure, "geometry")


def save(figure: plt.Figure, name: str) -> None:
    """Write a figure beside this file."""
    figure.savefig(HERE / f"api_{name}.jpg", dpi=110, pil_kwargs={"quality": 85})
    plt.close(figure)


if __name__ == "__main__":
    main()
