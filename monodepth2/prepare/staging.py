"""A folder that appears when it is whole: until then its content lies beside it, under a name with a dot."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from monodepth2.datasets.drive_notes import PREPARED
from monodepth2.datasets.folders import SPLITS
from monodepth2.errors import UserError, tell
from monodepth2.files.output_paths import check_output_folder, check_replaceable
from monodepth2.runtime.locks import process_lock, take_lock

REPORT = "report.html"
READ = ".read"  # what was read of the sources, in the folder while it is not whole
FOUND = "analysis.json"  # in the folder of a source that was read to its end
# what prepare writes, and what file managers leave wherever they look
_OTHERS = r"\.DS_Store|\._.*|\.directory|Thumbs\.db|desktop\.ini"
_OWN = re.compile("|".join([r"drive_\d+", _OTHERS, *map(re.escape, (SPLITS, REPORT, PREPARED, READ))]))


def check_output(output: Path, sources: list[Path], overwrite: bool) -> None:
    """Check that a data set can be written, without making anything.

    Raises:
        UserError: the folder holds something already that is not to be replaced, or cannot be written or replaced.
    """
    check_replaceable(output, "--output ")
    check_output_folder("output", output)
    for source in sources:
        if source.resolve().is_relative_to(output.resolve()):
            raise UserError(f"--output {output}: {source} lies in it; name a folder of its own")
    if not output.exists() or not any(output.iterdir()):
        return
    if not (output / PREPARED).is_file():
        raise UserError(f"--output {output}: holds other files; name a new folder")
    if not overwrite:
        raise UserError(f"--output {output}: was prepared before; add --overwrite to replace it, or train on it")
    if strangers := sorted(path.name for path in output.iterdir() if not _OWN.fullmatch(path.name)):
        raise UserError(
            f"--output {output}: holds {strangers[0]}, which prepare has not written and --overwrite would remove; "
            "move it to another folder, or name a new one"
        )


@contextmanager
def staged_folder(output: Path) -> Iterator[Path]:
    """Lend a folder; when all went well and it holds `PREPARED`, it takes the place of the output.

    After an interruption it stays if sources in its folder `READ` were read to their end, for the next run of the same
    output.

    Raises:
        UserError: it cannot be written.
    """
    output = output.resolve()  # what a link names is replaced, not the link
    staged, old = (output.with_name(f".{output.name}.{word}") for word in ("partial", "replaced"))
    lock_path = output.with_name(f".{output.name}.lock")
    lock = process_lock(lock_path)
    try:
        staged.mkdir(parents=True, exist_ok=True)
        take_lock(lock, lambda: None, patience=0)
        _clear(staged)
        try:
            yield staged
        except BaseException:
            _keep_or_remove(staged)
            raise
        if not (staged / PREPARED).exists():
            shutil.rmtree(staged)
            return
        shutil.rmtree(old, ignore_errors=True)
        if output.exists():
            os.replace(output, old)
        os.replace(staged, output)
        shutil.rmtree(old, ignore_errors=True)
        # last, so that the next run can take it over if this one fails
        shutil.rmtree(output / READ, ignore_errors=True)
    except TimeoutError as error:
        raise UserError(f"--output {output}: another run is preparing it; wait for its end, or name another") from error
    except OSError as error:
        raise UserError(f"--output {output}: cannot be written ({error.strerror or error})") from error
    finally:
        if lock.is_locked:
            with suppress(OSError):  # Windows keeps what is in use
                lock_path.unlink()
            lock.release()


def _clear(staged: Path) -> None:
    """Remove all but what was read."""
    for path in staged.iterdir():
        if path.is_dir() and path.name != READ:
            shutil.rmtree(path)
        elif not path.is_dir():
            path.unlink()


def _keep_or_remove(staged: Path) -> None:
    if any(staged.glob(f"{READ}/*/{FOUND}")):
        tell(
            f"what was read to its end is kept in {staged}; the same command takes it over, or "
            "remove this folder to begin anew"
        )
    else:
        shutil.rmtree(staged)
