import fcntl
import json
import os
import pickle
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monodepth2.config import Options
from monodepth2.datasets.augmentation import ColorJitter
from monodepth2.datasets.mono_dataset import MonoDataset, SampleKey
from monodepth2.datasets.picture_cache import PictureCache
from monodepth2.datasets.picture_shards import PictureKey, picture_bytes, read_keys
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.files.pictures import read_pyramid

ROOT = Path(__file__).parents[2]
DRIVE = "2011_09_26/2011_09_26_drive_0001_sync"
PICTURES = f"{DRIVE}/image_02/data"
LINES = [SplitLine(DRIVE, frame, side) for frame in (2, 3) for side in "lr"]
SIZE = (192, 64)


def make_options(root: Path, folder: Path, **changes) -> Options:
    width, height = SIZE
    return Options(data_path=root, png=True, width=width, height=height, use_stereo=True, cache_dir=folder, **changes)


def filled(root: Path, folder: Path) -> PictureCache:
    cache = expecting(root, folder)
    cache.fill()
    return cache


def expecting(root: Path, folder: Path) -> PictureCache:
    options = make_options(root, folder)
    data_set = MonoDataset.from_options(options, LINES, augment=True)
    cache = PictureCache.from_options(options, data_set.layout, LINES)
    assert cache is not None
    return cache


def data_sets(root: Path, cache: PictureCache) -> tuple[MonoDataset, MonoDataset]:
    """The plain samples, and those of the cache."""
    options = make_options(root, cache.folder.parent)
    return tuple(MonoDataset.from_options(options, LINES, True, reader) for reader in (None, cache))


def assert_same(one, other) -> None:
    assert one.mirrored == other.mirrored
    for frame, levels in one.color.items():
        assert all(torch.equal(picture, other.color[frame][level]) for level, picture in levels.items())
        assert torch.equal(one.color_aug[frame], other.color_aug[frame])


def shards(cache: PictureCache) -> list[Path]:
    return sorted(cache.folder.glob("*.pictures"))


def kept(cache: PictureCache) -> list[PictureKey]:
    return [key for shard in shards(cache) for key in read_keys(shard, picture_bytes(*SIZE))]


def spoil(root: Path) -> None:
    """Make every picture unreadable, without a trace in size and time of change."""
    for path in root.rglob("*.png"):
        found = path.stat()
        path.write_bytes(bytes(found.st_size))
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def test_samples_are_the_same_bit_for_bit(golden_scene, tmp_path) -> None:
    plain, cached = data_sets(golden_scene, filled(golden_scene, tmp_path))
    jitter = ColorJitter((1.1, 0.9, 1.2, -0.05), (3, 1, 0, 2))
    for index in range(len(LINES)):
        for mirrored in (False, True):
            assert_same(plain.sample(index, mirrored, jitter), cached.sample(index, mirrored, jitter))
        for epoch in range(4):
            assert_same(plain[SampleKey(epoch, index)], cached[SampleKey(epoch, index)])


def test_pictures_come_from_the_cache_also_in_other_processes(scene_copy, tmp_path) -> None:
    cache = filled(scene_copy, tmp_path / "cache")
    plain, cached = data_sets(scene_copy, cache)
    expected = [plain.sample(index, mirrored=True) for index in range(len(LINES))]
    spoil(scene_copy)
    cached.sample(0)  # a file is open now
    for reader in (cached, pickle.loads(pickle.dumps(cached))):
        for index, sample in enumerate(expected):
            assert_same(sample, reader.sample(index, mirrored=True))
    again = expecting(scene_copy, tmp_path / "cache")
    again.fill()
    assert len(shards(again)) == 1


