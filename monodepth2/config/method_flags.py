"""The flags that say what is learnt from which pictures: data, networks, losses, cameras and variants of the method."""

from dataclasses import dataclass
from pathlib import Path

from monodepth2.config.declare import Checked, option
from monodepth2.config.option_checks import MOTIONS, TRAINING_SPLITS

POSE_BACKBONE = "resnet10t"


@dataclass(frozen=True)
class MethodFlags(Checked):
    """The part of `Options` that says what is learnt."""

    # training
    model_name: str = option(
        "mdp", "training", "name of the run: its folder in --log_dir; for scoring also the name of a published model"
    )
    split: str = option(
        "eigen_zhou",
        "training",
        f"training split: {', '.join(TRAINING_SPLITS)}, or a folder with train_files.txt and val_files.txt (default: "
        "eigen_zhou; of plain folders the lists that you have put into their splits/ or changed there, else a split is "
        "made)",
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
        "a backbone of the timm library for the depth network, e.g. resnet10t, convnext_tiny or mobilenetv3_small_050; "
        "its feature maps must have 1/2 (or 1/4) to 1/32 of the picture's size (default: 2019's ResNet of "
        "--num_layers)",
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
        f"a backbone of the timm library for the pose network (default: {POSE_BACKBONE} with --encoder, else 2019's "
        "ResNet of --num_layers)",
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
        choices=MOTIONS,
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
        "--encoder timm's .safetensors or .bin; a pose network with another backbone then begins from scratch",
    )
    pose_model_input: str = option(
        "pairs", "ablation", "frames the pose network sees at once", choices=("pairs", "all")
    )
    pose_model_type: str = option(
        "separate_resnet", "ablation", "kind of pose network", choices=("posecnn", "separate_resnet", "shared")
    )
