"""Every option of every script, once: name, type, default, help, validation."""

from monodepth2.config.command_line import Positional, build_parser, parse, parse_as
from monodepth2.config.declare import Checked, available_cores, option_type
from monodepth2.config.doctor import DoctorOptions
from monodepth2.config.making import DemoOptions, SyntheticOptions
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
from monodepth2.config.predict import PredictOptions
from monodepth2.config.prepare import PrepareOptions
from monodepth2.config.scripts import SCRIPTS, USED_BY, check_used, launched_as, started_as
from monodepth2.config.tools import CacheOptions, ExportOptions, GroundTruthOptions, ReportOptions

__all__ = [
    "EVALUATION_SPLITS",
    "MAKE3D",
    "NETWORKS",
    "ODOMETRY_SPLITS",
    "SCRIPTS",
    "SPLITS_WITHOUT_DEPTH",
    "STEREO",
    "TRAINING_SPLITS",
    "USED_BY",
    "CacheOptions",
    "Checked",
    "DemoOptions",
    "DoctorOptions",
    "ExportOptions",
    "FrameId",
    "GroundTruthOptions",
    "Options",
    "Positional",
    "PredictOptions",
    "PrepareOptions",
    "ReportOptions",
    "SyntheticOptions",
    "available_cores",
    "build_parser",
    "check_used",
    "launched_as",
    "option_type",
    "options_from_json",
    "parse",
    "parse_as",
    "started_as",
]
