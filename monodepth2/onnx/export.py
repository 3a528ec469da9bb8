"""Writing a checkpoint's network as an `.onnx` file that is known to say the same."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import monodepth2
from monodepth2.checkpoints.named import resolve_weights
from monodepth2.config.tools import ExportOptions
from monodepth2.errors import UserError
from monodepth2.files.output_paths import check_output_file, make_output_folder, write_whole
from monodepth2.onnx.comparison import Difference, compare, trial_inputs
from monodepth2.onnx.convert import to_onnx
from monodepth2.onnx.graphs import Graph, load_graph
from monodepth2.onnx.metadata import Metadata
from monodepth2.onnx.older_opsets import FIRST_OPSET
from monodepth2.onnx.quantise import Quantised, calibration_pictures, find_calibration, quantise
from monodepth2.onnx.web_page import MODEL, is_page, write_page
from monodepth2.onnx.web_runtime import web_runtime
from monodepth2.runtime.extras import require_packages

LARGEST_CHANGE = 3e-2  # of depth by int8
TOLERANCES = {"fp32": 1e-3, "fp16": 5e-2}  # of weights whose rounding errors grow as in no trained network


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes:
        path: where.
        metadata: what it says of itself.
        opset: version of ONNX's operators.
        num_inputs: how many were compared.
        differences: the largest over all inputs, per output; in int8 those before the numbers were rounded.
        quantised: what int8 has changed.
        web: folder of the page that runs it in the browser, if there is one.
    """

    path: Path
    metadata: Metadata
    opset: int
    num_inputs: int
    differences: dict[str, Difference]
    quantised: Quantised | None = None
    web: Path | None = None

    def report(self) -> str:
        """What was written, and how close it comes, as lines."""
        facts = self.metadata
        size = "any size" if facts.dynamic_size else f"{facts.width}x{facts.height}"
        batch = "any batch" if facts.dynamic_batch else f"batch {facts.batch_size}"
        which = "of the float32 network " if self.quantised else ""
        lines = [
            f"{facts.network} network, {size}, {batch}, {facts.precision}, opset {self.opset}",
            f"largest differences {which}from the checkpoint over {self.num_inputs} inputs:",
            *(f"  {name:<12}{_words(one)}" for name, one in self.differences.items()),
            *([self.quantised.report()] if self.quantised else []),
            f"{self.path.stat().st_size:,} bytes are in {self.path}",
        ]
        if self.web:
            serve = f"python -m http.server --bind 127.0.0.1 --directory {shlex.quote(str(self.web))}"
            lines.append(f"the page is in {self.web}: run {serve} and open http://localhost:8000")
        return "\n".join(lines)


def run(options: ExportOptions) -> int:
    """Export as the options say, and print what was written; return the exit code.

    Raises:
        UserError: as `export`.
    """
    print(export(options).report())
    return 0


def export(options: ExportOptions) -> Exported:
    """Export a network, compare it with the checkpoint's on several inputs, and write the file.

    What is at the output's place stays there until the new file is known to be good.

    Raises:
        UserError: the checkpoint, the output, the opset, a package or the pictures to calibrate on cannot be used, or
            the exported network differs from the checkpoint's by more than the tolerance.
    """
    require_packages("onnx", ".onnx files", "onnx", "onnxruntime", "onnxscript")
    _check_opset(options.opset)
    if options.output:
        check_output_file("output", options.output)
    calibration = find_calibration(options.calibration.expanduser()) if options.calibration else []
    runtime = web_runtime(options.web_runtime) if options.web else {}
    folder = resolve_weights(options.load_weights_folder, options.model_name, options.run, options.log_dir)
    graph = load_graph(folder, options)
    path = _place(options, folder)
    metadata = _metadata(graph, options)
    content = to_onnx(graph, metadata, options.opset)
    inputs = list(trial_inputs(graph, metadata))
    differences = compare(graph, content, inputs, path)
    _check_differences(differences, options)
    quantised = _quantised(content, calibration, metadata, options)
    if quantised:
        content = quantised.content
    write_whole(path, content)
    if options.web:
        write_page(path.parent, runtime, content, metadata)
    web = path.parent if options.web else None
    return Exported(path, metadata, options.opset, len(inputs), differences, quantised, web)


def _place(options: ExportOptions, folder: Path) -> Path:
    """Where the file goes, of a checkpoint in this folder."""
    if options.web:
        path = make_output_folder("web", options.web) / MODEL
        if (path.parent / "index.html").exists() and not is_page(path.parent):
            raise UserError(f"--web {path.parent}: holds an index.html that is not of this program, and would be "
                            "replaced; give another folder")  # fmt: skip
    else:
        path = options.output.expanduser() if options.output else folder / f"{options.network}.onnx"
    check_output_file("web" if options.web else "output", path)
    return path


def _check_opset(opset: int) -> None:
    import onnx

    last = onnx.defs.onnx_opset_version()
    if not FIRST_OPSET <= opset <= last:
        raise UserError(f"--opset {opset}: give one from {FIRST_OPSET} to {last}")


def _metadata(graph: Graph, options: ExportOptions) -> Metadata:
    return Metadata(
        program=f"monodepth2 {monodepth2.__version__}",
        network=options.network,
        height=graph.height,
        width=graph.width,
        size_multiple=32,
        batch_size=options.batch_size,
        dynamic_batch=options.dynamic_batch,
        dynamic_size=options.dynamic_size,
        precision=options.precision,
        **graph.facts,
    )


def _check_differences(differences: dict[str, Difference], options: ExportOptions) -> None:
    tolerance = (
        TOLERANCES["fp32"] if options.precision == "int8" else options.tolerance or TOLERANCES[options.precision]
    )
    for name, one in differences.items():
        if not one.relative <= tolerance:  # neither is one that is no number
            raise UserError(
                f"the exported network's {name} differs from the checkpoint's by {_words(one)}, more than --tolerance "
                f"{tolerance:g}: nothing is written"
            )


def _quantised(
    content: bytes, calibration: Sequence[Path], metadata: Metadata, options: ExportOptions
) -> Quantised | None:
    """The file in int8, calibrated on pictures; None where there are none, as it is not asked for."""
    if not calibration:
        return None
    return quantise(content, calibration_pictures(calibration, metadata), options.tolerance or LARGEST_CHANGE)


def _words(one: Difference) -> str:
    return f"{one.relative:.1e} (absolute {one.absolute:.1e})"
