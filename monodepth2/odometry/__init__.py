"""Scoring the pose network of a checkpoint on a drive whose true path is known."""
