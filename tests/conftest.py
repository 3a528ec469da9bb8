"""Shared fixtures: the golden scene, and folders of real KITTI layout made of formulas."""

import ctypes
import functools
import gc
import os
import re
import resource
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from filelock import FileLock

from scene import write_kitti_raw

# the tests themselves, and the scripts that they start, run side by side; torch reads it when it is imported
os.environ["OMP_NUM_THREADS"] = "1"
LARGEST: list[int] = []  # by test process
# of this program, 128 and 72 MB, which the tests of one file need and those of the next do not
CACHES = (("monodepth2.datasets.augmentation", "_hue_tables"), ("monodepth2.synthetic.ripmap", "atlas"))
M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
LARGE = ("golden", "onnx")  # rooms whose tests take most memory: they come while processes are small
USUAL_MB, LITTLE_MB = 4, 0.25  # see `give_back`


def give_back(megabytes: float) -> None:
    """From now on, blocks of this size and more go back to the system as soon as they are free, which takes time."""
    with suppress(AttributeError):  # which only glibc has
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, int(megabytes * 2**20))


give_back(USUAL_MB)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run the slow tests as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the slow tests to `make test-all`, unless one is asked for by its name; there, begin with their files."""
    slow = [item for item in items if item.get_closest_marker("slow")]
    if config.getoption("--all") or any("::" in argument for argument in config.args):
        files = {item.path for item in slow}
        items.sort(key=lambda item: item.path not in files)  # a long file that begins last leaves the others waiting
        return
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]
    items.sort(key=lambda item: item.path.parent.name not in LARGE)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """At the end of a file, free what the tests of the next one do not need."""
    if nextitem is not None and nextitem.path == item.path:
        return
    for module, cache in CACHES:
        if module in sys.modules:
            getattr(sys.modules[module], cache).cache_clear()
    gc.collect()  # what other packages leave in circles, exporters above all
    with suppress(AttributeError):  # which only glibc has: what is free goes back to the system
        ctypes.CDLL(None).malloc_trim(0)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare each export the second in which PyTorch's exporter lists its operators, always the same."""
    if not any(item.path.parent.name == "onnx" for item in session.items):
        return
    with suppress(ImportError, AttributeError):  # it is PyTorch's own affair, and only saves time
        from torch.onnx._internal.exporter._registration import ONNXRegistry

        ONNXRegistry.from_torchlib = staticmethod(functools.cache(ONNXRegistry.from_torchlib))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # told to the main process
        session.config.workeroutput["largest"] = largest_process()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node) -> None:
    LARGEST.append(getattr(node, "workeroutput", {}).get("largest", 0))


def pytest_terminal_summary(terminalreporter) -> None:
    terminalreporter.line(f"largest process: {max([*LARGEST, largest_process()]):,} MB")


def largest_process() -> int:
    """The most memory that this process has had, in MB.

    Processes that it started are left out: Linux counts a child as large as the process that started it, at least.
    """
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def shared_folder(tmp_path_factory: pytest.TempPathFactory, name: str, write: Callable[[Path], object]) -> Path:
    """A folder made once and shared by all test processes of a run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / name
    with FileLock(folder.with_suffix(".lock")):  # the others wait here, instead of making it once more
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)  # of a test that failed
            write(partial)
            partial.rename(folder)
    return folder


@pytest.fixture(scope="module")
def small_blocks_given_back() -> Iterator[None]:
    """For tests that compute with large networks in float64: less memory, and more time."""
    give_back(LITTLE_MB)
    yield
    give_back(USUAL_MB)


@pytest.fixture(scope="session")
def golden_scene(tmp_path_factory) -> Path:
    """The golden scene of seed 0 with 8 frames; never write into it."""
    return shared_folder(tmp_path_factory, "golden_scene", lambda folder: write_kitti_raw(folder, 8, 0))


@pytest.fixture(scope="session")
def small_scene(tmp_path_factory) -> Path:
    """The same scene in pictures of 311 x 94 pixels, for where their size does not matter; never write into it."""
    return shared_folder(tmp_path_factory, "small_scene", lambda folder: write_kitti_raw(folder, 8, 0, shrink=4))


@pytest.fixture
def small_copy(small_scene, tmp_path) -> Path:
    """A copy of the small scene to damage."""
    return Path(shutil.copytree(small_scene, tmp_path / "scene"))


@pytest.fixture
def scene_copy(golden_scene, tmp_path) -> Path:
    """A copy of the golden scene to damage."""
    return Path(shutil.copytree(golden_scene, tmp_path / "scene"))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Callable[..., Path]:
    """Checkpoints of recipe weights by their options, written once (see `write_checkpoint`); never write into them.

    They have the smallest pose network, unless the options say otherwise.
    """

    def checkpoint(seed: int = 0, **options) -> Path:
        from trees import write_checkpoint

        options = {"pose_model_type": "posecnn", **options}
        name = re.sub(r"\W+", "_", f"weights {seed} {sorted(options.items())}")
        return shared_folder(tmp_path_factory, name, lambda folder: write_checkpoint(folder, seed, **options))

    return checkpoint


@pytest.fixture
def split(tmp_path) -> Path:
    """Lists of eight lines to train on and three to validate on, of the golden scene."""
    from trees import write_split

    return write_split(tmp_path / "split")
