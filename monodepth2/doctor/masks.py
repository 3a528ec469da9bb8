"""What is wrong with the masks of plain folders: files that no picture takes, and how much they leave."""

from collections.abc import Sequence

import numpy as np

from monodepth2.config import Options
from monodepth2.datasets.folders import MASKS, Folders
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.masks import read_mask
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.doctor.findings import SHOWN, Example, Finding
from monodepth2.errors import counted
from monodepth2.files.pictures import PictureError, size_to_cut

TOLD_BELOW, SPOILS_BELOW = 0.5, 0.1  # of the picture, on average


def stray_mask_findings(layout: Layout, lines: Sequence[SplitLine]) -> list[Finding]:
    """Return the files in masks/ that belong to no picture, by their names."""
    if not isinstance(layout, Folders):
        return []
    folders = sorted({layout.picture_path(line).parent for line in lines})
    stray = [path for folder in folders for path in layout.stray_masks(folder)]
    if not stray:
        return []
    return [
        Finding(
            "masks that belong to no picture",
            counted(len(stray), "file"),
            "they are passed by, and what they were to leave out is learnt from",
            f"call the mask of 12.jpg {MASKS}/12.png or {MASKS}/12.jpg.png, a PNG file; remove what is none",
            spoils=False,
            examples=tuple(Example(str(path)) for path in stray[:SHOWN]),
        )
    ]


def mask_findings(options: Options, layout: Layout, lines: Sequence[SplitLine]) -> list[Finding]:
    """Return masks that cannot be read, and whether they leave little of the pictures that were looked at.

    Args:
        options: of the training.
        layout: of its data.
        lines: whose pictures were looked at.
    """
    if not layout.has_masks:
        return []
    kept: list[float] = []
    faults: list[PictureError] = []
    for line in lines:
        try:
            kept.append(_share_kept(options, layout, line))
        except PictureError as error:
            if error.path != layout.picture_path(line):  # which is told as a picture
                faults.append(error)
    return [*_unreadable(faults, len(lines)), *_too_little(kept)]


def _share_kept(options: Options, layout: Layout, line: SplitLine) -> float:
    path = layout.mask_path(line)
    if path is None:
        return 1.0
    picture = size_to_cut(layout.picture_path(line), options.input_fit)
    return float(read_mask(path, 0, options.width, options.height, options.input_fit, picture)[0].mean())


def _unreadable(faults: Sequence[PictureError], looked_at: int) -> list[Finding]:
    if not faults:
        return []
    return [
        Finding(
            "masks that cannot be used",
            f"of {len(faults):,} of {counted(looked_at, 'target')} looked at",
            "training puts other samples in their place, and ends where they are more than 1 % of its targets",
            "mend or remove them",
            spoils=len(faults) > 0.01 * looked_at,
            examples=tuple(Example(str(error), (error.path,)) for error in faults[:SHOWN]),
        )
    ]


def _too_little(kept: Sequence[float]) -> list[Finding]:
    share = float(np.mean(kept)) if kept else 1.0
    if share >= TOLD_BELOW:
        return []
    return [
        Finding(
            "masks leave little of the pictures",
            f"{share:.0%} on average of {counted(len(kept), 'target')} looked at",
            "what they leave out is not learnt from",
            "paint white (255) what counts, and black what does not: values of 0 and 1 are both black, multiply them "
            "by 255",
            spoils=share < SPOILS_BELOW,
        )
    ]