def test_a_changed_picture_is_noticed_and_made_again(scene_copy, tmp_path) -> None:
    before = kept(filled(scene_copy, tmp_path / "cache"))
    path = scene_copy / PICTURES / "0000000002.png"
    Image.open(path).rotate(180).save(path)
    cache = filled(scene_copy, tmp_path / "cache")
    plain, cached = data_sets(scene_copy, cache)
    for index in range(len(LINES)):
        assert_same(plain.sample(index), cached.sample(index))
    assert len(kept(cache)) == len(before) + 1


def test_each_size_has_a_folder_of_its_own_and_shards_of_another_are_refused(golden_scene, tmp_path, capsys) -> None:
    cache = filled(golden_scene, tmp_path)
    other = PictureCache(tmp_path, golden_scene, 96, 64)
    assert other.folder != cache.folder
    paths = list(cache._expected.values())
    shutil.copy(shards(cache)[0], other.folder)
    other.expect(paths)
    other.fill()
    assert "damaged" in capsys.readouterr().err
    for picture, expected in zip(other(paths[0], 3), read_pyramid(paths[0], 3, 96, 64), strict=True):
        assert np.array_equal(picture, expected)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def cut_front(content: bytes) -> bytes:
    return content[1000:]


def flip_a_key(content: bytes) -> bytes:
    return content.replace(b"0000000002.png", b"0000000003.png", 1)


def claim(keys: object) -> bytes:
    """A shard of the right form that says something else."""
    text = json.dumps(keys).encode()
    return text + len(text).to_bytes(8, "little") + zlib.crc32(text).to_bytes(4, "little") + b"MD2PICS1"


HOSTILE = [
    cut,
    cut_front,
    flip_a_key,
    lambda content: b"",
    lambda content: b"no shard",
    lambda content: content[:-20] + (1 << 63).to_bytes(8, "little") + content[-12:],
    lambda content: claim({"a": 1}),
    lambda content: claim([["a", 1]]),
    lambda content: claim([[1, 2, 3]] * 8),
    lambda content: claim([["a", 1, None]]),
    lambda content: claim("a"),
    lambda content: claim([["a", 1, 2]] * 100),
]


@pytest.mark.parametrize("damage", HOSTILE)
def test_damaged_shards_are_made_again(damage, golden_scene, tmp_path, capsys) -> None:
    cache = filled(golden_scene, tmp_path)
    shard = shards(cache)[0]
    shard.write_bytes(damage(shard.read_bytes()))
    capsys.readouterr()
    cache = filled(golden_scene, tmp_path)
    assert f"{shard}: damaged" in capsys.readouterr().err
    assert not shard.exists()
    plain, cached = data_sets(golden_scene, cache)
    assert_same(plain.sample(1, mirrored=True), cached.sample(1, mirrored=True))
    assert len(kept(cache)) == len(cache._expected)


@pytest.mark.parametrize("opened", [False, True])
def test_a_shard_cut_short_while_it_is_used_only_slows_the_reader(opened, golden_scene, tmp_path) -> None:
    cache = filled(golden_scene, tmp_path)
    plain, cached = data_sets(golden_scene, cache)
    if opened:
        cached.sample(0)
    os.truncate(shards(cache)[0], 100)
    for index in range(len(LINES)):
        assert_same(plain.sample(index), cached.sample(index))
    shards(cache)[0].unlink()
    assert_same(plain.sample(0), cached.sample(0))


def test_an_unreadable_picture_is_left_to_the_loader(scene_copy, tmp_path) -> None:
    bad = scene_copy / PICTURES / "0000000001.png"
    bad.write_bytes(bad.read_bytes()[:20_000])
    cache = filled(scene_copy, tmp_path / "cache")
    assert "1 could not be read" in cache.report()
    plain, cached = data_sets(scene_copy, cache)
    expected, found = plain[SampleKey(0, 0)], cached[SampleKey(0, 0)]
    assert any(str(bad) in fault for fault in expected.faults)
    assert expected.faults == found.faults
    assert_same(expected, found)


def test_nothing_is_left_where_no_picture_can_be_read(scene_copy, tmp_path) -> None:
    spoil(scene_copy)
    assert shards(filled(scene_copy, tmp_path / "cache")) == []


