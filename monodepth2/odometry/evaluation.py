"""The evaluation itself: what is checked before, the prediction, the figures after."""

from pathlib import Path

import numpy as np

from monodepth2.checkpoints.named import weights_of
from monodepth2.config import Options
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.trajectories import chained, distances, scaled
from monodepth2.errors import UserError
from monodepth2.files.output_paths import check_apart, check_not_among
from monodepth2.odometry.drive import Drive, find_drive, frame_times, true_trajectory
from monodepth2.odometry.metrics import LENGTHS, OdometryFigures, coincide, odometry_figures
from monodepth2.odometry.network import MotionNetwork, load_motion_network
from monodepth2.odometry.prediction import predict_steps
from monodepth2.odometry.result import ENDINGS, OdometryResult
from monodepth2.runtime.devices import pick_device


def evaluate_odometry(options: Options) -> OdometryResult:
    """Predict the path of a drive with a checkpoint's pose network and score it where its true path is known.

    Raises:
        UserError: options, checkpoint, split, pictures or true poses cannot be used; files are checked before the
            network runs.
    """
    _check_options(options)
    drive = find_drive(options)
    SampleFrames(drive.layout, (0, 1)).check(drive.lines)
    truth = true_trajectory(options, drive)
    if truth is None and not options.eval_out_dir and not options.no_eval:
        raise UserError(f"{drive.poses_path}: there are no true poses, and nothing is to be written: add "
                        "--true_poses FILE, or --eval_out_dir FOLDER for the predicted ones")  # fmt: skip
    _check_output(options, drive)
    times = frame_times(drive, truth)
    weights = weights_of(options)  # after the checks, as a published model may have to be fetched
    height, width = options.if_given("height"), options.if_given("width")
    network = load_motion_network(weights, pick_device(options.device, options.no_cuda), height, width)
    _check_kind(options, network)
    facts = network.facts.with_baseline(options.baseline, network.folder)
    known = facts.known_scale() or options.asked_factor
    if options.eval_stereo and not options.asked_factor:
        facts.check_rig(network.folder)
    metric = options.eval_stereo or (bool(known) and not options.eval_mono)
    _check_baseline(options, metric)
    factor = options.asked_factor or (facts.metres_per_unit if metric else 1.0)
    predicted = scaled(chained(predict_steps(network, drive.paths, options.threads)), factor)
    figures = None if truth is None else odometry_figures(truth.poses, predicted, metric)
    missing = [] if truth or options.no_eval else [f"no true poses ({drive.poses_path}): the path is only predicted"]
    true_poses = None if truth is None else truth.poses
    return OdometryResult(
        drive=drive.name,
        first_frame=drive.lines[0].frame,
        checkpoint=str(weights),
        network=network.description,
        metric=metric,
        factor=factor,
        predicted=predicted,
        times=times,
        truth=true_poses,
        figures=figures,
        notes=(
            *missing,
            *_network_notes(network, metric, factor, options),
            *_figure_notes(true_poses, predicted, figures),
        ),
    )


def _check_options(options: Options) -> None:
    if options.eval_mono and options.eval_stereo:
        raise UserError("choose how translations are scaled: either --eval_mono (to the truth) or --eval_stereo (5.4)")
    if options.no_eval and options.true_poses:
        raise UserError("--true_poses holds true poses, and --no_eval compares with none: drop one of them")
    if options.no_eval and not options.eval_out_dir:
        raise UserError("--no_eval leaves nothing to do: add --eval_out_dir FOLDER, which receives the poses")


def _check_output(options: Options, drive: Drive) -> None:
    """Refuse to write over what is read, or one file over the other."""
    stem, poses = Path(drive.name).name, [options.true_poses.expanduser()] if options.true_poses else []
    outputs = {"output_json": [options.output_json.expanduser()]} if options.output_json else {}
    if options.eval_out_dir:
        outputs["eval_out_dir"] = [options.eval_out_dir.expanduser() / f"{stem}{ending}" for ending in ENDINGS]
        check_apart("eval_out_dir", options.eval_out_dir.expanduser(), drive.paths)
    check_not_among(outputs, [*poses, drive.poses_path, *drive.paths])


def _check_baseline(options: Options, metric: bool) -> None:
    if options.baseline and (options.asked_factor or not metric):
        other = "--pred_depth_scale_factor replaces it" if options.asked_factor else "no metres are claimed here"
        raise UserError(f"--baseline {options.baseline:g} is a rig's, and {other}: drop it, or add --eval_stereo")


def _check_kind(options: Options, network: MotionNetwork) -> None:
    """Refuse a network that knows no motion between neighbours, and flags that state another size or depth than its."""
    if not {-1, 1} & set(network.temporal_ids):
        raise UserError(f"{network.folder}: its pose network was trained on {network.frames} and knows no motion "
                        "between neighbours: odometry needs 1 or -1 among them")  # fmt: skip
    for name in ("height", "width", "num_layers"):
        own = getattr(network, name)
        if options.is_given(name) and getattr(options, name) != own:
            kind = f"has {name} {own}" if own else "has no ResNet"
            raise UserError(f"--{name} {getattr(options, name)}: the pose network of {network.folder} {kind}; "
                            f"drop --{name}")  # fmt: skip


def _network_notes(network: MotionNetwork, metric: bool, factor: float, options: Options) -> list[str]:
    notes = []
    if options.asked_factor and metric:
        notes.append(f"translations are in metres by --pred_depth_scale_factor {options.asked_factor:g}")
    elif metric and not network.facts.use_stereo and not network.facts.metric_scale:
        notes.append(
            f"{network.folder} was trained without stereo: its translations have no scale, {factor:g} is arbitrary"
        )
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
