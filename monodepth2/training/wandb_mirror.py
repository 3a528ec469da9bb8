"""`--wandb`: what a run writes for TensorBoard, at Weights & Biases as well."""

import json
import os
from collections.abc import Callable
from typing import Any

from monodepth2.config import Options
from monodepth2.errors import UserError, first_line

PROJECT = "monodepth2"


def start_wandb(options: Options) -> Callable[[], Any]:
    """Begin to mirror all event files that are opened from now on; return what ends it.

    The package's own environment variables work as usual: `WANDB_MODE=offline`, `WANDB_PROJECT`, `WANDB_ENTITY`, ...

    Raises:
        UserError: nobody is logged in, or the server cannot be reached.
    """
    import wandb

    project = os.environ.get("WANDB_PROJECT", PROJECT)
    told: dict[str, Any] = {"name": options.model_name, "config": json.loads(options.to_json())}
    try:
        return wandb.init(project=project, dir=options.run_folder, sync_tensorboard=True, **told).finish
    except (wandb.Error, OSError) as error:
        raise UserError(
            f"--wandb: cannot be used ({first_line(error)}); log in with `wandb login`, or set WANDB_MODE=offline"
        ) from error
