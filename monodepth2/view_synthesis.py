"""Moved to `monodepth2.method.view_synthesis`; importing from here goes on working."""

from monodepth2.method.view_synthesis import *  # noqa: F403
