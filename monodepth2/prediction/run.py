"""What `predict.py` does: find the input, check everything before the work, predict, write."""

import time
from pathlib import Path

import matplotlib

from monodepth2.checkpoints.published import resolve_weights
from monodepth2.config import PredictOptions
from monodepth2.errors import UserError, tell
from monodepth2.files.output_paths import check_output_folder, make_output_folder
from monodepth2.method.depth_maps import depth_factor
from monodepth2.prediction.from_pictures import predict_pictures
from monodepth2.prediction.inputs import Pictures, Video, find_input
from monodepth2.prediction.job import Job
from monodepth2.prediction.naming import VIDEO_KIND, Label, Naming
from monodepth2.prediction.outputs import Settings
from monodepth2.prediction.predictor import DepthPredictor
from monodepth2.runtime.devices import pick_device
from monodepth2.runtime.extras import require_packages
from monodepth2.runtime.precision import speed_remarks
from monodepth2.runtime.signals import StopRequest

FOLDER = "predictions"
DEPTH_KINDS = ("depth_npy", "depth_png", "ply")


def predict(options: PredictOptions) -> int:
    """Predict from a picture, a folder or a video, and write what the options ask for.

    Returns:
        The exit code: 1 if some of the input could not be read, 128 + the signal if one ended the work early.

    Raises:
        UserError: nothing can be done; found before the work where it can be.
    """
    assert options.image_path is not None
    source = find_input(options.image_path, options.ext)
    kinds = _kinds(options, source)
    naming = Naming(_output_folder(options, source), options.output_pattern)
    _check_files(naming, kinds, source)
    job = _job(options, naming, kinds, isinstance(source, Video))
    if isinstance(source, Pictures) and source.own_outputs:
        print(f"{source.own_outputs} pictures left out: predictions of an earlier run")
    started = time.monotonic()
    with StopRequest() as stop:
        done, whole = _run(source, job, stop)
    seconds = time.monotonic() - started
    what = "frames" if isinstance(source, Video) else "pictures"
    print(f"{what} predicted: {done} in {seconds:.1f} s ({done / seconds:.1f}/s), each as {', '.join(kinds)}")
    print(f"files are in {naming.folder}")
    if stop.received:
        print(f"stopped by {stop.received.name}")
        return 128 + stop.received
    return 0 if whole else 1


def _run(source: Pictures | Video, job: Job, stop: StopRequest) -> tuple[int, bool]:
    if isinstance(source, Pictures):
        return predict_pictures(source, job, stop)
    from monodepth2.prediction.from_video import predict_video  # PyAV is an optional dependency

    return predict_video(source.path, job, stop)


def _kinds(options: PredictOptions, source: Pictures | Video) -> tuple[str, ...]:
    """Decide what to write, and check that it can be made."""
    scaled = options.pred_metric_depth or options.pred_depth_scale_factor != 1
    if isinstance(source, Video):
        usual = (VIDEO_KIND, "depth_npy") if scaled else (VIDEO_KIND,)
    else:
        usual = ("depth_npy" if scaled else "disp_npy", "color")
    kinds = tuple(dict.fromkeys(options.outputs or usual))
    if scaled and not set(kinds) & set(DEPTH_KINDS):
        flag = "--pred_metric_depth" if options.pred_metric_depth else "--pred_depth_scale_factor"
        remedy = f"add {', '.join(DEPTH_KINDS[:-1])} or {DEPTH_KINDS[-1]} to --outputs"
        raise UserError(f"{flag} changes nothing of {', '.join(kinds)}: {remedy}")
    if options.colormap not in matplotlib.colormaps:
        raise UserError(f"--colormap {options.colormap}: matplotlib knows no such colours; try magma, turbo or gray")
    if "ply" in kinds:
        require_packages("predict", "point clouds", "plyfile")
    return kinds


def _output_folder(options: PredictOptions, source: Pictures | Video) -> Path:
    if options.output_dir is not None:
        return options.output_dir.expanduser()
    if isinstance(source, Video):
        return source.path.parent / FOLDER
    return (source.folder or source.paths[0].parent) / FOLDER


def _check_files(naming: Naming, kinds: tuple[str, ...], source: Pictures | Video) -> None:
    """Check before the work that a video can be read, and all outputs written without touching an input."""
    check_output_folder("output_dir", naming.folder)
    if isinstance(source, Pictures):
        naming.check([Label.of(path) for path in source.paths], kinds, source.protected)
        return
    require_packages("predict", "videos", "av")
    from monodepth2.prediction.video import VideoReader

    with VideoReader(source.path):
        pass
    label = Label.of(source.path)
    naming.check([label.frame(0), label.frame(1)], _without_video(kinds), [source.path])
    naming.check_not_among([naming.video_path(label)], [source.path])


def _without_video(kinds: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(kind for kind in kinds if kind != VIDEO_KIND)


def _job(options: PredictOptions, naming: Naming, kinds: tuple[str, ...], is_video: bool) -> Job:
    """Load the network and make the output folder."""
    weights = resolve_weights(options.load_weights_folder, options.model_name)
    device = pick_device(options.device, options.no_cuda)
    predictor = DepthPredictor.from_checkpoint(weights, device, options.min_depth, options.max_depth, options.precision)
    for remark in speed_remarks(options.precision, False, device):
        tell(remark)
    settings = _settings(options, predictor)
    make_output_folder("output_dir", naming.folder)
    return Job(
        predictor,
        naming,
        _without_video(kinds) if is_video else kinds,
        is_video and VIDEO_KIND in kinds,
        settings,
        options.batch_size,
        options.post_process,
    )


def _settings(options: PredictOptions, predictor: DepthPredictor) -> Settings:
    factor, baseline = options.pred_depth_scale_factor, options.baseline or predictor.network.facts.baseline
    if options.pred_metric_depth and factor != 1:
        tell(f"--pred_depth_scale_factor {factor:g} is taken in place of what --pred_metric_depth says")
    factor = depth_factor(predictor.use_stereo, options.pred_metric_depth, factor, baseline)
    return Settings(
        factor=factor,
        unit="network units" if factor == 1 else "metres",
        min_depth=predictor.network.min_depth,
        max_depth=predictor.network.max_depth,
        colours=options.colormap,
        focal_length=options.focal_length,
    )
