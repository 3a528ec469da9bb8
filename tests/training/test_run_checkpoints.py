import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from monodepth2.checkpoints.folder import write_folder
from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.runtime.random_state import random_state, set_random_state
from monodepth2.training.best_epoch import BestEpoch
from monodepth2.training.run_checkpoints import ResumePoint, clear_for_resume, find_resume_point, remove_old
from monodepth2.training.run_record import data_fingerprint, record_start

CPU = torch.device("cpu")


@pytest.fixture
def options(tmp_path: Path) -> Options:
    chosen = Options(log_dir=tmp_path, resume="always")
    chosen.models_folder.mkdir(parents=True)
    (chosen.models_folder / "opt.json").write_text(chosen.to_json())
    return chosen


def write(options: Options, **steps: int) -> None:
    for name, step in steps.items():
        write_folder(options.models_folder / name, {"state.pth": {"step": step}}, step)


def names(options: Options) -> set[str]:
    return {path.name for path in options.models_folder.iterdir()} - {"opt.json"}


def test_a_run_goes_on_from_its_newest_whole_checkpoint(options: Options) -> None:
    write(options, weights_0=10, weights_1=20, weights_step_25=25, weights_step_24=24)
    told: list[str] = []
    begun = {"weights_init": "pretrained", "pretrained_weights": None, "load_weights_folder": None,
             "models_to_load": ("encoder", "depth", "pose_encoder", "pose")}  # fmt: skip
    goes_on = replace(options, weights_init="scratch", models_to_load=("pose",))
    expected = ResumePoint(options.models_folder / "weights_step_25", 25, (), begun)
    assert find_resume_point(goes_on, told.append) == expected
    assert not told
    (options.models_folder / "weights_step_25/state.pth").write_bytes(b"")
    (options.models_folder / "weights_step_24/manifest.json").unlink()
    (options.models_folder / ".partial_weights_2").mkdir()
    (options.models_folder / ".00c0ffee.123.partial").touch()
    point = find_resume_point(options, told.append)
    assert point is not None
    assert (point.folder.name, point.step) == ("weights_1", 20)
    assert {folder.name for folder in point.damaged} == {"weights_step_24", "weights_step_25"}
    assert len(told) == 2
    clear_for_resume(point, options.models_folder)
    clear_for_resume(replace(point, damaged=()), options.models_folder)  # once more changes nothing
    assert names(options) == {"weights_0", "weights_1", "damaged_weights_step_24", "damaged_weights_step_25"}
    write(options, weights_step_25=25)
    clear_for_resume(replace(point, damaged=point.damaged[1:]), options.models_folder)
    assert {"damaged_1_weights_step_25", "damaged_weights_step_25"} <= names(options)


def test_where_none_is_whole_the_run_does_not_begin_anew(options: Options) -> None:
    write(options, weights_0=10)
    (options.models_folder / "weights_0/state.pth").write_bytes(b"x")
    for resume in ("always", "auto"):
        with pytest.raises(UserError, match="is whole"):
            find_resume_point(replace(options, resume=resume), lambda _: None)
    (options.models_folder / "weights_0/state.pth").unlink()
    write_folder(options.models_folder / "weights_1", {"encoder.pth": {}}, 20)
    with pytest.raises(UserError, match="is whole"):
        find_resume_point(options, lambda _: None)


def test_nothing_to_go_on_from(tmp_path: Path) -> None:
    options = Options(log_dir=tmp_path)
    assert find_resume_point(options, lambda _: None) is None
    assert find_resume_point(replace(options, resume="auto"), lambda _: None) is None
    with pytest.raises(UserError, match="there is no checkpoint in"):
        find_resume_point(replace(options, resume="always"), lambda _: None)


def test_what_may_change_and_what_may_not(options: Options) -> None:
    write(options, weights_0=10)
    free = {
        "num_epochs": 30,
        "save_steps": 7,
        "log_frequency": 7,
        "num_workers": 1,
        "data_path": Path("elsewhere"),
        "eval_mono": True,
    }
    assert find_resume_point(replace(options, **free), lambda _: None)
    with pytest.raises(UserError, match=r"--frame_ids 0 -1 1 \(now 0 1\), --learning_rate 0\.0001 \(now 0\.001\)"):
        find_resume_point(replace(options, learning_rate=1e-3, frame_ids=(0, 1)), lambda _: None)


@pytest.mark.parametrize(
    ("most", "kept"),
    [
        (None, {"weights_0", "weights_1", "weights_2", "weights_step_35"}),
        (1, {"weights_2", "weights_step_35"}),
        (2, {"weights_1", "weights_2", "weights_step_35"}),
        (9, {"weights_0", "weights_1", "weights_2", "weights_step_35"}),
    ],
)
def test_old_checkpoints_are_removed(most: int | None, kept: set[str], options: Options) -> None:
    write(options, weights_0=10, weights_1=20, weights_step_15=15, weights_step_25=25, weights_2=30, weights_step_35=35)
    remove_old(options.models_folder, most)
    assert names(options) == kept


