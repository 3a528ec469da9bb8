"""The report on a run: loaded from its folder, or at the end of its training."""

from dataclasses import replace

from monodepth2.checkpoints.networks import load_networks, network_file, read_network, weights_folder
from monodepth2.checkpoints.records import recorded_options, trained_facts
from monodepth2.config import NETWORKS, ReportOptions
from monodepth2.datasets.camera_report import distinct_cameras, views_of
from monodepth2.datasets.training_lines import training_lines
from monodepth2.errors import first_line
from monodepth2.files.output_paths import check_output_file
from monodepth2.method.model import MonodepthModel
from monodepth2.report import PAGE
from monodepth2.report.evidence import TrainedRun
from monodepth2.report.page import write_page
from monodepth2.runtime.compilation import without_compiled
from monodepth2.runtime.devices import pick_device

SHOWN = ReportOptions.frames


def run(options: ReportOptions) -> int:
    """Write the report on a run, print the verdict and where the page is; return the exit code.

    The newest weights of the run are judged.

    Raises:
        UserError: there is no such run, its weights or validation lines cannot be used, or the page cannot be written.
    """
    folder = options.run_folder
    page = (options.output or folder / PAGE).expanduser()
    check_output_file("output", page)
    trained = recorded_options(folder / "models")
    assert trained  # as `run_folder` has found
    # the folder may have been moved or renamed since
    trained = replace(trained, log_dir=folder.parent, model_name=folder.name)
    if options.data_path:
        trained = replace(trained, data_path=options.data_path)
    device = pick_device(options.device, options.no_cuda)
    weights = weights_folder(folder)
    lines = training_lines(trained)
    cameras = distinct_cameras(views_of(lines.layout, lines.all)) if trained.learn_intrinsics else ()
    model = MonodepthModel(trained, len(cameras))
    load_networks(model, weights, NETWORKS)
    taught = trained_facts(read_network(network_file(weights, "encoder")), weights).taught
    found = TrainedRun(model.to(device), trained, lines.validation, device, weights.name, taught, cameras)
    verdict = write_page(page, found, options.frames)
    print(verdict.sentence, *verdict.remarks, f"the report is {page}", sep="\n")
    return 0


def report_of_training(run: TrainedRun) -> str:
    """Write the report at the end of a training into the run's folder.

    Whatever fails here, the training has not: it is told, and nothing is raised.

    Returns:
        The verdict and where the page is, or why there is none.
    """
    page = run.options.run_folder / PAGE
    try:
        with without_compiled():
            verdict = write_page(page, run, SHOWN)
    except Exception as error:
        return f"no report could be made ({first_line(error)}); the training itself is complete"
    return "\n".join([verdict.sentence, *verdict.remarks, f"the report with pictures is {page}"])
