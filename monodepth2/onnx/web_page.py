"""A static page that runs an exported depth network in the visitor's browser.

The page itself lies in `web/`. Beside it go the network, the files of onnxruntime-web, and `model.json`: what the
network says of itself, what it must answer to one picture, and the colour maps.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from monodepth2.files.input_files import read_json
from monodepth2.files.output_paths import whole_file, write_whole
from monodepth2.onnx.metadata import Metadata
from monodepth2.onnx.network import make_session, run_session
from monodepth2.pages.colours import coloured

PAGE = Path(__file__).parent / "web"
MODEL, DESCRIPTION = "model.onnx", "model.json"
COLOURS = ("magma", "turbo", "gray")
NUM_CHECKED = 64
CHECK_TOLERANCE = 0.05  # of a disparity: GPUs round in their own ways, and what is wrong is far off


def write_page(folder: Path, runtime: Mapping[str, Path], content: bytes, metadata: Metadata) -> None:
    """Write the page and all it needs but the network, which lies in `folder / MODEL`.

    Args:
        folder: exists; older files of a page are replaced.
        runtime: the files of onnxruntime-web by name.
        content: the network.
        metadata: what it says of itself.

    Raises:
        UserError: a file cannot be written.
    """
    write_whole(folder / DESCRIPTION, json.dumps(description(content, metadata)))  # first: it tells whose the files are
    for name, path in [*runtime.items(), *((path.name, path) for path in PAGE.iterdir())]:
        # some servers do not know that .mjs is JavaScript, and browsers then refuse it
        with whole_file(folder / name.replace(".mjs", ".js")) as partial:
            shutil.copyfile(path, partial)


def is_page(folder: Path) -> bool:
    """Whether a folder holds such a page, as its description tells."""
    try:
        values = read_json(folder / DESCRIPTION)
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and {"sha256", "metadata", "check"} <= set(values)


def description(content: bytes, metadata: Metadata) -> dict[str, Any]:
    """Return what the page must know of a network, as JSON has it."""
    return {
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "metadata": asdict(metadata),
        "check": {"disp": _checked(content, metadata), "tolerance": CHECK_TOLERANCE},
        "colours": {name: coloured(np.linspace(0, 1, 256)[None], name)[0].tolist() for name in COLOURS},
    }


def check_input(height: int, width: int) -> torch.Tensor:
    """Return the picture that a page shows to its network first, (1, 3, h, w); `network.js` makes the same."""
    c, y, x = np.ogrid[:3, :height, :width]
    return torch.from_numpy(((7 * x + 13 * y + 85 * c) % 256 / 255).astype(np.float32))[None]


def _checked(content: bytes, metadata: Metadata) -> list[float]:
    """What onnxruntime says here of that picture, in evenly chosen pixels."""
    session = make_session(content, torch.device("cpu"), MODEL)
    (disp,) = run_session(session, {"image": check_input(metadata.height, metadata.width)}, ["disp"], MODEL)
    return disp.flatten()[:: disp.numel() // NUM_CHECKED][:NUM_CHECKED].tolist()
