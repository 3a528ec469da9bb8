"""Compare this program with golden figures: `python tests/golden/check.py CASES.json [...]`.

Prints the largest error of every case and kind of figure, and exits with 1 where one is above its tolerance. README.md
beside this file says what the errors are relative to, and where the tolerances come from.
"""

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

import torch

from figures import Case, case_figures
from monodepth2.errors import UserError, run_script
from monodepth2.runtime.devices import pick_device
from options import parse
from tolerances import BF16, FLOAT32, FLOAT64, REFERENCE, Tolerances

INPUTS = ("flags", "seed", "frames", "lines", "height", "width")
NEEDED = ({"seed", "frames", "flags", "lines"}, {"seed", "frames", "ate_mean"})  # by a case, or of odometry


@dataclass(frozen=True)
class Error:
    """How far one figure is off."""

    kind: str
    size: float
    where: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Check every file of the command line; return its exit status."""
    args = _parser().parse_args(arguments)
    args.device = pick_device(args.device)
    args.against_float64 |= args.precision != "fp32"
    if args.float64 and (args.against_float64 or args.compile):
        raise UserError("--float64: goes without --against-float64, --compile and --precision")
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, case in _cases(args.cases, only_losses=args.float64 or args.against_float64):
            root = Path(folder) / f"scene-{case['seed']}-{case['frames']}"
            try:
                worst = max(worst, check_case(name, case, *_compared(case, root, args)))
            except (UserError, KeyError) as error:
                print(f"FAIL {name:24} cannot be computed: {error!r}")
                worst = math.inf
    print(f"{'all within tolerance' if worst <= 1 else 'ABOVE TOLERANCE'}: at worst {worst:.2f} of the tolerance")
    return int(not worst <= 1)


def _compared(case: Case, root: Path, args: argparse.Namespace) -> tuple[Case, Case, Tolerances]:
    """The figures that are expected, those that we compute, and how far they may lie apart."""
    if args.float64:
        return case, case_figures(case, root, float64=True, device=args.device), FLOAT64
    flags = [*(["--compile"] if args.compile else []), "--precision", args.precision]
    computed = _float32_figures(case, root, args.device, flags)
    if not args.against_float64:
        return case, computed, REFERENCE
    return case_figures(case, root, float64=True), computed, FLOAT32 if args.precision == "fp32" else BF16


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("cases", nargs="+", type=Path, help="a file in the form of losses.json, evaluation.json or odometry.json")
    add("--float64", action="store_true", help="compute in float64, and hold to 1e-9: for losses64.json")
    add("--against-float64", action="store_true", help="compare with our own float64 figures instead of the file's")
    add("--compile", action="store_true", help="compile the networks of a training step")
    add("--precision", choices=("fp32", "bf16"), default="fp32", help="bf16 is compared with our own float64 figures")
    add(
        "--device",
        choices=("cpu", "cuda"),
        default="cpu",
        help="of losses, poses and gradients (default: %(default)s); without TF32",
    )
    return parser


def float32_errors(case: Case, root: Path, device: str = "cuda", flags: Sequence[str] = ()) -> dict[str, float]:
    """Return how far rounding takes the figures of losses away from our own in float64, which a CPU computes.

    Args:
        case: an entry of `losses.json`.
        root: where its scene lies, or is written to.
        device: that rounds; without TF32.
        flags: of the command line, besides the case's own: how to compute (`--compile`, `--channels_last off`,
            `--precision bf16`), not what.

    Returns:
        The largest error per kind of figure, to be compared with `tolerances.FLOAT32.by_kind`; units are stated there.
    """
    exact = case_figures(case, root, float64=True)
    rounded = _float32_figures(case, root, torch.device(device), flags)
    return {kind: error.size for kind, error in largest_errors(case, exact, rounded).items()}


def check_case(name: str, case: Case, expected: Case, computed: Case, tolerances: Tolerances) -> float:
    """Print the errors of a case's figures; return the largest as a share of its tolerance."""
    shares = [0.0]
    for kind, error in largest_errors(case, expected, computed, tolerances.relative).items():
        shares.append(error.size / tolerances.by_kind[kind])
        verdict = "ok" if shares[-1] <= 1 else "FAIL"
        text = f"largest error {error.size:.1e} ({shares[-1]:.2f} of tolerance) at {error.where}"
        print(f"{verdict:4} {name:24} {kind:16} {text}", flush=True)
    return max(shares)


