"""Store a split's ground truth: `python export_gt_depth.py --data_path kitti_data --split eigen`.

Writes gt_depths.npz into the split's folder, where evaluate_depth.py finds it. An interrupted export continues where
it stopped.
"""

import os

from monodepth2.config import GroundTruthOptions
from monodepth2.errors import run_script
from options import parse_as


def main() -> None:
    """Export as the command line says."""
    options = parse_as(GroundTruthOptions, description=__doc__)
    # scans are worked on side by side: one core each
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from monodepth2.datasets.gt_export import export_ground_truth

    print(export_ground_truth(options).report())


if __name__ == "__main__":
    run_script(main)
