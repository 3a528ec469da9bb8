"""Some of many things, from all over them."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Thing = TypeVar("Thing")


def evenly(things: Sequence[Thing], count: int) -> list[Thing]:
    """Choose up to `count` things at even distances, the first and the last among them, none twice."""
    places = np.linspace(0, len(things) - 1, min(count, len(things))).round().astype(int)
    return [things[n] for n in places]
