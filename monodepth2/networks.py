"""Moved to `monodepth2.method.networks`; importing from here goes on working."""

from monodepth2.method.networks import *  # noqa: F403
