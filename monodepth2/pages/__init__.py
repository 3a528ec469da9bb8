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
from markupsafe import Markup, escape
from PIL import Image

from monodepth2.errors import counted
from monodepth2.files.output_paths import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure  # most commands make no plot

_PARTS = re.compile(r"(--\w+)|`([^`]+)`")  # of a sentence: flags, and what programs read


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


def _picture(pixels: np.ndarray, alternative: str = "") -> Markup:
    """An HTML image that holds a picture, uint8, (h, w, 3) or (h, w).

    Args:
        pixels: of the picture.
        alternative: what it is, for those who cannot see it; nothing where a caption says so.
    """
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(buffer, "JPEG", quality=88)
    content = base64.b64encode(buffer.getvalue()).decode()
    return Markup('<img alt="{}" src="data:image/jpeg;base64,{}">').format(alternative, content)


def _flags(sentence: str) -> Markup:
    """A sentence whose flags do not break at the end of a line; what stands between backticks is set as code."""

    def shown(match: re.Match[str]) -> Markup:
        flag, code = match.groups()
        return Markup('<span class="flag">{}</span>').format(flag) if flag else Markup("<code>{}</code>").format(code)

    parts, end = [], 0
    for match in _PARTS.finditer(sentence):
        parts += [escape(sentence[end : match.start()]), shown(match)]
        end = match.end()
    return Markup("").join([*parts, escape(sentence[end:])])


def _plot(figure: "Figure", alternative: str) -> Markup:
    """A plot as SVG, in a box of its own.

    Args:
        figure: the plot.
        alternative: what it shows, for those who cannot see it.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    drawn = text[text.index("<svg") + len("<svg") :]
    return Markup('<div class="plot"><svg role="img" aria-label="{}"{}</div>').format(alternative, Markup(drawn))
