"""What the cameras of a data set tell, as files and flags state them; no picture is decoded."""

import shlex
from collections.abc import Sequence
from dataclasses import replace

from monodepth2.config import Options
from monodepth2.datasets.camera_report import (
    INPUT,
    PIXELS,
    RECTIFY,
    SHAPE,
    SHARED,
    TROUBLES,
    View,
    camera_troubles,
    check_views,
    drive_in_words,
    views_of,
)
from monodepth2.datasets.cameras import Camera
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.doctor.findings import SHOWN, Example, Finding
from monodepth2.errors import UserError, counted

CAMERAS_ALIKE = 1 / 500  # of the picture: how far the numbers of two cameras may be apart
_REMEDIES = {
    PIXELS: "give the camera's own numbers with --intrinsics FX FY CX CY --intrinsics_size W H, or lay a camera.json "
    "beside the pictures",
    SHAPE: "lay the camera.json of these very pictures beside them, or give --intrinsics",
    INPUT: "change --height and --width, or add --fit crop",
    SHARED: "lay a camera.json into each drive",
}


def camera_findings(options: Options, layout: Layout, lines: Sequence[SplitLine]) -> list[Finding]:
    """Return what is wrong with the cameras: files that cannot be used, distortion, shapes that do not fit."""
    views: list[View] = []
    try:
        views += views_of(layout, lines, options.use_stereo)
        check_views(views, layout.cameras.fov, options.use_stereo)
    except UserError as error:
        bent = {view.drive for view in views if view.camera.is_distorted}
        remedy = "mend the file that states the camera, or give --intrinsics FX FY CX CY"
        if bent and options.use_stereo:  # numbers without distortion would leave its pictures bent
            remedy = RECTIFY
        elif bent:
            named = (line for line in lines if drive_in_words(layout, line.folder) in bent)
            folder = layout.picture_path(next(named)).parent
            remedy = (
                f"monodepth2 prepare {shlex.quote(str(folder))} --output NEW straightens its pictures; add --camera "
                "FILE if the file of the camera lies neither there nor in the folder above"
            )
        return [Finding("a camera cannot be used", str(error), "training refuses to begin", remedy, spoils=True)]
    listed = views_of(layout, lines) if options.use_stereo else views
    return [*_rig_findings(options, layout), *_shape_findings(options, listed)]


def _rig_findings(options: Options, layout: Layout) -> list[Finding]:
    try:
        if options.use_stereo:
            layout.check_rig()
    except UserError as error:
        said, _, remedy = str(error).rpartition(": ")
        return [Finding("drives of different rigs", said, "training refuses to begin", remedy, spoils=True)]
    return []


def _shape_findings(options: Options, views: Sequence[View]) -> list[Finding]:
    troubles = camera_troubles(views, (options.width, options.height), options.input_fit)
    found = []
    for kind in TROUBLES:
        words = [trouble.words for trouble in troubles if trouble.kind == kind]
        if words:
            consequence = "pixels are warped to wrong places, and depth and motion come out bent"
            if kind == INPUT:
                consequence = "the pictures are squeezed or cut so much that little can be recognised"
            examples = tuple(Example(one) for one in words[:SHOWN])
            count = f"{len(words)} of {len(views)} cameras and their drives"
            found.append(Finding(kind, count, consequence, _REMEDIES[kind], spoils=True, examples=examples))
    return found


def pair_findings(options: Options, layout: Layout, lines: Sequence[SplitLine]) -> list[Finding]:
    """Return drives whose two cameras are not alike: one K is taken for both pictures of a pair."""
    firsts = {line.folder: line for line in reversed(lines)}.values() if options.use_stereo else ()
    found = []
    for line in firsts:
        try:
            left, right = (layout.camera(replace(line, side=side)) for side in "lr")
        except UserError:  # a finding of `camera_findings`
            continue
        if left.difference(right) > CAMERAS_ALIKE:
            found.append(Example(f"{line.folder}: left {_numbers(left)}, right {_numbers(right)}"))
    if not found:
        return []
    return [
        Finding(
            "the two cameras of a rig differ",
            f"in {counted(len(found), 'drive')} of {len(firsts)}",
            "one camera's numbers are taken for both pictures of a pair, so that all disparities are wrong",
            "rectify the pair so that both have the same numbers, e.g. with OpenCV's stereoRectify and "
            "CALIB_ZERO_DISPARITY, or drop --use_stereo",
            spoils=False,
            examples=tuple(found[:SHOWN]),
        )
    ]


def _numbers(camera: Camera) -> str:
    return f"fx {camera.fx:.4g} fy {camera.fy:.4g} cx {camera.cx:.4g} cy {camera.cy:.4g}"
