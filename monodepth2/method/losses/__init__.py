"""The losses: photometric error, reprojection (minimum, average, masks), smoothness, known lengths, objective."""

from monodepth2.method.losses.objective import Objective

__all__ = ["Objective"]
