"""Moved to `monodepth2.prediction.predictor`; importing from here goes on working."""

from monodepth2.prediction.predictor import *  # noqa: F403
