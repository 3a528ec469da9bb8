"""Self-supervised monocular depth estimation: a faithful, tested reimplementation of monodepth2 (ICCV 2019)."""

__version__ = "0.1.0"
