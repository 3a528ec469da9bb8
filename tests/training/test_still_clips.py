"""Whole runs on pictures that show nothing to learn."""

import numpy as np
from PIL import Image

from monodepth2.config import Options
from monodepth2.training.best_epoch import BestEpoch
from runs import flags_of
from scripts import in_process


def test_a_still_clip_ends_with_a_code_of_its_own_and_keeps_its_weights(tmp_path) -> None:
    picture = np.kron(np.random.default_rng(0).integers(0, 256, (8, 12, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    (tmp_path / "clip").mkdir()
    for n in range(8):
        Image.fromarray(picture).save(tmp_path / f"clip/{n}.png")
    flags = flags_of(tmp_path / "clip", tmp_path, tmp_path / "logs", "--dataset", "folder", "--num_epochs", 1)
    for unused in ("--png", "--split", str(tmp_path)):
        flags.remove(unused)
    whole, again = in_process("train", *flags), in_process("train", *flags, "--resume")
    assert "after epoch 1: nothing moves in this data" in whole.stderr
    for done in (whole, again):
        assert done.returncode == 3, done.stderr
        assert "nothing moves in this data, so that nothing was learnt from it (exit code 3)" in done.stderr
        assert "lowest validation loss" not in done.stderr
    assert (tmp_path / "logs/mdp/models/weights_0/encoder.pth").is_file()


def test_a_validation_loss_of_zero_is_no_praise(tmp_path) -> None:
    best = BestEpoch()
    for epoch, loss in enumerate((2e-5, -1e-5)):
        best.note(loss)
        best.end_epoch(epoch)
    told = best.told(Options(log_dir=tmp_path))
    assert told.startswith("the validation loss is zero (-0.00001): nothing moves in the validation frames")
