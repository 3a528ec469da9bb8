"""Did a run learn? A page about it, from figures that need no ground truth."""

from monodepth2.report.run import report_of_training, run

__all__ = ["report_of_training", "run"]
