"""The rooms of the package and the direction of their imports, as `docs/architecture.md` draws them."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "monodepth2"
# from the ground up: a room imports from itself and from those before it
ROOMS = (
    *("errors", "files", "config", "runtime", "pages", "method", "datasets", "motion", "prepare", "doctor"),
    *(
        "synthetic",
        "checkpoints",
        "odometry",
        "onnx",
        "prediction",
        "evaluation",
        "report",
        "sharing",
        "training",
        "reproduce",
        "demo",
        "command",
        "__main__",
    ),
)
# where names lay before there were rooms
MOVED = {
    "trainer": "Trainer",
    "predictor": "DepthPredictor",
    "stages": "Batch",
    "model": "MonodepthModel",
    "view_synthesis": "ViewSynthesis",
    "losses": "Objective",
    "networks": "ResnetEncoder",
    "geometry": "backproject",
    "metrics": "STEREO_SCALE_FACTOR",
    "checkpoint": "load_depth_network",
    "published": "published_model",
    "datasets.synthetic": "make_street",
}


def imported_rooms(module: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(module.read_text())):
        names = [node.module] if isinstance(node, ast.ImportFrom) else []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "monodepth2":
            names = [f"monodepth2.{alias.name}" for alias in node.names if alias.name != "__version__"]
        rooms |= {name.split(".")[1] for name in names if name and name.startswith("monodepth2.")}
    return rooms


def modules() -> list[tuple[str, Path]]:
    """Every module of the rooms, with its room."""
    moved = [PACKAGE / f"{name.replace('.', '/')}.py" for name in (*MOVED, "__init__")]
    return [(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path)
            for path in PACKAGE.rglob("*.py") if path not in moved]  # fmt: skip


def test_imports_run_one_way():
    backwards = [
        f"{path.relative_to(PACKAGE)} imports {imported}"
        for room, path in modules()
        for imported in imported_rooms(path)
        if imported not in ROOMS[: ROOMS.index(room) + 1]
    ]
    assert not backwards


def test_every_module_lies_in_a_room():
    assert {room for room, _ in modules()} == set(ROOMS)


@pytest.mark.parametrize("module", MOVED)
def test_names_stay_where_users_have_them(module: str):
    assert hasattr(importlib.import_module(f"monodepth2.{module}"), MOVED[module])


def test_training_starts_without_what_draws_or_scores():
    code = "import sys, monodepth2.training.trainer as _; print({'matplotlib', 'jinja2', 'onnx'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent, check=True)
    assert told.stdout == "set()\n"
