"""Moved to `monodepth2.method.geometry`; importing from here goes on working."""

from monodepth2.method.geometry import *  # noqa: F403
