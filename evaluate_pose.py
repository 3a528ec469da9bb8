"""Score odometry: `python evaluate_pose.py --eval_split odom_9 --load_weights_folder ... --data_path ...`."""

from monodepth2.command.main import start
from monodepth2.errors import run_script


def main() -> int:
    """Predict and score a drive as the command line says."""
    return start("odometry")


if __name__ == "__main__":
    run_script(main)
