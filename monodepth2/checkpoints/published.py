"""The weights that the authors published in 2019: fetched once, checked, unpacked into a cache folder.

Nothing here needs a lock: every process fetches and unpacks in a folder of its own, and renames that into place.
"""

import difflib
import errno
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from monodepth2.checkpoints.fetching import Download, fetch
from monodepth2.config import NETWORKS
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
NOTICE = (
    "these weights are under the non-commercial licence of the 2019 monodepth2 (non-commercial use only), "
    "not under this project's"
)
_REMEDY = "fetch it elsewhere, unpack it and pass its folder (--load_weights_folder)"


def published_model(name: str, base: str = BASE_ADDRESS, sums: Mapping[str, str] = MD5_SUMS) -> Path:
    """Return the folder with `encoder.pth`, `depth.pth`, ... of a published model, fetching it the first time.

    Args:
        name: of the model.
        base: address of the folder of archives.
        sums: MD5 of the archive of each model.

    Raises:
        UserError: there is no such model, it cannot be fetched, its archive is not the published one or not one whole
            model, or the cache folder cannot be written.
    """
    if name not in sums:
        raise UserError(f"{shown(name)} is no published model; {likely_name(name, sums)}")
    folder = cache_folder() / name
    try:
        if not _is_whole(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=folder.parent) as temporary:
                _install(f"{base}{quote(name)}.zip", sums[name], folder, Path(temporary))
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


def likely_name(name: str, known: Collection[str] = MD5_SUMS) -> str:
    """What a message says of a name that no published model has: the nearest one, and all of them."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"{f'did you mean {close[0]}? ' if close else ''}published are {', '.join(known)}"


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in NEEDED_FILES)


def _install(address: str, md5: str, folder: Path, temporary: Path) -> None:
    """Fetch and unpack a model beside its folder, and rename it into place."""
    archive, fresh = temporary / f"{folder.name}.zip", temporary / "fresh"
    print(f"fetching {address}; {NOTICE}", file=sys.stderr)
    fetch(Download(address, f"md5:{md5}", LARGEST_ARCHIVE, "a model", _REMEDY), archive)
    fresh.mkdir()
    unpack_model(archive, address, fresh)
    try:
        fresh.rename(folder)
    except OSError:
        if _is_whole(folder):  # another process was first
            return
        folder.rename(temporary / "leftover")
        fresh.rename(folder)


def unpack_model(archive: Path, address: str, folder: Path) -> None:
    """Unpack the weights of an archive into a folder.

    Args:
        archive: a zip file.
        address: where it is from, for the message.
        folder: receives `encoder.pth`, `depth.pth`, ... and nothing else.

    Raises:
        UserError: it is damaged, or does not hold one whole model of a likely size.
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
        UserError: there is not one whole model of a likely size.
    """
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
