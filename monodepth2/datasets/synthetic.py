"""Moved to `monodepth2.synthetic`; importing from here, and `python -m` of this name, go on working."""

from monodepth2.errors import run_script
from monodepth2.synthetic import *  # noqa: F403

if __name__ == "__main__":
    from monodepth2.command.main import start  # importing needs no command

    run_script(lambda: start("synthetic"))
