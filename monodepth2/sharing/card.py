"""The card of a model that is shared: what it is, how it was trained, what is known of it, and its limits.

It is public: nothing in it names a folder of the author's machine, and no picture of the author's data is in it.
"""

from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from tabulate import tabulate

from monodepth2.checkpoints.depth_network import DepthNetwork
from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.checkpoints.kinds import num_layers
from monodepth2.checkpoints.records import checkpoint_of, trained_options
from monodepth2.config import Options
from monodepth2.errors import UserError, counted
from monodepth2.files.input_files import read_json
from monodepth2.method.depth_maps import stereo_factor
from monodepth2.method.networks import TimmEncoder
from monodepth2.report import FIGURES
from monodepth2.report.curves import read_curves

RECIPE = ("training", "camera", "ablation", "optimization")  # groups of options that shape what is learnt
MOST_SHOWN = 4  # cameras
LARGEST_REPORT = 1 << 16  # bytes
LIMITS = """- It sees what cameras like its own see. With another lens, height or place its depth is worse, silently.
- It was trained as if nothing in the scene moved by itself. What moves along with the camera may come out too far.
- Mirrors, glass, water, darkness and surfaces without any texture are often wrong.
- Its depth is a guess from one picture. Do not let the safety of people rest on it."""


def card(weights: Path, network: DepthNetwork, repository: str | None, licence: str | None) -> str:
    """Return the card, in Markdown.

    Args:
        weights: folder of the checkpoint, from whose run its training is told.
        network: of the checkpoint.
        repository: its name on the hub; None where it has none yet.
        licence: that the author gives it, in the hub's short form; None where none is stated.

    Raises:
        UserError: the run's record of its options is there but unusable.
    """
    trained = trained_options(weights)
    title = repository.partition("/")[2] if repository else trained.model_name if trained else weights.name
    parts = [
        _head(licence, trained, network.facts),
        f"# {title}",
        f"A network that sees depth in a single picture, trained on video {_supervision(trained, network.facts)} with "
        "[monodepth2](https://arxiv.org/abs/1806.01260) (this file is made by its command `monodepth2 push`).",
        "## Use",
        _use(
            repository or "FOLDER",
            "hub,predict,encoders" if isinstance(network.encoder, TimmEncoder) else "hub,predict",
        ),
        "## What it is",
        tabulate(_facts(network, weights), headers=("", ""), tablefmt="github"),
        "## How it was trained",
        *_training(weights, trained),
        "## Limits",
        f"- {scale_of_depth(network.facts)}\n{LIMITS}",
        "## Licence",
        f"The author gives the weights under: `{licence}`." if licence else "The author states no licence.",
    ]
    return "\n\n".join(parts) + "\n"


def scale_of_depth(facts: TrainingFacts) -> str:
    """Say in a sentence whether depth is in metres, and by what."""
    if facts.metric_scale is not None:
        return (
            "Its depth is metric: it was told lengths in metres while it was trained, "
            f"{facts.metric_scale:g} metres per unit of depth."
        )
    if facts.use_stereo and facts.baseline is not None:
        return (
            f"Its depth is metric by its stereo rig of {facts.baseline:g} m: "
            f"{stereo_factor(facts.baseline):g} metres per unit of depth."
        )
    why = "the baseline of its rig is unknown" if facts.use_stereo else "it was trained with one camera"
    return f"Its depth is relative, not metric, as {why}: twice the number is twice as far, and the unit is unknown."


def _supervision(trained: Options | None, facts: TrainingFacts) -> str:
    """What a training, or one that it began with, learnt from beside its pictures."""
    if facts.taught:
        return f"with {facts.taught}"
    return "by self-supervision" if trained else "(how is not recorded)"


def _head(licence: str | None, trained: Options | None, facts: TrainingFacts) -> str:
    """What the hub reads."""
    alone = ["self-supervised"] if _supervision(trained, facts) == "by self-supervision" else []
    said: dict[str, Any] = {
        "library_name": "monodepth2",
        "pipeline_tag": "depth-estimation",
        "tags": ["depth-estimation", *alone, "monodepth2"],
        **({"license": licence} if licence else {}),
    }
    return f"---\n{yaml.safe_dump(said, sort_keys=False)}---"


