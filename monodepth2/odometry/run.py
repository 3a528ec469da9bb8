"""What `evaluate_pose.py` does: predict a drive's path, print its figures, write what the options ask for."""

from pathlib import Path

from monodepth2.config import Options
from monodepth2.datasets.trajectories import write_poses, write_tum
from monodepth2.errors import UserError
from monodepth2.files.output_paths import check_output_file, make_output_folder, whole_file, write_whole
from monodepth2.odometry.evaluation import evaluate_odometry
from monodepth2.odometry.plots import draw_trajectory


def run(options: Options) -> int:
    """Predict and score a drive as the options say; return the exit code.

    Raises:
        UserError: as `evaluate_odometry`, or a file cannot be written; found before the work where it can be.
    """
    folder = options.eval_out_dir and _made(options.eval_out_dir.expanduser(), options.data_path)
    if options.output_json:
        check_output_file("output_json", options.output_json)
    result = evaluate_odometry(options)
    print(result.text())
    if folder:
        with whole_file(folder / f"{result.name}.txt") as partial:
            write_poses(partial, result.predicted)
        with whole_file(folder / f"{result.name}.tum") as partial:
            write_tum(partial, result.predicted, result.times)
        draw_trajectory(folder / f"{result.name}.png", result)
        files = f"{folder / result.name}.txt (KITTI's format) and .tum (TUM's), their plot is .png"
        print(f"poses in {result.unit} are {files}")
    if options.output_json:
        write_whole(options.output_json.expanduser(), result.to_json() + "\n")
        print(f"figures are in {options.output_json}")
    return 0


def _made(folder: Path, data_path: Path) -> Path:
    """Find out before the work, not after it, that the trajectory cannot be written, or would hurt."""
    if folder.resolve() == (data_path.expanduser() / "poses").resolve():
        raise UserError(f"--eval_out_dir {folder}: holds the true poses, which would be replaced; give another folder")
    return make_output_folder("eval_out_dir", folder)
