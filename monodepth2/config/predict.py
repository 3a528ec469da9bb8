"""The options of predicting."""

from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, ClassVar

from monodepth2.config.declare import Checked, check_device, check_input_size, check_only_scale, option, same_as
from monodepth2.config.options import Options
from monodepth2.errors import UserError

if TYPE_CHECKING:
    from monodepth2.config.app import AppOptions
    from monodepth2.config.sharing import PushOptions
    from monodepth2.config.tools import ExportOptions

NAME_FIELDS = ("stem", "name", "kind")
OUTPUTS_MEAN = {
    "disp_npy": "scaled disparity (1 / depth, in 1 / network units) at the network's size, float32, (1, 1, h, w)",
    "disp_png": "the same at the picture's size, 16 bits: divide by the number under Steps in the file's text",
    "depth_npy": "depth (network units; metres with --pred_metric_depth, --camera_height or "
    "--pred_depth_scale_factor) at the picture's size, float32, (h, w)",
    "depth_png": "256 times that depth, 16 bits: from 1/256 to 255.996, what lies beyond is cut off and told",
    "color": "colours of disparity at the picture's size, JPEG",
    "side_by_side": "the picture beside these colours, or above them if it is wide: twice its size, JPEG; one MP4 of a "
    "video or a stream",
    "ply": "a point for each pixel that is not at the farthest depth: x right, y down, z forward, in the unit of depth",
    "rrd": "a recording for rerun's viewer: picture, depth and camera, no wider than the network's map; one of a video "
    "or a stream",
}
OUTPUTS = tuple(OUTPUTS_MEAN)
LAST_PORT = 65535


def _help_on_outputs() -> str:
    meanings = "; ".join(f"{kind}: {meaning}" for kind, meaning in OUTPUTS_MEAN.items())
    usual = (
        "default: of pictures disp_npy and color, with a scale depth_npy and color; of a video or a stream "
        "side_by_side, with --live nothing"
    )
    return f"what to write of each picture or frame ({usual}). {meanings}"


@dataclass(frozen=True)
class PredictOptions(Checked):
    """The settings of `predict.py`.

    Raises:
        UserError: a value is out of range or a combination is impossible; the message names flag and remedy.
    """

    groups: ClassVar[dict[str, str]] = {
        "input": "what to look at",
        "weights": "the network",
        "output": "what to write, and where",
        "system": "where it runs",
    }

    image_path: str | None = option(  # no Path, which would drop a slash of an address
        None,
        "input",
        "a picture, a folder of pictures (without its subfolders), a video, or a stream: a camera by its number or its "
        "device (0 is /dev/video0; on Linux), or an address (rtsp://..., http://...). Of a stream the newest frame is "
        "predicted; those that come while the network works are dropped and counted",
    )
    ext: str | None = option(None, "input", "take only pictures with this ending from a folder, e.g. jpg")
    seconds: float | None = option(
        None,
        "input",
        "end a stream this long after its first frame (default: it goes on until Ctrl-C, SIGTERM or its end)",
    )

    load_weights_folder: Path | None = option(None, "weights", "weights folder of a checkpoint, or an .onnx file")
    model_name: str | None = option(
        None,
        "weights",
        "name of a published model, e.g. mono_640x192, or USER/MODEL of the Hugging Face hub, in its place",
    )
    run: str | None = same_as(Options, "run", group="weights")
    log_dir: Path = same_as(Options, "log_dir", group="weights")
    height: int | None = option(None, "weights", "input height in pixels, of weights that do not state theirs")
    width: int | None = option(None, "weights", "input width in pixels, of weights that do not state theirs")
    min_depth: float | None = option(None, "weights", "nearest depth (default: as the checkpoint was trained)")
    max_depth: float | None = option(None, "weights", "farthest depth (default: as the checkpoint was trained)")
    post_process: bool = option(False, "weights", "average with the prediction of the mirrored picture")
    pred_metric_depth: bool = option(
        False,
        "weights",
        "write depth in metres: that of a network trained with stereo is multiplied by baseline / 0.1, that of one "
        "that was told lengths in metres stays as it is",
    )
    pred_depth_scale_factor: float = option(1.0, "weights", "factor from predicted depth to metres")
    camera_height: float | None = option(
        None,
        "weights",
        "height of the camera above the ground, in metres: depths are then in metres. The pictures must show the "
        "ground in their lower middle; the camera is the checkpoint's, or that of --focal_length",
    )
    baseline: float | None = option(
        None, "weights", "metres between the cameras of the rig, for --pred_metric_depth (default: as it was trained)"
    )

    stabilise: bool = option(
        False,
        "weights",
        "videos and streams: keep the scale of depth steady. Fast changes of the scale are removed, slow ones (over "
        "about a second) stay. It begins anew at each cut",
    )

    output_dir: Path | None = option(
        None,
        "output",
        "folder to write to (default: 'predictions' beside a file, in a folder, for a stream in the working directory)",
    )
    output_pattern: str = option(
        "{stem}_{kind}", "output", "names of the files, of {stem} or {name} (with its ending) and {kind}"
    )
    outputs: tuple[str, ...] = option((), "output", _help_on_outputs(), choices=OUTPUTS)
    live: int | None = option(
        None,
        "output",
        "show a stream beside its disparity on a page for browsers of this machine, http://127.0.0.1:PORT/ (0: any "
        "free port); files are then written only for --outputs",
        metavar="PORT",
    )
    colormap: str = option(
        "magma",
        "output",
        "matplotlib's name of the colours of disparity. They span the disparities of each picture up to the 95th "
        "percentile; of videos and streams a mean of these limits over about a second, which starts anew at a cut",
    )
    focal_length: float | None = option(
        None,
        "output",
        "of the camera, in picture widths, for ply and rrd; pixels are then square and the principal point is the "
        "centre (default: the checkpoint's camera; KITTI's 0.58 where it knows none, or several that differ)",
    )

    batch_size: int = option(8, "system", "pictures per pass of the network")
    device: str = same_as(Options, "device")
    no_cuda: bool = same_as(Options, "no_cuda")
    precision: str = same_as(Options, "precision")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.image_path:
            raise UserError("--image_path is missing: name a picture, a folder of pictures, a video or a stream")
        check_weights(self)
        check_depth_range(self.min_depth, self.max_depth)
        check_input_size(height=self.height, width=self.width)
        self.require_positive("pred_depth_scale_factor", "focal_length", "baseline", "camera_height", "seconds")
        if self.camera_height is not None:
            check_only_scale(self, "camera_height", "pred_metric_depth", "pred_depth_scale_factor", "baseline")
        if self.live is not None and not 0 <= self.live <= LAST_PORT:
            raise UserError(f"--live {self.live}: a port is a number from 0 to {LAST_PORT}; try 8080")
        check_baseline(self.baseline, self.pred_metric_depth, self.pred_depth_scale_factor)
        self.require_at_least(1, "batch_size")
        _check_pattern(self.output_pattern)
        check_device(self.no_cuda, self.device)


