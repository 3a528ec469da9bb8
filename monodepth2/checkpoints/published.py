"""The weights that the authors published in 2019: fetched once, checked, unpacked into a cache folder.

Nothing here needs a lock. Processes that fetch the same model write the same bytes at the same places of one partial
file, keep reading the file they opened even where another one removes it, and rename a whole folder into place.
"""

import difflib
import errno
import hashlib
import os
import shutil
import stat
import sys
import tempfile
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, responses
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from tqdm import tqdm

from monodepth2.config import NETWORKS, Options
from monodepth2.errors import UserError, first_line, shown

BASE_ADDRESS = "https://storage.googleapis.com/niantic-lon-static/research/monodepth2/"
MD5_SUMS: Mapping[str, str] = {
    "mono_640x192": "a964b8356e08a02d009609d9e3928f7c",
    "stereo_640x192": "3dfb76bcff0786e4ec07ac00f658dd07",
    "mono+stereo_640x192": "c024d69012485ed05d7eaa9617a96b81",
    "mono_no_pt_640x192": "9c2f071e35027c895a4728358ffc913a",
    "stereo_no_pt_640x192": "41ec2de112905f85541ac33a854742d1",
    "mono+stereo_no_pt_640x192": "46c3b824f541d143a45c37df65fbab0a",
    "mono_1024x320": "0ab0766efdfeea89a0d9ea8ba90e1e63",
    "stereo_1024x320": "afc2f2126d70cf3fdf26b550898b501a",
    "mono+stereo_1024x320": "cdc5fc9b23513c07d5b19235d9ef08f7",
}
NEEDED_FILES = ("encoder.pth", "depth.pth")
WEIGHT_FILES = tuple(f"{network}.pth" for network in NETWORKS)
CACHE_VARIABLE = "MONODEPTH2_CACHE"
LARGEST_ARCHIVE = 1 << 29  # two ResNets of 18 layers and their decoders take 111 MB
LARGEST_MODEL = 1 << 30  # unpacked
SECONDS_OF_SILENCE = 30.0  # after which a server counts as gone
NOTICE = (
    "these weights are under the non-commercial licence of the 2019 monodepth2 (non-commercial use only), "
    "not under this project's"
)
_CHUNK = 1 << 18
_REMEDY = "fetch it elsewhere, unpack it and pass its folder (--load_weights_folder)"


def resolve_weights(folder: Path | None, model_name: str | None) -> Path:
    """Return the weights folder of `--load_weights_folder`, or else that of the published model of `--model_name`.

    Raises:
        UserError: neither is given, or the published model cannot be had.
    """
    if folder is not None:
        return folder.expanduser()
    if model_name is None:
        raise UserError("choose the network: either --load_weights_folder FOLDER or --model_name of a published model")
    return published_model(model_name)


def weights_of(options: Options) -> Path:
    """Return the weights that a scoring script was given, as a folder, an `.onnx` file, or a published model's name.

    Raises:
        UserError: none is given, or the published model cannot be had.
    """
    # for training --model_name is the name of a run, here that of a published model
    if options.load_weights_folder is not None and options.model_name in MD5_SUMS:
        raise UserError(f"--load_weights_folder contradicts --model_name {options.model_name}: drop one of them")
    if options.load_weights_folder is None and options.model_name == Options.model_name:
        raise UserError(
            "--load_weights_folder is missing: name the folder that holds encoder.pth, depth.pth, ..., "
            "or a published model with --model_name, e.g. mono_640x192"
        )
    return resolve_weights(options.load_weights_folder, options.model_name)


def resolve_reference(reference: str) -> Path:
    """Return the path that a word stands for: a weights folder, an `.onnx` file, or the name of a published model.

    What exists under that path wins over a published name.

    Raises:
        UserError: it is none of the three, or the published model cannot be had.
    """
    path = Path(os.path.expanduser(reference))
    if path.is_dir() or (path.is_file() and path.suffix == ".onnx"):
        return path
    if reference in MD5_SUMS:
        return published_model(reference)
    raise UserError(
        f"{shown(reference)} is no folder, no .onnx file and no published model; {_choice(reference, MD5_SUMS)}"
    )


