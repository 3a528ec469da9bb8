"""Scoring checkpoints on a split: predictions against ground truth, one image at a time."""

from monodepth2.evaluation.protocol import protocol_of
from monodepth2.evaluation.result import EvaluationResult
from monodepth2.evaluation.scoring import EvaluationRun, evaluate, evaluate_all

__all__ = ["EvaluationResult", "EvaluationRun", "evaluate", "evaluate_all", "protocol_of"]
