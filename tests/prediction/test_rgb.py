from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monodepth2.files.pictures import PictureError
from monodepth2.prediction.rgb import as_rgb
from wide_pictures import write_colour_png

TURNED_BY = {  # what brings each EXIF orientation upright
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: np.rot90,
}


@pytest.fixture
def grey() -> np.ndarray:
    return np.arange(35 * 50).reshape(35, 50).astype(np.uint8)


@pytest.fixture
def colour(grey: np.ndarray) -> np.ndarray:
    return np.stack([grey, 255 - grey, grey // 2], -1)


def read(picture: Image.Image, path: Path, **how) -> np.ndarray:
    picture.save(path, **how)
    return np.asarray(as_rgb(path))


@pytest.mark.parametrize("orientation", TURNED_BY)
def test_pictures_are_turned_upright(orientation: int, colour: np.ndarray, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = read(Image.fromarray(colour), tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(found, TURNED_BY[orientation](colour))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_data_do_not_cost_the_picture(colour: np.ndarray, tmp_path: Path) -> None:
    found = read(Image.fromarray(colour), tmp_path / "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff broken")
    np.testing.assert_array_equal(found, colour)


@pytest.mark.parametrize("ending", ["png", "tiff", "bmp", "webp"])
def test_lossless_formats_keep_their_values(ending: str, colour: np.ndarray, tmp_path: Path) -> None:
    how = {"lossless": True} if ending == "webp" else {}
    np.testing.assert_array_equal(read(Image.fromarray(colour), tmp_path / f"a.{ending}", **how), colour)


def test_16_bit_grey_is_scaled_not_clipped(grey: np.ndarray, tmp_path: Path) -> None:
    expected = np.stack([grey] * 3, -1)
    sixteen = grey.astype(np.uint16) * 257
    for name in ("a.png", "a.tiff"):
        np.testing.assert_array_equal(read(Image.fromarray(sixteen), tmp_path / name), expected)
    np.testing.assert_array_equal(as_rgb(Image.fromarray(sixteen.astype(np.int32))), expected)
    between = read(Image.fromarray(np.full((4, 4), 130 * 257 + 128, np.uint16)), tmp_path / "b.png")
    assert np.unique(between).tolist() == [130]


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


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK"])
def test_other_kinds_equal_their_rgb(mode: str, grey: np.ndarray, tmp_path: Path) -> None:
    picture = Image.fromarray(grey).convert("RGB")
    name = "a.tiff" if mode == "CMYK" else "a.png"
    found = read(picture.convert("L").convert(mode) if mode != "CMYK" else picture.convert(mode), tmp_path / name)
    np.testing.assert_allclose(found.astype(int), np.asarray(picture).astype(int), rtol=0, atol=1)


def test_cmyk_jpeg_has_the_colours_of_the_rgb_one(tmp_path: Path) -> None:
    picture = Image.linear_gradient("L").convert("RGB")
    found = read(picture.convert("CMYK"), tmp_path / "a.jpg", quality=100)
    np.testing.assert_allclose(found.astype(int), np.asarray(picture).astype(int), rtol=0, atol=4)


def test_what_is_transparent_lies_over_black(tmp_path: Path) -> None:
    pixels = np.full((4, 6, 4), 200, np.uint8)
    pixels[:, 0, 3], pixels[:, 1, 3], pixels[:, 2:, 3] = 0, 128, 255
    found = read(Image.fromarray(pixels), tmp_path / "a.png")
    np.testing.assert_allclose(found[0, :3, 0], [0, 100, 200], atol=1)
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.putpixel((1, 0), 1)
    assert read(palette, tmp_path / "b.png", transparency=0).tolist() == [[[0, 0, 0], [0, 255, 0]]]


def test_of_an_animation_the_first_picture_is_taken(colour: np.ndarray, tmp_path: Path) -> None:
    others = [Image.fromarray(255 - colour)]
    found = read(Image.fromarray(colour), tmp_path / "a.webp", lossless=True, save_all=True, append_images=others)
    np.testing.assert_array_equal(found, colour)


@pytest.mark.parametrize(
    ("values", "words"), [(np.zeros((4, 4), np.float32), "floating-point"), (np.full((4, 4), 70000, np.int32), "70000")]
)
def test_values_of_unknown_range_are_refused(values: np.ndarray, words: str, tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=f"a.tiff: .*{words}"):
        read(Image.fromarray(values), tmp_path / "a.tiff")


def test_a_broken_file_is_named_in_one_line(colour: np.ndarray, tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    Image.fromarray(colour).save(whole)
    content = whole.read_bytes()
    for name, data in (("cut.png", content[:-300]), ("text.jpg", b"hello"), ("empty.webp", b"")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(PictureError) as caught:
            as_rgb(tmp_path / name)
        assert str(caught.value).startswith(str(tmp_path / name))
        assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(PictureError, match="no such file"):
        as_rgb(str(tmp_path / "gone.png"))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_an_absurd_size_is_refused(tmp_path: Path) -> None:
    Image.new("1", (10_001, 10_000)).save(tmp_path / "bomb.png")
    with pytest.raises(PictureError, match="10001 x 10000"):
        as_rgb(tmp_path / "bomb.png")


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
