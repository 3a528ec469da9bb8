import os
import subprocess
import sys

import pytest

from monodepth2.errors import counted
from places import ROOT


def run(code: str, pipe: str = "") -> subprocess.CompletedProcess[str]:
    program = f"from monodepth2.errors import UserError, run_script\ndef main():\n    {code}\nrun_script(main)"
    line = ["bash", "-o", "pipefail", "-c", f'"$0" -c "$1" {pipe}', sys.executable, program]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}  # as in most languages
    return subprocess.run(line, capture_output=True, text=True, cwd=ROOT, env=environment)


def test_counts_are_told_as_people_say_them() -> None:
    assert [counted(n, "drive") for n in (0, 1, 2, 1000)] == ["0 drives", "1 drive", "2 drives", "1,000 drives"]


@pytest.mark.parametrize(
    ("code", "exit_code", "said"),
    [
        ("return 3", 3, ""),
        ("raise UserError('use --that')", 2, "error: use --that\n"),
        ("raise KeyboardInterrupt", 130, "interrupted\n"),
        (
            "raise type('OutOfMemoryError', (RuntimeError,), {})('CUDA out of memory. Tried to allocate 2 GiB')",
            2,
            "error: the GPU's memory is full (CUDA out of memory. Tried to allocate 2 GiB): end what else uses it; "
            "train with a smaller --batch_size, smaller pictures (--height, --width) or --grad_checkpointing; else "
            "take --device cpu\n",
        ),
        ("open('x' * 300)", 2, f"error: {'x' * 300}: File name too long; remove the cause, or name another path\n"),
    ],
)
def test_how_a_script_ends(code: str, exit_code: int, said: str) -> None:
    done = run(code)
    assert (done.returncode, done.stderr) == (exit_code, said)


def test_a_name_that_is_no_text_is_printed() -> None:
    done = run(r"print('caf\udce9.mp4')")
    assert (done.returncode, done.stdout) == (0, "caf\\udce9.mp4\n")


def test_a_bug_keeps_its_traceback() -> None:
    done = run("raise KeyError('x')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_file_that_is_missing_where_the_program_put_it_is_a_bug() -> None:
    assert "Traceback" in run("open('no such file')").stderr


def test_a_reader_that_has_gone_is_no_error() -> None:
    done = run("[print(n, flush=True) for n in range(100_000)]", "| head -1")
    assert (done.returncode, done.stdout, done.stderr) == (141, "0\n", "")
