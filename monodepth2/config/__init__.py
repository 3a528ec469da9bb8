"""Every option of every script, once: name, type, default, help, validation."""

from monodepth2.config.declare import Checked, available_cores, option_type
from monodepth2.config.options import (
    EVALUATION_SPLITS,
    MAKE3D,
    NETWORKS,
    ODOMETRY_SPLITS,
    SPLITS_WITHOUT_DEPTH,
    STEREO,
    TRAINING_SPLITS,
    FrameId,
    Options,
    options_from_json,
)
from monodepth2.config.scripts import USED_BY, check_used
from monodepth2.config.tools import CacheOptions, ExportOptions, GroundTruthOptions, PredictOptions, ReportOptions

__all__ = [
    "EVALUATION_SPLITS",
    "MAKE3D",
    "NETWORKS",
    "ODOMETRY_SPLITS",
    "SPLITS_WITHOUT_DEPTH",
    "STEREO",
    "TRAINING_SPLITS",
    "USED_BY",
    "CacheOptions",
    "Checked",
    "ExportOptions",
    "FrameId",
    "GroundTruthOptions",
    "Options",
    "PredictOptions",
    "ReportOptions",
    "available_cores",
    "check_used",
    "option_type",
    "options_from_json",
]
