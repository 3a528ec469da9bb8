"""A folder that appears when it is whole: until then its content lies beside it, under a name with a dot."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monodepth2.errors import UserError
from monodepth2.files.output_paths import check_output_folder

FACTS = "prepare.json"


def check_output(output: Path, sources: list[Path], overwrite: bool) -> None:
    """Check that a data set can be written, without making anything.

    Raises:
        UserError: the folder holds something already, or cannot be written.
    """
    check_output_folder("output", output)
    for source in sources:
        if source.resolve().is_relative_to(output.resolve()):
            raise UserError(f"--output {output}: {source} lies in it; name a folder of its own")
    if not output.exists() or not any(output.iterdir()):
        return
    if not (output / FACTS).is_file():
        raise UserError(f"--output {output}: holds other files; name a new folder")
    if not overwrite:
        raise UserError(f"--output {output}: was prepared before; add --overwrite to replace it, or train on it")


@contextmanager
def staged_folder(output: Path) -> Iterator[Path]:
    """Lend a new folder; when all went well and it holds `FACTS`, it takes the place of the output.

    What an interrupted run left is removed.

    Raises:
        UserError: it cannot be written.
    """
    staged, old = (output.with_name(f".{output.name}.{word}") for word in ("partial", "replaced"))
    try:
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        yield staged
        if not (staged / FACTS).exists():
            return
        shutil.rmtree(old, ignore_errors=True)
        if output.exists():
            os.replace(output, old)
        os.replace(staged, output)
    except OSError as error:
        raise UserError(f"--output {output}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        if output.exists():
            shutil.rmtree(old, ignore_errors=True)
