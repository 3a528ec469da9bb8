"""How far figures would move with other test images: bootstrap intervals of their means.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993 (percentile intervals). Images are drawn as if
they were independent; frames of one drive are not, so real intervals are wider.

Legend of shapes: n images, k figures.
"""

import numpy as np

RESAMPLES = 2000
AT_ONCE = 100  # of them, as their counts take memory
COVERAGE = 0.95


def mean_interval(figures_nk: np.ndarray) -> np.ndarray:
    """Return the 95 % interval of each figure's mean over images, (2, k): lower ends, upper ends."""
    n, generator = len(figures_nk), np.random.default_rng(0)
    # how often each image is drawn says all of a resample: its mean is one product away
    drawn = (generator.multinomial(n, np.full(n, 1 / n), size=AT_ONCE) for _ in range(RESAMPLES // AT_ONCE))
    means = np.concatenate([counts @ figures_nk / n for counts in drawn])
    tail = 50 * (1 - COVERAGE)
    return np.percentile(means, [tail, 100 - tail], axis=0)
