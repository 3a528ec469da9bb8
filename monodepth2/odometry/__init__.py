"""Scoring the pose network of a checkpoint on a drive whose true path is known."""

from monodepth2.odometry.evaluation import evaluate_odometry
from monodepth2.odometry.result import OdometryResult

__all__ = ["OdometryResult", "evaluate_odometry"]
