"""Moved to `monodepth2.method.model`; importing from here goes on working."""

from monodepth2.method.model import *  # noqa: F403
