"""Locks between processes. The system lifts them even from a process that is killed; forked children hold none."""

import errno
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

FOREVER = -1.0
SECONDS_BETWEEN_TRIES = 0.5
# what systems say where a file system has no locks
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


def process_lock(path: Path) -> FileLock:
    """A lock on a file, which is made where there is none; not taken yet."""
    # where the system has no locks, take none: a file in place of a lock would stay for ever after a process was killed
    return FileLock(path, thread_local=False, fallback_to_soft=False, poll_interval=SECONDS_BETWEEN_TRIES)


def take_lock(lock: FileLock, waiting: Callable[[], None], patience: float = FOREVER) -> None:
    """Take a lock, where the file system has locks.

    Args:
        lock: of `process_lock`.
        waiting: called once, before waiting for a process that has the lock.
        patience: seconds to wait for it.

    Raises:
        TimeoutError: another process still has the lock.
        OSError: the file cannot be opened for writing.
    """
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting()
            lock.acquire(timeout=patience)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
