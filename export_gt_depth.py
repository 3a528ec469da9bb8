"""Store a split's ground truth: `python export_gt_depth.py --data_path kitti_data --split eigen`."""

from monodepth2.command.main import start
from monodepth2.errors import run_script


def main() -> int:
    """Export as the command line says."""
    return start("gt-export")


if __name__ == "__main__":
    run_script(main)
