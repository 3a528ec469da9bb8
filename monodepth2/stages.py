"""Moved to `monodepth2.method.stages`; importing from here goes on working."""

from monodepth2.method.stages import *  # noqa: F403
