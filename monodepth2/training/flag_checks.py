"""Flags of a training that nothing reads, or that do something else than the user meant.

`Options` does not check them, as the `opt.json` of an older run may hold them.
"""

from dataclasses import fields
from pathlib import Path

from monodepth2.config import Options, option_type
from monodepth2.errors import UserError, counted

MOST_TIMES = 10  # an --encoder_lr more than 10 times --learning_rate is probably a factor, given by mistake
OF_A_MACHINE = ("split", "num_workers")  # folders may differ, a split's too: its lines are compared


def check_unread(options: Options) -> None:
    """Refuse flags that nothing would read."""
    if options.encoder and options.is_given("num_layers"):
        raise UserError(
            f"--num_layers {options.num_layers} is about 2019's ResNets, and the encoder is {options.encoder} "
            "(--encoder, or --recipe modern): drop one of the two flags"
        )
    if options.pretrained_weights and options.weights_init == "scratch":
        raise UserError(
            f"--pretrained_weights {options.pretrained_weights}: --weights_init scratch reads no weights: drop one of "
            "the two flags"
        )


def check_without_effect(options: Options) -> None:
    """Refuse flags that change nothing or the wrong thing; a run that goes on needs those that it was started with."""
    if options.encoder_lr and options.encoder_lr > MOST_TIMES * options.learning_rate:
        raise UserError(
            f"--encoder_lr {options.encoder_lr:g}: this is more than {MOST_TIMES} times --learning_rate "
            f"{options.learning_rate:g}; it is a rate and no factor, e.g. {options.learning_rate / 10:g}"
        )
    for name in ("encoder", "pose_encoder"):
        if getattr(options, name) == "":
            raise UserError(f"--{name} is empty: name a network of timm, or drop the flag")
    if options.is_given("models_to_load") and not options.load_weights_folder:
        raise UserError("--models_to_load names networks of --load_weights_folder: add that, or drop --models_to_load")
    if options.learn_intrinsics and options.batch_size == 1:
        raise UserError("--learn_intrinsics compares the turns of several samples: give --batch_size 2 or more")
    for name in ("pose_model_type", "pose_model_input", "pose_encoder"):
        if options.is_given(name) and not options.temporal_ids:
            raise UserError(
                f"--{name} is about the pose network, and --frame_ids 0 has none: drop one of the two flags"
            )


def warm_up_remarks(options: Options, steps: int) -> list[str]:
    """Return warnings about a warm-up that takes most of the run, or that the loaded weights do not need."""
    remarks = []
    if 2 * options.motion_warmup > steps:
        remarks.append(
            f"--motion_warmup {options.motion_warmup} is more than half of the run, which has "
            f"{counted(steps, 'step')}: depth is learnt after it; give fewer, or more --num_epochs"
        )
    if options.motion_warmup and options.load_weights_folder and "pose" in options.models_to_load:
        remarks.append(
            "--motion_warmup is for a new pose network, and --load_weights_folder brings one: drop the flag, or leave "
            "pose_encoder and pose out of --models_to_load"
        )
    return remarks


def flags_of_all(options: Options) -> dict[str, object]:
    """The flags that processes which train together must have in common.

    All but folders, `--split`, whose lines are compared, and the number of loaders.
    """
    alike = [item.name for item in fields(Options) if option_type(item) is not Path and item.name not in OF_A_MACHINE]
    return {f"--{name}": getattr(options, name) for name in alike}
