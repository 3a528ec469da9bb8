"""Work in background threads, in order and with bounded memory, while the network is busy."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from monodepth2.config import available_cores

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS = min(8, available_cores())
_END: Any = object()


def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], count: int, threads: int = THREADS
) -> Generator[Result, None, None]:
    """Yield `function(item)` of every item in order, computed by several threads.

    Items are taken in the caller's thread; up to `count` of them are begun before their result is asked for.

    Raises:
        Whatever the function raises, when the turn of that item has come.
    """
    waiting: deque[Future[Result]] = deque()
    with _threads(threads) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def ahead(items: Iterable[Item], count: int) -> Generator[Item, None, None]:
    """Yield the items in order, taken by one background thread, up to `count` of them before they are asked for.

    Raises:
        Whatever the iterable raises, after the items before it.
    """
    iterator = iter(items)
    with _threads(1) as pool:
        waiting = deque(pool.submit(next, iterator, _END) for _ in range(count))
        while (item := waiting.popleft().result()) is not _END:
            waiting.append(pool.submit(next, iterator, _END))
            yield item


@contextmanager
def _threads(number: int) -> Iterator[ThreadPoolExecutor]:
    """A pool whose pending work is dropped when its user stops early."""
    pool = ThreadPoolExecutor(number)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
