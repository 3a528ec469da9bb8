"""Compare this program with golden figures: `python tests/golden/check.py CASES.json [...]`.

Prints the largest relative error of every case and kind of figure, and exits with 1 where one is above its tolerance.
"""

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from figures import Case, case_figures
from monodepth2.errors import UserError, run_script
from options import parse

# gradients: float32 summation order, float64 differs by up to 9e-4; odometry is computed in float64
RELATIVE = {"grad_norm": 3e-3, "ate_mean": 1e-9, "ate_std": 1e-9}
DEFAULT_RELATIVE = 1e-5
POSE_ABSOLUTE = 1e-6  # of transforms whose entries are about 1
WINNING_PIXELS = 3  # also of the shares a1, a2, a3: single pixels that lie on the limit
INPUTS = ("flags", "seed", "frames", "lines", "height", "width")
NEEDED = ({"seed", "frames", "flags", "lines"}, {"seed", "frames", "ate_mean"})  # by a case, or of odometry


@dataclass(frozen=True)
class Finding:
    """How far one figure is off: its error, and the share of its tolerance that this is."""

    error: float
    share: float
    where: str


def main() -> int:
    """Check every file of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "cases", nargs="+", type=Path, help="a file in the form of losses.json, evaluation.json or odometry.json"
    )
    parser.add_argument("--compile", action="store_true", help="compile the networks of a training step")
    args = parser.parse_args()
    worst = Finding(0.0, 0.0, "no figure")
    with tempfile.TemporaryDirectory() as folder:
        for path in args.cases:
            for name, case in _read(path).items():
                if args.compile and "flags" in case:
                    case["flags"].append("--compile")
                found = check_case(name, case, Path(folder) / f"scene-{case['seed']}-{case['frames']}")
                worst = max(worst, found, key=lambda finding: finding.share)
    verdict = "all within tolerance" if worst.share <= 1 else "ABOVE TOLERANCE"
    print(f"{verdict}: largest relative error {worst.error:.1e}, {worst.share:.2f} of its tolerance, at {worst.where}")
    return int(not worst.share <= 1)


def check_case(name: str, case: Case, root: Path) -> Finding:
    """Print the errors of a case, computed on the scene at `root`; return the one that is worst for its tolerance."""
    try:
        computed = case_figures(case, root)
        found = [(path[0], _finding(name, path, *pair, case)) for path, *pair in _paired(case, computed)]
    except (UserError, KeyError) as error:
        print(f"FAIL {name:24} cannot be computed: {error!r}")
        return Finding(math.inf, math.inf, name)
    worst: dict[str, Finding] = {}
    for kind, finding in found:
        worst[kind] = max(worst.get(kind, finding), finding, key=lambda finding: finding.share)
    for kind, finding in worst.items():
        verdict = "ok" if finding.share <= 1 else "FAIL"
        text = f"largest error {finding.error:.1e} ({finding.share:.2f} of tolerance) at {finding.where}"
        print(f"{verdict:4} {name:24} {kind:18} {text}", flush=True)
    return max(worst.values(), key=lambda finding: finding.share)


def _read(path: Path) -> dict[str, Case]:
    try:
        cases = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable JSON file ({error})") from error
    if _is_case(cases):  # odometry.json is one, without a name
        return {path.stem: cases}
    if not isinstance(cases, dict) or not all(map(_is_case, cases.values())):
        raise UserError(
            f"{path}: expected cases in the form of losses.json or evaluation.json, by name, or odometry.json"
        )
    return cases


def _is_case(value: Any) -> bool:
    return isinstance(value, dict) and any(needed <= set(value) for needed in NEEDED)


def _paired(
    expected: Case, computed: Case, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], float, float]]:
    """Pair every number of a case with ours; what merely describes the case has no counterpart."""
    for key in expected if path else [key for key in expected if key not in INPUTS]:
        here, theirs, ours = (*path, key), expected[key], computed[key]
        theirs, ours = (dict(enumerate(v)) if isinstance(v, list) else v for v in (theirs, ours))
        theirs, ours = ({str(k): v for k, v in d.items()} if isinstance(d, dict) else d for d in (theirs, ours))
        if isinstance(theirs, dict):
            yield from _paired(theirs, ours, here)
        else:
            yield here, theirs, ours


def _finding(name: str, path: tuple[str, ...], expected: float, value: float, case: Case) -> Finding:
    """The error of one figure (relative unless its tolerance is not) and its share of the tolerance."""
    where = f"{name}: {'/'.join(path)}"
    difference = abs(expected - value)
    relative = difference / max(abs(expected), 1e-12)
    if not math.isfinite(difference):
        return Finding(math.inf, math.inf, where)
    if "poses" in path:
        return Finding(difference, difference / (POSE_ABSOLUTE * max(1.0, abs(expected))), where)
    if path[0] == "automask_fraction":
        return Finding(relative, difference * _mask_pixels(int(path[1]), case) / (WINNING_PIXELS + 0.5), where)
    if path[-1].removeprefix("da/") in ("a1", "a2", "a3"):
        # a scan of the scene puts about 14,000 points into a picture, some 10,000 of them into the crop
        return Finding(relative, difference * 10_000 * len(case["lines"]) / (WINNING_PIXELS + 0.5), where)
    if path[-1] == "count":
        return Finding(relative, difference * 2.0, where)
    return Finding(relative, relative / RELATIVE.get(path[0], DEFAULT_RELATIVE), where)


def _mask_pixels(scale: int, case: Case) -> int:
    """Pixels of a batch's auto-mask at one scale."""
    options = parse(case["flags"])
    level = scale if options.v1_multiscale else 0
    return len(case["lines"]) * (options.height >> level) * (options.width >> level)


if __name__ == "__main__":
    run_script(main)
