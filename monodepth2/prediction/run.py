"""What `predict.py` does: find the input, check everything before the work, predict, write."""

import time
from pathlib import Path

import matplotlib

from monodepth2.checkpoints.named import resolve_weights
from monodepth2.config import PredictOptions
from monodepth2.errors import UserError, tell
from monodepth2.files.output_paths import check_not_among, check_output_folder, make_output_folder
from monodepth2.prediction.cameras import camera_of_points
from monodepth2.prediction.from_pictures import predict_pictures
from monodepth2.prediction.ground_scale import scale_of_input
from monodepth2.prediction.inputs import Pictures, Source, Stream, Video, find_input
from monodepth2.prediction.job import Job, Outcome
from monodepth2.prediction.naming import RECORDING_KIND, VIDEO_KIND, Label, Naming, of_frames
from monodepth2.prediction.outputs import DEPTH_STEPS, KINDS, LARGEST, Settings
from monodepth2.prediction.predictor import DepthPredictor
from monodepth2.runtime.devices import pick_device
from monodepth2.runtime.extras import require_packages
from monodepth2.runtime.precision import speed_remarks
from monodepth2.runtime.signals import StopRequest

FOLDER = "predictions"
MOST_PIXELS = 1 << 26  # of a batch: several batches are in memory, at 12 bytes for each pixel and more
DEPTH_KINDS = tuple(name for name, kind in KINDS.items() if kind.depth)
CAMERA_KINDS = tuple(name for name, kind in KINDS.items() if kind.camera)
ACT_ON = {  # the outputs that a flag changes
    "pred_metric_depth": DEPTH_KINDS,
    "pred_depth_scale_factor": DEPTH_KINDS,
    "camera_height": DEPTH_KINDS,
    "colormap": ("color", "side_by_side"),
    "focal_length": CAMERA_KINDS,
}
ACT_WHERE = {  # the inputs that a flag changes
    "stabilise": (Video, Stream),
    "live": (Stream,),
    "seconds": (Stream,),
    "camera_height": (Pictures, Video),
}
INPUTS = {Pictures: "pictures", Video: "videos", Stream: "streams"}


def predict(options: PredictOptions) -> int:
    """Predict from a picture, a folder, a video or a stream, and write what the options ask for.

    Returns:
        The exit code: 1 if some of the input could not be read or a stream broke off, 128 + the signal if one ended
            the work early.

    Raises:
        UserError: nothing can be done; found before the work where it can be.
    """
    assert options.image_path is not None
    source = find_input(options.image_path, options.ext)
    kinds = _kinds(options, source)
    naming = Naming(_output_folder(options, source), options.output_pattern)
    _check_files(naming, kinds, source)
    job = _job(options, naming, kinds, source)
    for remark in source.remarks if isinstance(source, Pictures) else ():
        print(remark)
    started = time.monotonic()
    with StopRequest() as stop:
        outcome = _run(options, source, job, stop)
    seconds = time.monotonic() - started
    what = "pictures" if isinstance(source, Pictures) else "frames"
    done, written = outcome.done, f", each as {', '.join(kinds)}" if kinds else ""
    print(f"{what} predicted: {done} in {seconds:.1f} s ({done / seconds:.1f}/s){written}")
    if isinstance(source, Stream):
        print(f"frames dropped because they came while the network worked: {outcome.dropped}")
    if outcome.cut:
        limits = f"{1 / DEPTH_STEPS:.3f} to {LARGEST / DEPTH_STEPS:.3f} {job.settings.unit}"
        print(f"depth_png: depths of {outcome.cut} {what} are cut off to what it holds, {limits}; depth_npy holds all")
    if kinds:
        place = "in the folder you are in" if isinstance(source, Stream) else "beside the input"
        beside = "" if options.output_dir else f", {place}; --output_dir names another folder"
        print(f"files are in {naming.folder}{beside}")
    if stop.received:
        print(f"stopped by {stop.received.name}")
        return 128 + stop.received
    return 0 if outcome.whole else 1


def _run(options: PredictOptions, source: Source, job: Job, stop: StopRequest) -> Outcome:
    if isinstance(source, Pictures):
        return predict_pictures(source, job, stop)
    # PyAV is an optional dependency
    if isinstance(source, Stream):
        from monodepth2.prediction.from_stream import predict_stream

        return predict_stream(source, job, options.live, options.seconds, stop)
    from monodepth2.prediction.from_video import predict_video

    return predict_video(source.path, job, stop)


def _kinds(options: PredictOptions, source: Source) -> tuple[str, ...]:
    """Decide what to write, and check that it can be made."""
    scaled = options.pred_metric_depth or options.pred_depth_scale_factor != 1 or options.camera_height is not None
    usual: tuple[str, ...]
    if options.live is not None:
        usual = ()
    elif isinstance(source, (Video, Stream)):
        usual = (VIDEO_KIND,)  # arrays of all its frames would fill a disk
    else:
        usual = ("depth_npy" if scaled else "disp_npy", "color")
    kinds = tuple(dict.fromkeys(options.outputs or usual))
    _check_flags_act(options, kinds, source)
    if options.colormap not in matplotlib.colormaps:
        raise UserError(f"--colormap {options.colormap}: matplotlib knows no such colours; try magma, turbo or gray")
    if "ply" in kinds:
        require_packages("predict", "point clouds", "plyfile")
    if RECORDING_KIND in kinds:
        require_packages("rerun", "recordings for rerun", "rerun")
    return kinds


