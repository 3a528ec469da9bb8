"""Shared fixtures: the golden scene, and folders of real KITTI layout made of formulas."""

import os
import shutil
from pathlib import Path

import pytest
import torch

from runs import DRIVE
from scene import write_kitti_raw


def pytest_configure() -> None:
    # the tests themselves, and the scripts that they start, run side by side
    torch.set_num_threads(1)
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def shared_folder(tmp_path_factory: pytest.TempPathFactory, name: str, write) -> Path:
    """A folder made once and shared by all test processes of a run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / name
    if not folder.exists():
        mine = tmp_path_factory.mktemp(name) / name
        write(mine)
        try:
            os.rename(mine, folder)
        except OSError:  # another process was first
            shutil.rmtree(mine)
    return folder


@pytest.fixture(scope="session")
def golden_scene(tmp_path_factory) -> Path:
    """The golden scene of seed 0 with 8 frames; never write into it."""
    return shared_folder(tmp_path_factory, "golden_scene", lambda folder: write_kitti_raw(folder, 8, 0))


@pytest.fixture
def scene_copy(golden_scene, tmp_path) -> Path:
    """A copy of the golden scene to damage."""
    return Path(shutil.copytree(golden_scene, tmp_path / "scene"))


@pytest.fixture
def split(tmp_path) -> Path:
    """Lists of eight lines to train on and three to validate on, of the golden scene."""
    folder = tmp_path / "split"
    folder.mkdir()
    lines = [f"{DRIVE} {frame} {side}" for frame in range(1, 7) for side in "lr"]
    (folder / "train_files.txt").write_text("\n".join(lines[:8]))
    (folder / "val_files.txt").write_text("\n".join(lines[8:11]))
    return folder
