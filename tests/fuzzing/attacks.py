"""What malice does to files: the worst attacks on each kind of file, and what can lie in a file's place."""

import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from fuzzing.mutators import members, png, zipped

DEEP = 300_000  # where a walk in C ends the process
NESTED_JSON = b"[" * 100_000
# with these pickles `torch.load` ends the process or fills the memory, also with `weights_only`; PyTorch does not
# promise more, so `.pth` files are not tried with them
BEYOND_TORCH = ("tuples within tuples as a key", "an array of bytes")
PLACES = ("nothing", "folder", "pipe", "device", "loop", "vast file", "empty file")


def put_in_place(kind: str, path: Path) -> None:
    """Lay something other than a usable file at a path."""
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "vast file":
        with path.open("wb") as file:
            file.truncate(1 << 42)
    elif kind == "empty file":
        path.touch()


class Code:
    """Leaves the canary where it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.canary), "w")


def attacks(file: str, good: bytes, canary: Path) -> Iterator[tuple[str, bytes]]:
    """Yield attacks on a kind of file, told by its name, each with what it is.

    Args:
        file: the file's name.
        good: the content of a good one.
        canary: what code in a file leaves behind.
    """
    for endings, make in ATTACKS.items():
        if file.endswith(endings):
            yield from make(good, canary)


def _pickles(canary: Path) -> Iterator[tuple[str, bytes]]:
    """Pickles that would run code, end the process or fill the memory in most unpicklers."""
    yield "code", pickle.dumps({"x": Code(canary)}, 2)
    yield "code in protocol 4", pickle.dumps([Code(canary)], 4)
    yield "code in protocol 0", pickle.dumps(Code(canary), 0)
    yield "tuples within tuples as a key", _pickle(b"}N" + b"\x85" * DEEP + b"Ns")
    yield "lists within lists", _pickle(b"]" * 100_000 + b"a" * 99_999)
    yield "a list within itself", _pickle(b"]q\x00h\x00a")
    yield "an array of bytes", _pickle(b"c__builtin__\nbytearray\nJ" + struct.pack("<i", 2_000_000_000) + b"\x85R")
    yield "a vast memo", _pickle(b"Nr" + struct.pack("<I", 1 << 30))
    yield "vast bytes", _pickle(b"\x8e" + struct.pack("<Q", 1 << 40))
    yield "a frame that ends late", _pickle(b"\x95" + struct.pack("<Q", 1 << 40))
    yield "a slow encoding", _pickle(b"c_codecs\nencode\nX\x05\0\0\0abcdeX\x08\0\0\0punycode\x86R")
    yield "attributes of a function", _pickle(b"c_codecs\nencode\n}X\x01\0\0\0aNsb")
    yield "no end", b"\x80\x02" + b"(" * 1000
    yield "no opcode", b"\x80junk"
    yield "a list", pickle.dumps([1, 2], 2)


def _pickle(opcodes: bytes) -> bytes:
    return b"\x80\x02" + opcodes + b"."


def _weights(good: bytes, canary: Path) -> Iterator[tuple[str, bytes]]:
    for what, content in _pickles(canary):
        if what in BEYOND_TORCH:
            continue
        yield f"{what}, bare", content
        if good.startswith(b"PK"):
            yield (
                what,
                zipped({name: content if name.endswith("data.pkl") else old for name, old in members(good).items()}),
            )
        else:
            start = good.index(b"\x80\x02", good.index(b"little_endian"))
            yield what, good[:start] + content
    if good.startswith(b"PK"):
        yield from _archives_of_weights(good)
    else:
        count = good.index(b"K\x12")  # of a convolution of 18 numbers
        yield "a vast storage", good[:count] + b"J" + struct.pack("<i", 1 << 30) + good[count + 2 :]


def _archives_of_weights(good: bytes) -> Iterator[tuple[str, bytes]]:
    contents = members(good)
    data = next(name for name in contents if "/data/0" in name)
    yield "a bomb", zipped({**contents, data: bytes(1 << 28)}, zipfile.ZIP_DEFLATED)
    state = contents[next(name for name in contents if name.endswith("data.pkl"))]
    for number in (
        b"J" + struct.pack("<i", 1 << 30),
        b"\x8a\x09" + struct.pack("<Q", 1 << 63) + b"\0",
        b"J" + b"\xff" * 4,
    ):
        vast = state.replace(b"K\x12", number).replace(b"K\x09", number)
        yield "a vast tensor", zipped({name: vast if old is state else old for name, old in contents.items()})
    yield (
        "an unknown order of bytes",
        zipped({n: b"odd" if n.endswith("byteorder") else c for n, c in contents.items()}),
    )
    place = good.index(contents[data])
    yield "numbers that do not match their checksum", good[: place + 2] + b"?" + good[place + 3 :]
    buffer = io.BytesIO(good)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.filelist.extend([archive.getinfo(data)] * 5000)
        archive._didModify = True
    yield "members over one another", buffer.getvalue()


def _npy(shape: str, kind: str = "<f4", order: str = "False") -> bytes:
    header = f"{{'descr': {kind!r}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header) + 1) + header + b"\n"


def _arrays(canary: Path) -> Iterator[tuple[str, bytes]]:
    for shape in (
        "(1000000, 1000000, 1000000)",
        "(2, 1 << 62, 4)",
        f"(2, {1 << 62}, 4)",
        "(2, -3, 5)",
        "(2, 0, 1000000000000)",
    ):
        yield f"a shape {shape}", _npy(shape) + bytes(100)
        yield f"a shape {shape} by columns", _npy(shape, order="True") + bytes(100)
    yield "a type without size", _npy("(2, 1000000000000, 5)", "<U0")
    yield "a vast type", _npy("(2, 3, 5)", "V9999999999") + bytes(100)
    yield "numbers that overflow", _npy("(2, 3, 5)", "<f8") + np.full(30, 1e300).tobytes()
    yield "words", _npy("(2, 3, 5)", "<U4") + bytes(480)
    yield "a header without end", b"\x93NUMPY\x02\0" + struct.pack("<I", 4_000_000_000) + b"{" * 5000
    yield "brackets", _npy("(" * 9000)
    yield "code in a header", _npy(f"(open({str(canary)!r}, 'w'),)")
    for what, content in _pickles(canary):
        yield what, _npy("(2,)", "|O") + content
    yield "objects of a vast shape", _npy("(2,)", "|O") + _pickled_array(300_000_000, "O8", b"]")
    yield "numbers of a vast shape", _npy("(2,)", "|O") + _pickled_array(300_000_000, "f4", b"C\x01x")
    yield "a type of another order", _npy("(2,)", "|O") + _pickled_array(1, "f4", b"C\x04xxxx")


def _pickled_array(size: int, kind: str, content: bytes) -> bytes:
    start = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87R"
    dtype = (
        b"cnumpy\ndtype\n\x8c\x02"
        + kind.encode()
        + b"K\0K\x01\x87R(K\x03\x8c\x01>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
    )
    return _pickle(start + b"(K\x01J" + struct.pack("<i", size) + b"\x85" + dtype + b"\x89" + content + b"tb")


def _npy_files(_: bytes, canary: Path) -> Iterator[tuple[str, bytes]]:
    yield from _arrays(canary)


@cache
def _bomb(order: str) -> bytes:
    bomb = _npy("(2, 8192, 4096)", order=order) + bytes(1 << 28)
    return zipped({"data.npy": bomb}, zipfile.ZIP_DEFLATED)


def _npz_files(_: bytes, canary: Path) -> Iterator[tuple[str, bytes]]:
    for what, content in _arrays(canary):
        yield what, zipped({"data.npy": content}, zipfile.ZIP_DEFLATED)
    for order in ("False", "True"):
        yield f"a bomb (by columns: {order})", _bomb(order)
    many = {f"map_{n:05d}.npy": _npy("(3, 5)") + bytes(60) for n in range(5000)}
    yield "many maps", zipped(many)
    yield (
        "an unknown compression",
        zipped(many | {"data.npy": _npy("(2, 3, 5)") + bytes(120)}).replace(
            b"PK\x01\x02\x14\x03\x14\0\0\0\0\0", b"PK\x01\x02\x14\x03\x14\0\0\0\x63\0"
        ),
    )


@cache
def _zeros(size: int) -> bytes:
    """So many zeros, compressed: which takes a second, and several readers are given the same."""
    return zlib.compress(bytes(size))


def _png_files(_: bytes, __: Path) -> Iterator[tuple[str, bytes]]:
    def header(width: int, height: int, depth: int, colours: int) -> tuple[bytes, bytes]:
        return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)

    rows = (b"IDAT", _zeros(1 << 20))
    for width, height in (60_000, 60_000), ((1 << 31) - 1, 1), (0, 5):
        for depth, colours in ((8, 2), (16, 0), (8, 6)):
            yield (
                f"{width} x {height} of kind {colours}",
                png([header(width, height, depth, colours), rows, (b"IEND", b"")]),
            )
    yield "fewer rows than declared", png([header(5000, 5000, 8, 2), rows, (b"IEND", b"")])
    text = (b"zTXt", b"a\0\0" + _zeros(200 << 20))
    yield "a text that unpacks to much", png([header(4, 4, 8, 2), text, rows, (b"IEND", b"")])
    profile = (b"iCCP", b"a\0\0" + _zeros(200 << 20))
    yield "a profile that unpacks to much", png([header(4, 4, 8, 2), profile, rows, (b"IEND", b"")])


def _jpeg_files(good: bytes, _: Path) -> Iterator[tuple[str, bytes]]:
    start = good.index(b"\xff\xc0") + 5
    for height, width in (60_000, 60_000), (65_535, 65_535), (0, 20), (5000, 5000):
        yield f"{width} x {height}", good[:start] + struct.pack(">HH", height, width) + good[start + 4 :]
    yield "padding without end", good[:2] + b"\xff" * 100_000
    yield "segments without end", good[:2] + b"\xff\xe1\xff\xff" + bytes(65_533) * 5


def _json_files(good: bytes, _: Path) -> Iterator[tuple[str, bytes]]:
    yield "brackets", NESTED_JSON
    yield "a list", b"[1, 2]"
    yield "a number", b"1e999"
    yield "a vast number", b"9" * 100_000
    yield "not text", b"\xff\xfe{\0}\0"
    if not good.startswith(b"{"):
        return
    key = good[good.index(b'"') : good.index(b":") + 1]
    for value in (b"null", b"1e999", b"NaN", b"[[[]]]", b'"a\\u0000\\nb"', NESTED_JSON[:900] + b"]" * 900, b"1" * 4000):
        yield f"a first value {value[:10].decode()}", b"{" + key + value + b"}"


def _options(_: bytes, __: Path) -> Iterator[tuple[str, bytes]]:
    values = (
        "null",
        "NaN",
        "1e999",
        "-1",
        "[]",
        "{}",
        '"~nobody/x"',
        '"\\u0000"',
        '"' + "x" * 9000 + '"',
        "1" * 400,
        "true",
    )
    names = (
        "height",
        "min_depth",
        "max_depth",
        "frame_ids",
        "scales",
        "split",
        "model_name",
        "png",
        "seed",
        "data_path",
        "device",
    )
    for name in names:
        for value in (*values, '"a\\nb"', '["a", null]', "[1e999]"):
            yield f"{name} = {value[:12]}", f'{{"{name}": {value}}}'.encode()


def _texts(good: bytes, _: Path) -> Iterator[tuple[str, bytes]]:
    yield "not text", bytes(range(256))
    yield "another encoding", b"\xff\xfe" + good.decode().encode("utf-16-le")
    yield "NUL", good.replace(b" ", b"\0", 3)
    yield "one long line", good + b"a " * 3_000_000
    yield "many lines", good + b"\n" * 30_000_000
    yield "many words", good + b"1 " * 4000 + b"\n"
    yield "a word without end", good + b"1" * 30_000_000


def _lists(_: bytes, __: Path) -> Iterator[tuple[str, bytes]]:
    for folder in ("..", "../x", "a/../../x", "/etc", "C:/x", "..\\x", "a\0b", "a\x1bb", "\u202ea", "x" * 9000):
        yield f"the folder {folder[:10]!r}", f"{folder} 1 l\n".encode()
    for rest in ("1 x", "-1 l", "1e3 l", "99999999999 l", "\u0661 l", "1 l l", ""):
        yield f"the line {rest!r}", f"a {rest}\n".encode()


def _recipes(_: bytes, __: Path) -> Iterator[tuple[str, bytes]]:
    yield "vast ranges", b"[test 5, sides l]\n" + b"9 0-999999\n" * 5000
    yield "vast positions", b"[train 3, sides l]\n9 0-2\n[test = tiny train without positions]\n" + b"0-999999 " * 800
    yield "itself", b"[test = tiny test]\n"
    yield "a circle", b"[test = tiny val]\n[val = tiny test]\n"
    yield "an unknown part", b"[test = tiny nothing]\n"
    yield "an unknown split", b"[test = nothing test]\n"
    yield "a count without end", b"[test " + b"9" * 5000 + b", sides l]\n9 0\n"
    yield "one part twice", b"[test 1 + test 1 drawn by line, sides l]\n9 0-1\n"
    yield "a draw from another", b"[test 1 + val 1 drawn by line = tiny train]\n9 0-1\n"
    yield "a way out", b"[test 1, sides l]\n../../x 0\n"


def _calibrations(good: bytes, _: Path) -> Iterator[tuple[str, bytes]]:
    for word in (b"nan", b"inf", b"1e999", b"1e300", b"-1", b"1_000", b"9" * 5000, b"99999"):
        yield f"numbers {word[:8].decode()}", good.replace(b"6.4e+01", word).replace(b"-4e-03", word)


def _poses(good: bytes, _: Path) -> Iterator[tuple[str, bytes]]:
    for word in (b"nan", b"inf", b"1e200", b"1e308"):
        yield f"numbers {word.decode()}", good.replace(b"1.000000000e+00", word)


def _scans(good: bytes, _: Path) -> Iterator[tuple[str, bytes]]:
    for number in (np.nan, np.inf, 3e38, 1e-40, -1.0):
        yield f"points of {number}", good + np.full(400, number, "<f4").tobytes()
    yield "one byte more", good + b"x"
    yield "far more points", good * 15_000


def _networks(good: bytes, _: Path) -> Iterator[tuple[str, bytes]]:
    def changed(change: Callable[[Any], Any]) -> bytes:
        model = onnx.load_model_from_string(good)
        change(model)
        return model.SerializeToString()

    def constants(model: Any) -> None:
        """A few bytes that stand for a vast constant."""
        size = onnx.numpy_helper.from_array(np.array([1 << 30], np.int64), "size")
        model.graph.initializer.append(size)
        model.graph.node.insert(0, onnx.helper.make_node("ConstantOfShape", ["size"], ["vast"]))
        model.graph.node.append(onnx.helper.make_node("ReduceMax", ["vast"], ["largest"]))
        model.graph.node[-2].input[0] = "raw"

    def doubled(model: Any) -> None:
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(1 << 10, np.float32), "x0"))
        for n in range(20):
            model.graph.node.append(onnx.helper.make_node("Concat", [f"x{n}", f"x{n}"], [f"x{n + 1}"], axis=0))
        model.graph.output.append(onnx.helper.make_tensor_value_info("x20", onnx.TensorProto.FLOAT, None))

    def vast(model: Any) -> None:
        model.graph.initializer[0].dims[:] = [1 << 20, 1 << 20, 3, 3]

    def elsewhere(model: Any) -> None:
        weight = model.graph.initializer[0]
        weight.ClearField("raw_data")
        weight.data_location = onnx.TensorProto.EXTERNAL
        weight.external_data.add(key="location", value="../../../../../../etc/passwd")

    for change in (constants, doubled, vast, elsewhere):
        yield change.__name__, changed(change)
    for name in ("height", "batch_size", "min_depth", "network", "frames", "format"):
        for value in ("", "null", "NaN", "1e999", "-1", "96000000", "[" * 100_000, '"x"'):

            def metadata(model: Any, name: str = name, value: str = value) -> None:
                next(item for item in model.metadata_props if item.key == f"monodepth2.{name}").value = value

            yield f"{name} = {value[:8]}", changed(metadata)


def _archives(_: bytes, __: Path) -> Iterator[tuple[str, bytes]]:
    whole = {"encoder.pth": b"x", "depth.pth": b"y"}
    for name in ("../x", "/tmp/x", "a/../../x", "..\\x", "C:x", "a\0b"):
        yield f"a member {name!r}", zipped({**whole, name: b"z"})
    yield "two models", zipped({**whole, "other/encoder.pth": b"x"})
    yield "no model", zipped({"a": b"x"})
    bomb = zipped({**whole, "depth.pth": bytes(123_457)}, zipfile.ZIP_DEFLATED)
    yield "a bomb", bomb.replace(struct.pack("<I", 123_457), struct.pack("<I", 1 << 31))
    link = zipfile.ZipInfo("pose.pth")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(buffer := io.BytesIO(), "w") as archive:
        for name, content in whole.items():
            archive.writestr(name, content)
        archive.writestr(link, "/etc/passwd")
    yield "a link", buffer.getvalue()


def _videos(good: bytes, _: Path) -> Iterator[tuple[str, bytes]]:
    yield (
        "a list of other files",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n#EXTINF:1,\n/dev/zero\n#EXT-X-ENDLIST\n",
    )
    yield "a list in another format", b"ffconcat version 1.0\nfile /dev/zero\nfile other.mp4\n"
    place = good.index(b"avc1") if b"avc1" in good else good.index(b"mp4v")
    yield "vast frames", good[: place + 28] + struct.pack(">HH", 65_535, 65_535) + good[place + 32 :]


def _indexes(_: bytes, __: Path) -> Iterator[tuple[str, bytes]]:
    yield "odd keys", b'[["a", null, 1e999]]'
    yield "words", b'["abc"]'
    yield "a list for a path", b'[[["a"], 1, 2]]'
    for entry in ("1, 2, 3", '"a", 1', '"a", 1, null', '"a", true, 2', '"a", 1, 2, 3, 4'):
        yield f"a key of {entry}", f"[[{entry}]]".encode()
    yield "an object", b'{"a": 1}'
    yield "more pictures than rows", json.dumps([["a", 1, 2]] * 1_000_000).encode()


def _kept_pictures(good: bytes, _: Path) -> Iterator[tuple[str, bytes]]:
    yield "one byte more", good + b"x"
    yield "the end of a file", good[1000:]
    yield "fewer rows than there are", good.replace(b"(1, ", b"(0, ")
    yield "objects", good.replace(b"|u1", b"|O1")
    yield "by columns", good.replace(b"False", b"True ")


def _manifests(_: bytes, __: Path) -> Iterator[tuple[str, bytes]]:
    for step in ('"x"', "1e999", "-5", "true"):
        yield f"the step {step}", f'{{"step": {step}, "files": {{}}}}'.encode()
    for files in ("[]", "null", '{"a.pth": 3}', '{"a.pth": {}}', '{"a.pth": {"bytes": {}, "sha256": 1}}'):
        yield f"the files {files}", f'{{"step": 1, "files": {files}}}'.encode()
    for name in ("../a.pth", "/a.pth", "a\\u0000b.pth", "\\ud800.pth", "a"):
        yield f"a file {name}", f'{{"step": 1, "files": {{"{name}": {{"bytes": 1, "sha256": ""}}}}}}'.encode()


def _configs(good: bytes, canary: Path) -> Iterator[tuple[str, bytes]]:
    """Files of options that would run code, or grow without end, in some readers."""
    yield "code", f"log_dir: !!python/object/apply:builtins.open [{canary}, w]\n".encode()
    yield "code for a name", f"!!python/object/apply:builtins.open [{canary}, w]: 1\n".encode()
    yield "lists within lists", b"scales: " + b"[" * 16_000
    yield "a list within itself", b"scales: &a [*a]\n"
    yield "lists that double", b"a: &a [x, x]\n" + b"".join(b"b%d: &b%d [*a, *a]\n" % (n, n) for n in range(99))
    yield "a name that is a list", b"? [height]\n: 96\n"
    yield "two documents", good + b"---\n" + good
    yield "a number without end", b"height: " + b"9" * 16_000
    yield "no text", b"height: \x00\xff\n"
    yield "merged", b"a: &a {height: 96}\n<<: *a\n"


ATTACKS: dict[tuple[str, ...], Callable[[bytes, Path], Iterator[tuple[str, bytes]]]] = {
    (".pth",): _weights,
    (".npy",): _npy_files,
    (".npz",): _npz_files,
    (".png", "picture"): _png_files,
    (".jpg",): _jpeg_files,
    (".json",): _json_files,
    ("opt.json",): _options,
    (".yaml",): _configs,
    (".txt",): _texts,
    ("_files.txt",): _lists,
    ("recipe.txt",): _recipes,
    ("calib_cam_to_cam.txt", "calib_velo_to_cam.txt"): _calibrations,
    ("09.txt",): _poses,
    (".bin",): _scans,
    (".onnx",): _networks,
    (".zip",): _archives,
    (".mp4",): _videos,
    ("index.json",): _indexes,
    ("pictures.npy",): _kept_pictures,
    ("manifest.json",): _manifests,
}
