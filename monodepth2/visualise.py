"""Maps of numbers as pictures for people, and pictures as parts of a page.

Legend of shapes: h w pixels.
"""

import base64
import io

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

BAD = "#e4e8ee"  # of what is not a number
SATURATED_SHARE = 5  # percent of the nearest pixels that share the brightest colour, as in 2019


def coloured(values_hw: np.ndarray, colours: str = "magma") -> np.ndarray:
    """Map [0, 1] to colours, uint8, (h, w, 3); what is not a number becomes light grey.

    Args:
        values_hw: what lies outside of [0, 1] gets the colours of its ends.
        colours: matplotlib's name of the colour map.
    """
    map_of_colours = matplotlib.colormaps[colours].with_extremes(bad=BAD)
    return map_of_colours(np.ma.masked_invalid(np.clip(values_hw, 0, 1)), bytes=True)[..., :3]


def coloured_disparity(disp_hw: np.ndarray, colours: str = "magma") -> np.ndarray:
    """Colour a disparity from its farthest pixel to its 95th percentile, uint8, (h, w, 3)."""
    low, high = float(disp_hw.min()), float(np.percentile(disp_hw, 100 - SATURATED_SHARE))
    return coloured((disp_hw - low) / max(high - low, 1e-12), colours)


def embedded_picture(picture: np.ndarray) -> str:
    """Return an HTML image that holds a picture, uint8, (h, w, 3) or (h, w)."""
    buffer = io.BytesIO()
    Image.fromarray(picture).convert("RGB").save(buffer, "JPEG", quality=88)
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}">'


def embedded_plot(figure: Figure) -> str:
    """Return a plot as SVG to be put into a page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return text[text.index("<svg") :]
