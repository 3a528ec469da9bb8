"""Moved to `monodepth2.checkpoints.networks`; importing from here goes on working."""

from monodepth2.checkpoints.networks import *  # noqa: F403
