"""The commands. A new one is an entry here, an options class in `monodepth2/config` and a function in its room."""

from dataclasses import dataclass, replace

from monodepth2.command.drive import implied_by_drive
from monodepth2.config import (
    AppOptions,
    CacheOptions,
    Checked,
    DemoOptions,
    DoctorOptions,
    ExportOptions,
    GroundTruthOptions,
    Options,
    Positional,
    PredictOptions,
    PrepareOptions,
    PseudoLabelOptions,
    PushOptions,
    ReportOptions,
    ReproduceOptions,
    SyntheticOptions,
)
from monodepth2.config.making import DEMO_FOLDER, STREET_FOLDER
from monodepth2.config.reproduce import REPRODUCED


@dataclass(frozen=True)
class Command:
    """What a command is called, reads and runs.

    Attributes:
        name: as it is typed.
        about: one line for the help.
        options: class of its options. Of `Options`, which training and scoring share, `USED_BY` says which it uses.
        function: `module:name`, imported when the command runs; it takes the options and returns the exit code.
        examples: what may follow the name, for the help.
        positional: what may stand without a flag.
        exits: what its exit codes tell, for the help.
    """

    name: str
    about: str
    options: type[Checked]
    function: str
    examples: tuple[str, ...] = ()
    positional: Positional | None = None
    exits: str = ""


_DRIVE = Positional(
    "data_path",
    "DRIVE",
    "a folder of pictures, or of such folders: short for --dataset folder --data_path DRIVE --model_name <its name>, "
    "with a size in the shape of its first picture, of at most 640 x 360 pixels in all",
    implied_by_drive,
)
_ALL = (
    Command(
        "prepare",
        "make a data set of a video",
        PrepareOptions,
        "monodepth2.prepare.run:run",
        (
            "drive.mp4 --output data/drive",
            "monday.mp4 tuesday.mp4 --output data/week --fov 70",
            "drive.mp4 --output data/drive --intrinsics 1158 1153 670 387 --intrinsics_size 1280 720",
        ),
        Positional("sources", "VIDEO", "videos, folders of videos, or folders of frames: short for --sources VIDEO"),
    ),
    Command(
        "doctor",
        "what is wrong with a data set, before a training on it",
        DoctorOptions,
        "monodepth2.doctor.run:run",
        (
            "drives/street --height 288 --width 512",
            "--data_path kitti_data --use_stereo --kitti_calibration --output kitti.html",
        ),
        _DRIVE,
        "Exit code: 1 if a finding would spoil a training or its scores, else 0; 2 on a mistake. Warnings alone are\n"
        "blurred pictures, sudden light, several sizes in a drive, lists that overlap, validation frames inside\n"
        "training stretches or trained on, a tiny set, too few targets to learn motion from, and what few of the\n"
        "pictures show: docs/doctor.md has the shares.",
    ),
    Command(
        "train",
        "train depth and motion from video",
        Options,
        "monodepth2.training.run:run",
        (
            "drives/street --height 288 --width 512",
            "--data_path kitti_data --model_name mono_model",
            "--config ~/tmp/mono_model/models/config.yaml --model_name mono_again",
            "--data_path kitti_data --model_name mono_model --resume",
        ),
        _DRIVE,
    ),
    Command(
        "evaluate",
        "score the depth of checkpoints",
        Options,
        "monodepth2.evaluation.run:run",
        (
            "--run mono_model --eval_mono --data_path kitti_data",
            "--run street --eval_mono --dataset folder --data_path drives/street --html_report page.html",
            "--model_name mono_640x192 --eval_mono --data_path kitti_data",
        ),
    ),
    Command(
        "odometry",
        "score the motion of a checkpoint on a drive",
        Options,
        "monodepth2.odometry.run:run",
        ("--run mono_model --eval_split odom_9 --data_path kitti_odom --eval_out_dir odometry_9",),
    ),
    Command(
        "predict",
        "depth of a picture, a folder of pictures, a video or a stream",
        PredictOptions,
        "monodepth2.prediction.run:predict",
        (
            "street.jpg --run street",
            "video.mp4 --run street --stabilise",
            "video.mp4 --model_name mono+stereo_640x192 --pred_metric_depth --outputs depth_npy",
            "0 --run street --live 8080",
            "pictures --load_weights_folder weights_19 --outputs depth_png color --output_dir depth",
        ),
        Positional(
            "image_path", "FILE", "a picture, a folder of pictures, a video or a stream: short for --image_path FILE"
        ),
    ),
    Command(
        "export",
        "write a checkpoint's network as a checked ONNX file",
        ExportOptions,
        "monodepth2.onnx.export:run",
        ("--run street --output depth.onnx --dynamic_batch", "--run street --network pose", "--run street --web page"),
    ),
    Command(
        "app",
        "a page to try a network on: a picture, a video, a cloud of points",
        AppOptions,
        "monodepth2.prediction.app:run",
        ("--run drive", "--model_name user/drive --port 8000"),
    ),
    Command(
        "push",
        "share a checkpoint: weights, facts and a card, on the Hugging Face hub or in a folder",
        PushOptions,
        "monodepth2.sharing.push:run",
        ("user/drive --run drive --license cc-by-4.0", "--run drive --output shared"),
        Positional("repository", "USER/MODEL", "the model on the hub: short for --repository USER/MODEL"),
    ),
    Command(
        "gt-export",
        "store a split's ground truth where scoring finds it",
        GroundTruthOptions,
        "monodepth2.datasets.truth_command:export_truth",
        ("--data_path kitti_data --split eigen",),
    ),
    Command(
        "cache",
        "keep a split's pictures at training size; training with the same flags reads them",
        CacheOptions,
        "monodepth2.datasets.picture_cache:fill_cache",
        ("--data_path kitti_data --cache_dir FOLDER",),
    ),
    Command(
        "pseudo_label",
        "let another model predict disparities that a training can learn from",
        PseudoLabelOptions,
        "monodepth2.onnx.pseudo_labels:run",
        (
            "--onnx model.onnx --normalise imagenet --output_is disparity --data_path kitti_data --output labels",
            "drives/street --onnx model.onnx --input_size 518 518 --normalise none --output_is depth --output labels",
        ),
        replace(_DRIVE, help=_DRIVE.help.replace(" --model_name <its name>", "")),
    ),
    Command(
        "report",
        "a page that says whether a run has learnt",
        ReportOptions,
        "monodepth2.report.run:run",
        ("street", "~/tmp/street --output page.html"),
        Positional("run", "RUN", "the run: its name in --log_dir, or its folder"),
    ),
    Command(
        "reproduce",
        "train and score the rows of the paper's tables, and write a page with the paper's figures beside them",
        ReproduceOptions,
        "monodepth2.reproduce.run:run",
        (
            "list",
            "table1 --data_path kitti_data --dry_run",
            "mono_640x192 --data_path kitti_data --output reproduction --seeds 0 1",
            "baseline --scale tiny",
        ),
        REPRODUCED,
        "Exit code: 1 if a row has no figures, 2 on a mistake, 128 + the signal that has ended a training.",
    ),
    Command(
        "demo",
        "render a street, train on it, score, export, and write a page",
        DemoOptions,
        "monodepth2.demo.run:run",
        ("demo",),
        DEMO_FOLDER,
    ),
    Command(
        "synthetic",
        "render a street drive with exact depth and motion, in KITTI's layout",
        SyntheticOptions,
        "monodepth2.synthetic.run:run",
        ("street --drives 2 --frames 30",),
        STREET_FOLDER,
    ),
)
COMMANDS = {command.name: command for command in _ALL}
