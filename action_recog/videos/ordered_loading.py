"""Items loaded ahead of their use by threads, and given out in order.

Threads, because decoding and resizing release Python's lock, and the decoded frames are shared. Processes
would copy them, and a process that is forked while decoders and torch have threads can wait for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Key = TypeVar("Key")
Item = TypeVar("Item")

_AHEAD = 4  # items that wait, for each thread


def load_in_order(
    load: Callable[[Key], Item], keys: Iterable[Key], *, threads: int
) -> Iterator[Item]:
    """Load an item for every key.

    Args:
        load: Loads an item; with threads it is called in several at once.
        keys: Keys of the items.
        threads: Number of threads; 0 loads when an item is asked for.

    Returns:
        The items in the order of the keys.
    """
    if threads == 0:
        yield from map(load, keys)
        return
    waiting: deque[Future[Item]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="loader")
    try:
        for key in keys:
            waiting.append(pool.submit(load, key))
            if len(waiting) > _AHEAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
