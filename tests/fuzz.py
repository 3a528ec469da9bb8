"""Feed thousands of damaged files to every reader, and look what each does: `make fuzz`.

Every file comes from the seed, so that a run can be repeated. Files are read in processes of their own, since the worst
of them end a process or never return. A file with which a reader breaks the contract (see `fuzzing.contract`) is kept.
"""

import argparse
import multiprocessing as mp
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from random import Random
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import torch
from tabulate import tabulate

from fuzzing.attacks import PLACES, attacks, put_in_place
from fuzzing.contract import MOST_SECONDS, Outcome, ViolationError, read_hostile
from fuzzing.mutators import mutated
from fuzzing.readers import READERS, Reader
from monodepth2.config import available_cores

LARGEST_KEPT = 1 << 28
PATIENCE = 4 * MOST_SECONDS  # after which a reader counts as one that never returns


@dataclass
class Tally:
    """What a reader did with its files.

    Attributes:
        name: of the reader.
        outcomes: of the files that it read or refused.
        violations: what it did with others, and which.
    """

    name: str
    outcomes: list[Outcome] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    @property
    def row(self) -> tuple[Any, ...]:
        """Reader, files, refused, read, violations, slowest in ms, largest growth of memory in MiB."""
        refused = sum(outcome.refusal is not None for outcome in self.outcomes)
        slowest = 1000 * max((outcome.seconds for outcome in self.outcomes), default=0)
        growth = max((outcome.growth for outcome in self.outcomes), default=0)
        files = len(self.outcomes) + len(self.violations)
        return self.name, files, refused, len(self.outcomes) - refused, len(self.violations), slowest, growth


class Process:
    """A process that reads the files of readers; another one takes its place where it does not survive.

    Args:
        options: of the run.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self._process: Any = None
        self._pipe: Any = None

    def read(self, reader: Reader) -> Tally:
        """Have a reader read all its files."""
        tally, number = Tally(reader.name), -1
        while True:
            try:
                self._start_from(reader, number + 1)
                for number, what, result in iter(self._receive, None):
                    if isinstance(result, Outcome):
                        tally.outcomes.append(result)
                    elif isinstance(result, ViolationError):
                        self._note(tally, reader, number, what, str(result))
                return tally
            except (EOFError, TimeoutError) as error:
                self.stop()
                reason = str(error) or f"ended the process (code {self._process.exitcode})"
                self._note(tally, reader, number, what, reason + keep(reader, self.folder, number, self.options))

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._pipe.close()  # upon which it ends, if it can
            self._process.join(1)
            self._process.kill()
            self._process.join()

    def _start_from(self, reader: Reader, number: int) -> None:
        if self._process is None or not self._process.is_alive():
            self._pipe, there = mp.Pipe()
            self.folder = Path(tempfile.mkdtemp(dir=self.options.folder))
            self._process = mp.get_context("spawn").Process(target=_serve, args=(there, self.folder, self.options))
            self._process.start()
            there.close()
            self._receive(10 * PATIENCE)  # on a busy machine PyTorch is long in coming
        self._pipe.send((reader.name, number))

    def _receive(self, patience: float = PATIENCE) -> Any:
        if not self._pipe.poll(patience):
            raise TimeoutError("never returned")
        return self._pipe.recv()

    def _note(self, tally: Tally, reader: Reader, number: int, what: str, reason: str) -> None:
        tally.violations.append(f"{reader.name}, seed {self.options.seed}, file {number} ({what}): {reason}")


def keep(reader: Reader, folder: Path, number: int, options: argparse.Namespace) -> str:
    """Copy a reader's present file out of its folder; say where it is."""
    found = next((path for path in folder.rglob(reader.file) if path.is_file()), None)
    if found is None or found.stat().st_size > LARGEST_KEPT:
        return ""
    kept = options.keep / f"{reader.name.replace(' ', '_')}_{options.seed}_{number}" / reader.file
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(found, kept)
    return f"; kept as {kept}"


def main() -> int:
    """Run, print the table, and return 1 if any reader broke the contract."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=6000, help="damaged by chance, over all readers (default: 6000)")
    parser.add_argument("--seed", type=int, default=0, help="of the damage (default: 0)")
    parser.add_argument("--keep", type=Path, default=Path("fuzz"), help="folder for files that break a reader")
    parser.add_argument("--readers", nargs="+", default=[], help="only those whose name has one of these words")
    options = parser.parse_args()
    chosen = [one for one in READERS if not options.readers or any(word in one.name for word in options.readers)]
    options.each = -(-options.files // len(chosen))
    with tempfile.TemporaryDirectory() as options.folder:
        tallies = read_all(chosen, options)
    headers = ("reader", "files", "refused", "read", "violations", "slowest ms", "memory MiB")
    print(tabulate([tally.row for tally in tallies], headers, floatfmt=".0f"))
    found = [violation for tally in tallies for violation in tally.violations]
    print(
        f"{sum(tally.row[1] for tally in tallies)} files, seed {options.seed}, {len(found)} violations",
        *found,
        sep="\n",
    )
    return 1 if found else 0


def read_all(readers: list[Reader], options: argparse.Namespace) -> list[Tally]:
    """Have every reader read its files, several at a time."""
    processes: SimpleQueue[Process] = SimpleQueue()
    for _ in range(available_cores()):
        processes.put(Process(options))

    def read(reader: Reader) -> Tally:
        process = processes.get()
        try:
            return process.read(reader)
        finally:
            processes.put(process)

    with ThreadPoolExecutor(processes.qsize()) as pool:
        tallies = list(pool.map(read, readers))
    while not processes.empty():
        processes.get().stop()
    return tallies


def _serve(pipe: Any, folder: Path, options: argparse.Namespace) -> None:
    """Read the files of readers, in a process of its own: say of each what it is, and then what came of it."""
    torch.set_num_threads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what decoders written in C complain of is no news
    pipe.send("ready")
    while request := _request(pipe):
        name, start = request
        reader = next(reader for reader in READERS if reader.name == name)
        with tempfile.TemporaryDirectory(dir=folder) as own:
            path, good = reader.make(Path(own))
            canary = Path(own) / "canary"
            assert read_hostile(reader, path, canary).refusal is None
            for number, (what, content) in enumerate(_files(reader, good, options, canary)):
                if number >= start:
                    pipe.send((number, what, None))
                    result = _result(reader, path, what, content, canary)
                    if isinstance(result, ViolationError):
                        result = ViolationError(f"{result}{keep(reader, Path(own), number, options)}")
                    pipe.send((number, what, result))
        pipe.send(None)


def _request(pipe: Any) -> tuple[str, int] | None:
    try:
        return pipe.recv()
    except EOFError:
        return None


def _result(reader: Reader, path: Path, what: str, content: bytes | None, canary: Path) -> Outcome | ViolationError:
    put_in_place(what if content is None else "nothing", path)
    if content is not None:
        path.write_bytes(content)
    try:
        return read_hostile(reader, path, canary)
    except ViolationError as error:
        canary.unlink(missing_ok=True)
        return error


def _files(
    reader: Reader, good: bytes, options: argparse.Namespace, canary: Path
) -> Iterator[tuple[str, bytes | None]]:
    """What is read: what can lie in a file's place (no content), the worst attacks, and damage by chance."""
    yield from ((place, None) for place in PLACES if reader.anywhere)
    yield from attacks(reader.file, good, canary)
    for number in range(options.each):
        yield "chance", mutated(good, Random(f"{options.seed} {reader.name} {number}"))


if __name__ == "__main__":
    sys.exit(main())
