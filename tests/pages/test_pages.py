"""Pages are written whatever their values are."""

import re
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from monodepth2 import pages

TEMPLATES = Path(pages.__file__).parent / "templates"


def test_a_name_that_is_no_text_is_shown(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    pages.write_page(page, "reproduce.html", tables={}, rule="caf\udce9", rehearsal=False)
    assert r"Caf\udce9" in page.read_text(encoding="utf-8")


def test_pictures_and_plots_say_what_they_show_to_those_who_cannot_see_them() -> None:
    assert '<img alt="error of &#34;a&#34;" src="data:' in pages._picture(np.zeros((4, 6), np.uint8), 'error of "a"')
    assert '<svg role="img" aria-label="a &lt;path&gt;" ' in pages._plot(Figure(), "a <path>")


def test_every_table_moves_sideways_in_a_box_of_its_own_and_not_with_the_page() -> None:
    for template in TEMPLATES.glob("*.html"):
        text = template.read_text()
        tables = len(re.findall("<table", text))
        assert len(re.findall('<div class="scroll"><table', text)) == len(re.findall("</table></div>", text)) == tables
