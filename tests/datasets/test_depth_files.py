"""Depth maps of every format, and which file belongs to which line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monodepth2.datasets.depth_files import read_depth_map
from monodepth2.datasets.depth_folders import DepthFolder
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError

STEPS = np.array([[0, 256, 512, 1000], [5000, 300, 65535, 1]], np.uint16)
LINE = SplitLine("date/drive", 7, "l")


def write_png(path: Path, steps: np.ndarray = STEPS) -> None:
    Image.fromarray(steps).save(path)


def write_pfm(path: Path, depth: np.ndarray, order: str = "<") -> None:
    height, width = depth.shape
    scale = -1.0 if order == "<" else 1.0
    path.write_bytes(f"Pf\n{width} {height}\n{scale}\n".encode() + depth[::-1].astype(f"{order}f4").tobytes())


@pytest.mark.parametrize("scale", [256, 1000, 5000])
def test_every_format_gives_the_same_map(scale: int, tmp_path: Path) -> None:
    expected = STEPS.astype(np.float32) / np.float32(scale)
    write_png(tmp_path / "a.png")
    np.testing.assert_array_equal(read_depth_map(tmp_path / "a.png", scale), expected)
    np.save(tmp_path / "a.npy", expected)
    np.save(tmp_path / "columns.npy", np.asfortranarray(expected[..., None]))
    write_pfm(tmp_path / "a.pfm", expected)
    write_pfm(tmp_path / "big.PFM", expected, ">")
    for name in ("a.npy", "columns.npy", "a.pfm", "big.PFM"):
        np.testing.assert_array_equal(read_depth_map(tmp_path / name, scale), expected)


def test_what_is_not_known_is_zero(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[0, -1, np.nan, np.inf, -np.inf, 1e10, 3]]))
    depth = read_depth_map(tmp_path / "a.npy")
    assert depth.dtype == np.float32
    assert depth.tolist() == [[0, 0, 0, 0, 0, 1e10, 3]]


def test_exr(tmp_path: Path) -> None:
    OpenEXR = pytest.importorskip("OpenEXR")
    depth = np.random.default_rng(0).uniform(1, 9, (5, 7)).astype(np.float32)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"Z": depth, "A": np.ones_like(depth)}).write(str(tmp_path / "a.exr"))
    np.testing.assert_array_equal(read_depth_map(tmp_path / "a.exr"), depth)
    (tmp_path / "a.exr").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"a\.exr: not a readable depth map"):
        read_depth_map(tmp_path / "a.exr")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", b"", "not a readable depth map"),
        ("a.npy", np.ones((2, 3, 4)), r"an array \(2, 3, 4\)"),
        ("a.npy", np.array([["a"]]), "expected numbers"),
        ("a.npy", np.array([[1e300]]), "too large"),
        ("a.pfm", b"Pf\n2 2\n-1\n" + b"0" * 15, r"states 2 x 2 pixels, but holds 15 bytes"),
        ("a.pfm", b"PF\n1 1\n-1\n" + b"0" * 12, "no grey"),
        ("a.pfm", b"Pf\n", "not a readable depth map"),
        ("a.png", np.zeros((2, 2), np.uint8), "16-bit grey"),
        ("a.jpg", b"", r"depth maps are \.npy, \.png, \.pfm, \.exr files"),
    ],
)
def test_what_is_no_depth_map_is_refused(name: str, content, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif name.endswith(".png"):
        write_png(path, content)
    else:
        np.save(path, content)
    with pytest.raises(UserError, match=message) as caught:
        read_depth_map(path)
    assert str(path) in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    for name in ("a.npy", "a.png", "a.pfm"):
        with pytest.raises(UserError, match="no such file"):
            read_depth_map(tmp_path / name)


def picture(line: SplitLine) -> Path:
    return Path("data") / line.folder / f"{line.frame:010d}.jpg"


def found(root: Path, *lines: SplitLine) -> list[str | None]:
    paths = DepthFolder(root).find(lines or [LINE], picture)
    return [path and path.relative_to(root).as_posix() for path in paths]


@pytest.mark.parametrize(
    "name",
    [
        "0000000007.npy",
        "depth_7.png",
        "date/drive/7.PFM",
        "drive/0000000007.exr",
        "date/drive/image_02/0000000007.npy",
        "drive/proj_depth/groundtruth/image_02/0000000007.png",
    ],
)
def test_a_map_is_found_by_the_name_of_its_picture(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    (tmp_path / name).with_name("0000000008.npy").touch()
    (tmp_path / name).with_name("0000000007.txt").touch()
    assert found(tmp_path) == [name]


def test_each_camera_has_its_own_maps(tmp_path: Path) -> None:
    right = SplitLine(LINE.folder, LINE.frame, "r")
    for camera in ("image_02", "image_03"):
        (tmp_path / "drive" / camera).mkdir(parents=True)
        (tmp_path / "drive" / camera / "7.npy").touch()
    assert found(tmp_path, LINE, right) == ["drive/image_02/7.npy", "drive/image_03/7.npy"]


def test_a_map_that_could_be_meant_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "7.npy").touch()
    with pytest.raises(UserError, match="would serve 'date/drive 7 l' and 'date/drive 7 r'"):
        found(tmp_path, LINE, SplitLine(LINE.folder, 7, "r"))
    (tmp_path / "depth_07.png").touch()
    with pytest.raises(UserError, match="could both be meant by 'date/drive 7 l'"):
        found(tmp_path)


def test_a_map_of_another_picture_serves_nobody_else(tmp_path: Path) -> None:
    """Time stamps share their last number, and so do names of two kinds in one folder."""

    def found_of(*stems: str) -> list[str | None]:
        lines = [SplitLine(".", n, "l") for n in range(len(stems))]
        paths = DepthFolder(tmp_path / "depth").find(lines, lambda line: tmp_path / f"{stems[line.frame]}.jpg")
        return [path and path.stem for path in paths]

    (tmp_path / "depth").mkdir()
    for name in ("12.50.jpg", "13.50.jpg", "a1.jpg", "b1.jpg", "c2.jpg", "depth/12.50.npy", "depth/a1.npy"):
        (tmp_path / name).touch()
    assert found_of("12.50", "13.50", "a1", "b1") == ["12.50", None, "a1", None]
    (tmp_path / "12.50.jpg").unlink()
    assert found_of("13.50", "a1") == [None, "a1"], "whose picture is gone"
    (tmp_path / "depth/depth_2.npy").touch()
    assert found_of("c2") == ["depth_2"]


@pytest.mark.parametrize(
    ("picture", "depth"),
    [
        ("0000000007.jpg", "depth_7.npy"),
        ("rgb_00045.jpg", "sync_depth_00045.png"),
        ("cam2_000007.jpg", "cam2_000007_depth.npy"),
        ("00019_indoors_010.png", "00019_indoors_010_depth.npy"),
        ("12.50.jpg", "12.50.depth.npy"),
    ],
)
def test_maps_may_lie_beside_their_pictures_under_names_of_their_own(picture: str, depth: str, tmp_path: Path) -> None:
    for name in (picture, depth, "13.50.jpg", "13.50.depth.npy", "cam2_000008_depth.npy"):
        (tmp_path / name).touch()
    assert DepthFolder(tmp_path).find_one(SplitLine(".", 0, "l"), tmp_path / picture) == tmp_path / depth


def test_lines_without_a_map_are_told_apart_from_folders_without_any(tmp_path: Path) -> None:
    (tmp_path / "7.npy").touch()
    assert found(tmp_path, LINE, SplitLine(LINE.folder, 9, "l")) == ["7.npy", None]
    with pytest.raises(UserError, match=r"none of the 1 lines; for 'date/drive 9 l' expected .*date/drive/0000000009"):
        found(tmp_path, SplitLine(LINE.folder, 9, "l"))
