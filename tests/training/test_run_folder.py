import fcntl
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE

import pytest

from monodepth2.checkpoints.folder import write_folder
from monodepth2.checkpoints.records import recorded_options
from monodepth2.config import Options
from monodepth2.errors import UserError
from monodepth2.training import run_folder
from monodepth2.training.run_folder import RunLock, check_run_folder, open_run_folder

STARTS = pytest.mark.slow(reason="starts processes that import torch")


@STARTS
def test_a_run_has_one_process(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from monodepth2.training import run_folder\n"
        f"run_folder.PATIENCE = 0.1; run_folder.RunLock(Path({str(tmp_path)!r}), print).take()"
    )
    lock = RunLock(tmp_path, print)
    lock.take()
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "another process trains this run" in other.stderr
    lock.release()
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0


@STARTS
def test_one_that_is_ending_is_waited_for(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from monodepth2.training.run_folder import RunLock\n"
        f"lock = RunLock(Path({str(tmp_path)!r}), print); lock.take(); print('taken', flush=True); sys.stdin.read()"
    )
    told: list[str] = []
    with subprocess.Popen([sys.executable, "-c", program], stdin=PIPE, stdout=PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "taken\n"

        def report(message: str) -> None:
            told.append(message)
            other.stdin.close()  # upon which it ends

        lock = RunLock(tmp_path, report)
        lock.take()
        lock.release()
    assert told == [f"waiting for another process that trains {tmp_path}"]


@STARTS
def test_a_killed_process_and_its_children_keep_no_folder(tmp_path: Path, monkeypatch) -> None:
    program = (
        "import os, signal, time; from pathlib import Path; from monodepth2.training.run_folder import RunLock\n"
        f"lock = RunLock(Path({str(tmp_path)!r}), print); lock.take()\n"
        "if child := os.fork(): print(child, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
        "time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=PIPE, text=True) as killed:
        assert killed.stdout is not None
        child = int(killed.stdout.readline())
    assert killed.returncode == -9
    try:
        monkeypatch.setattr(run_folder, "PATIENCE", 0.1)
        lock = RunLock(tmp_path, print)
        lock.take()
        lock.release()
    finally:
        os.kill(child, 9)


def test_a_file_system_without_locks_stops_no_run(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    lock = RunLock(tmp_path, print)
    lock.take()
    lock.release()


def test_a_lock_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(UserError, match=r"^--log_dir .*: cannot be written \(Is a directory\)$"):
        RunLock(tmp_path, print).take()


def refuse(*_: object) -> None:
    raise UserError("--wandb: nobody is logged in")


@pytest.mark.parametrize(("resume", "words"), [("never", "holds the checkpoints"), ("auto", "start again")])
def test_what_a_run_of_the_same_name_has_trained_meanwhile_stays(
    resume: str, words: str, tmp_path: Path, monkeypatch
) -> None:
    options = Options(log_dir=tmp_path, resume=resume)
    options.models_folder.mkdir(parents=True)
    (options.models_folder / "opt.json").write_text(options.to_json())
    write_folder(options.models_folder / "weights_0", {"state.pth": {}}, 1)
    with pytest.raises(UserError, match=words):
        open_run_folder(options, None, RunLock(options.run_folder, print), print)
    assert (options.models_folder / "weights_0").is_dir()
    overwriting = replace(options, resume="never", overwrite=True)
    for weights in (options.models_folder / "weights_0", options.models_folder, options.run_folder):
        with pytest.raises(UserError, match="lies in the run that --overwrite replaces"):
            check_run_folder(replace(overwriting, load_weights_folder=weights))
    monkeypatch.setattr(run_folder, "require_packages", lambda *_: None)
    monkeypatch.setattr(run_folder, "start_wandb", refuse)
    with pytest.raises(UserError, match="nobody is logged in"):
        open_run_folder(replace(overwriting, wandb=True), None, RunLock(options.run_folder, print), print)
    assert (options.models_folder / "weights_0").is_dir()
    open_run_folder(overwriting, None, RunLock(options.run_folder, print), print).close()
    assert not (options.models_folder / "weights_0").exists()


def test_the_record_of_a_run_serves_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = Options(data_path=Path("data"), split="lists", log_dir=Path("runs"))
    open_run_folder(options, None, RunLock(options.run_folder, print), print).close()
    record = recorded_options(options.models_folder)
    assert record is not None
    assert (record.data_path, record.split) == (tmp_path / "data", str(tmp_path / "lists"))
    assert recorded_options(tmp_path / "runs/mdp/models") == record