def published_model(name: str, base: str = BASE_ADDRESS, sums: Mapping[str, str] = MD5_SUMS) -> Path:
    """Return the folder with `encoder.pth`, `depth.pth`, ... of a published model, fetching it the first time.

    Args:
        name: of the model.
        base: address of the folder of archives.
        sums: MD5 of the archive of each model.

    Raises:
        UserError: there is no such model, it cannot be fetched, its archive is not the published one or not safe
            to unpack, or the cache folder cannot be written.
    """
    if name not in sums:
        raise UserError(f"{shown(name)} is no published model; {_choice(name, sums)}")
    folder = cache_folder() / name
    try:
        if not _is_whole(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            _fetch(f"{base}{quote(name)}.zip", sums[name], folder)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(
            f"{folder.parent}: the cache cannot be used ({reason}); set {CACHE_VARIABLE} to another folder"
        ) from error
    return folder


def cache_folder() -> Path:
    """Return `$MONODEPTH2_CACHE`, else `$XDG_CACHE_HOME/monodepth2`, else `~/.cache/monodepth2`."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(os.path.expanduser(chosen))
    caches = os.environ.get("XDG_CACHE_HOME", "")  # the standard has relative ones ignored
    return Path(caches if os.path.isabs(caches) else os.path.expanduser("~/.cache")) / "monodepth2"


def _choice(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"{f'did you mean {close[0]}? ' if close else ''}published are {', '.join(known)}"


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in NEEDED_FILES)


def _fetch(address: str, md5: str, folder: Path) -> None:
    """Download, check and unpack; a partial file of an earlier attempt is completed if it fits, else replaced."""
    partial = folder.with_name(f"{folder.name}.zip.partial")
    while True:
        with open(partial, "r+b", opener=_create) as archive:
            start = archive.seek(0, os.SEEK_END)
            _download_rest(address, archive, start, folder.name)
            found = _md5(archive)
            if found == md5:
                _install(archive, address, folder)
        partial.unlink(missing_ok=True)
        if found == md5:
            return
        if start == 0:
            raise UserError(f"{address}: has MD5 {found} instead of {md5}, removed; try again, or {_REMEDY}")


def _create(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, 0o666)


def _md5(file: BinaryIO) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    file.seek(0)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _download_rest(address: str, archive: BinaryIO, start: int, name: str) -> None:
    """Complete a file from byte `start` on; whether what it holds fits to that is for the checksum to say."""
    with _network_errors(address):
        response = _request(address, start)
    if response is None:
        return
    with response:
        print(f"fetching {address}; {NOTICE}", file=sys.stderr)
        start = start if response.status == HTTPStatus.PARTIAL_CONTENT else 0  # some servers send everything
        archive.seek(start)
        total = None if response.length is None else start + response.length
        with tqdm(total=total, initial=start, desc=name, unit="B", unit_scale=True, disable=None) as bar:
            while archive.tell() < LARGEST_ARCHIVE and (chunk := _read(response, address)):
                archive.write(chunk)
                bar.update(len(chunk))
    if total is not None and archive.tell() < min(total, LARGEST_ARCHIVE):
        raise _not_fetched(address, f"the connection ended after {archive.tell():,} of {total:,} bytes, which are kept")
    archive.truncate()


def _request(address: str, start: int) -> HTTPResponse | None:
    """Ask for an archive from byte `start` on; None where nothing is left."""
    request = Request(address, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        return urlopen(request, timeout=SECONDS_OF_SILENCE)
    except HTTPError as error:
        if start and error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            error.close()
            return None
        raise


def _read(response: HTTPResponse, address: str) -> bytes:
    with _network_errors(address):
        return response.read(_CHUNK)


@contextmanager
def _network_errors(address: str) -> Iterator[None]:
    try:
        yield
    except HTTPError as error:
        error.close()
        raise _not_fetched(address, f"HTTP {error.code} {responses.get(error.code, '')}".strip()) from error
    except (OSError, HTTPException) as error:
        raise _not_fetched(address, getattr(error, "reason", None) or error) from error


def _not_fetched(address: str, reason: object) -> UserError:
    reason = getattr(reason, "strerror", None) or reason  # without the number
    return UserError(f"{address}: cannot be fetched ({reason}); try again, or {_REMEDY}")


def _install(archive: BinaryIO, address: str, folder: Path) -> None:
    """Unpack the weights beside the folder and rename them into place."""
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        fresh, leftover = Path(temporary) / "fresh", Path(temporary) / "leftover"
        fresh.mkdir()
        unpack_model(archive, address, fresh)
        try:
            fresh.rename(folder)
        except OSError:
            if _is_whole(folder):  # another process was first
                return
            folder.rename(leftover)
            fresh.rename(folder)


def unpack_model(archive: BinaryIO, address: str, folder: Path) -> None:
    """Unpack the weights of an archive into a folder.

    Args:
        archive: an open zip file.
        address: where it is from, for the message.
        folder: receives `encoder.pth`, `depth.pth`, ... and nothing else.

    Raises:
        UserError: it is damaged, or does not hold one whole model of a likely size; or a member leads out of it.
        OSError: the folder cannot be written.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            for name, member in _weights(content, address).items():
                with content.open(member) as source, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target)
    except UserError:
        raise
    except Exception as error:  # zipfile raises many kinds for bad bytes, and seeks wherever they say
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise UserError(f"{address}: not a readable archive ({first_line(error)})") from error


def _weights(content: zipfile.ZipFile, address: str) -> dict[str, zipfile.ZipInfo]:
    """Find the weight files of an archive by name, at its top or in one folder.

    Raises:
        UserError: a member of any kind leads out of the archive, or there is not one whole model of a likely size.
    """
    for member in content.infolist():
        if _leads_out(member):
            raise UserError(f"{address}: member {shown(member.orig_filename)} leads out of the archive, refused")
    paths = {PurePosixPath(member.filename): member for member in content.infolist() if not member.is_dir()}
    chosen = [path for path in paths if path.name in WEIGHT_FILES and len(path.parts) <= 2]
    if len({path.parent for path in chosen}) > 1:
        raise UserError(f"{address}: holds several models, refused")
    weights = {path.name: paths[path] for path in chosen}
    if missing := [name for name in NEEDED_FILES if name not in weights]:
        raise UserError(f"{address}: holds no {' and no '.join(missing)}")
    if (size := sum(member.file_size for member in weights.values())) > LARGEST_MODEL:
        raise UserError(f"{address}: {size:,} bytes unpacked are too many for a model, refused")
    return weights


def _leads_out(member: zipfile.ZipInfo) -> bool:
    name = member.orig_filename
    link = stat.S_ISLNK(member.external_attr >> 16)
    return link or name.startswith("/") or ".." in name.split("/") or any(c in name for c in "\\:\0")
