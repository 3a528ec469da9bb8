"""Moved to modules of `monodepth2.checkpoints`; importing from here goes on working."""

from monodepth2.checkpoints.depth_network import *  # noqa: F403
from monodepth2.checkpoints.kinds import *  # noqa: F403
from monodepth2.checkpoints.networks import *  # noqa: F403
from monodepth2.checkpoints.records import *  # noqa: F403
