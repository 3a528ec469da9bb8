import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from monodepth2.config import Options
from monodepth2.datasets.augmentation import ColorJitter
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.picture_cache import PictureCache, PictureKey
from monodepth2.datasets.samples import SampleKey
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.files import sixteen_bits
from monodepth2.files.pictures import read_pyramid
from monodepth2.runtime.locks import process_lock
from places import ROOT
from scene import DRIVE
from scripts import in_process

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
    cache = PictureCache.from_options(options, data_set.frames, LINES)
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


def arrays(cache: PictureCache) -> list[Path]:
    return sorted(cache.folder.glob("*.npy"))


def index_of(array: Path) -> Path:
    return array.with_suffix(".json")


def kept(cache: PictureCache) -> list[PictureKey]:
    return [PictureKey(*key) for array in arrays(cache) for key in json.loads(index_of(array).read_text())]


def spoil(root: Path) -> None:
    """Make every picture unreadable, without a trace in size and time of change."""
    for path in root.rglob("*.png"):
        found = path.stat()
        path.write_bytes(bytes(found.st_size))
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def test_samples_are_the_same_bit_for_bit(small_scene, tmp_path) -> None:
    plain, cached = data_sets(small_scene, filled(small_scene, tmp_path))
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
    cached.sample(0)  # an array is mapped now
    for reader in (cached, pickle.loads(pickle.dumps(cached))):
        for index, sample in enumerate(expected):
            assert_same(sample, reader.sample(index, mirrored=True))
    again = expecting(scene_copy, tmp_path / "cache")
    again.fill()
    assert len(arrays(again)) == 1


def test_a_changed_picture_is_noticed_and_made_again(scene_copy, tmp_path) -> None:
    before = kept(filled(scene_copy, tmp_path / "cache"))
    path = scene_copy / PICTURES / "0000000002.png"
    Image.open(path).rotate(180).save(path)
    cache = filled(scene_copy, tmp_path / "cache")
    plain, cached = data_sets(scene_copy, cache)
    for index in range(len(LINES)):
        assert_same(plain.sample(index), cached.sample(index))
    assert len(kept(cache)) == len(before) + 1


def test_pictures_of_few_bits_are_made_again_when_their_white_has_changed(tmp_path) -> None:
    """In the dark a drive of 16 bits is taken for one of 12; then it goes on, in daylight."""
    data = tmp_path / "data"
    data.mkdir()

    def kept_of(numbers: range, value: int) -> list[int]:
        for n in numbers:
            Image.fromarray(np.full((32, 64), value, np.uint16)).save(data / f"{n}.png")
        sixteen_bits._white_of.cache_clear()  # as of another process
        cache = PictureCache(tmp_path / "kept", data, 64, 32)
        cache.expect(data.glob("*.png"))
        cache.fill()
        assert len(kept(cache)) == len(list(data.iterdir())) + 4 * (value == 30000)
        return [int(cache(data / name, 0)[0].max()) for name in ("0.png", "3.png")]

    assert kept_of(range(4), 4000) == [249, 249]
    assert kept_of(range(4, 8), 30000) == [16, 16]


def test_rows_are_the_pictures_levels_for_anyone_to_load(small_scene, tmp_path) -> None:
    cache = filled(small_scene, tmp_path)
    (array,) = arrays(cache)
    rows, keys = np.load(array, mmap_mode="r"), kept(cache)
    assert len(rows) == len(keys) == 8
    for row, key in zip(rows, keys, strict=True):
        levels = read_pyramid(small_scene / key.path, 3, *SIZE)
        assert row.tobytes() == b"".join(level.tobytes() for level in levels)


def test_another_split_adds_to_what_is_there(small_scene, tmp_path) -> None:
    frames = MonoDataset.from_options(make_options(small_scene, tmp_path), LINES, augment=True).frames
    for lines in (LINES[:1], LINES):  # of which the second ones lack some pictures of the first
        cache = PictureCache.from_options(make_options(small_scene, tmp_path), frames, lines)
        assert cache is not None
        first = arrays(cache)
        cache.fill()
    assert len(first) == 1
    assert len(arrays(cache)) == 2
    keys = kept(cache)
    assert len(set(keys)) == len(keys) == 8
    plain, cached = data_sets(small_scene, cache)
    for index in range(len(LINES)):
        assert_same(plain.sample(index), cached.sample(index))


