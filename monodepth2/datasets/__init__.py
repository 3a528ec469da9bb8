"""Samples for training and evaluation: splits, layouts, cameras, pictures, masks, what else is known."""
