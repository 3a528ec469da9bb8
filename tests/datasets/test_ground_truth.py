import io
import pickle
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from monodepth2.datasets import ground_truth
from monodepth2.datasets.ground_truth import read_ground_truth, write_ground_truth
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError


def maps_of(path: Path, count: int) -> list[np.ndarray]:
    return list(map(read_ground_truth(path, count), range(count)))


def test_maps_of_one_size(tmp_path: Path) -> None:
    maps = np.random.default_rng(0).uniform(0, 80, (3, 4, 5))
    np.savez_compressed(tmp_path / "gt_depths.npz", data=maps)
    read = maps_of(tmp_path / "gt_depths.npz", 3)
    assert all(depth.dtype == np.float32 for depth in read)
    np.testing.assert_array_equal(np.stack(read), maps.astype(np.float32))


@pytest.mark.parametrize("protocol", [0, 2, 3, 4])
def test_maps_of_different_sizes_as_2019_stored_them(protocol: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    maps = np.empty(2, dtype=object)
    maps[:] = [rng.random((375, 1242)).astype(np.float32), rng.random((370, 1224)).astype(np.float32)]
    write_objects(tmp_path / "gt_depths.npz", maps, protocol)
    for read, written in zip(maps_of(tmp_path / "gt_depths.npz", 2), maps, strict=True):
        np.testing.assert_array_equal(read, written)
    np.savez_compressed(tmp_path / "gt_depths.npz", data=maps)
    np.testing.assert_array_equal(read_ground_truth(tmp_path / "gt_depths.npz", 2)(1), maps[1])


def write_objects(path: Path, content: object, protocol: int = 2) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|O", "fortran_order": False, "shape": (2,)})
    pickle.dump(content, buffer, protocol=protocol)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", buffer.getvalue())


def refused(path: Path, count: int = 2) -> str:
    with pytest.raises(UserError) as caught:
        maps_of(path, count)
    assert str(path) in str(caught.value)
    assert "move it away" in str(caught.value)
    return str(caught.value)


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return Path.touch, (self.mark,)


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path) -> None:
    objects = np.array([np.zeros((2, 3)), Bomb(tmp_path / "mark")], dtype=object)
    np.savez(tmp_path / "gt_depths.npz", data=objects)
    assert "a pickle that asks for" in refused(tmp_path / "gt_depths.npz")
    write_objects(tmp_path / "gt_depths.npz", Bomb(tmp_path / "mark"))
    refused(tmp_path / "gt_depths.npz")
    write_objects(tmp_path / "gt_depths.npz", np.array(["a", "b"]))
    refused(tmp_path / "gt_depths.npz")
    write_objects(tmp_path / "gt_depths.npz", [1, 2])
    assert "not a list of arrays" in refused(tmp_path / "gt_depths.npz")
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        (np.zeros((3, 4, 5), np.float32), "3 maps, but the split has 2 lines"),
        (np.zeros((2, 4), np.float32), "shape (2, 4)"),
        (np.zeros((2, 4, 5), np.complex64), "something other"),
    ],
)
def test_arrays_that_do_not_belong_to_the_split(maps: np.ndarray, message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "gt_depths.npz", data=maps)
    assert message in refused(tmp_path / "gt_depths.npz")


def test_damaged_archives(tmp_path: Path) -> None:
    path = tmp_path / "gt_depths.npz"
    path.write_bytes(b"garbage" * 100)
    refused(path)
    np.savez(path, other=np.zeros(3))
    assert "no array 'data'" in refused(path)
    np.savez_compressed(path, data=np.random.default_rng(0).random((2, 40, 50)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(path)
    path.write_bytes(whole[:5000] + bytes(100) + whole[5100:])
    refused(path)


def test_a_header_that_promises_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "gt_depths.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (2, 10**9, 10**9)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.npy", header.getvalue() + bytes(100))
    assert "not a readable" in refused(path)
    np.savez_compressed(path, data=np.zeros((2, 100, 100)))
    monkeypatch.setattr(ground_truth, "MOST_BYTES", 10_000)
    assert "refused" in refused(path)


LINES = [SplitLine("drive", frame, "l") for frame in range(3)]


def random_maps(*sizes: tuple[int, int]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.uniform(0, 80, size).astype(np.float32) for size in sizes]


@pytest.mark.parametrize("sizes", [((4, 5), (4, 5), (4, 5)), ((4, 5), (6, 3), (4, 5))])
def test_written_maps_are_read_in_any_order(sizes: tuple[tuple[int, int], ...], tmp_path: Path) -> None:
    maps = random_maps(*sizes)
    write_ground_truth(tmp_path / "gt.npz", iter(maps), LINES, sizes[0] if len(set(sizes)) == 1 else None)
    read = read_ground_truth(tmp_path / "gt.npz", 3, LINES)
    for position in (0, 1, 2, 0, 2, 1):
        assert read(position).dtype == np.float32
        np.testing.assert_array_equal(read(position), maps[position])
    assert [path.name for path in tmp_path.iterdir()] == ["gt.npz"]


def test_memory_holds_one_map_at_a_time(tmp_path: Path) -> None:
    lines = [SplitLine("drive", frame, "l") for frame in range(40)]
    maps = (np.full((500, 500), frame, np.float32) for frame in range(40))
    tracemalloc.start()
    write_ground_truth(tmp_path / "gt.npz", maps, lines, (500, 500))
    read = read_ground_truth(tmp_path / "gt.npz", 40)
    assert [read(position)[0, 0] for position in range(40)] == list(range(40))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 500 * 500 * 4


def test_a_file_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "gt.npz").write_text("before")
    with pytest.raises(ValueError):
        write_ground_truth(tmp_path / "gt.npz", random_maps((4, 5), (4, 5)), LINES, (4, 5))
    with pytest.raises(UserError, match="cannot be written"):
        write_ground_truth(tmp_path / "gone/gt.npz", random_maps((4, 5)), LINES[:1], (4, 5))
    assert (tmp_path / "gt.npz").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["gt.npz"]


