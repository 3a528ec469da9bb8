"""What a network's predictions depend on beside its weights; it travels with them, in `encoder.pth` and ONNX files."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from monodepth2.config import Options
from monodepth2.datasets.camera_choice import KITTI_BASELINE
from monodepth2.datasets.cameras import Camera
from monodepth2.errors import UserError, tell
from monodepth2.files.fit import KINDS, STRETCH, Fit
from monodepth2.method.depth_maps import stereo_factor

MOST_CAMERAS = 64  # that are kept of a training on more
LARGEST_NUMBER = 1e6
SUPERVISION = {"pseudo_labels": "pseudo-labels of another depth model", "depth": "known depth"}  # in words
SMALLEST_FOCAL = 1e-6  # in widths or heights of the picture; points are divided by it


@dataclass(frozen=True)
class TrainingFacts:
    """How a network was trained.

    Attributes:
        min_depth: nearest depth that its disparity expresses, in its own unit.
        max_depth: farthest.
        baseline: metres between the cameras of its rig; None where that is unknown.
        fit: how pictures came to its input's size.
        cameras: that took them; empty where that is unknown.
        metric_scale: metres per unit of depth, learnt from lengths that were known; None where it is the rig's, or
            unknown.
        supervision: what else than pictures its training learnt from, or one whose weights it began with; of
            `SUPERVISION`.
        use_stereo: with stereo pairs, so that its depths and translations have the scale of its rig.
    """

    min_depth: float = 0.1
    max_depth: float = 100.0
    baseline: float | None = KITTI_BASELINE
    fit: Fit = STRETCH
    cameras: tuple[Camera, ...] = ()
    metric_scale: float | None = None
    supervision: tuple[str, ...] = ()
    use_stereo: bool = False

    @classmethod
    def of(cls, options: Options) -> "TrainingFacts":
        """What a run's options say."""
        fit = options.input_fit
        # with a rig its baseline is the scale, by which what is known is brought to the network's unit, too
        metric_scale = 1.0 if options.knows_metres and not options.use_stereo else None
        baseline = options.baseline or KITTI_BASELINE
        learnt_from = {"pseudo_labels": options.learns_pseudo_labels, "depth": options.depth_supervision > 0}
        supervision = tuple(name for name in SUPERVISION if learnt_from[name])
        return cls(
            min_depth=options.min_depth,
            max_depth=options.max_depth,
            baseline=baseline,
            fit=fit,
            metric_scale=metric_scale,
            supervision=supervision,
            use_stereo=options.use_stereo,
        )

    @property
    def taught(self) -> str:
        """What it learnt from beside pictures, in words; nothing where that is nothing."""
        return " and ".join(SUPERVISION[name] for name in self.supervision)

    def after(self, earlier: "TrainingFacts") -> "TrainingFacts":
        """The facts of a training that began with the weights of an earlier one."""
        found = self.supervision + earlier.supervision
        return replace(self, supervision=tuple(name for name in SUPERVISION if name in found))

    def with_baseline(self, stated: float | None, source: object) -> "TrainingFacts":
        """The facts with the baseline that a flag states, in metres, in the place of the rig's own; None: as they are.

        Raises:
            UserError: a network that knows its metres by itself has no use for one; the message names `source`.
        """
        if stated is None:
            return self
        if self.metric_scale is not None:
            raise UserError(
                f"--baseline {stated:g} is a rig's, and {source} has metres of its own, {self.metric_scale:g} per unit "
                "of depth: drop --baseline"
            )
        return replace(self, baseline=stated)

    @property
    def metres_per_unit(self) -> float:
        """Metres per unit of depth: the network's own, else those of its rig, of KITTI's where that is unknown.

        Of a network that has learnt from one camera without known lengths the number is arbitrary.
        """
        return self.metric_scale or stereo_factor(self.baseline or KITTI_BASELINE)

    def known_scale(self, depths: tuple[float, float] | None = None) -> float | None:
        """Metres per unit of depth where they are known: the network's own, else those of a rig that it learnt from.

        Args:
            depths: nearest and farthest depth that it is to express (default: as it was trained). Of another range
                nothing is known, as its depths are others.
        """
        if depths not in (None, (self.min_depth, self.max_depth)):
            return None
        of_rig = stereo_factor(self.baseline) if self.use_stereo and self.baseline else None
        return of_rig if self.metric_scale is None else self.metric_scale

    def check_rig(self, source: object) -> None:
        """Refuse `--eval_stereo` for a network that learnt from a rig of unknown baseline.

        Raises:
            UserError: it is one; the message names `source`.
        """
        if self.use_stereo and self.known_scale() is None:
            raise UserError(
                f"--eval_stereo: {source} was trained with a rig of unknown baseline, and its metres are unknown, too: "
                "give --baseline METRES, or --eval_mono, which scales by the ground truth"
            )

    def depth_factor(self, metric: bool, scale: float, depths: tuple[float, float] | None = None) -> float:
        """Return the factor from depth to what `--pred_metric_depth` and `--pred_depth_scale_factor` ask for.

        An explicit scale wins over the known one; where metres are asked for, too, that is told.

        Args:
            metric: metres are asked for.
            scale: from depth to metres; 1 where none is asked for.
            depths: nearest and farthest depth that the network is to express (default: as it was trained).

        Raises:
            UserError: metres are asked of a network that knows none, or of another range of depths than it has learnt.
        """
        if not metric or scale != 1:
            if metric:
                tell(f"--pred_depth_scale_factor {scale:g} is taken in place of what --pred_metric_depth says")
            return scale
        known = self.known_scale()
        if known is None and self.use_stereo:
            raise UserError(
                "--pred_metric_depth: the baseline of this network's rig is unknown; give --baseline METRES"
            )
        if known is None:
            raise UserError(
                "--pred_metric_depth: this network was trained without stereo pairs and known lengths, so that its "
                "depths have no known scale; give --pred_depth_scale_factor instead"
            )
        learnt = (self.min_depth, self.max_depth)
        if depths and depths != learnt:
            raise UserError(
                f"--pred_metric_depth: this network's metres are those of --min_depth {learnt[0]:g} --max_depth "
                f"{learnt[1]:g}, and with {depths[0]:g} and {depths[1]:g} its depths are others: drop --min_depth and "
                "--max_depth, also from the export of an .onnx file"
            )
        return known

    @property
    def distinct_cameras(self) -> tuple[Camera, ...]:
        """The cameras, those once that differ in nothing but the size of their pictures, or where they are from."""
        return tuple({(camera.fx, camera.fy, camera.cx, camera.cy): camera for camera in self.cameras}.values())

    @property
    def camera(self) -> Camera | None:
        """The camera; of several that are nearly the same, the middle one; None where they differ or none is known."""
        cameras = sorted(self.distinct_cameras, key=lambda one: one.fx)
        if not cameras:
            return None
        middle = cameras[len(cameras) // 2]
        return middle if all(one.is_like(middle) for one in cameras) else None

    def to_state(self) -> dict[str, Any]:
        """The facts as plain things: numbers, texts, lists and dictionaries."""
        return {
            "min_depth": float(self.min_depth),
            "max_depth": float(self.max_depth),
            "baseline": self.baseline,
            "fit": self.fit.kind,
            "crop_top": float(self.fit.crop_top),
            "cameras": [camera.to_plain() for camera in self.cameras[:MOST_CAMERAS]],
            **({} if self.metric_scale is None else {"metric_scale": self.metric_scale}),
            "supervision": list(self.supervision),
            "use_stereo": self.use_stereo,
        }

    @staticmethod
    def in_state(state: dict[str, Any]) -> bool:
        """Whether there are facts among other entries: checkpoints of earlier versions have none."""
        return "min_depth" in state or "max_depth" in state

    @classmethod
    def from_state(cls, state: dict[str, Any], path: Path) -> "TrainingFacts":
        """Read what `to_state` wrote, among other entries.

        Raises:
            UserError: it cannot be used; the message names `path`.
        """
        range_and_rig: list[Any] = [state.get(name) for name in ("min_depth", "max_depth", "baseline")]
        nearest, farthest, baseline = range_and_rig
        kind, top = state.get("fit", STRETCH.kind), state.get("crop_top", STRETCH.crop_top)
        usable = _is_length(nearest) and _is_length(farthest) and nearest < farthest
        usable &= baseline is None or _is_length(baseline)
        metric_scale = state.get("metric_scale")
        usable &= metric_scale is None or _is_length(metric_scale)
        usable &= kind in KINDS and isinstance(top, float) and 0 <= top <= 1
        supervision = state.get("supervision") or []
        usable &= isinstance(supervision, list) and all(isinstance(name, str) for name in supervision)
        if not usable:
            raise UserError(
                f"{path}: its depth range, scale, fit or supervision cannot be used; take another copy of the file"
            )
        cameras = _cameras(state.get("cameras", []), path)
        known = tuple(name for name in SUPERVISION if name in supervision)  # a later version may have more
        return cls(
            nearest, farthest, baseline, Fit(kind, top), cameras, metric_scale, known, trained_on_stereo(state, path)
        )


def trained_on_stereo(encoder_state: dict[str, Any], path: Path) -> bool:
    """Whether `encoder.pth` says that it was trained with stereo pairs; one that says nothing was not.

    Raises:
        UserError: what it says cannot be used.
    """
    use_stereo = encoder_state.get("use_stereo", False)
    if not isinstance(use_stereo, int):
        raise UserError(f"{path}: its use_stereo is neither true nor false; take another copy of the file")
    return bool(use_stereo)


def _cameras(entries: Any, path: Path) -> tuple[Camera, ...]:
    if not isinstance(entries, list) or len(entries) > MOST_CAMERAS or not all(map(_is_camera, entries)):
        raise UserError(f"{path}: its cameras cannot be used; take another copy of the file")
    return tuple(Camera(**entry) for entry in entries)


def _is_camera(entry: Any) -> bool:
    """Whether an entry is what `Camera.to_plain` returns."""
    if not isinstance(entry, dict) or set(entry) != {"fx", "fy", "cx", "cy", "source"}:
        return False
    numbers = [value for name, value in entry.items() if name != "source"]
    if not all(isinstance(n, float) and abs(n) < LARGEST_NUMBER for n in numbers):
        return False
    return isinstance(entry["source"], str) and min(entry["fx"], entry["fy"]) >= SMALLEST_FOCAL


def _is_length(value: Any) -> bool:
    return isinstance(value, float) and 0 < value < float("inf")