def _use(name: str, extras: str) -> str:
    return f"""```
pip install '.[{extras}]'  # in a clone of monodepth2-video
monodepth2 predict street.jpg {"--model_name" if "/" in name else "--load_weights_folder"} {name}
```
```python
from monodepth2.predictor import DepthPredictor

prediction = DepthPredictor.from_pretrained("{name}").predict("street.jpg")
prediction.depth  # at the picture's size
```"""


def _facts(network: DepthNetwork, weights: Path) -> list[tuple[str, str]]:
    facts, encoder = network.facts, network.encoder
    if isinstance(encoder, TimmEncoder):
        backbone = f"`{encoder.name}` of timm"
    else:
        backbone = f"ResNet of {num_layers(encoder.state_dict(), weights)} layers"
    count = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    fit = "squeezed to this size" if facts.fit.kind == "stretch" else "cut to this shape"
    cameras = [f"fx {c.fx:.4g} fy {c.fy:.4g} cx {c.cx:.4g} cy {c.cy:.4g} ({c.source})" for c in facts.cameras]
    more = [f"{len(cameras) - MOST_SHOWN} more"] if len(cameras) > MOST_SHOWN else []
    return [
        ("pictures", f"{network.width} x {network.height} (width x height), RGB; others are {fit}"),
        ("network", f"encoder: {backbone}; {count:.1f} million weights in all"),
        ("range of depth", f"{network.min_depth:g} to {network.max_depth:g} units"),
        ("cameras, in widths and heights of the picture", "; ".join([*cameras[:MOST_SHOWN], *more]) or "not recorded"),
    ]


def _training(weights: Path, trained: Options | None) -> list[str]:
    if trained is None:
        return ["Nothing is recorded of it."]
    recipe = [f"`{name} {value}`" for name, value in _recipe(trained).items()]
    checkpoint = checkpoint_of(weights)
    is_mean = checkpoint != weights.resolve()
    mean = "the running mean of the weights (`ema`) at " if is_mean else ""
    return [
        f"On the data set `{_last_part(str(trained.data_path))}`, laid out as `{trained.dataset}`, "
        f"{'with stereo pairs' if trained.use_stereo else 'with one camera'}. These weights are "
        f"{mean}`{checkpoint.name}` of a run of {counted(trained.num_epochs, 'epoch')}.",
        f"Options that differ from the paper's: {', '.join(recipe) or 'none'}.",
        *(["It began with the weights of another training."] if trained.load_weights_folder else []),
        *_losses(checkpoint.parent.parent),
        *_verdict(checkpoint, is_mean),
    ]


def _recipe(trained: Options) -> dict[str, str]:
    """Options other than their defaults, without the folders of the author's machine."""
    items = [item for item in fields(Options) if item.metadata["group"] in RECIPE and item.name != "model_name"]
    values = {item.name: getattr(trained, item.name) for item in items if getattr(trained, item.name) != item.default}
    plain = {
        name: " ".join(map(str, value)) if isinstance(value, tuple) else str(value) for name, value in values.items()
    }
    return {name: _last_part(value) for name, value in plain.items()}


def _last_part(path: str) -> str:
    """The last part of a path of any system: a run may have been trained on another one."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _losses(run_folder: Path) -> list[str]:
    """The lowest validation loss that the run has logged."""
    try:
        curve = read_curves(run_folder)["val"]
    except UserError:
        return []
    if not curve:
        return []
    step, loss = min(curve, key=lambda point: point[1])
    return [f"Lowest validation loss of a logged batch of the run: {loss:.4f}, after {counted(step, 'step')}."]


def _verdict(checkpoint: Path, is_mean: bool) -> list[str]:
    """What the run's report says, where there is one that is of this checkpoint."""
    none = [f"There is no report on held-out frames for `{checkpoint.name}`."]
    try:
        report = read_json(checkpoint.parent.parent / FIGURES, LARGEST_REPORT)
        if report["weights"] != checkpoint.name:
            return none
        of_which = f"`{checkpoint.name}`{' itself and not of this mean' if is_mean else ''}"
        return [f"The report on held-out frames, of {of_which}: {report['sentence']}", *report["remarks"]]
    except (OSError, ValueError, LookupError, TypeError):
        return none
