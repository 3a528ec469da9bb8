"""Moved to `monodepth2.training.trainer`; importing from here goes on working."""

from monodepth2.training.trainer import *  # noqa: F403
