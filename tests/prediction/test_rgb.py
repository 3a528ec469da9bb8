from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monodepth2.files.pictures import read_picture
from monodepth2.prediction.rgb import as_rgb
from wide_pictures import write_colour_png


@pytest.fixture
def grey() -> np.ndarray:
    return np.arange(35 * 50).reshape(35, 50).astype(np.uint8)


@pytest.fixture
def colour(grey: np.ndarray) -> np.ndarray:
    return np.stack([grey, 255 - grey, grey // 2], -1)


def test_a_file_is_read_as_everywhere(colour: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(colour).save(tmp_path / "a.png")
    for path in (tmp_path / "a.png", str(tmp_path / "a.png")):
        np.testing.assert_array_equal(as_rgb(path), read_picture(tmp_path / "a.png"))


def test_an_image_of_16_bits_is_scaled_not_clipped(grey: np.ndarray) -> None:
    sixteen = Image.fromarray(grey.astype(np.int32) * 257)
    np.testing.assert_array_equal(as_rgb(sixteen), np.stack([grey] * 3, -1))


def test_an_opened_image_of_12_bits_is_read_as_its_file(colour: np.ndarray, tmp_path: Path, capsys) -> None:
    write_colour_png(tmp_path / "colour.png", colour.astype(np.uint16) * 16)
    (tmp_path / "grey").mkdir()
    Image.fromarray(colour[..., 1].astype(np.uint16) * 16).save(tmp_path / "grey/0.png")
    for path in (tmp_path / "colour.png", tmp_path / "grey/0.png"):
        of_file = np.asarray(as_rgb(path))
        with Image.open(path) as opened:
            for _ in range(2):
                np.testing.assert_array_equal(as_rgb(opened), of_file)
        assert of_file.mean() > 100
    capsys.readouterr()
    with Image.open(path) as opened:
        opened.putpixel((0, 0), 4000)  # its values are no more the file's
        dark = [np.asarray(as_rgb(opened)) for _ in range(2)]
    assert max(picture.max() for picture in dark) == 16
    assert capsys.readouterr().err.count("no value above 4095, and 65535 is taken as white") == 1


def test_arrays_are_rgb_or_grey_bytes(colour: np.ndarray, grey: np.ndarray) -> None:
    np.testing.assert_array_equal(as_rgb(colour), colour)
    np.testing.assert_array_equal(as_rgb(grey), np.stack([grey] * 3, -1))


@pytest.mark.parametrize("thing", [torch.zeros(3, 4, 5), b"a picture", None])
def test_what_is_no_picture_is_refused(thing: object) -> None:
    with pytest.raises(ValueError, match=f"a picture of type {type(thing).__name__}: give a path"):
        as_rgb(thing)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((4, 4, 3)), r"float64 values: give uint8.*\(255 \* image\)"),
        (np.zeros((3, 4, 5), np.uint8), r"shape \(3, 4, 5\): give RGB as \(h, w, 3\)"),
        (np.zeros((0, 4, 3), np.uint8), r"shape \(0, 4, 3\)"),
    ],
)
def test_other_arrays_are_refused_with_a_remedy(values: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        as_rgb(values)
