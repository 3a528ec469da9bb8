"""The options of the scripts around training: exporting, making ground truth, filling the cache, reporting."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from monodepth2.config.declare import Checked, check_device, check_input_size, option, same_as
from monodepth2.config.hub_names import is_hub_name
from monodepth2.config.options import SPLITS_WITHOUT_DEPTH, OfTraining, Options
from monodepth2.config.predict import PredictOptions, check_baseline, check_depth_range, check_weights
from monodepth2.errors import UserError, nearest

LARGEST_BATCH = 1 << 10  # of an exported file, in pictures; single ones are filled up to it
LEAST_INT8_OPSET = 13  # the first with a scale per channel


@dataclass(frozen=True)
class ExportOptions(Checked):
    """The settings of `export_depth.py`.

    Raises:
        UserError: a value is out of range or a combination is impossible; the message names flag and remedy.
    """

    groups: ClassVar[dict[str, str]] = {
        "weights": "the network",
        "output": "the file",
        "web": "a page for the browser",
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
    precision: str = option(
        "fp32", "output", "numbers inside the network; int8 needs --calibration", choices=("fp32", "fp16", "int8")
    )
    calibration: Path | None = option(
        None,
        "output",
        "folder of at least 8 pictures of the places where an int8 network will be used; 64 of them are read",
    )
    tolerance: float | None = option(
        None,
        "output",
        "largest relative difference from the checkpoint (default: 1e-3, for fp16 5e-2; for int8 the largest median "
        "change of depth, 3e-2)",
    )

    web: Path | None = option(
        None, "web", "folder that receives a page which runs the network in the browser, and the network in model.onnx"
    )
    web_runtime: Path | None = option(
        None, "web", "folder of an unpacked onnxruntime-web (default: it is fetched from the npm registry once)"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_weights(self)
        check_depth_range(self.min_depth, self.max_depth)
        check_input_size(height=self.height, width=self.width)
        self.require_positive("pred_depth_scale_factor", "tolerance", "baseline")
        self.require_at_least(1, "batch_size")
        if self.batch_size > LARGEST_BATCH:
            raise UserError(f"--batch_size {self.batch_size}: at most {LARGEST_BATCH:,}, or --dynamic_batch for any")
        if self.dynamic_batch and self.batch_size != 1:
            raise UserError(f"--dynamic_batch contradicts --batch_size {self.batch_size}: drop one of them")
        self._check_int8()
        if self.output and self.output.suffix != ".onnx":
            raise UserError(f"--output {self.output}: give a name that ends with .onnx, by which such files are known")
        if is_hub_name(self.model_name or "") and not (self.output or self.web):
            raise UserError("--output is missing: a model of the hub lies in the hub's cache; name a file elsewhere")
        self._check_web()
        if self.network == "pose":
            for name in ("min_depth", "max_depth", "pred_metric_depth", "pred_depth_scale_factor", "baseline"):
                if self.is_given(name):
                    raise UserError(f"--{name} is about depths, which --network pose does not state: drop it")
        check_baseline(self.baseline, self.pred_metric_depth, self.pred_depth_scale_factor)

    def _check_int8(self) -> None:
        """Refuse int8 without pictures to calibrate with, and where it is not possible."""
        if (self.precision == "int8") != (self.calibration is not None):
            raise UserError("--precision int8 and --calibration FOLDER belong together: give both, or none")
        if self.precision != "int8":
            return
        if self.network != "depth" or self.dynamic_size or self.batch_size != 1:
            raise UserError(
                "--precision int8 is for depth networks of a fixed size and a batch of 1 (or --dynamic_batch)"
            )
        if self.opset < LEAST_INT8_OPSET:
            raise UserError(f"--opset {self.opset}: --precision int8 needs {LEAST_INT8_OPSET} or later")

    def _check_web(self) -> None:
        """Refuse what a page cannot show, and a runtime without a page."""
        if self.web is None:
            if self.web_runtime:
                raise UserError(f"--web_runtime {self.web_runtime} is for a page: add --web FOLDER, or drop it")
            return
        if self.output:
            raise UserError(f"--output {self.output}: --web writes the network to model.onnx in its folder; drop one")
        if self.network != "depth":
            raise UserError(f"--network {self.network}: the page of --web shows depth; drop one of them")
        if self.batch_size != 1:
            raise UserError(
                f"--batch_size {self.batch_size}: the page of --web looks at one picture at a time; drop it"
            )


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
        self.require_at_least(1, "num_workers")
        if self.split in (*SPLITS_WITHOUT_DEPTH, "odom"):
            raise UserError(
                f"--split {self.split}: there is no ground truth of depth for it; "
                "use eigen, eigen_benchmark or a folder with test_files.txt"
            )


@dataclass(frozen=True)
class CacheOptions(OfTraining):
    """The settings of `cache_pictures.py`.

    Raises:
        UserError: a value is out of range, or training would refuse it; the message names flag and remedy.
    """

    groups: ClassVar[dict[str, str]] = {
        "paths": "where things are",
        "training": "which pictures, and how large; the same flags as in training",
        "camera": "how they come to that size; the same flags as in training",
    }

    cache_dir: Path | None = same_as(Options, "cache_dir", "folder that keeps the pictures at training size")

    height: int = same_as(Options, "height")
    width: int = same_as(Options, "width")
    fit: str = same_as(Options, "fit")
    crop_top: float = same_as(Options, "crop_top")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cache_dir is None:
            raise UserError("--cache_dir is missing: name the folder that is to keep the pictures")
        self.training()


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
        self.require_at_least(1, "frames")
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
            f"hold models/opt.json{nearest(self.run.name, run_names(self.log_dir.expanduser()))}"
        )


def run_names(log_dir: Path) -> list[str]:
    """The names of the runs in a folder."""
    return sorted(models.parent.name for models in log_dir.glob("*/models"))
