"""The package trains without the files around it, as where it was installed from a wheel."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from places import ROOT
from runs import QUICK, SMALL, TINY
from scripts import HANGS

RUN = """
import runpy, sys
try:
    runpy.run_module("monodepth2", run_name="__main__", alter_sys=True)
finally:
    import monodepth2
    print(monodepth2.__file__, [name for name in ("options", "train") if name in sys.modules])
"""


@pytest.mark.slow(reason="starts processes that render and train")
def test_the_package_alone_trains_from_an_empty_folder(tmp_path: Path) -> None:
    site, empty = tmp_path / "site", tmp_path / "empty"
    shutil.copytree(ROOT / "monodepth2", site / "monodepth2", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "splits", site / "monodepth2/splits")
    empty.mkdir()
    street = ("synthetic", "street", "--drives", 2, "--frames", 5, "--width", 160, "--height", 48)
    training = ("train", "--data_path", "street", "--split", "street/split", *SMALL, *QUICK, *TINY, "--log_dir", "runs")
    where = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    for words in (street, training):
        command = [sys.executable, "-c", RUN, *map(str, words)]
        done = subprocess.run(command, cwd=empty, env=where, capture_output=True, text=True, timeout=HANGS)
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith(f"{site / 'monodepth2/__init__.py'} []\n")
    assert {path.name for path in (empty / "runs/mdp/models").iterdir()} == {"opt.json", "config.yaml", "weights_0"}
