"""The tutorial, run from top to bottom as it is written."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from clips import drive, write_clip
from runs import TINY
from scripts import monodepth2

TUTORIAL = Path(__file__).parents[2] / "docs/tutorial.md"
# what makes it short: other tests train ResNets
SHORTER = {
    "prepare": "--width 256",
    "train": f"--weights_init scratch --num_epochs 1 --batch_size 2 --num_workers 0 {shlex.join(TINY)}",
}
LEFT = {
    "prepare": "data/drive/report.html",
    "train": "tmp/drive/models/weights_0/encoder.pth",
    "report": "tmp/drive/report.html",
    "predict": "depth",
    "export": "drive.onnx",
}


def commands() -> list[list[str]]:
    blocks = re.findall(r"^```\n(.*?)^```", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)
    return [shlex.split(line)[1:] for block in blocks for line in block.splitlines() if line.startswith("monodepth2 ")]


def test_the_tutorial_names_every_step() -> None:
    assert [words[0] for words in commands()] == "prepare doctor train report predict predict export".split()


@pytest.mark.slow(reason="prepares, trains, predicts and exports")
def test_the_tutorial_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "drive.mp4", drive(0, 40, 0.4))
    shutil.copy(tmp_path / "drive.mp4", tmp_path / "other.mp4")
    for name, *words in commands():
        run = monodepth2(name, *words, *SHORTER.get(name, "").split())
        assert run.returncode == 0, f"{name}: {run.stdout}{run.stderr}"
        assert (tmp_path / LEFT.get(name, "data")).exists(), name
    assert len(list((tmp_path / "clouds").glob("*.ply"))) == len(
        list((tmp_path / "data/drive/drive_000").glob("*.jpg"))
    )
