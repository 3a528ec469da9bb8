"""Self-contained HTML pages: pictures and plots are embedded, nothing is fetched.

The templates beside this file extend `base.html`; values are escaped, and filters make pictures of arrays and
figures, and words of numbers.
"""

import base64
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np
from markupsafe import Markup
from PIL import Image

from monodepth2.errors import counted
from monodepth2.files.output_paths import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure  # most commands make no plot

_FLAG = re.compile(r"(--\w+)")


def write_page(path: Path, template: str, **values: Any) -> None:
    """Fill a template and write the page, replacing an older one.

    Raises:
        UserError: the file cannot be written.
    """
    write_whole(path, filled(template, **values))


def filled(template: str, **values: Any) -> str:
    """Fill a template; return the page."""
    return _environment().get_template(template).render(**values)


def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters |= {"picture": _picture, "plot": _plot, "counted": counted, "flags": _flags}
    return environment


def _picture(pixels: np.ndarray) -> Markup:
    """An HTML image that holds a picture, uint8, (h, w, 3) or (h, w)."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(buffer, "JPEG", quality=88)
    return Markup('<img alt="" src="data:image/jpeg;base64,{}">').format(base64.b64encode(buffer.getvalue()).decode())


def _flags(sentence: str) -> Markup:
    """A sentence whose flags do not break at the end of a line, and can be copied as they are."""
    parts = _FLAG.split(sentence)
    return Markup("").join(
        Markup('<span class="flag">{}</span>').format(p) if n % 2 else p for n, p in enumerate(parts)
    )


def _plot(figure: "Figure") -> Markup:
    """A plot as SVG."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return Markup(text[text.index("<svg") :])
