"""`doctor.html`: what is wrong with a data set, with pictures that show it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from monodepth2 import pages
from monodepth2.config import Options
from monodepth2.doctor.findings import Example, Finding
from monodepth2.files.pictures import PictureError, read_picture

THUMBNAIL = (480, 360)  # largest width and height


def write_page(path: Path, options: Options, findings: Sequence[Finding], looked: str, remarks: Sequence[str]) -> None:
    """Write the page.

    Args:
        path: of the file.
        options: of the training that the data are for.
        findings: in order.
        looked: what was looked at.
        remarks: what was not.

    Raises:
        UserError: it cannot be written.
    """
    pages.write_page(
        path,
        "doctor.html",
        options=options,
        findings=[{"finding": one, "examples": [_shown(example) for example in one.examples]} for one in findings],
        spoilt=sum(finding.spoils for finding in findings),
        looked=looked,
        remarks=remarks,
    )


def _shown(example: Example) -> dict[str, Any]:
    return {"title": example.title, "pictures": [_thumbnail(path) for path in example.pictures]}


def _thumbnail(path: Path) -> dict[str, Any]:
    try:
        picture = read_picture(path)
    except PictureError as error:
        return {"title": str(error), "pixels": None}
    picture.thumbnail(THUMBNAIL)
    return {"title": path.name, "pixels": np.asarray(picture)}
