"""Moved to `monodepth2.checkpoints.published`; importing from here goes on working."""

from monodepth2.checkpoints.published import *  # noqa: F403
