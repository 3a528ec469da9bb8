"""The options of training and scoring: the command line of 2019, every flag with its name and default.

This module imports nothing heavy, so that `--help` answers at once.
"""

import json
import math
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar

from monodepth2.config.declare import Checked, available_cores, option, same_as, value_from_json
from monodepth2.config.option_checks import ODOMETRY_SPLITS, TRAINING_SPLITS, check_options
from monodepth2.errors import UserError, first_line
from monodepth2.files.fit import Fit

FrameId = int | str  # a temporal offset from the target (0), or STEREO
STEREO = "s"
NETWORKS = ("encoder", "depth", "pose_encoder", "pose", "predictive_mask", "intrinsics")
POSE_BACKBONE = "resnet10t"
START_DEPTH = 15.0  # metres: that of half of a street's pixels
TRACKED_DEPTH = 4.0  # units of tracked motion: the median of its points; streets then have some 5 m per unit
SPLITS_WITHOUT_DEPTH = ("benchmark", *ODOMETRY_SPLITS)  # there is no ground truth for them to score depth on


def _checkout() -> Path:
    """The folder of the program's source, as in 2019; of an installed package, the working directory."""
    root = Path(__file__).parents[2]
    return root if (root / "options.py").is_file() else Path()


@dataclass(frozen=True)
class Options(Checked):
    """One run's settings, checked on creation and never changed.

    Raises:
        UserError: a value is out of range or a combination is impossible; the message names flag and remedy.
    """

    groups: ClassVar[dict[str, str]] = {
        "paths": "where things are",
        "training": "the method",
        "camera": "what took the pictures, and how they come to the network's size",
        "ablation": "variants of the method",
        "optimization": "how it is optimised",
        "system": "where it runs",
        "loading": "starting from existing weights",
        "logging": "what a run tells",
        "checkpoints": "what a run keeps, and how it goes on",
        "evaluation": "scoring a checkpoint",
    }

    # paths
    data_path: Path = option(_checkout() / "kitti_data", "paths", "root of the data set")
    log_dir: Path = option(Path("~/tmp"), "paths", "folder of all runs, one folder for each")
    cache_dir: Path | None = option(
        None, "paths", "folder that keeps the pictures at training size, filled on first use (default: none are kept)"
    )

    # training
    model_name: str = option(
        "mdp", "training", "name of the run: its folder in --log_dir; for scoring also the name of a published model"
    )
    split: str = option(
        "eigen_zhou",
        "training",
        f"training split: {', '.join(TRAINING_SPLITS)}, or a folder with train_files.txt and val_files.txt (default: "
        "eigen_zhou; of plain folders the lists in their splits/, else a split is made)",
    )
    num_layers: int = option(
        18,
        "training",
        "layers of 2019's ResNets (default: 18; in scoring as the weights were trained)",
        choices=(18, 34, 50, 101, 152),
    )
    encoder: str | None = option(
        None,
        "training",
        "a backbone of the timm library for the depth network, e.g. resnet10t, convnext_tiny or mobilenetv3_small_050 "
        "(default: 2019's ResNet of --num_layers)",
    )
    decoder: str = option(
        "2019",
        "training",
        "decoder of the depth network; small has half the channels, hr is that of HR-Depth with dense skip connections",
        choices=("2019", "small", "hr"),
    )
    pose_encoder: str | None = option(
        None,
        "training",
        f"the same for the pose network (default: {POSE_BACKBONE} with --encoder, else the ResNet of --num_layers)",
    )
    dataset: str = option(
        "kitti",
        "training",
        "layout of the data set; folder: drives that are plain folders of pictures",
        choices=("kitti", "kitti_odom", "kitti_depth", "kitti_test", "folder"),
    )
    skip_incomplete: bool = option(
        False, "training", "leave out lines that lack one of their pictures, e.g. a neighbour, instead of refusing them"
    )
    png: bool = option(False, "training", "where a picture is there as .png and as .jpg, take the .png file")
    height: int = option(
        192,
        "training",
        "input height in pixels, a multiple of 32 (default: 192; in scoring as the weights were trained)",
    )
    width: int = option(
        640,
        "training",
        "input width in pixels, a multiple of 32 (default: 640; in scoring as the weights were trained)",
    )
    disparity_smoothness: float = option(1e-3, "training", "weight of the disparity smoothness")
    scales: tuple[int, ...] = option((0, 1, 2, 3), "training", "scales of the loss; s is 1/2^s of the input size")
    min_depth: float = option(
        0.1, "training", "nearest depth the network can express (default: 0.1; in scoring as the weights were trained)"
    )
    max_depth: float = option(
        100.0,
        "training",
        "farthest depth the network can express (default: 100; in scoring as the weights were trained)",
    )
    use_stereo: bool = option(False, "training", "the other camera of the rig is a source frame too")
    frame_ids: tuple[int, ...] = option(
        (0, -1, 1), "training", "frames to load, 0 (the target) first; 0 alone with --use_stereo is pure stereo"
    )
    frame_gap: tuple[int, ...] = option(
        (),
        "training",
        "draw for each sample how many frames apart its neighbours are, from A to B: --frame_ids times that number; "
        "only distances whose pictures exist are drawn (default: --frame_ids as they are)",
        nargs=2,
        metavar=("A", "B"),
    )
    augment_crop: bool = option(
        False,
        "training",
        "train on parts of the pictures, drawn for each sample and brought to the network's size; cameras, masks and "
        "known depth follow",
    )
    crop_scale: tuple[float, ...] = option(
        (0.5, 1.0),
        "training",
        "for --augment_crop: least and largest share of the picture's area that a part has",
        nargs=2,
        metavar=("MIN", "MAX"),
    )
    crop_ratio: tuple[float, ...] = option(
        (0.75, 1.33),
        "training",
        "for --augment_crop: least and largest width by height of a part, as a multiple of the whole picture's",
        nargs=2,
        metavar=("MIN", "MAX"),
    )
    depth_supervision: float = option(
        0.0,
        "training",
        "weight of the error of log depth where depth is known: from KITTI's scans, the improved maps of --dataset "
        "kitti_depth, or depth/ of plain folders; depths become metres (default: 0, without)",
    )
    poses: str = option(
        "network",
        "training",
        "where the motion between frames comes from: a pose network; or files of the drives, in its place: known, "
        "poses.txt (of odometry sequences poses/), so that depths become metres; tracked, tracked_poses.txt, which "
        "`prepare` finds by points that it follows, for videos too short to teach a network; metres stay unknown",
        choices=("network", "known", "tracked"),
    )
    motion_warmup: int = option(
        0,
        "training",
        "first steps, in which a new pose network finds the camera's motion: coarse pictures are compared, on average "
        "over the neighbours, without auto-masking; 500 are enough; not with --use_stereo (default: 0, as in 2019)",
    )
    velocity_weight: float = option(
        0.0,
        "training",
        "weight of the difference between the length of the predicted motion and the way that speeds and times state "
        "(KITTI's oxts; speed.txt and times.txt of plain folders); depths become metres (default: 0, without)",
    )
    pseudo_labels: Path | None = option(
        None,
        "training",
        "folder of disparities that another model made of the pictures (monodepth2 pseudo_label makes it); the network "
        "learns from them, too, whatever their scale and shift (default: without)",
    )
    pseudo_weight: float = option(
        0.1, "training", "weight of the difference from --pseudo_labels; 0: as if they were not given"
    )
    gt_png_scale: float = option(
        256.0, "training", "steps per metre of depth in 16-bit .png files: KITTI's 256, 1000 for millimetres"
    )

    # camera
    intrinsics: tuple[float, ...] = option(
        (),
        "camera",
        "focal lengths and principal point of all pictures: in widths and heights of the picture, or in pixels with "
        "--intrinsics_size (default: a file beside the pictures; else in KITTI's layouts 0.58 1.92 0.5 0.5, in plain "
        "folders a view of 60 degrees along the longer side)",
        nargs=4,
        metavar=("FX", "FY", "CX", "CY"),
    )
    intrinsics_size: tuple[int, ...] = option(
        (), "camera", "size of the pictures that --intrinsics in pixels are for", nargs=2, metavar=("W", "H")
    )
    kitti_calibration: bool = option(
        False, "camera", "each drive's own camera from KITTI's calibration files instead of one for all as in 2019"
    )
    fov: float | None = option(
        None, "camera", "width of the view in degrees, of square pixels, where no file states the camera"
    )
    learn_intrinsics: bool = option(
        False,
        "camera",
        "learn each camera's focal length from the given or assumed one on, where the data show it: the camera has to "
        "turn",
    )
    baseline: float | None = option(
        None,
        "camera",
        "metres between the two cameras of a stereo rig (default: what camera.json says, else 0.54 in KITTI's layouts "
        "and unknown in plain folders; in scoring that of the checkpoint)",
    )
    fit: str = option(
        "stretch",
        "camera",
        "squeeze pictures of another shape than --height and --width (2019), or cut them",
        choices=("stretch", "crop"),
    )
    crop_top: float = option(
        0.5, "camera", "of the rows that --fit crop cuts, the share at the top: 1 keeps the bottom, 0.5 the middle"
    )

    # optimization
    batch_size: int = option(12, "optimization", "samples per step and process")
    learning_rate: float = option(1e-4, "optimization", "Adam's learning rate")
    optimizer: str = option(
        "adam", "optimization", "adam as in 2019, or adamw with --weight_decay", choices=("adam", "adamw")
    )
    weight_decay: float = option(1e-2, "optimization", "weight decay, for --optimizer adamw")
    encoder_lr: float | None = option(
        None,
        "optimization",
        "learning rate of the depth network's encoder, e.g. 1e-5 for one that is already trained (default: "
        "--learning_rate)",
    )
    schedule: str = option(
        "step",
        "optimization",
        "the learning rate drops by ten after --scheduler_step_size epochs (2019), or follows a cosine to 0 at the end "
        "of the run, after a short way up",
        choices=("step", "cosine"),
    )
    lr_scaling: str = option(
        "none",
        "optimization",
        "multiply the learning rate by the number of processes (linear), or by its root (sqrt)",
        choices=("none", "linear", "sqrt"),
    )
    clip_grad_norm: float | None = option(
        None, "optimization", "shrink gradients to this norm, of all together, where theirs is larger (default: never)"
    )
    ema: float | None = option(
        None,
        "optimization",
        "keep an exponential mean of the weights, too, and save it as weights_<n>/ema: the share of the old mean that "
        "each step leaves, e.g. 0.999 (default: none is kept)",
    )
    num_epochs: int = option(20, "optimization", "passes over the training split")
    scheduler_step_size: int = option(15, "optimization", "epochs after which the learning rate drops by ten")
    seed: int = option(0, "optimization", "seed of initial weights, sample order and augmentation")

    # ablation
    v1_multiscale: bool = option(False, "ablation", "losses at each scale's own size (monodepth v1)")
    avg_reprojection: bool = option(False, "ablation", "average over the sources instead of the minimum")
    disable_automasking: bool = option(False, "ablation", "no auto-mask from unwarped sources")
    predictive_mask: bool = option(False, "ablation", "a predicted mask as in Zhou et al.; needs --disable_automasking")
    no_ssim: bool = option(False, "ablation", "photometric error is L1 alone")
    weights_init: str = option(
        "pretrained",
        "ablation",
        "initial weights of the encoders: ImageNet's, or random",
        choices=("pretrained", "scratch"),
    )
    pretrained_weights: Path | None = option(
        None,
        "ablation",
        "ImageNet weights as a local file (else they are downloaded): torchvision's .pth of the ResNet, or of "
        "--encoder timm's .safetensors or .bin",
    )
    pose_model_input: str = option(
        "pairs", "ablation", "frames the pose network sees at once", choices=("pairs", "all")
    )
    pose_model_type: str = option(
        "separate_resnet", "ablation", "kind of pose network", choices=("posecnn", "separate_resnet", "shared")
    )

    # system
    device: str = option("auto", "system", "device to run on", choices=("auto", "cpu", "cuda", "mps"))
    no_cuda: bool = option(False, "system", "do not use CUDA (2019's flag; --device cpu says the same)")
    precision: str = option(
        "fp32",
        "system",
        "numbers in which the networks compute; geometry, losses and weights stay float32",
        choices=("fp32", "bf16", "fp16"),
    )
    channels_last: str = option(
        "auto", "system", "keep the networks' tensors in channels-last order", choices=("auto", "on", "off")
    )
    compile: bool = option(
        False,
        "system",
        "compile the networks with torch.compile; on a GPU the losses too, and one GPU records the whole step",
    )
    grad_checkpointing: bool = option(
        False, "system", "compute activations again in the backward pass instead of keeping them: less memory"
    )
    sync_bn: bool = option(
        False, "system", "batch norms share their statistics between processes (started by torchrun, on GPUs)"
    )
    num_workers: int = option(
        12, "system", "largest number of processes that load pictures, in scoring of threads; never more than cores"
    )
    deterministic: bool = option(
        False, "system", "the same weights from the same seed on a GPU, too (slower; on a CPU they always are)"
    )
    device_augment: bool = option(
        False, "system", "jitter colours on the device: same draws, not rounded to 8 bits as the loader does"
    )

    # loading
    load_weights_folder: Path | None = option(
        None, "loading", "weights folder of a checkpoint to start from or to use; for scoring depth also an .onnx file"
    )
    models_to_load: tuple[str, ...] = option(
        ("encoder", "depth", "pose_encoder", "pose"), "loading", "networks taken from that folder", choices=NETWORKS
    )

    # logging
    log_frequency: int = option(
        250,
        "logging",
        "batches between two log entries in the first 2,000 steps; after these every 2,000th step is logged",
    )

    wandb: bool = option(
        False,
        "logging",
        "mirror TensorBoard's figures and pictures to Weights & Biases; with WANDB_MODE=offline into the run's folder",
    )
    no_report: bool = option(False, "logging", "write no report.html at the end, a page that says whether it learnt")
    no_doctor: bool = option(False, "logging", "begin without a look at the data for what would spoil the training")

    # checkpoints
    save_frequency: int = option(1, "checkpoints", "epochs between two checkpoints that are kept")
    keep_checkpoints: int | None = option(
        None, "checkpoints", "how many of these to keep, the newest; older ones are removed (default: all)"
    )
    save_steps: int = option(
        1000, "checkpoints", "steps between two checkpoints to go on from; the newest two of all are kept"
    )
    resume: str = option(
        "never",
        "checkpoints",
        "go on with the run of this name as if it had never stopped; auto: if there is anything to go on from",
        choices=("never", "always", "auto"),
        nargs="?",
        const="always",
    )
    overwrite: bool = option(
        False, "checkpoints", "let a new run replace the checkpoints of an older one of the same name"
    )

    # evaluation
    run: str | None = option(
        None, "evaluation", "name of a run in --log_dir, whose newest checkpoint is taken, instead of a weights folder"
    )
    eval_stereo: bool = option(
        False, "evaluation", "score in the metres of the stereo rig: ten times its baseline, KITTI's 5.4"
    )
    eval_mono: bool = option(
        False, "evaluation", "score with per-image median scaling; odometry: with the scale of the true path"
    )
    disable_median_scaling: bool = option(False, "evaluation", "no per-image median scaling")
    pred_depth_scale_factor: float = option(
        1.0, "evaluation", "factor from predicted depth to metres; if given, it replaces the stereo rig's"
    )
    ext_disp_to_eval: Path | None = option(
        None, "evaluation", "score this .npy array of disparities instead of a checkpoint"
    )
    eval_split: str = option(
        "eigen",
        "evaluation",
        "split to score: eigen, eigen_benchmark, benchmark, make3d, or a folder with test_files.txt (in KITTI's "
        "layouts scored by eigen's rules). Odometry needs one: odom_0 to odom_21, a drive's folder, or a folder whose "
        "test_files.txt lists consecutive frames (default: eigen; with --dataset folder all pictures)",
    )
    gt_path: Path | None = option(
        None,
        "evaluation",
        "ground truth of depth: a gt_depths.npz, or a folder with one .npy, .png, .pfm or .exr file per line, named as "
        "its picture (default: gt_depths.npz in the split's folder, else the data set's)",
    )
    eval_min_depth: float | None = option(
        None, "evaluation", "score ground truth beyond this many metres (default: as the split says, 0.001)"
    )
    eval_max_depth: float | None = option(
        None, "evaluation", "score ground truth up to this many metres (default: as the split says, 80)"
    )
    crop: str | None = option(
        None,
        "evaluation",
        "part of the picture that is scored; mask: the data set's mask and no crop (default: as the split says)",
        choices=("garg", "eigen", "none", "mask"),
    )
    align: str | None = option(
        None,
        "evaluation",
        "fit each prediction to its ground truth: by the ratio of medians, by scale and shift of disparity, or not "
        "(default: median with --eval_mono, none with --eval_stereo)",
        choices=("median", "scale_shift", "none"),
    )
    camera_height: float | None = option(
        None,
        "evaluation",
        "score in metres that the ground tells: the camera's height above it, where pictures show it in their lower "
        "middle; one scale for all images",
    )
    metrics: tuple[str, ...] = option(
        (),
        "evaluation",
        "further figures: F-score of points at 10 cm, accuracy and completeness of depth edges, figures of log depth",
        choices=("fscore", "edges", "log"),
    )
    true_poses: Path | None = option(
        None, "evaluation", "true poses of the drive in KITTI's or TUM's format, for odometry (default: the data set's)"
    )
    save_pred_disps: bool = option(
        False, "evaluation", "save the predicted disparities in --eval_out_dir (default: beside the weights)"
    )
    no_eval: bool = option(False, "evaluation", "predict only, compute no figures")
    eval_eigen_to_benchmark: bool = option(
        False, "evaluation", "disparities of the eigen list, scored on the eigen_benchmark ground truth"
    )
    eval_out_dir: Path | None = option(
        None, "evaluation", "folder for pictures of the predictions; odometry: for the poses and their plot"
    )
    post_process: bool = option(False, "evaluation", "average with the prediction of the mirrored image")
    output_json: Path | None = option(None, "evaluation", "write all figures to this file")
    html_report: Path | None = option(
        None, "evaluation", "write a page with all figures and the worst images to this file"
    )
    compare: tuple[str, ...] = option(
        (), "evaluation", "further checkpoints for one table: weights folders, .onnx files, names of published models"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_options(self)

    @property
    def temporal_ids(self) -> tuple[int, ...]:
        """The sources in time: `frame_ids` less the target."""
        return self.frame_ids[1:]

    @property
    def source_ids(self) -> tuple[FrameId, ...]:
        """All sources of the loss, in the order of the reprojection errors: in time, then the other camera."""
        return (*self.temporal_ids, STEREO) if self.use_stereo else self.temporal_ids

    @property
    def gaps(self) -> tuple[int, ...]:
        """What `--frame_gap` draws from: multiples of the temporal ids, the smallest first; 1 alone without it."""
        return tuple(range(self.frame_gap[0], self.frame_gap[1] + 1)) if self.frame_gap else (1,)

    @property
    def at_smallest_gap(self) -> "Options":
        """The options of a run whose neighbours are all as near as the nearest that `--frame_gap` draws."""
        ids = (0, *(self.gaps[0] * offset for offset in self.temporal_ids))
        return replace(self, frame_ids=ids, frame_gap=()) if self.frame_gap else self

    @property
    def pose_backbone(self) -> str | None:
        """The pose network's backbone of timm; None for the ResNet of `num_layers`."""
        return self.pose_encoder or (POSE_BACKBONE if self.encoder else None)

    @property
    def makes_split(self) -> bool:
        """Whether the split is made of the drives: of folders, where `--split` is left at its default."""
        return self.dataset == "folder" and self.split == "eigen_zhou"

    @property
    def loaded_ids(self) -> tuple[FrameId, ...]:
        """Every frame a sample holds, the target first."""
        return (0, *self.source_ids)

    @property
    def knows_motion(self) -> bool:
        """Whether files state the motion between neighbours, so that there is no pose network."""
        return self.poses != "network"

    @property
    def knows_metres(self) -> bool:
        """Whether the training is told lengths in metres beside its pictures, so that its depths have their scale."""
        return self.depth_supervision > 0 or self.poses == "known" or self.velocity_weight > 0

    @property
    def start_depth(self) -> float | None:
        """The depth that new networks see at first, where typical ones are known, in their unit; None: as in 2019.

        There it is 0.2 units. From as near as that depths are hardly found when the motion is given in metres.
        """
        if self.use_stereo or not (self.knows_metres or self.knows_motion):
            return None
        usual = TRACKED_DEPTH if self.poses == "tracked" else START_DEPTH
        return usual if self.min_depth < usual < self.max_depth else math.sqrt(self.min_depth * self.max_depth)

    @property
    def nearest_id(self) -> int:
        """The temporal source that is nearest in time, the later one of two; there must be one."""
        return min(self.temporal_ids, key=lambda frame: (abs(frame), -frame))

    @property
    def farther_frames(self) -> str:
        """The flags that take neighbours twice as far away."""
        return f"--frame_ids {' '.join(str(2 * frame) for frame in self.frame_ids)} --skip_incomplete"

    @property
    def learns_pseudo_labels(self) -> bool:
        """Whether another model's disparities are part of the loss."""
        return self.pseudo_labels is not None and self.pseudo_weight > 0

    @property
    def for_looking(self) -> "Options":
        """The same for looking at pictures alone, those of which nothing else is known, too."""
        taught = ("pseudo_labels", "pseudo_weight", "depth_supervision", "velocity_weight", "gt_png_scale")
        return replace(self, **{name: getattr(Options, name) for name in taught})

    @property
    def run_folder(self) -> Path:
        """`<log_dir>/<model_name>`."""
        return self.log_dir.expanduser() / self.model_name

    @property
    def models_folder(self) -> Path:
        """Where `opt.json` and the `weights_*` folders of the run lie."""
        return self.run_folder / "models"

    @property
    def last_weights(self) -> Path:
        """The checkpoint that the run ends with; it is there once all epochs are trained."""
        return self.models_folder / f"weights_{self.num_epochs - 1}"

    @property
    def asked_factor(self) -> float | None:
        """The factor from predicted depth to metres that the user gave; None: as the network was trained."""
        return self.if_given("pred_depth_scale_factor")

    @property
    def input_fit(self) -> Fit:
        """How pictures come to the network's size."""
        return Fit(self.fit, self.crop_top)

    @property
    def threads(self) -> int:
        """Threads that read what is scored: `num_workers`, at most one per core of the machine."""
        return max(1, min(self.num_workers, available_cores()))

    def to_json(self) -> str:
        """The content of `opt.json`: every option by its 2019 name; `frame_ids` ends with "s" where stereo is used."""
        values = {**asdict(self), "frame_ids": self.loaded_ids}
        return json.dumps(values, indent=2, default=str)


@dataclass(frozen=True)
class OfTraining(Checked):
    """Options of which some are those of a training: at least these, which say what it reads."""

    data_path: Path = same_as(Options, "data_path")
    split: str = same_as(Options, "split")
    dataset: str = same_as(Options, "dataset")
    png: bool = same_as(Options, "png")
    skip_incomplete: bool = same_as(Options, "skip_incomplete")
    use_stereo: bool = same_as(Options, "use_stereo")
    frame_ids: tuple[int, ...] = same_as(Options, "frame_ids")
    frame_gap: tuple[int, ...] = same_as(Options, "frame_gap")

    def training(self, **more: Any) -> Options:
        """The options of the training: what was given here is given there; `more` are further ones.

        Raises:
            UserError: training would refuse them.
        """
        shared = {item.name for item in fields(self)} & {item.name for item in fields(Options)}
        return Options.stated({name: getattr(self, name) for name in shared if self.is_given(name)} | more)


def options_from_json(text: str, source: str) -> Options:
    """Read the content of an `opt.json`, also one written in 2019; unknown entries are ignored.

    Raises:
        UserError: the text is not a JSON object of valid options; the message names `source`.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{source} is not a JSON file: {error}") from error
    if not isinstance(values, dict):
        raise UserError(f"{source} holds no options: expected a JSON object")
    _bring_up_to_date(values)
    known = {item.name: item for item in fields(Options) if item.name in values}
    kept = {name: value_from_json(item, values[name], source, ignored=STEREO) for name, item in known.items()}
    try:
        return replace(Options(), **kept)
    except UserError as error:
        raise UserError(f"{source}: {first_line(error)}") from error


def _bring_up_to_date(values: dict[str, Any]) -> None:
    """Say as now what a record of an earlier version says in other words."""
    factor, rate = values.get("encoder_lr_factor"), values.get("learning_rate")
    if isinstance(factor, float) and isinstance(rate, float) and factor != 1:
        values["encoder_lr"] = factor * rate
    if values.get("poses", "") is None:  # which was the file of true poses then
        del values["poses"]
    for motion in ("known", "tracked"):
        if values.get(f"{motion}_poses") is True:
            values["poses"] = motion
