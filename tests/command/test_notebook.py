"""The notebook, run from top to bottom.

Its cells run in this process and not in a kernel: those are 90 MB of packages, and a start of torch for each command.
"""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from clips import drive, write_clip
from monodepth2.command.table import COMMANDS
from monodepth2.config.command_line import build_parser
from runs import TINY
from scripts import monodepth2

NOTEBOOK = Path(__file__).parents[2] / "examples/video_in_model_out.ipynb"
# what makes it short
SHORTER = {
    "prepare": "--width 256",
    "train": f"--weights_init scratch --batch_size 2 --num_workers 0 {shlex.join(TINY)}",
}


def code_cells() -> list[str]:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run(cell: str, names: dict[str, Any]) -> None:
    """Run a cell: a command of the shell with names in braces, or Python."""
    if not cell.startswith("!"):
        return exec(compile(cell, NOTEBOOK.name, "exec"), names)
    program, name, *words = shlex.split(cell.removeprefix("!").format(**names))
    assert program == "monodepth2"
    done = monodepth2(name, *words, *SHORTER.get(name, "").split())
    assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"


def test_the_commands_exist_and_no_output_is_kept() -> None:
    commands = [shlex.split(cell)[1:] for cell in code_cells() if cell.startswith("!")]
    assert [words[0] for words in commands] == "prepare doctor train predict export".split()
    for name, *words in commands:
        flags = {word for word in words if word.startswith("--")}
        assert flags <= set(build_parser(COMMANDS[name].options)._option_string_actions)
    assert not any(cell.get("outputs") for cell in json.loads(NOTEBOOK.read_text())["cells"])


@pytest.mark.slow(reason="prepares, trains, predicts and exports")
def test_the_notebook_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "drive.mp4", drive(0, 40, 0.4))
    first, *others = code_cells()
    run(first, names := {})
    names["EPOCHS"] = 1
    for cell in others:
        run(cell, names)
    assert names["prediction"].depth.shape == names["prediction"].picture.size[::-1]
    assert names["verdict"]["kind"] in ("learnt", "little", "nothing")
    for left in ("data/drive/report.html", "runs/drive/report.html", "depth/drive_side_by_side.mp4", "drive.onnx"):
        assert (tmp_path / left).is_file(), left