def largest_errors(case: Case, expected: Case, computed: Case, relative: bool = False) -> dict[str, Error]:
    """Compare all figures of a case that are expected.

    Args:
        case: what the figures are of.
        expected: as in a case file.
        computed: at least as many.
        relative: measure all errors relative to the figure; else in the unit of the kind, see `Tolerances`.

    Returns:
        The largest error per kind of figure.
    """
    worst: dict[str, Error] = {}
    for path, theirs, ours in _paired(expected, computed):
        kind = _kind(path, case)
        unit = abs(theirs) if relative else _unit(kind, path, theirs, case)
        size = abs(theirs - ours) / max(unit, 1e-12)
        error = Error(kind, size if math.isfinite(size) else math.inf, "/".join(path))
        worst[kind] = max(worst.get(kind, error), error, key=lambda error: error.size)
    return worst


def _float32_figures(case: Case, root: Path, device: torch.device, flags: Sequence[str]) -> Case:
    with _without_tf32():
        return case_figures(case, root, flags, device=device)


@contextmanager
def _without_tf32() -> Iterator[None]:
    switches = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [switch.allow_tf32 for switch in switches]
    try:
        for switch in switches:
            switch.allow_tf32 = False
        yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.allow_tf32 = value


def _cases(paths: Sequence[Path], only_losses: bool) -> Iterator[tuple[str, Case]]:
    for path in paths:
        for name, case in _read(path).items():
            if only_losses and "flags" in case and "metrics" in case:
                raise UserError(f"{path}, {name}: figures of evaluation are float32 alone; leave out the flags")
            yield name, case


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
    """Pair every expected number with ours; what merely describes the case has no counterpart."""
    for key in expected if path else [key for key in expected if key not in INPUTS]:
        here, theirs, ours = (*path, key), expected[key], computed[key]
        theirs, ours = (dict(enumerate(v)) if isinstance(v, list) else v for v in (theirs, ours))
        theirs, ours = ({str(k): v for k, v in d.items()} if isinstance(d, dict) else d for d in (theirs, ours))
        if isinstance(theirs, dict):
            yield from _paired(theirs, ours, here)
        else:
            yield here, theirs, ours


def _kind(path: tuple[str, ...], case: Case) -> str:
    """The kind of a figure, as `Tolerances` names it."""
    if path[0] == "automask_fraction":
        return "tied fractions" if "--no_ssim" in case["flags"] else "fractions"
    if path[-1].removeprefix("da/") in ("a1", "a2", "a3"):
        return "fractions"
    for part, kind in KINDS.items():
        if any(name.startswith(part) for name in path):
            return kind
    raise UserError(f"{'/'.join(path)}: a figure of no known kind")


# by the beginning of a name in a figure's path
KINDS = {
    "poses": "poses",
    "grad_norm": "gradient norms",
    "loss": "losses",
    "disp_corner": "disparity pixels",
    "disp_": "disparities",
    "depth_metrics": "depth metrics",
    "metrics": "depth metrics",
    "count": "depth counts",
    "total": "depth sums",
    "ate_": "odometry",
}


def _unit(kind: str, path: tuple[str, ...], expected: float, case: Case) -> float:
    """What an error of 1 is for a kind of figure."""
    if kind == "poses":
        return max(1.0, abs(expected))
    if kind == "depth counts":
        return 1.0
    if path[0] == "automask_fraction":
        return 1 / _mask_pixels(int(path[1]), case)
    if kind == "fractions":
        # a scan of the scene puts about 14,000 points into a picture, some 10,000 of them into the crop
        return 1 / (10_000 * len(case["lines"]))
    return abs(expected)


def _mask_pixels(scale: int, case: Case) -> int:
    """Pixels of a batch's auto-mask at one scale."""
    options = parse(case["flags"])
    level = scale if options.v1_multiscale else 0
    return len(case["lines"]) * (options.height >> level) * (options.width >> level)


if __name__ == "__main__":
    run_script(main)