def test_pictures_are_spread_over_arrays_of_bounded_size(small_scene, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("monodepth2.datasets.picture_cache.ARRAY_BYTES", 150_000)  # three pictures
    cache = filled(small_scene, tmp_path)
    assert sorted(len(np.load(array)) for array in arrays(cache)) == [2, 3, 3]
    plain, cached = data_sets(small_scene, cache)
    for index in range(len(LINES)):
        assert_same(plain.sample(index), cached.sample(index))


def test_each_size_has_a_folder_of_its_own_and_arrays_of_another_are_refused(small_scene, tmp_path, capsys) -> None:
    cache = filled(small_scene, tmp_path)
    other = PictureCache(tmp_path, small_scene, 96, 64)
    assert other.folder != cache.folder
    paths = list(cache._expected.values())
    for file in cache.folder.glob("*.*"):
        shutil.copy(file, other.folder)
    other.expect(paths)
    other.fill()
    assert "damaged" in capsys.readouterr().err
    for picture, expected in zip(other(paths[0], 3), read_pyramid(paths[0], 3, 96, 64), strict=True):
        assert np.array_equal(picture, expected)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


# one for each way to notice it; what else is unusable is in `fuzzing.attacks`
HOSTILE = [
    (".npy", cut),
    (".npy", lambda content: content.replace(b"False", b"True ")),
    (".json", cut),
    (".json", lambda content: json.dumps(json.loads(content)[1:]).encode()),
    (".json", lambda content: json.dumps([["a", 1]] * 8).encode()),
    (".json", lambda content: json.dumps([["a", True, 2]] * 8).encode()),
]


@pytest.mark.parametrize(("suffix", "damage"), HOSTILE)
def test_damaged_arrays_are_made_again(suffix, damage, small_scene, tmp_path, capsys) -> None:
    cache = filled(small_scene, tmp_path)
    (array,) = arrays(cache)
    file = array.with_suffix(suffix)
    file.write_bytes(damage(file.read_bytes()))
    capsys.readouterr()
    cache = filled(small_scene, tmp_path)
    assert f"{index_of(array)}: damaged" in capsys.readouterr().err
    assert not array.exists()
    plain, cached = data_sets(small_scene, cache)
    assert_same(plain.sample(1, mirrored=True), cached.sample(1, mirrored=True))
    assert len(kept(cache)) == len(cache._expected)


def test_one_without_the_other_is_made_again(small_scene, tmp_path, capsys) -> None:
    for lost in (arrays, lambda cache: map(index_of, arrays(cache))):
        cache = filled(small_scene, tmp_path)
        (before,) = arrays(cache)
        for file in lost(cache):
            file.unlink()
        again = filled(small_scene, tmp_path)
        assert {file.suffix for file in again.folder.iterdir()} == {"", ".npy", ".json"}
        assert before not in arrays(again)
        assert len(kept(again)) == 8
    assert capsys.readouterr().err.count("damaged") == 1  # an array whose index was never written is no damage


def test_an_array_that_is_cut_short_or_gone_only_slows_the_reader(small_scene, tmp_path) -> None:
    cache = filled(small_scene, tmp_path)
    plain, cached = data_sets(small_scene, cache)
    (array,) = arrays(cache)
    os.truncate(array, 100)
    assert_same(plain.sample(0), cached.sample(0))
    array.unlink()
    assert_same(plain.sample(0), cached.sample(0))


def test_an_array_that_is_removed_while_it_is_used_goes_on_serving(scene_copy, tmp_path) -> None:
    cache = filled(scene_copy, tmp_path / "cache")
    plain, cached = data_sets(scene_copy, cache)
    expected = plain.sample(0)
    cached.sample(1)
    spoil(scene_copy)
    for file in cache.folder.iterdir():
        file.unlink()
    assert_same(expected, cached.sample(0))


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
    assert arrays(filled(scene_copy, tmp_path / "cache")) == []


def test_a_disk_without_room_is_named_before_the_work(small_scene, tmp_path, monkeypatch) -> None:
    cache = PictureCache(tmp_path, small_scene, 1024, 320)
    paths = list((small_scene / PICTURES).glob("*.png"))
    needed = len(paths) * cache.picture_bytes
    disk = SimpleNamespace(free=needed - (1 << 20))
    monkeypatch.setattr("shutil.disk_usage", lambda folder: disk)
    with pytest.raises(UserError, match=r"--cache_dir .* needs 10 MiB more, but 9 MiB are free"):
        cache.expect(paths)
    disk.free = needed
    cache.expect(paths)
    cache.fill()
    disk.free = 0
    cache.expect(paths)


def test_a_cache_dir_that_is_a_file_is_refused(small_scene, tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--cache_dir"):
        expecting(small_scene, tmp_path / "file")


@pytest.fixture
def start(scene_copy, tmp_path):
    """Starts `cache_pictures.py` on a split of the scene."""
    split = tmp_path / "split"
    split.mkdir()
    for part in ("train", "val"):
        (split / f"{part}_files.txt").write_text("\n".join(map(str, LINES)))
    size = ["--width", str(SIZE[0]), "--height", str(SIZE[1]), "--use_stereo", "--png"]
    where = ["--data_path", str(scene_copy), "--split", str(split), "--cache_dir", str(tmp_path / "cache")]
    command = [str(ROOT / "cache_pictures.py"), *where, *size]
    started = []

    def run(program: str | None = None) -> subprocess.Popen[str]:
        """The script, or a program that is called as the script is."""
        how = [sys.executable, *command] if program is None else [sys.executable, "-c", program, *command]
        started.append(subprocess.Popen(how, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    assert process.stderr is not None
    assert any(word in line for line in process.stderr), process.communicate()


def test_two_processes_at_once_make_every_picture_once(start, scene_copy, tmp_path) -> None:
    cache = expecting(scene_copy, tmp_path / "cache")
    with process_lock(cache.folder / "lock"):
        processes = start(), start()
        for process in processes:
            wait_for(process, "waiting for it")
    for process in processes:
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert "8 pictures of 192 x 64" in out
    keys = kept(cache)
    assert len(set(keys)) == len(keys) == 8


@pytest.mark.parametrize("moment", ["os.fsync", "json.dump"])  # in the array, and between it and its index
def test_one_killed_in_the_middle_leaves_nothing_that_another_would_read(moment, start, tmp_path) -> None:
    program = (
        "import sys, time, json, os, runpy; del sys.argv[0]\n"
        f"{moment} = lambda *_: (print('here', file=sys.stderr, flush=True), time.sleep(600))\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    killed = start(program)
    wait_for(killed, "here")
    (folder,) = (tmp_path / "cache").iterdir()
    assert list(folder.glob(".*.partial"))
    killed.kill()
    killed.wait()
    process = start()
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "waiting" not in errors
    assert "8 pictures of 192 x 64" in out
    assert sorted(file.suffix for file in folder.iterdir()) == ["", ".json", ".npy"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "--cache_dir is missing"),
        (["--cache_dir", "x", "--height", "100"], "--height 96"),
        (["--cache_dir", "x", "--data_path", "/nowhere"], "--data_path /nowhere"),
    ],
)
def test_a_mistake_ends_the_command_with_one_message(flags, words, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = in_process("cache_pictures", *flags)
    assert done.returncode == 2
    assert words in done.stderr
    assert not list(tmp_path.iterdir())


def test_pictures_are_looked_for_anew_each_time(scene_copy, tmp_path) -> None:
    cache = filled(scene_copy, tmp_path / "cache")
    path = scene_copy / PICTURES / "0000000002.png"
    Image.open(path).rotate(180).save(path)
    cache.expect([path])
    assert np.array_equal(cache(path, 0)[0], read_pyramid(path, 0, *SIZE)[0])
