"""Self-contained HTML pages: pictures and plots are embedded, nothing is fetched.

The templates beside this file extend `base.html`; values are escaped, and two filters make pictures of arrays and
figures.
"""

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image

from monodepth2.files.output_paths import whole_file


def write_page(path: Path, template: str, **values: Any) -> None:
    """Fill a template and write the page, replacing an older one.

    Raises:
        UserError: the file cannot be written.
    """
    text = filled(template, **values)
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def filled(template: str, **values: Any) -> str:
    """Fill a template; return the page."""
    return _environment().get_template(template).render(**values)


def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters |= {"picture": _picture, "plot": _plot}
    return environment


def _picture(pixels: np.ndarray) -> Markup:
    """An HTML image that holds a picture, uint8, (h, w, 3) or (h, w)."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(buffer, "JPEG", quality=88)
    return Markup('<img alt="" src="data:image/jpeg;base64,{}">').format(base64.b64encode(buffer.getvalue()).decode())


def _plot(figure: Figure) -> Markup:
    """A plot as SVG."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return Markup(text[text.index("<svg") :])
