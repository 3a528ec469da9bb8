"""Pictures with 16 bits per colour."""

import struct
import zlib
from pathlib import Path

import numpy as np


def write_colour_png(path: Path, values_hw3: np.ndarray) -> None:
    """Write a PNG with 16 bits per colour, which Pillow does not."""
    height, width = values_hw3.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values_hw3)
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0),
        b"IDAT": zlib.compress(rows),
        b"IEND": b"",
    }
    packed = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
