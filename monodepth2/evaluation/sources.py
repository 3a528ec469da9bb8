"""Where the disparities that are scored come from: a network, or an array that some other program saved."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from torch import Tensor

from monodepth2.checkpoints.depth_network import DepthNetwork
from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.checkpoints.kinds import num_layers
from monodepth2.checkpoints.named import resolve_reference, weights_of
from monodepth2.checkpoints.networks import MEAN
from monodepth2.config import Options
from monodepth2.datasets.splits import eigen_to_benchmark_positions
from monodepth2.errors import UserError, first_line, tell
from monodepth2.files.input_files import open_input
from monodepth2.files.npy_files import mapped_array, read_array_header, read_pickled_arrays
from monodepth2.method.networks import ResnetEncoder
from monodepth2.prediction.predictor import DepthPredictor
from monodepth2.runtime.devices import pick_device
from monodepth2.runtime.precision import speed_remarks

LARGEST_FILE = 64 << 30  # of disparities
EIGEN_LINES = 697  # whose order published arrays of disparities follow


class DisparitySource(Protocol):
    """Gives the scaled disparities of a split's pictures, batch by batch.

    Attributes:
        name: for tables.
        path: weights folder or file; its neighbourhood receives what is saved.
        use_stereo: whether its depths have the stereo rig's scale; None if that is not known.
        input_size: (width, height) of the pictures it looks at; None if it looks at none.
        facts: what else is known of its training; the baseline is that of the flag where one states it.
    """

    name: str
    path: Path
    use_stereo: bool | None
    input_size: tuple[int, int] | None
    facts: TrainingFacts

    def disparities(self, positions: range, images: Tensor | None) -> Sequence[np.ndarray]:
        """Return the disparities at some positions of the split, float32, (h, w) each."""


class NetworkSource:
    """The network of a checkpoint or of an ONNX file."""

    def __init__(self, path: Path, options: Options) -> None:
        device = pick_device(options.device, options.no_cuda)
        nearest, farthest, height, width = map(options.if_given, ("min_depth", "max_depth", "height", "width"))
        self.predictor = DepthPredictor.from_checkpoint(
            path, device, nearest, farthest, options.precision, height, width
        )
        self.path = path
        self.name = checkpoint_name(path)
        self.use_stereo: bool | None = self.predictor.network.facts.use_stereo
        self.input_size: tuple[int, int] | None = (self.predictor.width, self.predictor.height)
        self.facts = self.predictor.network.facts
        self.post_process = options.post_process
        self._check_kind(options)

    def _check_kind(self, options: Options) -> None:
        """Refuse a flag that states another depth of the network than its weights have."""
        if not options.is_given("num_layers"):
            return
        network = self.predictor.network
        layers = None
        if isinstance(network, DepthNetwork) and isinstance(network.encoder, ResnetEncoder):
            layers = num_layers(network.encoder.state_dict(), self.path)
        if options.num_layers != layers:
            raise UserError(
                f"--num_layers {options.num_layers}: {self.path} has {layers or 'its own number of'} layers; "
                "drop --num_layers"
            )

    def disparities(self, positions: range, images: Tensor | None) -> Sequence[np.ndarray]:
        """Predict.

        Raises:
            UserError: the network's weights give numbers that are not finite.
        """
        assert images is not None
        disps = self.predictor.disparities(images, self.post_process)
        if not disps.isfinite().all():
            raise UserError(f"{self.path}: its predictions are not finite; use other weights")
        return list(disps.numpy())


class ArraySource:
    """An array of disparities saved by another program, one map per line of the split.

    Args:
        path: a `.npy` file (n, h, w) or (n, 1, h, w), or a list of maps of different sizes as NumPy pickles it.
        count: lines of the split.
        eigen_rows: the maps follow the 697 lines of `eigen`, of which the 652 of `eigen_benchmark` are taken.

    Raises:
        UserError: the file is no such array, or of another length.
    """

    use_stereo: bool | None = None
    input_size: tuple[int, int] | None = None
    facts = TrainingFacts()

    def __init__(self, path: Path, count: int, eigen_rows: bool) -> None:
        self.path = path.expanduser()
        self.name = path.name
        self.maps = read_disparities(self.path)
        self.positions = eigen_to_benchmark_positions() if eigen_rows else list(range(len(self.maps)))
        wanted = EIGEN_LINES if eigen_rows else count
        if len(self.maps) != wanted or len(self.positions) != count:
            raise UserError(
                f"--ext_disp_to_eval {path}: holds {len(self.maps)} disparity maps, expected {wanted}"
                + (
                    " of eigen's list (drop --eval_eigen_to_benchmark for 652)"
                    if eigen_rows
                    else ", one per split line"
                )
            )

    def disparities(self, positions: range, images: Tensor | None) -> Sequence[np.ndarray]:
        """Return maps of the array.

        Raises:
            UserError: one is no map of numbers that are positive, single zeros aside.
        """
        return [self._map(self.positions[position]) for position in positions]

    def _map(self, row: int) -> np.ndarray:
        disp = np.asarray(self.maps[row])
        numbers = disp.ndim == 2 and disp.dtype.kind in "fiu" and disp.size
        with np.errstate(over="ignore"):  # which is then found not to be finite
            disp = disp.astype(np.float32) if numbers else disp
        if not numbers or not np.isfinite(disp).all():
            raise UserError(f"--ext_disp_to_eval {self.path}: row {row} is no map (h, w) of finite numbers")
        if disp.min() < 0 or np.median(disp) == 0:  # single zeros lie infinitely far
            raise UserError(f"--ext_disp_to_eval {self.path}: row {row} holds disparities that are not positive")
        return disp


def read_disparities(path: Path) -> np.ndarray | list[np.ndarray]:
    """Open a `.npy` file of disparity maps, executing nothing in it.

    Returns:
        An array (n, h, w), mapped into memory and not read as a whole; where sizes differ, a list of maps.

    Raises:
        UserError: the file is no such array.
    """
    where = f"--ext_disp_to_eval {path}"
    try:
        maps = _open_npy(path)
    except FileNotFoundError as error:
        raise UserError(f"{where}: no such file") from error
    except Exception as error:  # bad headers and pickles raise many kinds
        raise UserError(f"{where}: not a readable .npy array ({first_line(error)})") from error
    if isinstance(maps, list):
        return maps
    if maps.ndim == 4 and maps.shape[1] == 1:
        maps = maps[:, 0]
    if maps.dtype.kind not in "fiu" or maps.ndim != 3:
        raise UserError(f"{where}: is an array {maps.shape} of {maps.dtype!s:.80}, expected numbers (n, h, w)")
    return maps


def _open_npy(path: Path) -> np.ndarray | list[np.ndarray]:
    with open_input(path, LARGEST_FILE) as file:
        _, _, dtype = read_array_header(file)
        if dtype.hasobject:
            return read_pickled_arrays(file)
        file.seek(0)
        return mapped_array(file)


def open_sources(options: Options, count: int) -> list[DisparitySource]:
    """Return what the options ask to score, the network of `--load_weights_folder` or the array first.

    Args:
        options: of the evaluation.
        count: lines of the split.

    Raises:
        UserError: nothing is named, something named is unusable, or has no use for `--baseline` or no metres without.
    """
    others = [resolve_reference(reference) for reference in options.compare]
    sources: list[DisparitySource]
    if options.ext_disp_to_eval:
        _check_external(options)
        sources = [ArraySource(options.ext_disp_to_eval, count, options.eval_eigen_to_benchmark)]
    else:
        sources = [NetworkSource(weights_of(options), options)]
    sources += [NetworkSource(path, options) for path in others]
    for source in sources:
        source.facts = source.facts.with_baseline(options.baseline, source.path)
        if options.eval_stereo and not options.asked_factor:
            source.facts.check_rig(source.path)
    _tell_apart(sources)
    for remark in speed_remarks(options.precision, False, pick_device(options.device, options.no_cuda)):
        tell(remark)
    return sources


def _check_external(options: Options) -> None:
    for name in ("load_weights_folder", "run", "log_dir", "model_name"):
        if options.is_given(name):
            raise UserError(f"--ext_disp_to_eval takes the place of --{name}: drop one of them")
    if options.save_pred_disps:
        raise UserError("--save_pred_disps would only copy --ext_disp_to_eval: drop one of them")


def _tell_apart(sources: list[DisparitySource]) -> None:
    """Name those of one name by their whole path.

    Raises:
        UserError: one is named twice.
    """
    paths = [source.path.resolve() for source in sources]
    names = [source.name for source in sources]
    for source, path in zip(sources, paths, strict=True):
        if paths.count(path) > 1:
            raise UserError(f"--compare {source.path}: is named twice; name each checkpoint once")
        if names.count(source.name) > 1:
            source.name = str(path)


def checkpoint_name(path: Path) -> str:
    """Name a checkpoint in tables: `<run>/weights_<epoch>` where it lies in a run's folder, or that of a mean in it."""
    folder = path.expanduser().resolve()
    if folder.name == MEAN and folder.parent.parent.name == "models":
        return f"{checkpoint_name(folder.parent)}/{MEAN}"
    return f"{folder.parents[1].name}/{folder.name}" if folder.parent.name == "models" else folder.name