def test_a_disk_without_room_is_named_before_the_work(golden_scene, tmp_path) -> None:
    cache = PictureCache(tmp_path, golden_scene, 1024, 320)
    paths = list((golden_scene / PICTURES).glob("*.png"))
    needed = len(paths) * picture_bytes(1024, 320)
    with pytest.raises(UserError, match=r"--cache_dir .* needs 10 MiB more, but 9 MiB are free"):
        cache.expect(paths, free_bytes=needed - (1 << 20))
    cache.expect(paths, free_bytes=needed)
    cache.fill()
    cache.expect(paths, free_bytes=0)


def test_a_cache_dir_that_is_a_file_is_refused(golden_scene, tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--cache_dir"):
        expecting(golden_scene, tmp_path / "file")


@pytest.fixture
def start(scene_copy, tmp_path):
    """Starts `cache_pictures.py` on a split of the scene."""
    split = tmp_path / "split"
    split.mkdir()
    for part in ("train", "val"):
        (split / f"{part}_files.txt").write_text("\n".join(map(str, LINES)))
    size = ["--width", str(SIZE[0]), "--height", str(SIZE[1]), "--use_stereo", "--png"]
    where = ["--data_path", str(scene_copy), "--split", str(split), "--cache_dir", str(tmp_path / "cache")]
    command = [sys.executable, str(ROOT / "cache_pictures.py"), *where, *size]
    started = []

    def run() -> subprocess.Popen[str]:
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def slow_picture(scene_copy) -> Path:
    """A picture so large that reading it takes a second."""
    path = scene_copy / PICTURES / "0000000001.png"
    Image.new("RGB", (8000, 8000)).save(path, compress_level=1)
    return path


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    assert process.stderr is not None
    assert any(word in line for line in process.stderr), process.communicate()


def test_two_processes_at_once_make_every_picture_once(start, scene_copy, tmp_path) -> None:
    cache = expecting(scene_copy, tmp_path / "cache")
    with (cache.folder / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        processes = start(), start()
        for process in processes:
            wait_for(process, "waiting for it")
    for process in processes:
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert "8 pictures of 192 x 64" in out
    keys = kept(cache)
    assert len(set(keys)) == len(keys) == 8


def test_one_killed_in_the_middle_leaves_nothing_that_another_would_read(
    start, slow_picture, golden_scene, tmp_path
) -> None:
    killed = start()
    wait_for(killed, "keeping 8 pictures")
    folder = next((tmp_path / "cache").iterdir())
    while not list(folder.glob(".*.partial")):
        assert killed.poll() is None
    killed.kill()
    killed.wait()
    slow_picture.unlink()
    shutil.copy2(golden_scene / PICTURES / slow_picture.name, slow_picture)
    process = start()
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "8 pictures of 192 x 64" in out
    assert not list(folder.glob(".*.partial"))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "--cache_dir is missing"),
        (["--cache_dir", "x", "--height", "100"], "--height 96"),
        (["--cache_dir", "x", "--data_path", "/nowhere"], "--data_path /nowhere"),
    ],
)
def test_a_mistake_ends_the_command_with_one_message(flags, words, tmp_path) -> None:
    command = [sys.executable, str(ROOT / "cache_pictures.py"), *flags]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 2
    assert words in run.stderr
    assert not list(tmp_path.iterdir())


def test_pictures_are_looked_for_anew_each_time(scene_copy, tmp_path) -> None:
    cache = filled(scene_copy, tmp_path / "cache")
    path = scene_copy / PICTURES / "0000000002.png"
    Image.open(path).rotate(180).save(path)
    options = make_options(scene_copy, tmp_path / "cache")
    cache.expect([path])
    plain = MonoDataset.from_options(options, LINES, augment=True)
    assert np.array_equal(cache(path, 0)[0], plain.read(path, 0)[0])
