import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import functional
from torchvision.transforms.functional import adjust_brightness, adjust_contrast, adjust_saturation

from monodepth2.config import Options
from monodepth2.datasets.augmentation import ColorJitter, adjust_hue
from monodepth2.datasets.device_augmentation import DrawnJitters, turn_hue
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.samples import SampleKey, stack
from monodepth2.datasets.split_lines import SplitLine
from scene import DRIVE

CPU = torch.device("cpu")


def photo(seed: int, width: int = 320, height: int = 128) -> Image.Image:
    """Smooth colours with some noise, as photographs have."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 9, 3), dtype=np.uint8)).resize((width, height))
    noise = rng.normal(0, 4, (height, width, 3))
    return Image.fromarray((np.asarray(coarse) + noise).clip(0, 255).astype(np.uint8))


def as_images(pictures: list[Image.Image]) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


def draws(count: int) -> list[ColorJitter]:
    rng = np.random.default_rng(0)
    return [ColorJitter.draw(rng) for _ in range(count)]


def test_hue_has_the_bits_of_pillow_for_every_colour() -> None:
    for some in np.split(np.arange(1 << 24, dtype="<u4"), 16):
        colours = some.view(np.uint8).reshape(1024, 1024, 4)
        picture = Image.fromarray(np.ascontiguousarray(colours[..., :3]))
        assert np.array_equal(adjust_hue(picture, -0.0731), functional.adjust_hue(picture, -0.0731))


@pytest.mark.parametrize("size", [(64, 32), (640, 192)])
@pytest.mark.parametrize("factor", [-0.1, -0.003, 0.0, 0.02, 0.1])
def test_hue_of_small_and_large_pictures(size, factor) -> None:
    picture = photo(1, *size)
    assert np.array_equal(adjust_hue(picture, factor), functional.adjust_hue(picture, factor))


def test_the_device_applies_what_torchvision_does_to_float_images_in_the_drawn_order() -> None:
    jitters = draws(24)
    images = as_images([photo(seed) for seed in range(24)])
    adjust = (adjust_brightness, adjust_contrast, adjust_saturation, functional.adjust_hue)
    expected = []
    for image, jitter in zip(images, jitters, strict=True):
        for which in jitter.order:
            image = adjust[which](image, jitter.factors[which])
        expected.append(image)
    drawn = DrawnJitters.of(jitters)
    assert drawn is not None
    # torchvision's weights of grey add up to 0.9999
    torch.testing.assert_close(drawn(images[None])[0], torch.stack(expected), rtol=0, atol=2e-4)


def test_the_device_is_close_to_the_8_bits_of_the_loader() -> None:
    jitters, pictures = draws(24), [photo(seed) for seed in range(24)]
    rounded = as_images([jitter(picture) for jitter, picture in zip(jitters, pictures, strict=True)])
    drawn = DrawnJitters.of(jitters)
    assert drawn is not None
    exact = drawn(as_images(pictures)[None])[0]
    assert (exact - as_images(pictures)).abs().mean() > 15 / 255
    assert (exact - rounded).abs().mean() < 2 / 255


def test_samples_without_jitter_keep_their_bits_and_frames_share_their_draw() -> None:
    one, two = (as_images([photo(seed), photo(seed + 1), photo(seed)]) for seed in (0, 5))
    drawn = DrawnJitters.of([None, None, draws(1)[0]])
    assert drawn is not None
    changed = drawn(torch.stack([one, two, one]))
    assert torch.equal(changed[:2, :2], torch.stack([one, two])[:, :2])
    assert torch.equal(changed[0], changed[2])
    assert (changed[:, 2] - torch.stack([one, two, one])[:, 2]).abs().mean() > 0.02
    assert DrawnJitters.of([None, None]) is None


def test_turning_hue_round_the_circle() -> None:
    red = torch.tensor([0.8, 0.2, 0.2])[None, None, :, None, None]
    green = torch.tensor([0.2, 0.8, 0.2])[None, None, :, None, None]
    grey = torch.full((1, 1, 3, 1, 1), 0.4)
    torch.testing.assert_close(turn_hue(red, torch.tensor(1 / 3)), green)
    torch.testing.assert_close(turn_hue(red, torch.tensor(-2 / 3)), green)
    torch.testing.assert_close(turn_hue(green, torch.tensor(2 / 3)), red)
    torch.testing.assert_close(turn_hue(grey, torch.tensor(0.1)), grey)


def batch(root, device_augment: bool):
    options = Options(data_path=root, png=True, height=64, width=192, device_augment=device_augment, use_stereo=True)
    lines = [SplitLine(DRIVE, 1 + n % 6, "lr"[n % 2]) for n in range(12)]
    data_set = MonoDataset.from_options(options, lines, augment=True)
    return stack([data_set[SampleKey(0, n)] for n in range(12)])


def test_a_batch_left_to_the_device_is_the_loaders_but_for_rounding(small_scene) -> None:
    rounded, left = batch(small_scene, False), batch(small_scene, True)
    assert left.jitters is not None
    jittered = left.jitters.samples.tolist()
    assert 2 < len(jittered) < 10
    rounded, left = rounded.prepared(CPU), left.prepared(CPU)
    assert left.jitters is None
    assert torch.equal(rounded.mirrored, left.mirrored)
    for frame in (0, -1, 1, "s"):
        assert torch.equal(rounded.color[frame][0], left.color[frame][0])
        difference = (rounded.color_aug[frame] - left.color_aug[frame]).abs().mean((1, 2, 3))
        assert all((difference[n] > 0) == (n in jittered) for n in range(12))
        assert difference.max() < 2 / 255
