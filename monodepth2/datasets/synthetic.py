"""Moved to `monodepth2.synthetic`; importing from here, and `python -m` of this name, go on working."""

from monodepth2.errors import run_script
from monodepth2.synthetic import *  # noqa: F403
from monodepth2.synthetic.__main__ import main

if __name__ == "__main__":
    run_script(main)
