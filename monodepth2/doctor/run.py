"""What `monodepth2 doctor` does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monodepth2.config import DoctorOptions, Options
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.folders import SPLITS
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import parts_of, read_split
from monodepth2.datasets.training_lines import training_lines
from monodepth2.doctor.cameras import camera_findings, pair_findings
from monodepth2.doctor.findings import Finding, as_text
from monodepth2.doctor.lists import leak_findings, list_findings, missing_findings, overlap_findings, pose_findings
from monodepth2.doctor.looks import Look, can_measure, choose, look_at
from monodepth2.doctor.masks import mask_findings, stray_mask_findings
from monodepth2.doctor.page import write_page
from monodepth2.doctor.pictures import file_findings, measured_findings, standing_findings
from monodepth2.errors import counted
from monodepth2.files.output_paths import check_output_file, make_output_folder
from monodepth2.runtime.extras import installation

PAGE = "doctor.html"
SPOILT = 1  # exit code
LONGEST = 45.0  # seconds of looking at pictures
WITHOUT_OPENCV = (
    f"not looked at, for want of OpenCV: speed, order, copies, blur, light, stereo pairs; {installation('prepare')}"
)


@dataclass(frozen=True)
class Checkup:
    """What was looked at, and what was found.

    Attributes:
        findings: the worst first.
        looked: what was looked at, in words.
        remarks: what was not.
    """

    findings: list[Finding]
    looked: str
    remarks: list[str]


def run(options: DoctorOptions) -> int:
    """Look at a data set, say what is wrong with it, and write a page about it.

    Returns:
        The exit code: 1 if a finding would spoil a training or its scores, else 0.

    Raises:
        UserError: lists or folders cannot be used at all, or the page cannot be written.
    """
    training = options.training()
    page = _page(options, training)
    checkup = diagnose(training, options.samples)
    write_page(page, training, checkup.findings, checkup.looked, checkup.remarks)
    for remark in checkup.remarks:
        print(remark)
    if not checkup.findings:
        print(f"nothing found: {checkup.looked}; the page is {page}")
        return 0
    for finding in checkup.findings:
        print(as_text(finding))
    spoilt = sum(finding.spoils for finding in checkup.findings)
    counts = {"will spoil a training": spoilt, "warnings": len(checkup.findings) - spoilt}
    print("; ".join(f"{what}: {count}" for what, count in counts.items()), checkup.looked, sep="; ")
    print(f"the page with pictures is {page}")
    return SPOILT if spoilt else 0


def _page(options: DoctorOptions, training: Options) -> Path:
    if options.output is None:
        return make_output_folder("log_dir", training.run_folder) / PAGE
    check_output_file("output", options.output)
    return options.output.expanduser()


def diagnose(options: Options, samples: int) -> Checkup:
    """Look at lists, cameras and some of the pictures of a training.

    Args:
        options: of the training.
        samples: targets whose pictures are looked at.

    Raises:
        UserError: lists or folders cannot be used at all.
    """
    lists = training_lines(options)
    layout, training, validation, lines = lists.layout, lists.training, lists.validation, lists.all
    frames = SampleFrames.from_options(options, layout)
    complete = frames.complete(lines)
    near = options.at_smallest_gap
    looks = look_at(choose(near, layout, complete, samples), LONGEST, quiet=False)
    looked_at = [look.sample.line for look in looks]
    found = [
        *missing_findings(frames, lines, complete),
        *camera_findings(options, layout, complete),
        *file_findings(looks),
        *(measured_findings(options, looks) if can_measure() else standing_findings(options, layout, looked_at)),
        *mask_findings(options, layout, looked_at),
        *stray_mask_findings(layout, lines),
        *overlap_findings(training, validation),
        *pair_findings(options, layout, lines),
        *pose_findings(options, frames, lines),
        *list_findings(options, layout, training, validation),
        *_leaks(options, layout, training, validation, samples),
    ]
    looked = _looked(lines, len(training), looks)
    found.sort(key=lambda finding: not finding.spoils)
    return Checkup(found, looked, [] if can_measure() else [WITHOUT_OPENCV])


def _looked(lines: Sequence[SplitLine], targets: int, looks: Sequence[Look]) -> str:
    drives, pictures = len({line.folder for line in lines}), {path for look in looks for path in look.sample.paths}
    return (
        f"{targets:,} targets to train on, {len(lines) - targets:,} to validate on, "
        f"{counted(drives, 'drive')}; looked at all lists, names and cameras, and at "
        f"{counted(len(pictures), 'picture')} of {counted(len(looks), 'target')}"
    )


def _leaks(
    options: Options, layout: Layout, training: list[SplitLine], validation: list[SplitLine], samples: int
) -> list[Finding]:
    """The same pictures in several lists; the lines that lists share are told elsewhere."""
    trained = set(training)
    others = [line for line in validation if line not in trained]
    found = leak_findings(layout, training, "validation", others, samples)
    split = str(layout.root / SPLITS) if options.makes_split else options.split
    if (not options.makes_split or Path(split).is_dir()) and "test" in parts_of(split):
        found += leak_findings(layout, training, "test", read_split(split, "test"), samples)
    return found
