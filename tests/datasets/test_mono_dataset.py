from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import functional

from monodepth2.config import Options
from monodepth2.datasets.augmentation import ColorJitter
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.kitti_layouts import KittiRaw
from monodepth2.datasets.mono_dataset import MonoDataset, levels_read, stereo_transform
from monodepth2.datasets.samples import SampleKey, collate, stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from scene import DRIVE

FRAMES = (0, -1, 1, "s")


def data_set(root: Path, augment: bool = True, seed: int = 0, lines: int = 4) -> MonoDataset:
    split = [SplitLine(DRIVE, 2 + n // 2, "lr"[n % 2]) for n in range(lines)]
    levels = {0: (0, 1, 2, 3), **dict.fromkeys(FRAMES[1:], (0,))}
    return MonoDataset(SampleFrames(KittiRaw(root, ".png"), FRAMES), split, levels, (96, 32), augment, seed)


def same(a, b) -> bool:
    pictures = zip(a.color_aug.values(), b.color_aug.values(), strict=True)
    return all(torch.equal(x, y) for x, y in pictures)


def test_a_sample_depends_on_seed_epoch_and_position_alone(small_scene) -> None:
    first, again = data_set(small_scene), data_set(small_scene)
    again[SampleKey(0, 1)]
    assert same(first[SampleKey(3, 2)], again[SampleKey(3, 2)])
    others = [first[SampleKey(4, 2)], data_set(small_scene, seed=1)[SampleKey(3, 2)]]
    assert not all(same(first[SampleKey(3, 2)], other) for other in others)


def test_mirroring_mirrors_every_frame_and_the_baseline(small_scene) -> None:
    plain, mirrored = (data_set(small_scene).sample(0, mirrored=m) for m in (False, True))
    for frame in FRAMES:
        flipped = mirrored.color[frame][0].flip(1).int()
        assert (plain.color[frame][0].int() - flipped).abs().max() <= 1  # rounding of the resized picture
    assert plain.stereo_T[0, 3] == -mirrored.stereo_T[0, 3]


@pytest.mark.parametrize(("side", "mirrored", "x"), [("l", False, -0.1), ("r", False, 0.1), ("l", True, 0.1)])
def test_baseline_sign(side, mirrored, x) -> None:
    assert stereo_transform(side, mirrored)[0, 3].item() == pytest.approx(x)


def test_one_jitter_for_all_frames_of_a_sample(small_scene) -> None:
    jitter = ColorJitter((1.2, 0.8, 1.1, 0.05), (2, 0, 3, 1))
    sample = data_set(small_scene).sample(0, jitter=jitter)
    for frame in FRAMES:
        picture = Image.fromarray(sample.color[frame][0].numpy())
        picture = functional.adjust_saturation(picture, 1.1)
        picture = functional.adjust_brightness(picture, 1.2)
        picture = functional.adjust_hue(picture, 0.05)
        picture = functional.adjust_contrast(picture, 0.8)
        assert np.array_equal(sample.color_aug[frame].numpy(), np.asarray(picture))


def test_jitter_factors_span_their_ranges() -> None:
    rng = np.random.default_rng(0)
    draws = [ColorJitter.draw(rng) for _ in range(2000)]
    factors = np.array([draw.factors for draw in draws])
    np.testing.assert_allclose(factors.min(0), [0.8, 0.8, 0.8, -0.1], atol=2e-3)
    np.testing.assert_allclose(factors.max(0), [1.2, 1.2, 1.2, 0.1], atol=2e-3)
    assert len({draw.order for draw in draws}) == 24


def test_half_of_the_samples_are_mirrored_and_half_jittered(small_scene) -> None:
    made = [data_set(small_scene, lines=1)[SampleKey(epoch, 0)] for epoch in range(200)]
    mirrored = sum(sample.mirrored for sample in made)
    jittered = sum(not torch.equal(sample.color_aug[0], sample.color[0][0]) for sample in made)
    assert 75 < mirrored < 125
    assert 75 < jittered < 125


def test_no_augmentation_for_validation(small_scene) -> None:
    for epoch in range(10):
        sample = data_set(small_scene, augment=False)[SampleKey(epoch, 0)]
        assert not sample.mirrored
        assert torch.equal(sample.color_aug[0], sample.color[0][0])


def test_only_levels_that_are_read_are_made() -> None:
    assert levels_read(Options(use_stereo=True)) == {0: (0, 1, 2, 3), -1: (0,), 1: (0,), "s": (0,)}
    assert levels_read(Options(v1_multiscale=True, scales=(1, 2)))[1] == (1, 2)
    assert levels_read(Options(scales=(2,)))[0] == (0, 2)


def test_an_unreadable_picture_is_replaced_and_named(small_copy) -> None:
    bad = small_copy / DRIVE / "image_02/data/0000000002.png"
    bad.write_bytes(bad.read_bytes()[:20_000])
    sample = data_set(small_copy, lines=6)[SampleKey(0, 0)]
    assert sample.index != 0
    assert any(str(bad) in fault for fault in sample.faults)
    assert stack([sample]).faults == sample.faults


def test_nothing_readable_is_an_error(small_copy) -> None:
    for path in small_copy.rglob("*.png"):
        path.write_bytes(b"no picture")
    failed = data_set(small_copy)[SampleKey(0, 0)]
    assert isinstance(failed, UserError)
    assert "in a row" in str(failed)
    assert collate([failed]) is failed


def test_batch_on_the_device_is_float_in_zero_to_one(small_scene) -> None:
    samples = [data_set(small_scene)[SampleKey(0, index)] for index in range(3)]
    batch = stack(samples).prepared(torch.device("cpu"))
    assert len(batch) == 3
    assert batch.color[0][0].dtype == torch.float32
    assert 0.8 < batch.color[0][0].max() <= 1
    assert batch.color[0][2].shape == (3, 3, 8, 24)
    torch.testing.assert_close(batch.color_aug[1][2] * 255, samples[2].color_aug[1].permute(2, 0, 1).float())


def test_in_float64_nothing_is_rounded_to_float32(small_scene) -> None:
    options = Options(data_path=small_scene, png=True, height=64, width=96, frame_ids=(0,), use_stereo=True)
    data_set = MonoDataset.from_options(options, [SplitLine(DRIVE, 2, "l")], augment=False, dtype=np.float64)
    sample = data_set.sample(0)
    batch = stack([sample]).prepared(torch.device("cpu"))
    assert batch.K[1][0, :2, :3].tolist() == [[0.58 * 48, 0, 24], [0, 1.92 * 32, 16]]
    assert batch.stereo_T is not None
    assert batch.stereo_T[0, 0, 3].item() == -0.1
    assert torch.equal(batch.color["s"][0][0], sample.color["s"][0].permute(2, 0, 1).double() / 255)


def test_depth_is_judged_per_sample(small_copy) -> None:
    (small_copy / DRIVE / "velodyne_points/data/0000000002.bin").unlink()
    made = data_set(small_copy)
    assert made.depth(0, mirrored=False) is None
    depth = made.depth(2, mirrored=False)
    assert depth is not None
    assert depth.shape == (1, 375, 1242)
    flipped = made.depth(2, mirrored=True)
    assert flipped is not None
    assert torch.equal(flipped, depth.flip(-1))
