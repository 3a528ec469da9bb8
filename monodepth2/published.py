"""Moved to modules of `monodepth2.checkpoints`; importing from here goes on working."""

from monodepth2.checkpoints.named import *  # noqa: F403
from monodepth2.checkpoints.published import *  # noqa: F403
