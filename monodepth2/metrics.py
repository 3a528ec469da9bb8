"""Moved to `monodepth2.evaluation.metrics` and `monodepth2.method.depth_maps`; importing from here goes on working."""

from monodepth2.evaluation.metrics import *  # noqa: F403
from monodepth2.method.depth_maps import *  # noqa: F403
