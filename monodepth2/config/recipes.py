"""Sets of training options under one name; every one of them is a flag as well, which wins over the set."""

from typing import Any

RECIPES: dict[str, dict[str, Any]] = {
    "2019": {},
    # small and quick, for computers without a GPU; what is measured of it: docs/results.md
    "modern": {
        "encoder": "resnet10t",
        "pose_encoder": "mobilenetv4_conv_small_050",
        "decoder": "small",
        "scales": (0, 1),
        "optimizer": "adamw",
        "schedule": "cosine",
        "learning_rate": 3e-4,
    },
}
