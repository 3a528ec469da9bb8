"""How far golden figures may lie apart: three times the rounding that was measured (README.md has the measurements).

Several instruction sets sum in several orders, so a bound on rounding holds for those that were measured; the margin
of three is for the others.
"""

from dataclasses import dataclass

MARGIN = 3


@dataclass(frozen=True)
class Tolerances:
    """The largest errors allowed, by kind of figure.

    Attributes:
        by_kind: fractions and depth counts in pixels, all others relative to the figure; an entry of a pose that is
            smaller than 1 counts as 1.
        relative: these are relative too.
    """

    by_kind: dict[str, float]
    relative: bool = False


# the largest errors of float32 against our own float64, over all cases and settings of README.md
ROUNDING = {
    "losses": 2.1e-5,
    "disparities": 5.2e-6,
    "poses": 2.0e-6,
    "depth metrics": 2.5e-5,
    "gradient norms": 5.0e-3,
    "fractions": 4,
    "tied fractions": 2,
}
# of the 2019 program's float32 figures against its own in float64; poses are rounded to seven decimals
ROUNDING_OF_2019 = {
    "losses": 3.2e-6,
    "disparities": 3.4e-7,
    "poses": 1.3e-7,
    "depth metrics": 1.2e-5,
    "gradient norms": 8.3e-4,
    "fractions": 1,
    "tied fractions": 2,
}
# of bf16 networks against our own float64
ROUNDING_OF_BF16 = {
    "losses": 9.5e-3,
    "disparities": 3.7e-2,
    "poses": 1.4e-3,
    "depth metrics": 1.9e-2,
    "gradient norms": 0.21,
    "fractions": 980,
    "tied fractions": 180,
}

FLOAT64 = Tolerances(
    dict.fromkeys(("losses", "disparities", "poses", "depth metrics", "gradient norms", "odometry"), 1e-9)
    | {
        "fractions": 1e-7,  # the 2019 program takes these means in float32
        # Without SSIM, errors of unwarped 8-bit pictures are multiples of 1/765, and so are those of warped pixels that
        # fall on the border or between equal neighbours: up to 3 of 61,440 pixels tie, and the last bit decides.
        "tied fractions": 1e-4,
    },
    relative=True,
)
FLOAT32 = Tolerances({kind: MARGIN * rounding for kind, rounding in ROUNDING.items()})
BF16 = Tolerances({kind: MARGIN * rounding for kind, rounding in ROUNDING_OF_BF16.items()})
# our float32 against that of 2019
REFERENCE = Tolerances(
    {kind: MARGIN * (rounding + ROUNDING_OF_2019[kind]) for kind, rounding in ROUNDING.items()}
    | {
        "disparity pixels": MARGIN * 9.2e-6,  # ours and 2019's together
        "depth counts": 0.5,  # exact
        "depth sums": 1e-9,  # of float32 depths, in float64
        "odometry": 1e-9,  # float64
    }
)
