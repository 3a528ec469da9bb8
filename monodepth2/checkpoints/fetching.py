"""One file from the network: bounded, checked against a known sum, its errors told with a remedy."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pooch
from tqdm import tqdm

from monodepth2.errors import UserError, first_line

SECONDS_OF_SILENCE = 30  # after which a server counts as gone
_CHUNK = 1 << 18


@dataclass(frozen=True)
class Download:
    """What is to be fetched.

    Attributes:
        address: of the file.
        sum: of its bytes, as pooch writes it: "md5:..." or "sha256:...".
        largest: bytes that it may have.
        kind: what it is, for messages: "a model".
        remedy: what to do where it cannot be fetched.
    """

    address: str
    sum: str
    largest: int
    kind: str
    remedy: str


def fetch(download: Download, path: Path) -> None:
    """Download a file to `path`, and check it.

    Raises:
        UserError: it cannot be fetched, is too large, or has another sum.
        OSError: `path` cannot be written.
    """
    from requests import RequestException  # pooch, too, waits with it until there is something to fetch

    settings = {"desc": path.stem, "unit": "B", "unit_scale": True, "disable": None}
    try:
        # without a total, which pooch will know, a bar is neither true nor false
        with path.open("wb") as file, tqdm(total=download.largest, **settings) as bar:
            get = pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK, timeout=SECONDS_OF_SILENCE)
            get(download.address, _Bounded(file, download), None)
    except RequestException as error:
        reason = _reason(error)
        raise UserError(f"{download.address}: cannot be fetched ({reason}); try again, or {download.remedy}") from error
    algorithm, expected = download.sum.split(":")
    if (found := pooch.file_hash(path, algorithm)) != expected:
        raise UserError(
            f"{download.address}: has {algorithm.upper()} {found} instead of {expected}, removed; try again, or "
            f"{download.remedy}"
        )


class _Bounded:
    """A file that takes no more than a download may have, for a server that sends without end."""

    def __init__(self, file: BinaryIO, download: Download) -> None:
        self.file, self.download = file, download
        self.flush = file.flush

    def write(self, data: bytes) -> None:
        if self.file.tell() + len(data) > self.download.largest:
            address, largest, kind = self.download.address, self.download.largest, self.download.kind
            raise UserError(f"{address}: more than {largest:,} bytes are too many for {kind}, refused")
        self.file.write(data)


def _reason(error: Any) -> str:
    """Say in a few words why something was not fetched; what is below tells it best."""
    if error.response is not None:
        return f"HTTP {error.response.status_code} {error.response.reason}"
    while error.__context__ is not None:
        error = error.__context__
    return getattr(error, "strerror", None) or first_line(error)
