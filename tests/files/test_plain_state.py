"""State dicts as other programs leave them."""

import pytest
import torch

from monodepth2.files.weight_files import plain_state

TENSORS = {"encoder.conv1.weight": torch.ones(2), "encoder.bn1.bias": torch.zeros(1)}
FACTS = {"height": 192, "width": 640, "use_stereo": True}


def prefixed(prefix: str) -> dict:
    return {prefix + key: value for key, value in TENSORS.items()}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({**TENSORS, **FACTS}, ""),
        ({**prefixed("module."), **FACTS}, "without the prefix 'module.'"),
        ({**prefixed("module._orig_mod."), **FACTS}, "'module.', without the prefix '_orig_mod.'"),
        ({"state_dict": {**TENSORS, **FACTS}, "epoch": 3}, "taken out of 'state_dict'"),
        ({"model": {"state_dict": prefixed("module.")}, **FACTS, "loss": 0.1}, "'model', taken out of 'state_dict'"),
        ({**TENSORS, **FACTS, "total_ops": torch.ones(1), "encoder.total_params": torch.ones(1)}, "2 counters"),
    ],
)  # fmt: skip
def test_what_lies_around_is_taken_away_and_told(found: dict, told: str) -> None:
    plain, done = plain_state(found)
    assert {key: plain[key] for key in (*TENSORS, *FACTS)} == {**TENSORS, **FACTS}
    assert set(plain) - set(TENSORS) - set(FACTS) <= {"epoch", "loss"}
    assert told in done
    assert bool(done) == bool(told)


def test_a_prefix_of_some_tensors_is_part_of_their_names() -> None:
    found = {"module.weight": torch.ones(1), "bias": torch.ones(1)}
    assert plain_state(found) == (found, "")
