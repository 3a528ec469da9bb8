"""Scoring checkpoints on a split: predictions against ground truth, one image at a time."""
