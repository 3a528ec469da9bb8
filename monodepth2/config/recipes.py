"""Sets of training options under one name; every one of them is a flag as well, which wins over the set."""

from collections.abc import Mapping
from typing import Any

MOTION_WARMUP = 500  # steps: enough wherever it was tried (docs/results.md)
RECIPES: dict[str, dict[str, Any]] = {
    "2019": {},
    # small and quick, for computers without a GPU; chosen as a whole, not part by part: docs/results.md
    "modern": {
        "encoder": "resnet10t",
        "pose_encoder": "test_resnet",
        "motion_warmup": MOTION_WARMUP,
        "decoder": "small",
        "scales": (0, 1),
        "optimizer": "adamw",
        "schedule": "cosine",
        "learning_rate": 3e-4,
    },
}


def recipe_beside(recipe: Mapping[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a recipe that apply beside those that are stated.

    Options of a pose network do not apply where there is none, and only the usual kind has an encoder of its own.
    There is no warm-up for a pose network that is loaded, with a second camera, or with a learnt mask.
    """
    no_encoder = stated.get("pose_model_type", "separate_resnet") != "separate_resnet"
    no_pose_network = stated.get("poses", "network") != "network" or len(stated.get("frame_ids", ())) == 1
    loaded = stated.get("load_weights_folder") and "pose" in stated.get("models_to_load", ("pose",))
    others = loaded or stated.get("use_stereo") or stated.get("predictive_mask")
    without = {"pose_encoder": no_pose_network or no_encoder, "motion_warmup": no_pose_network or others}
    return {name: value for name, value in recipe.items() if not without.get(name)}
