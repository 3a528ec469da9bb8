"""Parts of the pictures to train on: everything of a sample follows the cut."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monodepth2.config import Options
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.picture_cache import PictureCache
from monodepth2.datasets.random_crop import RandomCrop
from monodepth2.datasets.samples import Sample, SampleKey, stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.trajectories import write_poses
from monodepth2.errors import UserError
from monodepth2.files.fit import Fit, Window
from monodepth2.files.pictures import read_pyramid
from monodepth2.synthetic import camera, make_street, render
from monodepth2.synthetic.raycast import KITTI

WIDTH, HEIGHT, FIRST = 192, 64, 60  # of the street's pictures, and its first frame, in a bend
LINE = SplitLine(".", 1, "l")
WINDOWS = (Window(0.13, 0.2, 0.71, 0.93), Window(0.0, 0.0, 1.0, 0.4), Window(0.31, 0.42, 1.0, 1.0))


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures of the street with exact depth and poses, and a mask."""
    folder, street = tmp_path_factory.mktemp("street"), make_street(5, 90)
    (folder / "depth").mkdir()
    for n in range(3):
        image, depth = render(street, FIRST + n, camera(WIDTH, HEIGHT))
        Image.fromarray(image).save(folder / f"{n}.png")
        np.save(folder / f"depth/{n}.npy", np.minimum(depth, 99.0))
    write_poses(folder / "poses.txt", np.array([street.pose(FIRST + n) for n in range(3)]))
    stays = np.ones((HEIGHT, WIDTH), bool)
    stays[50:, 60:100] = False
    Image.fromarray(255 * stays.astype(np.uint8)).save(folder / "mask.png")
    return folder


def options(folder: Path, **more: object) -> Options:
    values = {"width": WIDTH, "height": HEIGHT, "augment_crop": True, **more}
    known = {"poses": "known", "depth_supervision": 1.0, "intrinsics": KITTI}
    return Options(dataset="folder", data_path=folder, **known, **values)


def data_set(chosen: Options, augment: bool = True) -> MonoDataset:
    return MonoDataset.from_options(chosen, [LINE], augment, dtype=np.float64)


