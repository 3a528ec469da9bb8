"""Maps of numbers as pictures for people.

Legend of shapes: h w pixels.
"""

import matplotlib
import numpy as np

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


def coloured_disparity(
    disp_hw: np.ndarray, colours: str = "magma", limits: tuple[float, float] | None = None
) -> np.ndarray:
    """Colour a disparity, uint8, (h, w, 3).

    Args:
        disp_hw: disparity.
        colours: matplotlib's name of the colour map.
        limits: disparities of the first and the last colour (default: `disparity_limits` of this one).
    """
    low, high = limits or disparity_limits(disp_hw)
    return coloured((disp_hw - low) / max(high - low, 1e-12), colours)


def disparity_limits(disp_hw: np.ndarray) -> tuple[float, float]:
    """Return the disparities of the farthest pixel and of the 95th percentile, which colours span as in 2019.

    What is not a number does not count.
    """
    unknown = np.isnan(disp_hw)
    disp_hw = disp_hw[~unknown] if unknown.any() else disp_hw
    return float(disp_hw.min()), float(np.percentile(disp_hw, 100 - SATURATED_SHARE))
