"""Every option of every script, once: name, type, default, help, validation."""

from monodepth2.config.app import AppOptions
from monodepth2.config.command_line import Positional, parse, parse_as
from monodepth2.config.declare import Checked, available_cores, option_type
from monodepth2.config.doctor import DoctorOptions
from monodepth2.config.making import DemoOptions, SyntheticOptions
from monodepth2.config.option_checks import EVALUATION_SPLITS, MAKE3D, MOTIONS, ODOMETRY_SPLITS, TRAINING_SPLITS
from monodepth2.config.options import SPLITS_WITHOUT_DEPTH, STEREO, FrameId, Options, options_from_json
from monodepth2.config.predict import PredictOptions
from monodepth2.config.prepare import PrepareOptions
from monodepth2.config.pseudo_label import PseudoLabelOptions
from monodepth2.config.recipes import MOTION_WARMUP, RECIPES
from monodepth2.config.reproduce import ReproduceOptions
from monodepth2.config.run_flags import NETWORKS
from monodepth2.config.scripts import SCRIPTS, USED_BY, launched_as, started_as
from monodepth2.config.sharing import PushOptions
from monodepth2.config.tools import CacheOptions, ExportOptions, GroundTruthOptions, ReportOptions

__all__ = [
    "EVALUATION_SPLITS",
    "MAKE3D",
    "MOTIONS",
    "MOTION_WARMUP",
    "NETWORKS",
    "ODOMETRY_SPLITS",
    "RECIPES",
    "SCRIPTS",
    "SPLITS_WITHOUT_DEPTH",
    "STEREO",
    "TRAINING_SPLITS",
    "USED_BY",
    "AppOptions",
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
    "PseudoLabelOptions",
    "PushOptions",
    "ReportOptions",
    "ReproduceOptions",
    "SyntheticOptions",
    "available_cores",
    "launched_as",
    "option_type",
    "options_from_json",
    "parse",
    "parse_as",
    "started_as",
]
