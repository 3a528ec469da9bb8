"""Flags of a training that would change nothing, and those that all its processes have in common."""

from pathlib import Path

import pytest

from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.training.flag_checks import check_without_effect, flags_of_all, warm_up_remarks


def test_flags_without_effect_are_refused() -> None:
    for flags, words in (
        ({"models_to_load": ("depth",)}, "--models_to_load names networks of --load_weights_folder"),
        ({"frame_ids": (0,), "use_stereo": True, "pose_model_type": "shared"}, "--pose_model_type is about the pose"),
        ({"frame_ids": (0,), "use_stereo": True, "pose_encoder": "lcnet_050"}, "--pose_encoder is about the pose"),
        ({"learn_intrinsics": True, "batch_size": 1}, "give --batch_size 2 or more"),
        ({"encoder_lr": 0.1}, "it is a rate and no factor, e.g. 1e-05"),
        ({"encoder": ""}, "--encoder is empty: name a network of timm"),
    ):
        with pytest.raises(UserError, match=words):
            check_without_effect(Options.stated(flags))
    check_without_effect(Options(frame_ids=(0,), use_stereo=True))


def test_a_warm_up_that_is_too_long_or_not_needed_is_told() -> None:
    assert warm_up_remarks(Options(motion_warmup=500), 2000) == []
    assert warm_up_remarks(Options(), 0) == []
    assert "more than half of the run, which has 900 steps" in warm_up_remarks(Options(motion_warmup=500), 900)[0]
    loaded = Options(motion_warmup=500, load_weights_folder=Path("run"))
    assert "is for a new pose network" in warm_up_remarks(loaded, 2000)[0]
    assert warm_up_remarks(Options(**{**vars(loaded), "models_to_load": ("encoder", "depth")}), 2000) == []


def test_machines_may_keep_the_same_data_and_lists_in_other_folders() -> None:
    one, other = Options(data_path=Path("a"), split="/a/lists"), Options(split="/b/lists", num_workers=1)
    assert flags_of_all(one) == flags_of_all(other)
    assert flags_of_all(one) != flags_of_all(Options(batch_size=6))
