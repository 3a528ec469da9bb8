"""The evaluation itself: what is checked before, the prediction, the figures after."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from monodepth2.checkpoints.published import weights_of
from monodepth2.config import ODOMETRY_SPLITS, Options
from monodepth2.datasets.camera_choice import KITTI_BASELINE
from monodepth2.datasets.check import check_data_set
from monodepth2.datasets.layouts import make_layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import read_split
from monodepth2.errors import UserError
from monodepth2.method.depth_maps import stereo_factor
from monodepth2.odometry.metrics import LENGTHS, OdometryFigures, coincide, odometry_figures
from monodepth2.odometry.network import MotionNetwork, load_motion_network
from monodepth2.odometry.prediction import predict_steps
from monodepth2.odometry.result import OdometryResult
from monodepth2.odometry.trajectories import chained, distances, from_first, read_poses, scaled
from monodepth2.runtime.devices import pick_device

OF_DEPTH = ("ext_disp_to_eval", "save_pred_disps", "html_report", "compare", "post_process", "eval_eigen_to_benchmark")


def evaluate_odometry(options: Options) -> OdometryResult:
    """Predict the path of a drive with a checkpoint's pose network and, unless `--no_eval`, score it.

    Raises:
        UserError: options, checkpoint, split, pictures or true poses cannot be used; files are checked before the
            network runs.
    """
    _check_options(options)
    lines = drive_lines(options.eval_split)
    layout = make_layout("kitti_odom", options.data_path, options.png)
    check_data_set(layout, lines, (0, 1))
    truth = None if options.no_eval else true_poses(layout.root, lines)
    weights = weights_of(options)  # after the checks, as a published model may have to be fetched
    network = load_motion_network(weights, pick_device(options.device, options.no_cuda))
    paths = [*map(layout.picture_path, lines), layout.picture_path(lines[-1], 1)]
    metric = options.eval_stereo or (network.use_stereo and not options.eval_mono)
    baseline = options.baseline or network.facts.baseline or KITTI_BASELINE
    factor = stereo_factor(baseline) if metric else options.pred_depth_scale_factor
    predicted = scaled(chained(predict_steps(network, paths, options.threads)), factor)
    figures = None if truth is None else odometry_figures(truth, predicted, metric)
    return OdometryResult(
        sequence=int(lines[0].folder),
        first_frame=lines[0].frame,
        checkpoint=str(weights),
        network=network.description,
        metric=metric,
        factor=factor,
        predicted=predicted,
        truth=truth,
        figures=figures,
        notes=(*_network_notes(network, metric), *_figure_notes(truth, predicted, figures)),
    )


def _check_options(options: Options) -> None:
    for name in OF_DEPTH:
        if getattr(options, name):
            raise UserError(f"--{name} belongs to evaluate_depth.py: drop it")
    if options.eval_mono and options.eval_stereo:
        raise UserError("choose how translations are scaled: either --eval_mono (to the truth) or --eval_stereo (5.4)")
    if options.no_eval and not options.eval_out_dir:
        raise UserError("--no_eval leaves nothing to do: add --eval_out_dir FOLDER, which receives the poses")


def drive_lines(split: str) -> list[SplitLine]:
    """Return the lines of an odometry split: consecutive frames of one sequence, seen from the left.

    Raises:
        UserError: the split lists something else; the message names the first line that is out of place.
    """
    where = f"--eval_split {split}"
    remedy = f"use {' or '.join(ODOMETRY_SPLITS)}, or a folder whose test_files.txt lists '<sequence> <frame> l'"
    lines = read_split(split, "test")
    for number, line in enumerate(lines, start=1):
        if not (line.folder.isdecimal() and len(line.folder) <= 2):
            raise UserError(f"{where}, line {number}: '{line}' is no frame of an odometry sequence; {remedy}")
        if line.side != "l":
            raise UserError(f"{where}, line {number}: '{line}' is of the right camera; true poses are the left one's")
        if int(line.folder) != int(lines[0].folder):
            raise UserError(f"{where}, line {number}: '{line}' is of another sequence than '{lines[0]}'; list one")
        if line.frame != lines[0].frame + number - 1:
            before = lines[number - 2]
            raise UserError(f"{where}, line {number}: '{line}' does not follow '{before}'; list consecutive frames")
    return lines


def true_poses(root: Path, lines: Sequence[SplitLine]) -> np.ndarray:
    """Return the true poses of the lines' frames and of the one after them, the first camera as the world.

    Raises:
        UserError: the sequence's file is missing, malformed or too short.
    """
    path = root / f"poses/{int(lines[0].folder):02d}.txt"
    poses = read_poses(path)
    needed = lines[-1].frame + 2
    if len(poses) < needed:
        raise UserError(f"{path} holds {len(poses)} poses, the split needs {needed} (up to frame {needed - 1})")
    return from_first(poses[lines[0].frame : needed])


def _network_notes(network: MotionNetwork, metric: bool) -> list[str]:
    notes = []
    if metric and not network.use_stereo:
        notes.append(f"{network.folder} was trained without stereo: its translations have no scale, 5.4 is arbitrary")
    if network.model.pose_model_type == "posecnn" and network.depth is None:
        notes.append("no depth.pth: PoseCNN's translations lack the mean inverse depth, which differs between frames")
    return notes


def _figure_notes(truth: np.ndarray | None, predicted: np.ndarray, figures: OdometryFigures | None) -> list[str]:
    if truth is None or figures is None:
        return []
    notes = []
    if not figures.metric:
        notes.append("the prediction has no scale: ATE of the whole and t_err are after Sim(3), which takes it from "
                     "the truth")  # fmt: skip
    if coincide(predicted[:, :3, 3]):
        notes.append("all predicted positions coincide: no scale fits, it is left at 1")
    if coincide(truth[:, :3, 3]):
        notes.append("the true positions coincide: the camera does not move, and Sim(3) shrinks any path to nothing")
    if len(truth) < 3:
        notes.append("Sim(3) aligns two poses exactly: ATE of the whole says nothing")
    if not len(figures.segments):
        length = distances(truth)[-1]
        notes.append(f"the true path of {length:.1f} m holds no segment of {LENGTHS[0]} m: no t_err, no r_err")
    return notes
