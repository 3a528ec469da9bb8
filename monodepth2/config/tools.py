"""The options of the scripts around training: predicting, exporting, making ground truth."""

from dataclasses import dataclass, fields
from pathlib import Path
from string import Formatter
from typing import ClassVar

from monodepth2.config.declare import Checked, check_alone, check_device, check_input_size, option, same_as
from monodepth2.config.options import SPLITS_WITHOUT_DEPTH, Options
from monodepth2.errors import UserError

NAME_FIELDS = ("stem", "name", "kind")
OUTPUTS_MEAN = {
    "disp_npy": "scaled disparity (1 / depth, in 1 / network units) at the network's size, float32, (1, 1, h, w)",
    "disp_png": "the same at the picture's size, 16 bits: divide by the number under Steps in the file's text",
    "depth_npy": "depth (network units; metres with --pred_metric_depth or --pred_depth_scale_factor) at the "
    "picture's size, float32, (h, w)",
    "depth_png": "256 times that depth, 16 bits: from 1/256 to 255.996, what lies beyond is cut off and told",
    "color": "colours of disparity at the picture's size, JPEG",
    "side_by_side": "the picture beside these colours, or above them if it is wide, JPEG; of a video one MP4",
    "ply": "a point for each pixel that is not at the farthest depth: x right, y down, z forward, in the unit of depth",
}
OUTPUTS = tuple(OUTPUTS_MEAN)


def _help_on_outputs() -> str:
    meanings = "; ".join(f"{kind}: {meaning}" for kind, meaning in OUTPUTS_MEAN.items())
    usual = "default: disp_npy and color, of a video side_by_side; with a scale depth_npy in place of disp_npy"
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

    image_path: Path | None = option(
        None, "input", "a picture, a folder of pictures (without its subfolders), or a video"
    )
    ext: str | None = option(None, "input", "take only pictures with this ending from a folder, e.g. jpg")

    load_weights_folder: Path | None = option(None, "weights", "weights folder of a checkpoint, or an .onnx file")
    model_name: str | None = option(None, "weights", "name of a published model, e.g. mono_640x192, in its place")
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
        "depths in metres: the baseline by 0.1 times those of a stereo-trained network, those of one that was told "
        "lengths in metres as they are",
    )
    pred_depth_scale_factor: float = option(1.0, "weights", "factor from predicted depth to metres")
    camera_height: float | None = option(
        None,
        "weights",
        "depths in metres by the ground: the camera's height above it, of pictures that show it in their lower middle; "
        "the camera is the checkpoint's, or that of --focal_length",
    )
    baseline: float | None = option(
        None, "weights", "metres between the cameras of the rig, for --pred_metric_depth (default: as it was trained)"
    )

    output_dir: Path | None = option(
        None, "output", "folder to write to (default: 'predictions' beside a file, in a folder)"
    )
    output_pattern: str = option(
        "{stem}_{kind}", "output", "names of the files, of {stem} or {name} (with its ending) and {kind}"
    )
    outputs: tuple[str, ...] = option((), "output", _help_on_outputs(), choices=OUTPUTS)
    colormap: str = option("magma", "output", "matplotlib's name of the colours of disparity")
    focal_length: float = option(
        0.58, "output", "of the camera, in picture widths, for ply and --camera_height (KITTI's is 0.58)"
    )

    batch_size: int = option(8, "system", "pictures per pass of the network")
    device: str = same_as(Options, "device")
    no_cuda: bool = same_as(Options, "no_cuda")
    precision: str = same_as(Options, "precision")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image_path is None:
            raise UserError("--image_path is missing: name a picture, a folder of pictures, or a video")
        _check_weights(self)
        _check_depth_range(self.min_depth, self.max_depth)
        check_input_size(height=self.height, width=self.width)
        self._require_positive("pred_depth_scale_factor", "focal_length", "baseline", "camera_height")
        if self.camera_height is not None:
            check_alone(self, "camera_height", "pred_metric_depth", "pred_depth_scale_factor", "baseline")
        _check_baseline(self.baseline, self.pred_metric_depth, self.pred_depth_scale_factor)
        self._require_at_least(1, "batch_size")
        _check_pattern(self.output_pattern)
        check_device(self.no_cuda, self.device)


