"""Keep a split's pictures at training size: `python cache_pictures.py --data_path kitti_data --cache_dir FOLDER`."""

from monodepth2.command.main import start
from monodepth2.errors import run_script


def main() -> int:
    """Fill the cache as the command line says."""
    return start("cache")


if __name__ == "__main__":
    run_script(main)