def test_at_its_end_a_run_keeps_its_epochs(options: Options) -> None:
    write(options, weights_0=10, weights_1=20, weights_step_15=15, weights_step_25=25)
    remove_old(options.models_folder, None, at_end=True)
    assert names(options) == {"weights_0", "weights_1", "weights_step_25"}  # which no epoch's end has come after
    write(options, weights_2=30)
    remove_old(options.models_folder, 2, at_end=True)
    assert names(options) == {"weights_1", "weights_2"}


def test_of_one_step_the_epochs_checkpoint_counts(options: Options) -> None:
    """A complete run that was stopped there before; in whatever order the folder lists its checkpoints."""
    for n in range(8):
        pair = {f"weights_{n}": 10 * n + 10, f"weights_step_{10 * n + 10}": 10 * n + 10}
        write(options, **dict(sorted(pair.items(), reverse=n % 2 == 1)))
    for n in reversed(range(8)):
        point = find_resume_point(options, lambda _: None)
        assert point is not None
        assert point.folder.name == f"weights_{n}"
        for name in (f"weights_{n}", f"weights_step_{10 * n + 10}"):
            shutil.rmtree(options.models_folder / name)


def test_what_a_user_put_there_stays(options: Options) -> None:
    write(options, weights_0=10, weights_1=20, weights_2=30, weights_best=10)
    (options.models_folder / "weights_latest").symlink_to("weights_2")
    (options.models_folder / "weights_7").symlink_to("weights_2")
    remove_old(options.models_folder, 1)
    assert names(options) == {"weights_1", "weights_2", "weights_best", "weights_latest", "weights_7"}
    (options.models_folder / ".partial_weights_9").symlink_to("weights_2")
    point = find_resume_point(options, lambda _: None)
    assert point is not None
    clear_for_resume(point, options.models_folder)
    assert (options.models_folder / "weights_2/state.pth").is_file()


def test_generators_are_put_back() -> None:
    state = random_state(CPU)
    first = torch.randn(3)
    set_random_state({**state, "numpy": None}, CPU)  # which earlier versions kept, too
    assert torch.randn(3).equal(first)


def test_the_best_epoch_survives(tmp_path: Path) -> None:
    best = BestEpoch()
    for epoch, losses in enumerate([(0.5, 0.3), (0.2, 0.3), (0.4,), ()]):
        for loss in losses:
            best.note(loss)
        state = best.state_dict()
        best = BestEpoch()
        best.load_state_dict(state)
        best.end_epoch(epoch)
    assert (best.epoch, best.loss) == (1, 0.25)
    options = Options(log_dir=tmp_path)
    assert best.told(options) == "lowest validation loss 0.2500 (mean of 2 batches) in epoch 2"
    (options.models_folder / "weights_1").mkdir(parents=True)
    assert best.told(options).endswith("in epoch 2: weights_1")
    assert BestEpoch().told(options) == ""


def test_a_record_grows_with_every_start(tmp_path: Path) -> None:
    options = Options(log_dir=tmp_path)
    options.run_folder.mkdir()
    path, told = options.run_folder / "run.json", []
    record_start(options, 0, {"pictures": "a"}, False, told.append)
    record_start(options, 5, {"pictures": "a"}, True, told.append)
    assert [start["step"] for start in json.loads(path.read_text())] == [0, 5]
    assert not told
    record_start(options, 6, {"pictures": "b"}, True, told.append)
    assert len(told) == 1
    record_start(options, 0, {"pictures": "b"}, False, told.append)
    assert [start["step"] for start in json.loads(path.read_text())] == [0]
    path.write_text("{")
    with pytest.raises(UserError, match=r"run\.json"):
        record_start(options, 5, {}, True, told.append)


def test_a_run_that_goes_on_with_another_camera_says_so(tmp_path: Path) -> None:
    options, told = Options(log_dir=tmp_path, model_name="run"), []
    options.run_folder.mkdir()
    older, newer = {"pictures": "a"}, {"pictures": "a", "cameras": "fx 0.58"}
    record_start(options, 0, older, False, told.append)
    record_start(options, 5, newer, True, told.append)  # what an earlier version did not record is no change
    assert not told
    record_start(options, 6, {**newer, "cameras": "fx 0.7"}, True, told.append)
    assert told == ["pictures or cameras have changed since this run was started last: it goes on with the new ones"]


def test_a_fingerprint_tells_changed_pictures(tmp_path: Path) -> None:
    pictures = [tmp_path / f"{n}.jpg" for n in range(4)]
    for picture in pictures:
        picture.write_bytes(b"12345")
    before = data_fingerprint(pictures.__getitem__, 4)
    assert before == data_fingerprint(pictures.__getitem__, 4)
    pictures[2].write_bytes(b"1234")
    assert data_fingerprint(pictures.__getitem__, 4) != before