@dataclass(frozen=True)
class ExportOptions(Checked):
    """The settings of `export_depth.py`.

    Raises:
        UserError: a value is out of range or a combination is impossible; the message names flag and remedy.
    """

    groups: ClassVar[dict[str, str]] = {
        "weights": "the network",
        "output": "the file",
    }

    load_weights_folder: Path | None = option(None, "weights", "weights folder of a checkpoint")
    model_name: str | None = same_as(PredictOptions, "model_name")
    run: str | None = same_as(PredictOptions, "run")
    log_dir: Path = same_as(PredictOptions, "log_dir")
    network: str = option("depth", "weights", "which network to export", choices=("depth", "pose"))
    min_depth: float | None = same_as(PredictOptions, "min_depth")
    max_depth: float | None = same_as(PredictOptions, "max_depth")
    pred_metric_depth: bool = same_as(PredictOptions, "pred_metric_depth")
    pred_depth_scale_factor: float = same_as(PredictOptions, "pred_depth_scale_factor")
    baseline: float | None = same_as(PredictOptions, "baseline")

    output: Path | None = option(
        None, "output", "file to write, *.onnx (default: <network>.onnx in the weights folder)"
    )
    height: int | None = option(None, "output", "input height in pixels (default: the checkpoint's)")
    width: int | None = option(None, "output", "input width in pixels (default: the checkpoint's)")
    batch_size: int = option(1, "output", "pictures per pass, where it is fixed")
    dynamic_batch: bool = option(False, "output", "any number of pictures per pass")
    dynamic_size: bool = option(False, "output", "any input size that is a multiple of 32")
    opset: int = option(
        18, "output", "version of ONNX's operators, 11 or later; docs/export.md: which for which runtime"
    )
    precision: str = option("fp32", "output", "numbers inside the network", choices=("fp32", "fp16"))
    tolerance: float | None = option(
        None, "output", "largest relative difference from the checkpoint (default: 1e-3, for fp16 5e-2)"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_weights(self)
        _check_depth_range(self.min_depth, self.max_depth)
        check_input_size(height=self.height, width=self.width)
        self._require_positive("pred_depth_scale_factor", "tolerance", "baseline")
        self._require_at_least(1, "batch_size")
        if self.dynamic_batch and self.batch_size != 1:
            raise UserError(f"--dynamic_batch contradicts --batch_size {self.batch_size}: drop one of them")
        if self.output and self.output.suffix != ".onnx":
            raise UserError(f"--output {self.output}: give a name that ends with .onnx, by which such files are known")
        if self.network == "pose":
            for name in ("min_depth", "max_depth", "pred_metric_depth", "pred_depth_scale_factor", "baseline"):
                if getattr(self, name) != getattr(type(self), name):
                    raise UserError(f"--{name} is about depths, which --network pose does not state: drop it")
        _check_baseline(self.baseline, self.pred_metric_depth, self.pred_depth_scale_factor)


@dataclass(frozen=True)
class GroundTruthOptions(Checked):
    """The settings of `export_gt_depth.py`.

    Raises:
        UserError: a value is out of range, or the split has no ground truth of depth.
    """

    groups: ClassVar[dict[str, str]] = {
        "paths": "where things are",
        "system": "where it runs",
    }

    data_path: Path = same_as(Options, "data_path")
    split: str = option(
        "eigen", "paths", "eigen (from the scans), eigen_benchmark (improved maps), or a folder with test_files.txt"
    )
    dataset: str | None = option(
        None,
        "paths",
        "where depth comes from: kitti, the scans, or kitti_depth, the improved maps (default: as the split says)",
        choices=("kitti", "kitti_depth"),
    )
    output: Path | None = option(None, "paths", "file to write (default: gt_depths.npz in the split's folder)")
    overwrite: bool = option(False, "paths", "replace an existing file")
    num_workers: int | None = option(None, "system", "images worked on at once (default: one per core)")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_at_least(1, "num_workers")
        if self.split in (*SPLITS_WITHOUT_DEPTH, "odom"):
            raise UserError(
                f"--split {self.split}: there is no ground truth of depth for it; "
                "use eigen, eigen_benchmark or a folder with test_files.txt"
            )


@dataclass(frozen=True)
class CacheOptions(Checked):
    """The settings of `cache_pictures.py`.

    Raises:
        UserError: a value is out of range, or training would refuse it; the message names flag and remedy.
    """

    groups: ClassVar[dict[str, str]] = {
        "paths": "where things are",
        "training": "which pictures, and how large: the flags of the training",
        "camera": "how they come to that size: likewise",
    }

    data_path: Path = same_as(Options, "data_path")
    cache_dir: Path | None = same_as(Options, "cache_dir", "folder that keeps the pictures at training size")

    split: str = same_as(Options, "split")
    dataset: str = same_as(Options, "dataset")
    png: bool = same_as(Options, "png")
    height: int = same_as(Options, "height")
    width: int = same_as(Options, "width")
    skip_incomplete: bool = same_as(Options, "skip_incomplete")
    use_stereo: bool = same_as(Options, "use_stereo")
    frame_ids: tuple[int, ...] = same_as(Options, "frame_ids")
    fit: str = same_as(Options, "fit")
    crop_top: float = same_as(Options, "crop_top")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cache_dir is None:
            raise UserError("--cache_dir is missing: name the folder that is to keep the pictures")
        self.training()

    def training(self) -> Options:
        """The options of a training on these pictures.

        Raises:
            UserError: training would refuse them.
        """
        return Options(**{item.name: getattr(self, item.name) for item in fields(self)})


@dataclass(frozen=True)
class ReportOptions(Checked):
    """The settings of the report on a run: did it learn?

    Raises:
        UserError: no run is named, or a value is out of range.
    """

    groups: ClassVar[dict[str, str]] = {
        "paths": "which run, and where its pictures are",
        "output": "the page",
        "system": "where it runs",
    }

    run: Path | None = option(None, "paths", "the run: its folder, or its name in --log_dir")
    log_dir: Path = same_as(Options, "log_dir", "folder that holds one folder per run")
    data_path: Path | None = option(
        None, "paths", "root of the data set (default: where it was when the run was trained)"
    )

    output: Path | None = option(None, "output", "file to write, *.html (default: report.html in the run's folder)")
    frames: int = option(6, "output", "validation frames to show")

    device: str = same_as(Options, "device")
    no_cuda: bool = same_as(Options, "no_cuda")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.run is None:
            raise UserError("--run is missing: name the run, or its folder")
        self._require_at_least(1, "frames")
        if self.output and self.output.suffix != ".html":
            raise UserError(f"--output {self.output}: give a name that ends with .html")
        check_device(self.no_cuda, self.device)

    @property
    def run_folder(self) -> Path:
        """The run's folder: as it is given, or of that name in `log_dir`; also where its models or weights are given.

        Raises:
            UserError: there is no such run.
        """
        assert self.run is not None
        for place in (self.run.expanduser(), self.log_dir.expanduser() / self.run):
            for folder in (place, place.parent, place.parent.parent) if place.is_dir() else ():
                if (folder / "models" / "opt.json").is_file():
                    return folder
        raise UserError(
            f"--run {self.run}: neither a run's folder nor the name of a run in --log_dir {self.log_dir}, which would "
            "hold models/opt.json"
        )


def _check_weights(options: PredictOptions | ExportOptions) -> None:
    """Refuse options that name no network, or several."""
    if [options.load_weights_folder, options.model_name, options.run].count(None) != 2:
        raise UserError(
            "choose the network: one of --load_weights_folder FOLDER, --run NAME of a training, and --model_name of a "
            "published model"
        )
    if options.run is None and options.log_dir != type(options).log_dir:
        raise UserError(f"--log_dir {options.log_dir}: is where --run NAME is looked for; add it, or drop --log_dir")


def _check_baseline(baseline: float | None, metric: bool, scale: float) -> None:
    """Refuse a baseline that nothing would be made of."""
    if baseline is not None and not metric:
        raise UserError(f"--baseline {baseline:g} is for metres: add --pred_metric_depth")
    if baseline is not None and scale != 1:
        raise UserError(
            "--baseline and --pred_depth_scale_factor both say how many metres a unit has: drop one of them"
        )


def _check_depth_range(min_depth: float | None, max_depth: float | None) -> None:
    least, most = min_depth or 0.1, max_depth or 100.0
    if not 0 < least < most < float("inf") or min_depth == 0 or max_depth == 0:
        raise UserError(f"--min_depth {least} --max_depth {most}: need 0 < min_depth < max_depth")


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
