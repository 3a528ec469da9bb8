"""A drive of four small pictures with exact truth, and disparities that are half right."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from trees import write_checkpoint

SIZE = (64, 96)
FRAMES = 4


class SmallDrive(NamedTuple):
    """Where things of the drive are.

    Attributes:
        root: of the data set, in KITTI raw's layout; lists are in `split`.
        split: folder of the list of its frames.
        disps: disparities of another program.
        depths: true depth in metres, multiples of 1/8, (n, h, w).
    """

    root: Path
    split: Path
    disps: Path
    depths: np.ndarray

    def flags(self) -> list[str]:
        """What scores the array on the split."""
        where = ["--data_path", self.root, "--eval_split", self.split, "--ext_disp_to_eval", self.disps]
        return [*map(str, where), "--device", "cpu", "--num_workers", "0"]


@pytest.fixture
def small_drive(tmp_path: Path) -> SmallDrive:
    rng = np.random.default_rng(0)
    drive = SmallDrive(
        tmp_path / "data",
        tmp_path / "split",
        tmp_path / "disps.npy",
        np.round(8 * rng.uniform(1, 100, (FRAMES, *SIZE))).astype(np.float32) / 8,
    )
    pictures = drive.root / "day/one/image_02/data"
    pictures.mkdir(parents=True)
    for n in range(FRAMES):
        Image.fromarray(rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)).save(pictures / f"{n:010d}.jpg")
    drive.split.mkdir()
    (drive.split / "test_files.txt").write_text("".join(f"day/one {n} l\n" for n in range(FRAMES)))
    np.save(drive.disps, 1 / drive.depths + rng.uniform(0, 0.02, drive.depths.shape).astype(np.float32))
    return drive


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of 96 x 64, trained with stereo pairs; never write into it."""
    return write_checkpoint(tmp_path_factory.mktemp("small") / "models/weights_0", use_stereo=True)
