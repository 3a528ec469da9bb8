"""Pages are written whatever their values are."""

from pathlib import Path

from monodepth2 import pages


def test_a_name_that_is_no_text_is_shown(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    pages.write_page(page, "reproduce.html", tables={}, rule="caf\udce9", rehearsal=False)
    assert r"Caf\udce9" in page.read_text(encoding="utf-8")
