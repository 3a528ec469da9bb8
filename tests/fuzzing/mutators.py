"""What chance does to files: bytes lost, changed, put in; numbers and words replaced; members of archives damaged."""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random

WORDS = (
    *(b"-1", b"0", b"1e999", b"-1e308", b"nan", b"99999999999999999999", b"0-999999", b"../../x", b"/etc/passwd"),
    *(b"null", b"[]", b"{}", b'"x"', b"true", b"'", b"\x00", b"\xff", b"\r\n", b"\xe2\x80\xae", b"~nobody"),
    *(b"a" * 5000, b"[" * 2000),
)
NUMBERS = (0, 1, -1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 20, 60_000, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
PNG = b"\x89PNG\r\n\x1a\n"

Mutator = Callable[[bytes, Random], bytes]


def truncated(content: bytes, rng: Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def noise(content: bytes, rng: Random) -> bytes:
    return rng.randbytes(rng.choice((1, 16, 300, len(content) + 1)))


def flipped(content: bytes, rng: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 3, 20)) if content else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwritten(content: bytes, rng: Random) -> bytes:
    start, length = rng.randrange(len(content) + 1), rng.choice((1, 4, 16, 200))
    return (
        content[:start]
        + rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length)))
        + content[start + length :]
    )


def inserted(content: bytes, rng: Random) -> bytes:
    start, length = rng.randrange(len(content) + 1), rng.choice((1, 4, 64, 1000))
    return content[:start] + rng.randbytes(length) + content[start:]


def removed(content: bytes, rng: Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + content[start + rng.choice((1, 2, 4, 30, 500)) :]


def repeated(content: bytes, rng: Random) -> bytes:
    start, end = sorted((rng.randrange(len(content) + 1), rng.randrange(len(content) + 1)))
    return content[:end] + content[start:end] * rng.choice((1, 2, 50)) + content[end:]


def renumbered(content: bytes, rng: Random) -> bytes:
    """A binary number replaced, as a length or a size might be."""
    code = rng.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
    number = struct.pack(code, rng.choice(NUMBERS) % (1 << 8 * struct.calcsize(code)))
    start = rng.randrange(max(1, len(content) - len(number)))
    return content[:start] + number + content[start + len(number) :]


def reworded(content: bytes, rng: Random) -> bytes:
    """A word or number of a text replaced, or several."""
    places = [match.span() for match in re.finditer(rb"[\w.+-]+", content)]
    for start, end in sorted(rng.sample(places, min(len(places), rng.choice((1, 1, 2, 5)))), reverse=True):
        content = content[:start] + rng.choice(WORDS) + content[end:]
    return content


BYTES: tuple[Mutator, ...] = (
    *(truncated, noise, flipped, flipped, overwritten, inserted, removed, repeated),
    *(renumbered, renumbered, reworded, reworded),
)


def mutated(content: bytes, rng: Random) -> bytes:
    """Damage a file once or several times; archives and PNG files also within, with the checksums put right."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        within = rng.random() < 0.6
        if within and content.startswith(b"PK\x03\x04"):
            content = _in_member(content, rng)
        elif within and content.startswith(PNG):
            content = _in_chunk(content, rng)
        else:
            content = rng.choice(BYTES)(content, rng)
    return content


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(contents: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _in_member(content: bytes, rng: Random) -> bytes:
    try:
        contents = members(content)
    except Exception:  # damaged already
        return rng.choice(BYTES)(content, rng)
    name = rng.choice(sorted(contents) or ["x"])
    contents[name] = rng.choice(BYTES)(contents.get(name, b""), rng)
    if rng.random() < 0.1:
        contents[rng.choice(("../x", "/x", name + "2", "data.npy", "a\\b"))] = contents.pop(name)
    return zipped(
        contents, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    )


def _in_chunk(content: bytes, rng: Random) -> bytes:
    chunks, position = [], len(PNG)
    while len(content) >= position + 12:
        length = int.from_bytes(content[position : position + 4], "big")
        chunks.append((content[position + 4 : position + 8], content[position + 8 : position + 8 + length]))
        position += 12 + length
    if not chunks:
        return rng.choice(BYTES)(content, rng)
    chosen = rng.randrange(len(chunks))
    chunks[chosen] = chunks[chosen][0], rng.choice(BYTES)(chunks[chosen][1], rng)
    return png(chunks)


def png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return PNG + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
