"""Stored ground truth of a split: `gt_depths.npz`, array `data`."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from monodepth2.errors import UserError

FILE_NAME = "gt_depths.npz"
MOST_BYTES = 8 << 30  # 697 maps of 1242 x 375 in float32 are 1.2 GiB
_REMEDY = "move the file away to make ground truth from the scans"


def read_ground_truth(path: Path, count: int) -> np.ndarray:
    """Read depth maps in metres, 0 where unknown, float32, shape (count, h, w).

    Args:
        path: an archive written by `np.savez` or `np.savez_compressed`.
        count: lines of the split.

    Raises:
        UserError: the file is no such archive, or its maps do not belong to the split.
    """
    maps = _read_array(path)
    if maps.ndim != 3 or maps.dtype.kind not in "fiu":
        raise UserError(f"{path}: data has shape {maps.shape} and type {maps.dtype}, expected (n, h, w); {_REMEDY}")
    if len(maps) != count:
        raise UserError(f"{path}: holds {len(maps)} maps, but the split has {count} lines; {_REMEDY}")
    maps = maps.astype(np.float32, copy=False)
    if not all(np.isfinite(depth).all() for depth in maps):
        raise UserError(f"{path}: holds depths that are not finite; {_REMEDY}")
    return maps


def _read_array(path: Path) -> np.ndarray:
    try:
        with zipfile.ZipFile(path) as archive:
            size = archive.getinfo("data.npy").file_size
        if size > MOST_BYTES:
            raise UserError(f"{path}: data takes {size:,} bytes, refused; {_REMEDY}")
        with np.load(path, allow_pickle=False) as arrays:
            return arrays["data"]
    except KeyError as error:
        raise UserError(f"{path}: holds no array 'data'; {_REMEDY}") from error
    except UserError:
        raise
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        if "allow_pickle" in str(error):
            raise UserError(
                f"{path}: data is a pickled list of arrays (2019's form for maps of different sizes), which is not "
                f"read because unpickling can run any code; {_REMEDY}"
            ) from error
        raise UserError(f"{path}: not a readable .npz archive ({error}); {_REMEDY}") from error
