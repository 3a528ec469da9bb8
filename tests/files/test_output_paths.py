"""Where results go: what a path leads to is written, and nothing that is no file is replaced."""

import os
from pathlib import Path

import pytest

from monodepth2.errors import UserError
from monodepth2.files.output_paths import check_output_file, whole_folder, write_whole


def test_what_a_link_leads_to_is_written_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "real/figures.json")
    check_output_file("output", tmp_path / "link.json")
    for content in ("first", "second"):
        write_whole(tmp_path / "link.json", content)
        assert (tmp_path / "real/figures.json").read_text() == content
    assert (tmp_path / "link.json").is_symlink()
    assert os.listdir(tmp_path / "real") == ["figures.json"]


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


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def interrupted() -> None:
        with whole_folder(tmp_path / "new/set") as folder:
            (folder / "half").write_text("a part")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert os.listdir(tmp_path / "new") == []
    (tmp_path / "new/set").mkdir()
    (tmp_path / "plain").mkdir()
    with whole_folder(tmp_path / "new/set") as folder:
        (folder / "all").write_text("all")
        assert os.listdir(tmp_path / "new/set") == []
    assert os.listdir(tmp_path / "new") == ["set"]
    assert os.listdir(tmp_path / "new/set") == ["all"]
    assert (tmp_path / "new/set").stat().st_mode == (tmp_path / "plain").stat().st_mode, "others may read it"
    with pytest.raises(OSError, match="not empty"), whole_folder(tmp_path / "new/set"):
        pass
    assert os.listdir(tmp_path / "new/set") == ["all"]
