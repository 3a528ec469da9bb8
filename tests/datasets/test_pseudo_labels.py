"""Another model's disparities: found beside the data set's tree, and brought to the network's size as pictures are."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monodepth2.config import Options
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.known import Known
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.pseudo_labels import RECORD, resized_label
from monodepth2.datasets.samples import SampleKey, Shown, stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.files.fit import STRETCH, Fit, Window
from scene import DRIVE

SIZE = (96, 64)
LINES = [SplitLine("one", n, "l") for n in range(3)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A drive of three pictures whose brightness is their label's disparity, which grows to the right and down."""
    (tmp_path / "data/one").mkdir(parents=True)
    (tmp_path / "labels/one").mkdir(parents=True)
    column, row = np.meshgrid(np.arange(192), np.arange(160))
    ramp = (20 + column + row / 4).astype(np.uint8)
    for n in range(3):
        Image.fromarray(ramp).convert("RGB").save(tmp_path / f"data/one/{n}.png")
        # half of the picture's size, and of another shape
        label = np.asarray(Image.fromarray(ramp.astype(np.float32)).resize((96, 40), Image.Resampling.BOX))
        np.save(tmp_path / f"labels/one/{n}.npy", label.astype(np.float16))
    return tmp_path


def options(data: Path, **more: object) -> Options:
    values = {"dataset": "folder", "data_path": data / "data", "pseudo_labels": data / "labels", **more}
    return Options(width=SIZE[0], height=SIZE[1], **values)


@pytest.mark.parametrize("fit", [STRETCH, Fit("crop"), Fit("crop", 1.0)])
def test_a_label_lies_where_the_picture_shows_it(fit: Fit, data: Path) -> None:
    """Cut and squeezed alike, though label and picture have different shapes."""
    more = {} if fit == STRETCH else {"fit": "crop", "crop_top": fit.crop_top}
    sample = MonoDataset.from_options(options(data, **more), LINES[1:2], augment=False).sample(0)
    assert sample.pseudo is not None
    seen = sample.color[0][0][..., 0].float()
    assert (sample.pseudo[0] - seen)[1:-1, 1:-1].abs().max() < 1.5


def test_mirrored_as_its_picture_and_part_of_a_batch(data: Path) -> None:
    data_set = MonoDataset.from_options(options(data), LINES[1:2], augment=False)
    plain, mirrored = (data_set.sample(0, mirrored=which) for which in (False, True))
    assert plain.pseudo is not None
    assert mirrored.pseudo is not None
    assert torch.equal(mirrored.pseudo, plain.pseudo.flip(2))
    given = stack([plain, mirrored])
    assert given.pseudo is not None
    assert torch.equal(given.rows(slice(1, 2)).pseudo, mirrored.pseudo[None])
    assert any(tensor is given.pseudo for tensor in given.tensors)


def test_what_is_partly_unknown_is_unknown() -> None:
    label = np.full((8, 12), 5, np.float32)
    label[:4] = 0
    found = resized_label(label, (24, 16), STRETCH, (12, 8))
    assert set(np.unique(found)) == {0, 5}
    assert not found[:8].any()
    assert (found[9:] == 5).all()


def test_a_part_of_the_picture_has_that_part_of_the_label() -> None:
    """Of labels of any size, up to the last column, also where shares of it are no whole numbers."""
    ramp = np.tile(np.arange(1, 101, dtype=np.float32), (40, 1))
    found = resized_label(ramp, (20, 10), Fit(window=Window(0.5, 0.25, 1.0, 0.75)), (333, 777))
    assert found.shape == (10, 20)
    np.testing.assert_allclose(found[:, 1:-1], np.tile(np.arange(51.75, 100, 2.5)[1:-1], (10, 1)), atol=0.02)


def test_sixteen_bits_tell_the_same_as_floats(data: Path) -> None:
    floats = Known.from_options(options(data), layout_of(options(data))).parts(Shown(LINES[0]), np.float32)["pseudo"]
    map_hw = np.load(data / "labels/one/0.npy").astype(np.float32)
    (data / "labels/one/0.npy").unlink()
    Image.fromarray((map_hw * 256).astype(np.uint16)).save(data / "labels/one/0.png")
    steps = Known.from_options(options(data), layout_of(options(data))).parts(Shown(LINES[0]), np.float32)["pseudo"]
    assert (floats - steps).abs().max() < 0.01


def known_of(chosen: Options) -> tuple[Known, SampleFrames]:
    layout = layout_of(chosen)
    return Known.from_options(chosen, layout), SampleFrames.from_options(chosen, layout)


