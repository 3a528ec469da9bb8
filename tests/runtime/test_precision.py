"""What is said of numbers that a device has no arithmetic for."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from monodepth2.runtime.precision import bf16_factor, bf16_remark, gpu_remarks, speed_remarks


def test_bf16_that_is_slower_is_told_with_its_factor() -> None:
    assert bf16_remark(0.5) == ""
    assert "8.7 times as long" in bf16_remark(8.7)
    assert "leave the flag out" in bf16_remark(8.7)


def test_the_factor_is_that_of_the_quickest_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of five in bf16 and five in float32."""
    runs = {torch.bfloat16: [70, 61, 60, 65, 90], torch.float32: [9, 8, 10, 16, 30]}  # seconds
    clock = [0]

    def conv2d(images: torch.Tensor, weight: torch.Tensor, **how: int) -> torch.Tensor:
        clock[0] += runs[images.dtype].pop()
        return F.conv2d(images, weight, **how)

    monkeypatch.setattr("monodepth2.runtime.precision.F", SimpleNamespace(conv2d=conv2d))
    monkeypatch.setattr("monodepth2.runtime.precision.time", SimpleNamespace(process_time=lambda: clock[0]))
    assert bf16_factor() == 60 / 8


def test_measuring_draws_no_random_number() -> None:
    """A run that goes on measures after its generator has been put back."""
    before = torch.get_rng_state()
    bf16_factor()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("precision", "capability", "told"),
    [
        ("bf16", (9, 0), None),
        ("bf16", (8, 0), None),
        ("bf16", (7, 5), "use fp16"),
        ("fp16", (7, 0), None),
        ("fp16", (6, 1), "use fp32"),
        ("fp32", (6, 1), None),
    ],
)
def test_gpus_are_told_by_their_capability(precision: str, capability: tuple[int, int], told: str | None) -> None:
    remarks = gpu_remarks(precision, capability)
    assert len(remarks) == (told is not None)
    assert all(str(told) in remark for remark in remarks)


def test_what_costs_nothing_is_not_remarked_on() -> None:
    assert speed_remarks("fp32", False, torch.device("cpu")) == []
    assert ["--compile" in remark for remark in speed_remarks("fp32", True, torch.device("cpu"))] == [True]
