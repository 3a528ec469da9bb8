"""Kill a training at random moments, let it go on, and compare it with one that never stopped: `make soak`.

A round starts `train.py --resume auto` and ends it with SIGKILL: after a random time, which may lie before its first
step, or while it writes a checkpoint. The rounds make one run. In the end an uninterrupted run of as many steps tells
whether every checkpoint that the rounds left is, bit for bit, the one it should be.
"""

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/golden")]

from monodepth2.checkpoints.folder import PARTIAL, check_files, read_manifest
from monodepth2.errors import UserError
from scene import DRIVE, write_kitti_raw

STEPS_PER_EPOCH = 4
LONGEST = 600.0  # seconds a process gets to come to the moment at which it is to be killed
Weights = dict[str, str]  # checksums of the networks' files


@dataclass
class Tally:
    """What came of some rounds.

    Attributes:
        rounds: processes killed.
        resumed: processes that went on from a checkpoint.
        identical: checkpoints found after a kill whose weights are, bit for bit, those of the uninterrupted run.
        different: checkpoints found after a kill whose weights are others.
        unseen: checkpoints found after a kill that the uninterrupted run removed before they were looked at there.
        lost: checkpoints that were whole and from which, or from a later one, the next process did not go on; and
            folders that had the name of a checkpoint and were none.
        last_step: reached.
    """

    rounds: int = 0
    resumed: int = 0
    identical: int = 0
    different: int = 0
    unseen: int = 0
    lost: int = 0
    last_step: int = 0

    def __str__(self) -> str:
        return (
            f"{self.rounds} rounds, {self.resumed} resumed, {self.identical} checkpoints bit-identical, "
            f"{self.different} different, {self.unseen} unseen, {self.lost} lost, {self.last_step} steps reached"
        )


class Soak:
    """One run that is killed again and again.

    Args:
        folder: empty, receives everything.
        data: a tree in the layout of KITTI with the golden drive.
        seed: of the moments.
        launcher: words of a command that starts a Python program.
        processes: that the launcher starts.
    """

    def __init__(
        self, folder: Path, data: Path, seed: int = 0, launcher: tuple[str, ...] = (sys.executable,), processes: int = 1
    ) -> None:
        self.folder, self.data, self.launcher = folder, data, launcher
        self.random = random.Random(seed)
        self.tally = Tally()
        self.found: dict[int, Weights] = {}
        self.seconds = 20.0  # that a process needs to its first checkpoint, measured by the first round
        lines = [f"{DRIVE} {frame} {side}" for frame in range(1, 7) for side in "lr"]
        (folder / "split").mkdir(parents=True)
        count = 2 * STEPS_PER_EPOCH * processes
        (folder / "split/train_files.txt").write_text("\n".join((2 * lines)[:count]))
        (folder / "split/val_files.txt").write_text("\n".join(lines[8:11]))

    def round(self) -> None:
        """Start the run, or let it go on; kill it; look at what it has left."""
        known = max(self._whole("killed"), default=0)
        log = self.folder / f"log_{self.tally.rounds}.txt"
        with log.open("w") as output:
            process = subprocess.Popen(self._command("killed", 100_000), stderr=output)
            started = time.monotonic()
            self._wait_for_the_moment(process)
            assert process.poll() is None, f"the training ended by itself:\n{log.read_text()}"
            kill(process)
        if self.tally.rounds == 0:
            self.seconds = time.monotonic() - started
        self.tally.rounds += 1
        if went_on := re.search(r"going on after step ([\d,]+)", log.read_text()):
            self.tally.resumed += 1
            self.tally.lost += int(went_on[1].replace(",", "")) < known
        after = self._whole("killed")
        self.tally.lost += max(after, default=0) < known
        self.tally.last_step = max(self.tally.last_step, *after, 0)
        self.found |= after

    def compare(self) -> Tally:
        """Train without a break up to the last step reached, and compare."""
        epochs = -(-self.tally.last_step // STEPS_PER_EPOCH)
        log = self.folder / "log_reference.txt"
        expected: dict[int, Weights] = {}
        with log.open("w") as output:
            process = subprocess.Popen(self._command("reference", epochs), stderr=output)
            while process.poll() is None:
                expected |= self._whole("reference")
                time.sleep(0.05)
        assert process.returncode == 0, log.read_text()
        expected |= self._whole("reference")
        seen = self.found.keys() & expected.keys()
        self.tally.identical = sum(self.found[step] == expected[step] for step in seen)
        self.tally.different = len(seen) - self.tally.identical
        self.tally.unseen = len(self.found) - len(seen)
        return self.tally

    def _command(self, name: str, epochs: int) -> list[str]:
        where = ["--data_path", str(self.data), "--png", "--split", str(self.folder / "split")]
        what = ["--height", "64", "--width", "96", "--batch_size", "2", "--weights_init", "scratch", "--device", "cpu"]
        # the smallest networks, so that most of the time goes into starts and files
        what += ["--encoder", "lcnet_050", "--decoder", "small", "--pose_model_type", "posecnn"]
        run = ["--log_dir", str(self.folder), "--model_name", name, "--num_epochs", str(epochs), "--num_workers", "1"]
        keep = [
            "--save_steps",
            "1",
            "--keep_checkpoints",
            "2",
            "--log_frequency",
            "3",
            "--resume",
            "auto",
            "--no_report",
        ]
        return [*self.launcher, str(ROOT / "train.py"), *where, *what, *run, *keep]

    def _wait_for_the_moment(self, process: subprocess.Popen[bytes]) -> None:
        """Return when the process is to be killed: after the first checkpoint in the first round, else any time."""
        deadline = time.monotonic() + LONGEST
        models = self.folder / "killed/models"
        if self.tally.rounds == 0:
            while not any(models.glob("weights_*")) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
        elif self.tally.rounds % 2:  # while it saves
            wanted = self.random.randint(1, 4)
            seen: set[tuple[str, int]] = set()
            while len(seen) < wanted and process.poll() is None and time.monotonic() < deadline:
                with suppress(OSError):  # it is gone already
                    seen |= {(path.name, path.stat().st_ino) for path in models.glob(f"{PARTIAL}weights*")}
                time.sleep(0.002)
            time.sleep(self.random.uniform(0, 0.5))
        else:
            time.sleep(self.random.uniform(0, 2.5 * self.seconds))

    def _whole(self, name: str) -> dict[int, Weights]:
        """The checkpoints of a run that say they are whole, by step; those that are not, count as lost."""
        whole: dict[int, Weights] = {}
        for folder in (self.folder / name / "models").glob("weights_*"):
            try:
                manifest = read_manifest(folder)
                if name == "killed":
                    check_files(folder, manifest)
            except UserError:
                self.tally.lost += name == "killed"
                continue
            networks = manifest.files.keys() - {"adam.pth", "state.pth"}
            whole[manifest.step] = {file: manifest.files[file].sha256 for file in sorted(networks)}
        return whole


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that descend from it, at once."""
    for pid in (process.pid, *descendants(process.pid)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that these have."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def main() -> int:
    """Soak, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_kitti_raw(folder / "data", 8, 0, shrink=4)
        soak = Soak(folder / "run", folder / "data", args.seed)
        for _ in range(args.rounds):
            soak.round()
            print(soak.tally, flush=True)
        print("comparing with a run that is never stopped", flush=True)
        tally = soak.compare()
    print(tally)
    return int(bool(tally.different or tally.lost))


if __name__ == "__main__":
    sys.exit(main())
