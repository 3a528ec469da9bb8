"""Score odometry: `python evaluate_pose.py --eval_split odom_9 --load_weights_folder ... --data_path ...`."""

from pathlib import Path

from monodepth2.errors import UserError, run_script
from monodepth2.files.output_paths import check_output_file, make_output_folder, whole_file
from monodepth2.runtime.process import tune_process
from options import parse


def main() -> None:
    """Predict and score a drive as the command line says."""
    options = parse(description=__doc__, script="evaluate_pose.py")
    folder = options.eval_out_dir and _made(options.eval_out_dir.expanduser(), options.data_path)
    if options.output_json:
        check_output_file("output_json", options.output_json)
    tune_process()
    # torch is imported only now: --help and a mistyped flag answer at once
    from monodepth2.odometry import evaluate_odometry
    from monodepth2.odometry.plots import draw_trajectory
    from monodepth2.odometry.trajectories import write_poses, write_tum

    result = evaluate_odometry(options)
    print(result.text())
    if folder:
        with whole_file(folder / f"{result.name}.txt") as partial:
            write_poses(partial, result.predicted)
        with whole_file(folder / f"{result.name}.tum") as partial:
            write_tum(partial, result.predicted, result.times)
        draw_trajectory(folder / f"{result.name}.png", result)
        unit = "metres" if result.metric else "the network's unit"
        print(f"poses in {unit} are {folder / result.name}.txt (KITTI's format) and .tum (TUM's), their plot is .png")
    if options.output_json:
        with whole_file(options.output_json.expanduser()) as partial:
            partial.write_text(result.to_json() + "\n")
        print(f"figures are in {options.output_json}")


def _made(folder: Path, data_path: Path) -> Path:
    """Find out before the work, not after it, that the trajectory cannot be written, or would hurt."""
    if folder.resolve() == (data_path.expanduser() / "poses").resolve():
        raise UserError(f"--eval_out_dir {folder}: holds the true poses, which would be replaced; give another folder")
    return make_output_folder("eval_out_dir", folder)


if __name__ == "__main__":
    run_script(main)