def check_weights(options: "PredictOptions | ExportOptions | AppOptions") -> None:
    """Refuse options that name no network, or several.

    Raises:
        UserError: they do.
    """
    if [options.load_weights_folder, options.model_name, options.run].count(None) != 2:
        raise UserError(
            "choose the network: one of --load_weights_folder FOLDER, --run NAME of a training, and --model_name of a "
            "published model"
        )
    check_log_dir(options)


def check_log_dir(options: "PredictOptions | ExportOptions | AppOptions | PushOptions") -> None:
    """Refuse a folder of runs where none of them is asked for.

    Raises:
        UserError: it is.
    """
    if options.run is None and options.is_given("log_dir"):
        raise UserError(f"--log_dir {options.log_dir}: is where --run NAME is looked for; add it, or drop --log_dir")


def check_baseline(baseline: float | None, metric: bool, scale: float) -> None:
    """Refuse a baseline that nothing would use.

    Raises:
        UserError: nothing would use it.
    """
    if baseline is not None and not metric:
        raise UserError(f"--baseline {baseline:g} is for metres: add --pred_metric_depth")
    if baseline is not None and scale != 1:
        raise UserError(
            "--baseline and --pred_depth_scale_factor both say how many metres a unit has: drop one of them"
        )


def check_depth_range(min_depth: float | None, max_depth: float | None) -> None:
    """Refuse depths that are no range; one that is not given is compared when the checkpoint is read, which has it.

    Raises:
        UserError: they are none.
    """
    given = {"--min_depth": min_depth, "--max_depth": max_depth}
    depths = [depth for depth in given.values() if depth is not None]
    if not all(0 < depth < float("inf") for depth in depths) or (len(depths) == 2 and depths[0] >= depths[1]):
        words = " ".join(f"{flag} {depth:g}" for flag, depth in given.items() if depth is not None)
        raise UserError(f"{words}: need 0 < min_depth < max_depth")


def _check_pattern(pattern: str) -> None:
    """Refuse a pattern of file names that cannot be filled in, or that leads out of its folder."""
    try:
        parts = list(Formatter().parse(pattern))
    except ValueError as error:
        raise UserError(f"--output_pattern {pattern}: {error}; write e.g. {{stem}}_{{kind}}") from error
    for _, name, form, conversion in parts:
        if name is not None and (name not in NAME_FIELDS or form or conversion):
            raise UserError(f"--output_pattern {pattern}: knows only {{stem}}, {{name}} and {{kind}}")
    if pattern in ("", ".", "..") or set(pattern) & set("/\\\0"):
        raise UserError(f"--output_pattern {pattern!r}: must be a file's name; the folder is named by --output_dir")