def test_missing_files_are_counted_with_the_command_that_makes_them(data: Path) -> None:
    (data / "labels/one/1.npy").unlink()
    (data / "labels/one/2.npy").unlink()
    known, frames = known_of(options(data))
    with pytest.raises(UserError) as told:
        known.check(LINES, frames)
    message = str(told.value)
    assert "2 of 3 pictures have no file there" in message
    assert f"the first is {data}/labels/one/1.npy" in message
    command = "monodepth2 pseudo_label --onnx MODEL.onnx --normalise ... --output_is ... --dataset folder"
    assert f"{command} --data_path {known.pseudo.layout.root} --output {data}/labels" in message


def test_a_damaged_file_names_itself_and_another_sample_takes_its_place(data: Path) -> None:
    (data / "labels/one/1.npy").write_bytes(b"nonsense")
    data_set = MonoDataset.from_options(options(data, frame_ids=(0, 1)), LINES[:2], augment=False)
    made = data_set[SampleKey(0, 1)]
    assert not isinstance(made, UserError)
    assert made.index == 0
    assert made.faults[0].startswith(f"{data}/labels/one/1.npy: not a readable depth map")


def test_in_kittis_tree_and_where_ground_truth_would_lie(small_scene: Path, tmp_path: Path) -> None:
    line = SplitLine(DRIVE, 3, "r")
    for place in ("image_03/data", "image_03"):
        folder = tmp_path / place.replace("/", "_")
        (folder / DRIVE / place).mkdir(parents=True)
        np.save(folder / DRIVE / place / f"{3:010d}.npy", np.full((4, 6), 2.5, np.float32))
        chosen = Options(data_path=small_scene, png=True, width=96, height=64, pseudo_labels=folder)
        known, frames = known_of(chosen)
        assert "with pseudo-labels" in known.check([line], frames)[0]
        assert (known.parts(Shown(line), np.float32)["pseudo"] == 2.5).all()
        with pytest.raises(UserError, match="1 of 1 pictures"):
            known.check([SplitLine(DRIVE, 3, "l")], frames)


def test_the_right_camera_does_not_learn_from_the_left_ones_labels(data: Path) -> None:
    (data / "data/one").rename(data / "left")
    for folder in ("one", "one/right"):
        shutil.copytree(data / "left", data / "data" / folder, dirs_exist_ok=True)
    right = [SplitLine("one", n, "r") for n in range(3)]
    known, frames = known_of(options(data))
    assert "3 pictures" in known.check(LINES, frames)[0]
    with pytest.raises(UserError, match="monodepth2 pseudo_label"):
        known.check(right, frames)
    shutil.copytree(data / "labels/one", data / "labels/one/right")
    known, frames = known_of(options(data))
    assert "6 pictures" in known.check([*LINES, *right], frames)[0]


def test_labels_of_pictures_that_were_written_since_are_told(data: Path) -> None:
    for n, seconds in enumerate((0, 1, 2)):
        os.utime(data / f"data/one/{n}.png", (1, 1))
        os.utime(data / f"labels/one/{n}.npy", (seconds, seconds))
    known, frames = known_of(options(data))
    assert len(known.check(LINES, frames)) == 1, "others' labels may have any time"
    (data / "labels" / RECORD).write_text("{}")
    _, warning = known.check(LINES, frames)
    assert f"1 of 3 labels are older than their pictures, the first is {data}/labels/one/0.npy" in warning
    assert "monodepth2 pseudo_label --onnx MODEL.onnx" in warning
    os.utime(data / "labels/one/0.npy")
    assert len(known.check(LINES, frames)) == 1


def test_no_weight_reads_nothing(data: Path) -> None:
    (data / "labels/one/1.npy").write_bytes(b"nonsense")
    chosen = options(data, pseudo_weight=0.0)
    assert MonoDataset.from_options(chosen, LINES[1:2], augment=False).sample(0).pseudo is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"pseudo_labels": None, "pseudo_weight": 0.3}, "--pseudo_weight 0.3 is the weight of --pseudo_labels FOLDER"),
        ({"pseudo_weight": -1.0}, "--pseudo_weight -1.0: must be not negative"),
        ({"pseudo_labels": Path("/nowhere")}, "--pseudo_labels /nowhere: no such folder; monodepth2 pseudo_label"),
    ],
)
def test_what_cannot_be_is_refused(more: dict, words: str, data: Path) -> None:
    with pytest.raises(UserError, match=words):
        Known.from_options(options(data, **more), layout_of(options(data)))
