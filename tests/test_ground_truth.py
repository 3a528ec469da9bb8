import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from monodepth2.datasets import ground_truth
from monodepth2.datasets.ground_truth import read_ground_truth
from monodepth2.errors import UserError


def test_maps_of_one_size(tmp_path: Path) -> None:
    maps = np.random.default_rng(0).uniform(0, 80, (3, 4, 5))
    np.savez_compressed(tmp_path / "gt_depths.npz", data=maps)
    read = read_ground_truth(tmp_path / "gt_depths.npz", 3)
    assert all(depth.dtype == np.float32 for depth in read)
    np.testing.assert_array_equal(np.stack(read), maps.astype(np.float32))


@pytest.mark.parametrize("protocol", [0, 2, 3, 4])
def test_maps_of_different_sizes_as_2019_stored_them(protocol: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    maps = np.empty(2, dtype=object)
    maps[:] = [rng.random((375, 1242)).astype(np.float32), rng.random((370, 1224)).astype(np.float32)]
    write_objects(tmp_path / "gt_depths.npz", maps, protocol)
    for read, written in zip(read_ground_truth(tmp_path / "gt_depths.npz", 2), maps, strict=True):
        np.testing.assert_array_equal(read, written)
    np.savez_compressed(tmp_path / "gt_depths.npz", data=maps)
    np.testing.assert_array_equal(read_ground_truth(tmp_path / "gt_depths.npz", 2)[1], maps[1])


def write_objects(path: Path, content: object, protocol: int = 2) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|O", "fortran_order": False, "shape": (2,)})
    pickle.dump(content, buffer, protocol=protocol)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", buffer.getvalue())


def refused(path: Path, count: int = 2) -> str:
    with pytest.raises(UserError) as caught:
        read_ground_truth(path, count)
    assert str(path) in str(caught.value)
    assert "move the file away" in str(caught.value)
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
        (np.full((2, 4, 5), np.inf, np.float32), "not finite"),
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
