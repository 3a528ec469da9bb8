"""`python -m monodepth2 ...`: the same as `monodepth2 ...`."""

from monodepth2.command.main import entry

if __name__ == "__main__":
    entry()
