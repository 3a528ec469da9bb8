"""Compare this program with golden figures: `python tests/golden/check.py CASES.json [...]`.

Prints the largest relative error of every case and kind of figure, and exits with 1 where one is above its tolerance.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from figures import Case, case_figures
from monodepth2.errors import UserError, run_script

RELATIVE = {"grad_norm": 3e-3}  # float32 summation order: float64 differs by up to 9e-4
DEFAULT_RELATIVE = 1e-5
POSE_ABSOLUTE = 1e-6
WINNING_PIXELS = 3


def main() -> int:
    """Check every file of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="+", type=Path, help="a file in the form of losses.json or evaluation.json")
    worst = 0.0
    for path in parser.parse_args().cases:
        for name, case in _read(path).items():
            worst = max(worst, check_case(name, case))
    print("all within tolerance" if worst <= 1 else f"ABOVE TOLERANCE by a factor of {worst:.2f}")
    return int(worst > 1)


def check_case(name: str, case: Case, root: Path | None = None) -> float:
    """Print the errors of a case; return the largest as a share of its tolerance."""
    with tempfile.TemporaryDirectory() as folder:
        computed = case_figures(case, root or Path(folder) / "scene")
    worst_of_kind: dict[str, tuple[float, float, str]] = {}
    for path, expected, value in _paired(case, computed):
        error, share = _error(path, expected, value, case)
        kind = path[0]
        if kind not in worst_of_kind or share > worst_of_kind[kind][1]:
            worst_of_kind[kind] = (error, share, "/".join(path))
    for kind, (error, share, where) in worst_of_kind.items():
        verdict = "ok" if share <= 1 else "FAIL"
        print(f"{verdict:4} {name:24} {kind:18} largest error {error:.1e} ({share:.2f} of tolerance) at {where}")
    return max(share for _, share, _ in worst_of_kind.values())


def _read(path: Path) -> dict[str, Case]:
    try:
        cases = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable JSON file ({error})") from error
    if not isinstance(cases, dict) or not all(
        isinstance(c, dict) and {"flags", "lines"} <= set(c) for c in cases.values()
    ):
        raise UserError(f"{path}: expected cases in the form of losses.json or evaluation.json, by name")
    return cases


def _paired(
    expected: Case, computed: Case, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], float, float]]:
    """Pair every number of a case with ours; what merely describes the case has no counterpart."""
    inputs = ("flags", "seed", "frames", "lines", "height", "width")
    for key in expected if path else [key for key in expected if key not in inputs]:
        here, theirs, ours = (*path, key), expected[key], computed[key]
        theirs, ours = (dict(enumerate(v)) if isinstance(v, list) else v for v in (theirs, ours))
        theirs, ours = ({str(k): v for k, v in d.items()} if isinstance(d, dict) else d for d in (theirs, ours))
        if isinstance(theirs, dict):
            yield from _paired(theirs, ours, here)
        else:
            yield here, theirs, ours


def _error(path: tuple[str, ...], expected: float, value: float, case: Case) -> tuple[float, float]:
    """The error of one figure (relative unless stated otherwise) and its share of the tolerance."""
    difference = abs(expected - value)
    if "poses" in path:
        return difference, difference / POSE_ABSOLUTE
    if path[0] == "automask_fraction":
        pixels = difference * _mask_pixels(int(path[1]), case)
        return difference, pixels / (WINNING_PIXELS + 0.5)
    if path[-1] == "count":
        return difference, difference * 2.0
    relative = difference / max(abs(expected), 1e-12)
    return relative, relative / RELATIVE.get(path[0], DEFAULT_RELATIVE)


def _mask_pixels(scale: int, case: Case) -> int:
    """Pixels of a batch's auto-mask at one scale."""
    flags = case["flags"]
    size = [int(flags[flags.index(name) + 1]) if name in flags else default
            for name, default in (("--height", 192), ("--width", 640))]  # fmt: skip
    level = scale if "--v1_multiscale" in flags else 0
    return len(case["lines"]) * (size[0] >> level) * (size[1] >> level)


if __name__ == "__main__":
    run_script(main)
