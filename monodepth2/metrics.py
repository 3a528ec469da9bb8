"""Moved to several rooms of `monodepth2`; importing from here goes on working."""

from monodepth2.evaluation.metrics import *  # noqa: F403
from monodepth2.evaluation.regions import *  # noqa: F403
from monodepth2.method.depth_maps import *  # noqa: F403
from monodepth2.training.depth_figures import training_depth_metrics as training_depth_metrics
