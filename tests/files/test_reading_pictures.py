"""Pictures of every kind, read as training, scoring and prediction read them."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from monodepth2.files.picture_opening import HAS_AVIF
from monodepth2.files.pictures import PictureError, picture_size, read_picture, read_pyramid
from monodepth2.prediction.rgb import as_rgb
from wide_pictures import write_colour_png

ORIENTATION = 0x0112
TURNED_RIGHT = 6  # of a photo that lies on its left side
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


def colours(height: int = 40, width: int = 60) -> np.ndarray:
    """Soft colours, uint8, (h, w, 3)."""
    coarse = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def saved(picture: Image.Image, path: Path, **how) -> np.ndarray:
    """A picture as it is read of a file of it."""
    picture.save(path, **how)
    return np.asarray(read_picture(path))


def write_grey(path: Path, *values: int) -> None:
    """A 16-bit grey picture of these values."""
    Image.fromarray(np.array([values], np.uint16)).save(path)


def grey_of(path: Path) -> list[int]:
    read = np.asarray(read_picture(path))
    assert (read == read[..., :1]).all()
    return read[0, :, 0].tolist()


def test_a_turned_photo_stands_wherever_it_is_read(tmp_path: Path) -> None:
    exif, pixels = Image.Exif(), colours(40, 60)
    exif[ORIENTATION] = TURNED_RIGHT
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif, quality=100, subsampling=0)
    upright = np.rot90(pixels, -1)
    read = np.asarray(read_picture(tmp_path / "a.jpg"))
    assert np.abs(read.astype(int) - upright).max() < 8
    np.testing.assert_array_equal(read, as_rgb(tmp_path / "a.jpg"))
    np.testing.assert_array_equal(read_pyramid(tmp_path / "a.jpg", 0, 40, 60)[0], read)


@pytest.mark.parametrize("orientation", TURNED_BY)
def test_pictures_are_turned_upright(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    found = saved(Image.fromarray(colours()), tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(found, TURNED_BY[orientation](colours()))


@pytest.mark.parametrize("orientation", TURNED_BY)
@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
def test_the_size_of_a_turned_photo_is_that_at_which_it_is_read(ending: str, orientation: int, tmp_path: Path) -> None:
    exif, path = Image.Exif(), tmp_path / f"a.{ending}"
    exif[ORIENTATION] = orientation
    Image.fromarray(colours(40, 60)).save(path, exif=exif)
    assert picture_size(path) == read_picture(path).size == ((40, 60) if orientation > 4 else (60, 40))


@pytest.mark.parametrize("name", ["frame.dat", "mask.png"])
def test_a_picture_of_16_bits_is_read_whatever_its_name(name: str, tmp_path: Path) -> None:
    write_grey(tmp_path / "a.png", 0, 257 * 7, 65535)
    (tmp_path / "a.png").rename(tmp_path / name)
    assert grey_of(tmp_path / name) == [0, 7, 255]


def test_clear_pictures_of_16_bits_lie_over_black_in_the_range_of_their_folder(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 4096, (6, 8, 4)).astype(np.uint16)
    values[0, 0, :3] = 4095
    values[..., 3] = np.where(np.arange(8) < 6, 65535, 0)
    for name in ("a.png", "a.tif"):
        (tmp_path / name[2:]).mkdir()
        cv2.imwrite(str(tmp_path / name[2:] / name), values[..., [2, 1, 0, 3]])
        expected = np.rint(values[..., :3] * (255 / 4095) * (values[..., 3:] > 0))
        np.testing.assert_array_equal(np.asarray(read_picture(tmp_path / name[2:] / name)), expected)


def test_every_value_of_16_bits_is_divided_by_257(tmp_path: Path) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for name in ("a.png", "a.tif"):
        Image.fromarray(values).save(tmp_path / name)
        expected = np.rint(values / 257).astype(np.uint8)
        np.testing.assert_array_equal(np.asarray(read_picture(tmp_path / name))[..., 1], expected)


@pytest.mark.parametrize(("bits", "white"), [(10, 1023), (12, 4095), (16, 65535)])
def test_the_range_is_that_of_the_folder(
    bits: int, white: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in range(40):
        write_grey(tmp_path / f"{index:03d}.png", 0, index)
    write_grey(tmp_path / "038.png", 0, 7, white // 2, white)  # not in every third picture, which are looked at
    write_grey(tmp_path / "000.png", white - 5)
    Image.new("L", (2, 2), 255).save(tmp_path / "mask.png")
    write_grey(tmp_path / "other.tif", 65535)
    expected = [0, round(7 * 255 / white), round(white // 2 * 255 / white), 255]
    assert grey_of(tmp_path / "038.png") == expected
    assert grey_of(tmp_path / "001.png") == [0, round(255 / white)]  # not stretched to its own range
    told = capsys.readouterr().err
    if bits == 16:
        assert not told
    else:
        assert told == (
            f"{tmp_path}: 16-bit .png pictures with values up to {white - 5} are read as {bits}-bit ones "
            f"({white} is white)\n"
        )


def test_what_is_brighter_than_the_sample_is_white(tmp_path: Path) -> None:
    for index in range(40):
        write_grey(tmp_path / f"{index:03d}.png", 900)
    write_grey(tmp_path / "001.png", 1023, 1200, 65535)
    assert grey_of(tmp_path / "001.png") == [255, 255, 255]


def test_written_predictions_do_not_decide_the_range(tmp_path: Path) -> None:
    from monodepth2.prediction.outputs import Settings, write_output
    from monodepth2.prediction.predictor import DepthPrediction

    write_grey(tmp_path / "a.png", 0, 4095)
    prediction = DepthPrediction(Image.new("RGB", (8, 8)), np.full((8, 8), 0.01, np.float32))
    write_output(tmp_path / "a_depth.png", "depth_png", prediction, Settings(1, "metres", 0.1, 100, "magma", 1))
    assert grey_of(tmp_path / "a.png") == [0, 255]


def test_16_bit_colours_are_read_to_the_last_bit(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    write_colour_png(tmp_path / "a.png", values)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), np.rint(values / 257).astype(np.uint8))


def test_16_bit_colours_have_the_range_of_their_camera(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 4096, (20, 30, 3), dtype=np.uint16)
    write_colour_png(tmp_path / "a.png", values)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), np.rint(values.astype(float) * 255 / 4095))


@pytest.mark.parametrize(
    "kind", [{}, {"tile": (16, 16)}, {"tile": (16, 16), "compression": "zlib"}, {"byteorder": ">"}]
)
def test_tiff_photos_are_read_whole(kind: dict, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    for values in (colours(), colours().astype(np.uint16) * 257):
        tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", **kind)
        np.testing.assert_array_equal(read_picture(tmp_path / "a.tif"), colours())


def test_of_a_phones_several_pictures_in_a_jpeg_the_first_is_read(tmp_path: Path) -> None:
    photo, preview = Image.fromarray(colours()), Image.new("RGB", (6, 4))
    photo.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[preview], quality=95)
    read = np.asarray(read_picture(tmp_path / "a.jpg"))
    assert np.abs(read.astype(int) - colours()).mean() < 4


@pytest.mark.parametrize(
    ("ending", "how", "tolerance"),
    [
        ("gif", {}, 12),
        ("jp2", {"irreversible": False}, 0),
        ("avif", {"quality": 95}, 6),
        ("webp", {"lossless": True}, 0),
        ("bmp", {}, 0),
        ("tiff", {}, 0),
    ],
)
def test_stills_of_other_kinds_are_pictures(ending: str, how: dict, tolerance: int, tmp_path: Path) -> None:
    if ending == "avif" and not HAS_AVIF:
        pytest.skip("this Pillow has no AVIF")
    Image.fromarray(colours()).save(tmp_path / f"a.{ending}", **how)
    read = np.asarray(read_picture(tmp_path / f"a.{ending}"))
    assert np.abs(read.astype(int) - colours()).mean() <= tolerance


def test_a_heic_photo_is_refused_with_a_remedy(tmp_path: Path) -> None:
    for name in ("a.heic", "b.jpg"):  # some programs give such photos the ending of another kind
        (tmp_path / name).write_bytes(struct.pack(">I", 24) + b"ftypheic" + b"\0\0\0\0mif1heic" + bytes(500))
        with pytest.raises(PictureError, match=f"{name}: is a HEIC .*convert it to JPEG or PNG"):
            read_picture(tmp_path / name)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_the_message_on_a_photo_that_is_too_large_says_how_large_it_may_be(tmp_path: Path) -> None:
    Image.new("1", (12_000, 9_000)).save(tmp_path / "a.png")
    with pytest.raises(PictureError, match=r"12000 x 9000 pixels, refused; at most 67 million are read"):
        read_picture(tmp_path / "a.png")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_data_do_not_cost_the_picture(tmp_path: Path) -> None:
    found = saved(Image.fromarray(colours()), tmp_path / "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff broken")
    np.testing.assert_array_equal(found, colours())


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK"])
def test_other_kinds_equal_their_rgb(mode: str, tmp_path: Path) -> None:
    picture = Image.fromarray(colours()[..., 0]).convert("RGB")
    name = "a.tiff" if mode == "CMYK" else "a.png"
    found = saved(picture.convert("L").convert(mode) if mode != "CMYK" else picture.convert(mode), tmp_path / name)
    np.testing.assert_allclose(found.astype(int), np.asarray(picture).astype(int), rtol=0, atol=1)


def test_cmyk_jpeg_has_the_colours_of_the_rgb_one(tmp_path: Path) -> None:
    picture = Image.linear_gradient("L").convert("RGB")
    found = saved(picture.convert("CMYK"), tmp_path / "a.jpg", quality=100)
    np.testing.assert_allclose(found.astype(int), np.asarray(picture).astype(int), rtol=0, atol=4)


def test_what_is_transparent_lies_over_black(tmp_path: Path) -> None:
    pixels = np.full((4, 6, 4), 200, np.uint8)
    pixels[:, 0, 3], pixels[:, 1, 3], pixels[:, 2:, 3] = 0, 128, 255
    found = saved(Image.fromarray(pixels), tmp_path / "a.png")
    np.testing.assert_allclose(found[0, :3, 0], [0, 100, 200], atol=1)
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.putpixel((1, 0), 1)
    assert saved(palette, tmp_path / "b.png", transparency=0).tolist() == [[[0, 0, 0], [0, 255, 0]]]


def test_of_an_animation_the_first_picture_is_taken(tmp_path: Path) -> None:
    others = [Image.fromarray(255 - colours())]
    found = saved(Image.fromarray(colours()), tmp_path / "a.webp", lossless=True, save_all=True, append_images=others)
    np.testing.assert_array_equal(found, colours())


@pytest.mark.parametrize(
    ("values", "words"), [(np.zeros((4, 4), np.float32), "floating-point"), (np.full((4, 4), 70000, np.int32), "70000")]
)
def test_values_of_unknown_range_are_refused(values: np.ndarray, words: str, tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=f"a.tiff: .*{words}"):
        saved(Image.fromarray(values), tmp_path / "a.tiff")


def test_plain_pictures_are_what_pillow_decodes(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        Image.fromarray(colours()).save(tmp_path / name)
        with Image.open(tmp_path / name) as plain:
            np.testing.assert_array_equal(read_picture(tmp_path / name), plain)
