"""The short look at the data that a training takes before it begins."""

from collections.abc import Sequence

from monodepth2.config import Options
from monodepth2.datasets.camera_report import View, camera_remarks
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.doctor.cameras import pair_findings
from monodepth2.doctor.findings import as_remark
from monodepth2.doctor.lists import list_findings, overlap_findings
from monodepth2.doctor.looks import can_measure, choose, look_at
from monodepth2.doctor.masks import mask_findings, stray_mask_findings
from monodepth2.doctor.pictures import measured_findings, standing_findings

SAMPLES = 12
LONGEST = 3.0  # seconds of looking at pictures


def start_remarks(
    options: Options, layout: Layout, training: Sequence[SplitLine], validation: Sequence[SplitLine],
    views: Sequence[View],
) -> list[str]:  # fmt: skip
    """Return warnings for the first lines of a training; takes a few seconds at most.

    Args:
        options: of the training.
        layout: of its data.
        training: its lines, whose pictures are there.
        validation: likewise.
        views: the cameras of the drives.
    """
    near = options.at_smallest_gap
    found = [
        *overlap_findings(training, validation),
        *pair_findings(options, layout, training),
        *stray_mask_findings(layout, training),
        *standing_findings(options, layout, training),
        *list_findings(options, layout, training, validation),
    ]
    if can_measure():
        looks = look_at(choose(near, layout, training, SAMPLES), LONGEST)
        found += measured_findings(options, looks, quick=True)
        found += mask_findings(options, layout, [look.sample.line for look in looks])
    return [
        *camera_remarks(views, (options.width, options.height), options.input_fit),
        *map(as_remark, found),
    ]
