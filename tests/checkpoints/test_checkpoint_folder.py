import json
import os
from pathlib import Path

import pytest
import torch

from monodepth2.checkpoints.folder import MANIFEST, check_files, read_manifest, write_folder
from monodepth2.errors import UserError
from trees import largest_file

STATES = {"a.pth": {"x": torch.arange(5000.0)}, "b.pth": {"y": [1, "two", (3.0, None)]}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path / "models/weights_3", STATES, 12)
    return tmp_path / "models/weights_3"


def test_round_trip(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert manifest.step == 12
    assert {path.name for path in folder.iterdir()} == {*STATES, MANIFEST}
    check_files(folder, manifest)
    assert torch.equal(torch.load(folder / "a.pth", weights_only=True)["x"], STATES["a.pth"]["x"])
    assert torch.load(folder / "b.pth", weights_only=True) == STATES["b.pth"]
    assert os.listdir(folder.parent) == ["weights_3"]


@pytest.mark.parametrize("damage", ["flipped bit", "cut", "longer", "missing"])
def test_every_damage_is_found(damage: str, folder: Path) -> None:
    path = folder / "a.pth"
    content = bytearray(path.read_bytes())
    content[1000] ^= 4
    changed = {"flipped bit": bytes(content), "cut": content[:-1], "longer": path.read_bytes() + b"\0"}
    path.unlink()
    if damage in changed:
        path.write_bytes(changed[damage])
    with pytest.raises(UserError, match=r"a\.pth: "):
        check_files(folder, read_manifest(folder))


@pytest.mark.parametrize("text", ["{", '{"step": 1, "files": {"../a.pth": {"bytes": 1, "sha256": ""}}}'])
def test_a_hostile_manifest_is_refused_in_one_line(text: str, folder: Path) -> None:
    """More of them are in `fuzzing.attacks`."""
    (folder / MANIFEST).write_text(text)
    with pytest.raises(UserError, match=r"manifest\.json: no usable manifest") as caught:
        read_manifest(folder)
    assert "\n" not in str(caught.value)


def test_what_is_there_is_never_replaced(folder: Path) -> None:
    before = (folder / "a.pth").read_bytes()
    with pytest.raises(UserError, match="cannot be written"):
        write_folder(folder, {"a.pth": {"x": 1}}, 13)
    assert (folder / "a.pth").read_bytes() == before
    assert os.listdir(folder.parent) == ["weights_3"]


def test_a_failed_write_leaves_nothing_and_says_why(tmp_path: Path) -> None:
    with (
        largest_file(4096),
        pytest.raises(UserError, match=r"weights_0: the checkpoint cannot be written \(File too large\)"),
    ):
        write_folder(tmp_path / "weights_0", {"a.pth": {"x": torch.zeros(5000)}}, 1)
    assert not list(tmp_path.iterdir())


def test_what_a_killed_writer_left_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".partial_weights_0").mkdir()
    (tmp_path / ".partial_weights_0/junk.pth").write_bytes(b"junk")
    write_folder(tmp_path / "weights_0", STATES, 1)
    assert {path.name for path in (tmp_path / "weights_0").iterdir()} == {*STATES, MANIFEST}
    assert json.loads((tmp_path / "weights_0" / MANIFEST).read_text())["files"].keys() == STATES.keys()
