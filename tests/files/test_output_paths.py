"""Where results go: what a path leads to is written, and nothing that is no file is replaced."""

import os
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from monodepth2.errors import UserError
from monodepth2.files.output_paths import check_output_file, write_whole


def test_what_a_link_leads_to_is_written_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "real/figures.json")
    check_output_file("output", tmp_path / "link.json")
    for content in ("first", "second"):
        write_whole(tmp_path / "link.json", content)
        assert (tmp_path / "real/figures.json").read_text() == content
    assert (tmp_path / "link.json").is_symlink()
    assert os.listdir(tmp_path / "real") == ["figures.json"]


def test_where_the_program_prints_is_not_replaced(tmp_path: Path) -> None:
    """A file, and a pipe, which the system's own link names."""
    program = (
        "import sys; from pathlib import Path; from monodepth2.files.output_paths import check_output_file\n"
        "from monodepth2.errors import run_script\n"
        "run_script(lambda: check_output_file('output', Path(sys.argv[1])))"
    )
    with (tmp_path / "out.txt").open("w") as file:
        for path in ("/dev/stdout", tmp_path / "out.txt"):
            done = subprocess.run([sys.executable, "-c", program, str(path)], stdout=file, stderr=PIPE, text=True)
            assert f"--output {path}: cannot be written, as it is where this program prints" in done.stderr
    done = subprocess.run([sys.executable, "-c", program, "/dev/stdout"], capture_output=True, text=True)
    assert "--output /dev/stdout: cannot be written, as it is a folder, a device or a pipe" in done.stderr


def test_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link"):
        with pytest.raises(
            UserError, match=f"^--output .*/{name}: cannot be written, as it is a folder, a device or a pipe"
        ):
            check_output_file("output", tmp_path / name)
        with pytest.raises(UserError, match="as it is a folder, a device or a pipe"):
            write_whole(tmp_path / name, "text")
    assert (tmp_path / "pipe").is_fifo()
