from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from monodepth2.files.pictures import PictureError, read_picture, read_pyramid, resize

KITTI_SIZES = [(1242, 375), (1241, 376), (1226, 370), (1224, 370), (1238, 374)]
ONE = 1 << 22  # the unit of Pillow's weights for 8-bit pictures


@pytest.mark.parametrize("size", KITTI_SIZES)
@pytest.mark.parametrize("new_size", [(640, 192), (1024, 320), (416, 128)])
def test_resizing_the_mirrored_is_mirroring_the_resized(size, new_size) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    before = resize(ImageOps.mirror(picture), *new_size)
    assert np.array_equal(before, ImageOps.mirror(resize(picture, *new_size)))


@pytest.mark.parametrize("width", sorted({width for width, _ in KITTI_SIZES}))
@pytest.mark.parametrize("new_width", [640, 1024, 416])
def test_the_weights_of_every_column_are_mirrored_in_the_opposite_one(width, new_width) -> None:
    # of a row of 32-bit pixels that is 2^22 at one place, the filter leaves that place's weights as it rounds them
    rows = Image.fromarray(np.diag(np.full(width, ONE, np.int32)))
    weights = np.asarray(rows.resize((new_width, width), Image.Resampling.LANCZOS))
    assert abs(weights.sum(0) - ONE).max() < 20
    assert np.array_equal(weights, weights[::-1, ::-1])


def test_a_pyramid_is_resized_level_by_level(golden_scene: Path) -> None:
    path = next(golden_scene.rglob("*.png"))
    levels = read_pyramid(path, deepest=2, width=96, height=32)
    picture = read_picture(path)
    for level, (width, height) in enumerate([(96, 32), (48, 16), (24, 8)]):
        picture = resize(picture, width, height)
        assert np.array_equal(levels[level], picture)
    assert len(levels) == 3


def test_a_truncated_picture_is_refused_by_name(golden_scene: Path, tmp_path) -> None:
    (tmp_path / "cut.png").write_bytes(next(golden_scene.rglob("*.png")).read_bytes()[:20_000])
    with pytest.raises(PictureError, match=r"cut\.png: cannot be decoded"):
        read_picture(tmp_path / "cut.png")