def test_maps_of_other_lines_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "gt.npz"
    write_ground_truth(path, random_maps(*[(4, 5)] * 3), LINES, (4, 5))
    with pytest.raises(UserError, match="made for other lines"):
        read_ground_truth(path, 3, LINES[::-1])
    np.savez(path, data=np.stack(random_maps(*[(4, 5)] * 3)))
    read_ground_truth(path, 3, LINES)


def test_an_array_in_columns_order(tmp_path: Path) -> None:
    maps = np.asfortranarray(random_maps((4, 5), (4, 5)))
    np.savez(tmp_path / "gt.npz", data=maps)
    np.testing.assert_array_equal(np.stack(maps_of(tmp_path / "gt.npz", 2)), maps)


def test_arrays_of_their_own_that_are_missing_pickled_or_not_maps(tmp_path: Path) -> None:
    path, maps = tmp_path / "gt.npz", random_maps((4, 5), (6, 3))
    np.savez(path, map_00000=maps[0], map_00002=maps[1])
    assert "no array 'map_00001'" in refused(path)
    np.savez(path, map_00000=maps[0], map_00001=np.array([Bomb(tmp_path / "mark")], dtype=object))
    assert "map_00001 is pickled" in refused(path)
    assert not (tmp_path / "mark").exists()
    np.savez(path, map_00000=maps[0], map_00001=maps[1][0])
    assert "something other" in refused(path)
    np.savez(path, map_00000=maps[0])
    assert "1 map, but the split has 2 lines" in refused(path)


def test_a_flipped_bit_in_the_last_map_is_found(tmp_path: Path) -> None:
    path, maps = tmp_path / "gt.npz", random_maps((40, 50), (40, 50))
    np.savez(path, data=np.stack(maps))
    content = path.read_bytes()
    last = content.index(maps[1][-1, -4:].tobytes())
    path.write_bytes(content[:last] + bytes([content[last] ^ 1]) + content[last + 1 :])
    refused(path)


def test_every_map_is_read_once_and_a_damaged_one_refused_when_its_turn_comes(tmp_path: Path, monkeypatch) -> None:
    path, maps = tmp_path / "gt.npz", random_maps((40, 50), (30, 50), (40, 50))
    write_ground_truth(path, maps, LINES, None)
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("map_00001.npy").header_offset
    content = path.read_bytes()
    path.write_bytes(content[: start + 500] + bytes(100) + content[start + 600 :])
    opened: list[str] = []
    whole = zipfile.ZipFile.open

    def opening(archive: zipfile.ZipFile, name, *arguments, **more):
        opened.append(name if isinstance(name, str) else name.filename)
        return whole(archive, name, *arguments, **more)

    monkeypatch.setattr(zipfile.ZipFile, "open", opening)
    read = read_ground_truth(path, 3, LINES)
    np.testing.assert_array_equal(read(0), maps[0])
    with pytest.raises(UserError, match="not a readable"):
        read(1)
    np.testing.assert_array_equal(read(2), maps[2])
    assert opened == ["lines.npy", "map_00000.npy", "map_00001.npy", "map_00002.npy"]


def test_a_file_that_is_damaged_after_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "gt.npz"
    write_ground_truth(path, random_maps((400, 500), (300, 500)), LINES[:2], None)
    read = read_ground_truth(path, 2)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.write(bytes(size))
    with pytest.raises(UserError, match="not a readable"):
        read(1)
