"""Files as an enemy or a broken disk would leave them: each reader reads them, or refuses them in one line.

`make fuzz` runs these tests with thousands of files that chance has damaged, other ones in each run. What breaks a
reader stays in the folder `fuzz`, also where it has ended the process or was never read to its end.
"""

import io
import json
import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fuzzing.attacks import PLACES, attacks, put_in_place
from fuzzing.contract import read_hostile
from fuzzing.mutators import mutated
from fuzzing.readers import READERS, Reader
from monodepth2.config import Options, options_from_json
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.files.input_files import open_input, read_input
from monodepth2.files.npy_files import read_array_header, read_pickled_arrays
from monodepth2.files.pictures import read_pyramid
from monodepth2.files.weight_files import read_weights

pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning:PIL"
)  # as files.picture_opening has it, which pytest drops

EVERY_READER = pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
# no attack on these can be taken for a good file
STRICT = (
    "weights",
    "weights of 2019",
    "manifest",
    "ground truth",
    "ground truth of 2019",
    "disparities",
    "disparities of many sizes",
)
ABSENT = ("optimizer", "options", "kept pictures", "index of kept pictures")  # files that need not be there
EMPTY = (("recipe", "empty file"), ("events of a run", "empty file"))  # which say nothing, and may

# the same examples in every run
steady = settings(derandomize=True, deadline=None, database=None, max_examples=60)
# a file is written over for every example
few = settings(steady, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
FUZZ = int(os.environ.get("FUZZ", "0"))  # damaged files for each reader, of `make fuzz`
chance = settings(few, max_examples=FUZZ, derandomize=False, print_blob=True) if FUZZ else few


@EVERY_READER
@pytest.mark.slow(reason="a fuzz sample of every reader")
def test_the_worst_attacks_are_refused(reader: Reader, tmp_path: Path) -> None:
    path, good = reader.make(tmp_path)
    canary = tmp_path / "canary"
    for what, content in attacks(reader.file, good, canary):
        path.write_bytes(content)
        outcome = read_hostile(reader, path, canary)
        assert outcome.refusal or reader.name not in STRICT, what
    path.write_bytes(good)
    assert read_hostile(reader, path, canary).refusal is None  # none of them has left anything behind


@pytest.mark.parametrize("reader", [one for one in READERS if one.anywhere], ids=lambda reader: reader.name)
def test_what_is_no_file_is_refused(reader: Reader, tmp_path: Path) -> None:
    path, _ = reader.make(tmp_path)
    for place in PLACES:
        put_in_place(place, path)
        outcome = read_hostile(reader, path, tmp_path / "canary")
        assert outcome.refusal or reader.name in ABSENT or (reader.name, place) in EMPTY, place


@EVERY_READER
@pytest.mark.slow(reason="a fuzz sample of every reader")
def test_damaged_files(reader: Reader, tmp_path: Path) -> None:
    path, good = reader.make(tmp_path)

    @chance
    @given(st.integers(0, 2**64), st.none() | st.binary(max_size=200))
    def check(seed: int, content: bytes | None) -> None:
        path.write_bytes(mutated(good, Random(seed)) if content is None else content)
        read_hostile(reader, path, tmp_path / "canary")

    check()


def tensors() -> st.SearchStrategy[torch.Tensor]:
    dtypes = (
        torch.float32,
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.uint8,
        torch.bool,
    )
    shapes = st.lists(st.integers(0, 4), max_size=3)
    made = st.builds(lambda shape, dtype: torch.randint(0, 2, shape).to(dtype), shapes, st.sampled_from(dtypes))
    return (
        made
        | made.map(lambda tensor: tensor.mT if tensor.dim() > 1 else tensor)
        | made.map(lambda tensor: tensor[1:] if tensor.dim() else tensor)
    )


NUMBERS = st.booleans() | st.integers() | st.floats(allow_nan=False)
PLAIN = st.recursive(
    # empty bytes are a call in a pickle of protocol 2
    st.none() | NUMBERS | st.text() | st.binary(min_size=1) | tensors(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.stride() == other.stride() and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.mark.parametrize("of_today", [True, False])
def test_what_torch_saves_is_read_as_it_was(of_today: bool, tmp_path: Path) -> None:
    @settings(few, max_examples=100)
    @given(st.dictionaries(st.text(), PLAIN, max_size=4))
    def check(state: dict[str, Any]) -> None:
        torch.save(state, tmp_path / "x.pth", _use_new_zipfile_serialization=of_today)
        assert same(read_weights(tmp_path / "x.pth", ""), state)

    check()


@pytest.mark.parametrize("of_today", [True, False])
def test_tensors_that_share_their_numbers_still_do(of_today: bool, tmp_path: Path) -> None:
    weight = torch.arange(12.0).view(3, 4)
    torch.save(
        {"a": weight, "b": weight[1:], "c": torch.nn.Parameter(weight)},
        tmp_path / "x.pth",
        _use_new_zipfile_serialization=of_today,
    )
    read = read_weights(tmp_path / "x.pth", "")
    assert type(read["c"]) is torch.Tensor
    assert torch.equal(read["b"], weight[1:])
    read["a"][1] = -1
    assert read["b"][0].tolist() == read["c"][1].tolist() == [-1] * 4


def outcome(read: Callable[[], Any]) -> tuple[Any, str]:
    """What reading gives, and the message with which it is refused."""
    try:
        return read(), ""
    except UserError as error:
        return None, str(error)


@steady
@given(st.binary(max_size=400) | st.lists(st.sampled_from([bytes([n]) for n in range(256)]), max_size=60).map(b"".join))
def test_pickled_arrays_are_arrays_or_one_kind_of_error(content: bytes) -> None:
    with suppress(pickle.UnpicklingError):
        assert all(isinstance(one, np.ndarray) for one in read_pickled_arrays(io.BytesIO(b"\x80\x02" + content)))


STRANGE = {
    "sparse": torch.eye(3).to_sparse(),
    "meta": torch.empty(3, device="meta"),
    "device": {"deep": [torch.device("cpu")]},
    "set": {1, 2},
}


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
@pytest.mark.parametrize("kind", STRANGE)
def test_what_weights_have_no_use_for_is_refused(kind: str, tmp_path: Path) -> None:
    torch.save({"weight": STRANGE[kind]}, tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"x\.pth: not a file of PyTorch weights.* have no use for"):
        read_weights(tmp_path / "x.pth", "")


def test_files_are_read_where_the_system_cannot_open_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_NONBLOCK")
    Image.new("RGB", (64, 32), "red").save(tmp_path / "x.png")
    torch.save({"weight": torch.ones(3)}, tmp_path / "x.pth")
    assert (read_pyramid(tmp_path / "x.png", 0, 64, 32)[0] == [255, 0, 0]).all()
    assert read_weights(tmp_path / "x.pth", "")["weight"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("protocol", range(5))
def test_pickled_arrays_of_every_protocol(protocol: int) -> None:
    maps = np.empty(3, object)
    maps[:] = [
        np.arange(6.0, dtype="f4").reshape(2, 3),
        np.arange(4).reshape(2, 2, order="F"),
        np.arange(3, dtype=">f8")[None],
    ]
    maps[1] = np.asfortranarray(maps[1])
    read = read_pickled_arrays(io.BytesIO(pickle.dumps(maps, protocol)))
    for one, other in zip(read, maps, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


@steady
@given(st.binary(max_size=200))
def test_an_array_header_is_read_or_refused(content: bytes) -> None:
    for version in (b"\1\0", b"\2\0", b"\3\0"):
        with pytest.raises(ValueError, match="damaged header"):
            read_array_header(io.BytesIO(b"\x93NUMPY" + version + content))


@steady
@given(st.text() | st.from_regex(r"[a./\\:~]{1,8} [0-9]{1,11} [lr]", fullmatch=True))
def test_a_split_line_stays_in_the_data_set(text: str) -> None:
    line, refusal = outcome(lambda: SplitLine.parse(text))
    assert refusal.isprintable()
    if line:
        root = os.path.abspath("root")
        assert os.path.commonpath([root, os.path.normpath(os.path.join(root, line.folder))]) == root
        assert 0 <= line.frame < 10**19


JSON = st.recursive(st.none() | NUMBERS | st.just(float("nan")) | st.text(), lambda inner: st.lists(inner, max_size=3))


@settings(steady, max_examples=300)
@given(st.dictionaries(st.sampled_from([item.name for item in fields(Options)]), JSON, max_size=2))
def test_options_are_of_their_types_or_refused(values: dict[str, Any]) -> None:
    options, refusal = outcome(lambda: options_from_json(json.dumps(values), "opt.json"))
    assert refusal.isprintable()
    if options is None:
        assert refusal.startswith("opt.json")
    else:
        for name, value in values.items():
            of_old = name == "poses" and value is None  # of an earlier version
            if name not in ("frame_ids", "models_to_load") and not of_old:  # what they may leave out
                assert json.loads(options.to_json())[name] == value


def test_only_regular_files_of_a_bearable_size_are_opened(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert read_input(path, 5) == b"12345"
    (tmp_path / "link").symlink_to(path)
    assert read_input(tmp_path / "link", 5) == b"12345"
    with pytest.raises(OSError, match="5 bytes are too many"):
        open_input(path, 4)
    os.mkfifo(tmp_path / "pipe")
    for name, message in (("pipe", "no regular file"), ("..", "is a folder"), ("gone", "No such file")):
        with pytest.raises(OSError, match=message):
            open_input(tmp_path / name, 5)
    with pytest.raises(OSError, match="no regular file"):
        open_input(Path("/dev/zero"), 5)
