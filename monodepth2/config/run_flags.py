"""The flags that say how a run goes: where its files are, how it is optimised, where it computes, what it keeps."""

from dataclasses import dataclass
from pathlib import Path

from monodepth2.config.declare import Checked, option

NETWORKS = ("encoder", "depth", "pose_encoder", "pose", "predictive_mask", "intrinsics")


def _checkout() -> Path:
    """The folder of the program's source, as in 2019; of an installed package, the working directory."""
    root = Path(__file__).parents[2]
    return root if (root / "options.py").is_file() else Path()


@dataclass(frozen=True)
class RunFlags(Checked):
    """The part of `Options` that says how a run goes."""

    # paths
    data_path: Path = option(_checkout() / "kitti_data", "paths", "root of the data set")
    log_dir: Path = option(Path("~/tmp"), "paths", "folder of all runs, one folder for each")
    cache_dir: Path | None = option(
        None, "paths", "folder that keeps the pictures at training size, filled on first use (default: none are kept)"
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
