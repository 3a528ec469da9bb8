"""Moved to `monodepth2.method.losses`; importing from here goes on working."""

from monodepth2.method.losses import *  # noqa: F403
