"""Samples for training and evaluation: splits, folder layouts, calibration, pictures, the synthetic drive."""