def _check_flags_act(options: PredictOptions, kinds: tuple[str, ...], source: Source) -> None:
    """Refuse flags that none of the outputs depends on, or that are not for such an input."""
    for flag, inputs in ACT_WHERE.items():
        if options.is_given(flag) and not isinstance(source, inputs):
            meant = " and ".join(INPUTS[kind] for kind in inputs)
            raise UserError(f"--{flag} is for {meant}, and {options.image_path} is none: drop --{flag}")
    if isinstance(source, Stream) and options.is_given("batch_size"):
        raise UserError(f"--batch_size {options.batch_size}: of a stream one frame at a time is predicted: drop it")
    shown = (VIDEO_KIND,) if options.live is not None else ()  # what the page shows
    for flag, needed in ACT_ON.items():
        if flag == "focal_length" and options.camera_height is not None:
            continue
        if getattr(options, flag) != getattr(PredictOptions, flag) and not {*kinds, *shown} & set(needed):
            example = f"--outputs {' '.join((*kinds, needed[0]))}"
            remedy = f"add {' or '.join(needed)} to --outputs, e.g. {example}, or drop the flag"
            raise UserError(f"--{flag} changes nothing of {', '.join(kinds or shown)}: {remedy}")
    if options.ext is not None and not (isinstance(source, Pictures) and source.folder):
        shown_path = source if isinstance(source, Stream) else options.image_path
        raise UserError(
            f"--ext {options.ext} chooses among the pictures of a folder, and {shown_path} is none: drop --ext"
        )


def _output_folder(options: PredictOptions, source: Source) -> Path:
    if options.output_dir is not None:
        return options.output_dir.expanduser()
    if isinstance(source, Stream):
        return Path(FOLDER)
    if isinstance(source, Video):
        return source.path.parent / FOLDER
    return (source.folder or source.paths[0].parent) / FOLDER


def _check_files(naming: Naming, kinds: tuple[str, ...], source: Source) -> None:
    """Check before the work that a video can be read, and all outputs written without touching an input."""
    check_output_folder("output_dir", naming.folder)
    if isinstance(source, Pictures):
        naming.check([Label.of(path) for path in source.paths], kinds, source.protected)
        return
    require_packages("predict", "videos and streams", "av")
    if isinstance(source, Stream):
        _check_frames(naming, Label(source.name, source.name), kinds, ())
        return
    from monodepth2.files.videos import VideoReader

    with VideoReader(source.path):
        pass
    label = Label.of(source.path)
    _check_frames(naming, label, kinds, (source.path,))
    check_not_among({"output_dir": naming.joined_paths(label)}, [source.path])


def _check_frames(naming: Naming, label: Label, kinds: tuple[str, ...], protected: tuple[Path, ...]) -> None:
    """Check that the files of two frames differ."""
    naming.check([label.frame(0), label.frame(1)], of_frames(kinds), protected)


def _job(options: PredictOptions, naming: Naming, kinds: tuple[str, ...], source: Source) -> Job:
    """Load the network and make the output folder, of a stream not yet."""
    weights = resolve_weights(options.load_weights_folder, options.model_name, options.run, options.log_dir)
    device = pick_device(options.device, options.no_cuda)
    depths, size = (options.min_depth, options.max_depth), (options.height, options.width)
    predictor = DepthPredictor.from_checkpoint(weights, device, *depths, options.precision, *size)
    for remark in speed_remarks(options.precision, False, device):
        tell(remark)
    settings = settings_of(options, predictor, source, kinds)
    if not isinstance(source, Stream):  # which must be opened first
        make_output_folder("output_dir", naming.folder)
    return Job(
        predictor,
        naming,
        kinds,
        isinstance(source, (Video, Stream)),
        settings,
        _pictures_per_pass(options.batch_size, source),
        options.post_process,
        options.stabilise,
    )


def _pictures_per_pass(batch_size: int, source: Source) -> int:
    """The number of pictures per pass: fewer than asked for where they are so large that memory would not do."""
    if not isinstance(source, Pictures):
        return batch_size
    return max(1, min(batch_size, MOST_PIXELS // max(1, source.largest)))


def settings_of(
    options: PredictOptions, predictor: DepthPredictor, source: Source, kinds: tuple[str, ...] = ()
) -> Settings:
    """Decide how predictions are expressed; where the ground is to tell it, some of the input is looked at.

    Raises:
        UserError: metres are asked for that nothing tells, or a baseline is stated that has no use.
    """
    facts = predictor.network.facts.with_baseline(options.baseline, "this network")
    depths = (predictor.network.min_depth, predictor.network.max_depth)
    asked = (options.pred_metric_depth, options.pred_depth_scale_factor)
    factor = facts.depth_factor(*asked, depths)
    if options.camera_height is not None:
        assert not isinstance(source, Stream)  # as `_check_flags_act` has found
        scale = scale_of_input(options, predictor, source)
        tell(f"--camera_height {options.camera_height:g}: {scale}")
        factor = scale.factor
    metres = options.pred_metric_depth or options.camera_height is not None or factor != 1
    camera, sentence = camera_of_points(options.focal_length, facts)
    if used := [kind for kind in kinds if kind in CAMERA_KINDS]:
        print(f"{', '.join(used)}: {sentence}")
    return Settings(
        factor=factor,
        unit="metres" if metres else "network units",
        min_depth=predictor.network.min_depth,
        max_depth=predictor.network.max_depth,
        colours=options.colormap,
        camera=camera,
    )
