"""Flags of a training that would change nothing."""

import pytest

from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.training.trainer import _check_without_effect


def test_flags_without_effect_are_refused() -> None:
    for flags, words in (
        ({"models_to_load": ("depth",)}, "--models_to_load names networks of --load_weights_folder"),
        ({"frame_ids": (0,), "use_stereo": True, "pose_model_type": "shared"}, "--pose_model_type is about the pose"),
        ({"frame_ids": (0,), "use_stereo": True, "pose_encoder": "lcnet_050"}, "--pose_encoder is about the pose"),
        ({"learn_intrinsics": True, "batch_size": 1}, "give --batch_size 2 or more"),
    ):
        with pytest.raises(UserError, match=words):
            _check_without_effect(Options.stated(flags))
    _check_without_effect(Options(frame_ids=(0,), use_stereo=True))
