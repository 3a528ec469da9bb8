"""The files of onnxruntime-web that a page needs: from a folder of the user's, else fetched once into the cache.

They are too large to come with this package. What is fetched is one version, known by its SHA-256.
"""

import os
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from monodepth2.checkpoints.fetching import Download, fetch
from monodepth2.checkpoints.published import CACHE_VARIABLE, cache_folder
from monodepth2.errors import UserError

VERSION = "1.30.0"
REGISTRY = "https://registry.npmjs.org/"
REGISTRY_VARIABLE = "npm_config_registry"  # npm's own, for a mirror
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
LARGEST_ARCHIVE = 1 << 26
FILES = (  # a script and what it compiles: for GPUs, and for processors in half the bytes
    "ort.webgpu.bundle.min.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
    "ort.wasm.bundle.min.mjs",
    "ort-wasm-simd-threaded.wasm",
)


def web_runtime(folder: Path | None) -> dict[str, Path]:
    """Return where each of `FILES` lies.

    Args:
        folder: an unpacked onnxruntime-web, or its `dist`; None for the cache, which is filled the first time.

    Raises:
        UserError: a file is missing, or the archive cannot be fetched or kept.
    """
    if folder is not None:
        return _files_of(folder.expanduser())
    kept = cache_folder() / f"onnxruntime-web-{VERSION}"
    try:
        if not all((kept / name).is_file() for name in FILES):
            kept.mkdir(parents=True, exist_ok=True)
            _install(kept)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(
            f"{kept}: the cache cannot be used ({reason}); set {CACHE_VARIABLE} to another folder"
        ) from error
    return {name: kept / name for name in FILES}


def _files_of(folder: Path) -> dict[str, Path]:
    dist = folder / "dist" if (folder / "dist").is_dir() else folder
    if missing := [name for name in FILES if not (dist / name).is_file()]:
        raise UserError(
            f"--web_runtime {folder}: holds no {' and no '.join(missing)}; give the folder of an unpacked "
            f"onnxruntime-web {VERSION} (npm pack onnxruntime-web@{VERSION})"
        )
    return {name: dist / name for name in FILES}


def _install(folder: Path) -> None:
    """Fetch the archive, and put each file in its place when it is whole."""
    registry = os.environ.get(REGISTRY_VARIABLE) or REGISTRY
    address = f"{registry.rstrip('/')}/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
    remedy = (
        f"get it elsewhere (npm pack onnxruntime-web@{VERSION}), unpack it and pass --web_runtime FOLDER, "
        f"or name a mirror in {REGISTRY_VARIABLE}"
    )
    print(f"fetching {address} (MIT licence)", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix=".fetching.", dir=folder) as temporary:
        archive = Path(temporary) / "onnxruntime-web.tgz"
        fetch(Download(address, f"sha256:{SHA256}", LARGEST_ARCHIVE, "onnxruntime-web", remedy), archive)
        with tarfile.open(archive) as content:  # trusted: it has the sum
            for name in FILES:
                part = content.extractfile(f"package/dist/{name}")
                assert part is not None
                with part, (Path(temporary) / name).open("wb") as file:
                    shutil.copyfileobj(part, file)
                os.replace(Path(temporary) / name, folder / name)
