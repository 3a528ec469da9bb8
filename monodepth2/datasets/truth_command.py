"""What `export_gt_depth.py` does."""

import os

from monodepth2.config import GroundTruthOptions


def export_truth(options: GroundTruthOptions) -> int:
    """Store a split's ground truth as the options say; return the exit code.

    Raises:
        UserError: as `export_ground_truth`.
    """
    # scans are worked on side by side: one core each; NumPy's library reads it when it is imported
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from monodepth2.datasets.gt_export import export_ground_truth

    print(export_ground_truth(options).report())
    return 0
