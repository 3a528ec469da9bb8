"""Mistakes of a user, and how a script ends on them: one clear message, a non-zero exit code, no traceback."""

import difflib
import errno
import io
import os
import sys
from collections.abc import Callable, Iterable

# what is wrong with a path that a user gave, or with the disk behind it
OF_PATHS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOSPC, errno.EDQUOT}


class UserError(ValueError):
    """Something the user gave cannot be used. The message says what is wrong, where, and what to do about it."""


def check_all(*checks: Callable[[], object]) -> None:
    """Run every check, and report what all of them found at once.

    Raises:
        UserError: at least one did.
    """
    reports = []
    for check in checks:
        try:
            check()
        except UserError as error:
            reports.append(str(error))
    if reports:
        raise UserError("\n".join(reports))


def first_line(error: Exception) -> str:
    """What an error of another library says, in one line of reasonable length."""
    line = next(iter(str(error).strip().splitlines()), "")[:300]
    return printable(line) or type(error).__name__


def printable(text: str) -> str:
    """Return what a file holds for a message, in which it shall not steer the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def shown(text: str) -> str:
    """Return a user's text for a message: quoted, and cut where it is long."""
    return repr(text if len(text) <= 80 else text[:77] + "...")


def counted(number: int, thing: str) -> str:
    """Return "1 drive", "2 drives", "1,000 drives"; the thing is one whose plural ends in s."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean ...?" with the known name that is nearest to a mistyped one; nothing if none is near."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""


def tell(message: str) -> None:
    """Write a line for the user where no progress is shown yet."""
    sys.stderr.write(f"{message}\n")  # at once: `print` lets another thread come between text and end of line
    sys.stderr.flush()


def run_script(main: Callable[[], int | None]) -> None:
    """Run a script's `main` and exit with its code.

    A `UserError`, and a path that may not be entered or written, is printed as one message and ends with code 2, Ctrl-C
    with code 130, a reader that has gone with code 141. Anything else is a bug in the program and keeps its traceback.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: names of files need not be text
    sys.exit(_exit_code(main))


def _exit_code(main: Callable[[], int | None]) -> int:
    """Run `main`; on return its error is gone, and with it the loader processes that its frames kept alive."""
    try:
        return main() or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # whoever read our output, head for one, has gone; what is still buffered would raise again on exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's, which is not imported for a mistake of flags
            raise
        print(
            f"error: the GPU's memory is full ({first_line(error)}): end what else uses it; train with a smaller "
            "--batch_size, smaller pictures (--height, --width) or --grad_checkpointing; else take --device cpu",
            file=sys.stderr,
        )
        return 2
    except OSError as error:
        if error.errno not in OF_PATHS or error.filename is None:
            raise
        path = printable(os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes)) else error.filename
        print(f"error: {path}: {error.strerror}; remove the cause, or name another path", file=sys.stderr)
        return 2