def warped(sample: Sample, depth: np.ndarray, fit: Fit, level: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the sample's geometry sees each picture's pixel in the source, in pixels of the source's picture.

    Returns:
        Places (n, 2), and points in the target camera (n, 3), of all pixels of the picture.
    """
    size = np.array([sample.color[0][level].shape[1], sample.color[0][level].shape[0]])
    left, top, right, bottom = fit.box((WIDTH, HEIGHT), (size[0], size[1])) or (0, 0, WIDTH, HEIGHT)
    start, span = np.array([left, top]), np.array([right - left, bottom - top])
    v, u = np.indices(depth.shape).reshape(2, -1)
    picture = np.stack([u, v], 1) + 0.5
    if sample.mirrored:
        picture[:, 0], start[0] = WIDTH - picture[:, 0], WIDTH - right
    pixels = (picture - start) / span * size - 0.5
    K = sample.K[level].numpy()[:3, :3]
    points = np.linalg.solve(K, np.c_[pixels, np.ones(len(pixels))].T) * depth.ravel()
    assert sample.source_T_target is not None
    motion = sample.source_T_target[1].numpy()
    seen = K @ (motion[:3, :3] @ points + motion[:3, 3:])
    return (seen[:2] / seen[2]).T + 0.5, points.T


@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (96, 64)])
@pytest.mark.parametrize("kind", ["stretch", "crop"])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_warp_of_a_part_is_that_of_the_whole(drive: Path, size: tuple[int, int], kind: str, mirrored: bool) -> None:
    """True depth of the street, through K of the whole and of the part: the same points, and the same places."""
    depth = np.load(drive / "depth/1.npy")
    chosen = options(drive, width=size[0], height=size[1], fit=kind)
    made, fit = data_set(chosen), Fit(kind)
    whole = made.sample(0, mirrored)
    for window in WINDOWS:
        part = made.sample(0, mirrored, window=window)
        for level in range(4):
            level_size = np.array(size) >> level
            places, points = warped(whole, depth, fit, level)
            cut_places, cut_points = warped(part, depth, replace(fit, window=window), level)
            np.testing.assert_allclose(cut_points, points, rtol=1e-5, atol=1e-5)
            shown = window.mirrored() if mirrored else window
            back = np.array([shown.left, shown.top]) * level_size
            shares = np.array([shown.right - shown.left, shown.bottom - shown.top])
            np.testing.assert_allclose(back + cut_places * shares, places, rtol=1e-5, atol=1e-5 * WIDTH)


def test_a_quarter_of_the_picture_is_its_very_pixels(drive: Path) -> None:
    """The network has half the picture's size, so that a quarter needs no resizing: pictures and depth are cut out."""
    made = data_set(options(drive, width=96, height=64, fit="stretch", scales=(0,)))
    window = Window(0.25, 0.0, 0.75, 1.0)  # 96 x 64 pixels
    sample = made.sample(0, window=window)
    for frame, n in ((0, 1), (-1, 0), (1, 2)):
        picture = np.array(Image.open(drive / f"{n}.png"))[:, 48:144]
        np.testing.assert_array_equal(sample.color[frame][0].numpy(), picture)
    assert sample.depth is not None
    np.testing.assert_allclose(sample.depth[0], np.load(drive / "depth/1.npy")[:, 48:144], rtol=1e-6)
    mirrored = made.sample(0, mirrored=True, window=window)
    assert torch.equal(mirrored.color[1][0], sample.color[1][0].flip(1))
    assert mirrored.depth is not None
    assert torch.equal(mirrored.depth, sample.depth.flip(2))


@pytest.mark.parametrize("cached", [False, True])
def test_what_a_mask_leaves_in_has_not_seen_what_it_leaves_out(drive: Path, cached: bool, tmp_path: Path) -> None:
    stays = np.array(Image.open(drive / "mask.png")) > 0
    found = []
    for n, colour in enumerate((0, 255)):
        folder = tmp_path / str(n)
        folder.mkdir()
        for name in ("0.png", "1.png", "2.png"):
            picture = np.array(Image.open(drive / name))
            picture[~stays] = colour
            Image.fromarray(picture).save(folder / name)
        Image.open(drive / "mask.png").save(folder / "mask.png")
        chosen = Options(dataset="folder", data_path=folder, width=96, height=64, augment_crop=True)
        made = MonoDataset.from_options(chosen, [LINE], True, reader=cache_of(chosen, tmp_path) if cached else None)
        found.append(made.sample(0, window=WINDOWS[0]))
    assert found[0].mask is not None
    for level, mask in found[0].mask.items():
        assert 0.1 < mask.float().mean() < 1 or level == 3
        mask_hw1 = mask.permute(1, 2, 0)
        assert torch.equal(found[0].color[0][level] * mask_hw1, found[1].color[0][level] * mask_hw1)


def cache_of(chosen: Options, folder: Path) -> PictureCache:
    made = MonoDataset.from_options(chosen, [LINE], False)
    cache = PictureCache.from_options(replace(chosen, cache_dir=folder / "cache"), made.frames, [LINE])
    assert cache is not None
    cache.fill()
    return cache


def test_kept_pictures_are_cut_at_training_size(drive: Path, tmp_path: Path) -> None:
    chosen = options(drive, width=96, height=64)
    made = MonoDataset.from_options(chosen, [LINE], True, reader=cache_of(chosen, tmp_path))
    sample, direct = (
        one.sample(0, window=WINDOWS[0]) for one in (made, MonoDataset.from_options(chosen, [LINE], True))
    )
    window = WINDOWS[0]
    box = (96 * window.left, 64 * window.top, 96 * window.right, 64 * window.bottom)
    kept = Image.fromarray(read_pyramid(drive / "1.png", 0, 96, 64)[0])
    expected = np.array(kept.resize((96, 64), Image.Resampling.LANCZOS, box))
    np.testing.assert_array_equal(sample.color[0][0].numpy(), expected)
    for level, K in direct.K.items():
        assert torch.equal(sample.K[level], K)


def test_the_file_of_a_kept_picture_is_opened_once_for_its_size(
    drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Intrinsics, mask and depth are cut by the picture's shape, which the kept one no longer has."""
    chosen = options(drive, width=64, height=64, fit="crop")
    made = MonoDataset.from_options(chosen, [LINE], True, reader=cache_of(chosen, tmp_path))
    opened: list[str] = []
    whole = os.open

    def opening(path: str, *arguments, **more) -> int:
        opened.append(Path(path).name)
        return whole(path, *arguments, **more)

    monkeypatch.setattr(os, "open", opening)
    samples = [made[SampleKey(epoch, 0)] for epoch in range(5)]
    assert all(isinstance(sample, Sample) and sample.mask and sample.depth is not None for sample in samples)
    assert [name for name in opened if name in ("0.png", "1.png", "2.png")] == ["1.png"]


def test_draws_lie_inside_and_have_the_shares_asked_for() -> None:
    crop, rng = RandomCrop((0.3, 0.9), (0.5, 2.0)), np.random.default_rng(0)
    windows = [crop.draw(rng) for _ in range(2000)]
    edges = np.array([(w.left, w.top, w.right, w.bottom) for w in windows])
    width, height = (edges[:, 2:] - edges[:, :2]).T
    assert edges.min() >= 0
    assert edges.max() <= 1 + 1e-12
    areas, ratios = width * height, width / height
    assert (areas.min() > 0.3 - 1e-9, areas.max() < 0.9 + 1e-9) == (True, True)
    assert (ratios.min() > 0.5 - 1e-9, ratios.max() < 2 + 1e-9) == (True, True)
    assert (areas.min() < 0.32, areas.max() > 0.88, ratios.min() < 0.6, ratios.max() > 1.7) == (True,) * 4
    assert (edges[:, 0].min() < 0.01, edges[:, 2].max() > 0.99, edges[:, 1].min() < 0.01) == (True,) * 3


def test_the_other_draws_stay_and_each_epoch_has_a_part_of_its_own(drive: Path) -> None:
    cut, whole = (data_set(options(drive, augment_crop=given)) for given in (True, False))
    keys = [SampleKey(epoch, 0) for epoch in range(6)]
    parts, wholes = ([made[key] for key in keys] for made in (cut, whole))
    assert [part.mirrored for part in parts] == [one.mirrored for one in wholes]
    assert [torch.equal(p.color_aug[0], p.color[0][0]) for p in parts] == [
        torch.equal(one.color_aug[0], one.color[0][0]) for one in wholes
    ]
    focals = [round(float(part.K[0][0, 0]), 6) for part in parts]
    assert len(set(focals)) == 6
    assert min(focals) >= float(wholes[0].K[0][0, 0])
    assert [round(float(data_set(options(drive))[key].K[0][0, 0]), 6) for key in keys] == focals
    assert stack(parts).prepared(torch.device("cpu")).color[0][0].shape == (6, 3, HEIGHT, WIDTH)


def test_validation_shows_whole_pictures(drive: Path) -> None:
    val, plain = (data_set(options(drive, augment_crop=given), augment=False) for given in (True, False))
    one, other = val[SampleKey(0, 0)], plain[SampleKey(0, 0)]
    assert torch.equal(one.K[0], other.K[0])
    assert torch.equal(one.color[1][0], other.color[1][0])


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"crop_scale": (0.2, 0.9)}, "--crop_scale belongs to --augment_crop"),
        ({"crop_ratio": (0.9, 1.2)}, "--crop_ratio belongs to --augment_crop"),
        ({"augment_crop": True, "crop_scale": (1.0, 1.0)}, "cuts nothing"),
        ({"augment_crop": True, "crop_scale": (0.5, 1.5)}, "share of the area"),
        ({"augment_crop": True, "crop_ratio": (1.1, 1.2)}, "has to lie between"),
    ],
)
def test_flags_that_cannot_be(flags: dict, told: str) -> None:
    with pytest.raises(UserError, match=told):
        Options(**flags)
