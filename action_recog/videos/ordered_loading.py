"""Items loaded ahead of their use by threads or processes, and given out in order, with both rates.

Threads share the frames that are in memory; decoding and resizing release Python's lock, so some threads
serve a small network. What feeds a GPU is processes: they are started afresh, since a process that is
forked while decoders and torch have threads can wait for ever, and read the frame store on disk.
"""

from __future__ import annotations

import itertools
import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any, Generic, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor

from action_recog.errors import BadInput

Key = TypeVar("Key")
Item = TypeVar("Item")

_AHEAD = 4  # items that wait, for each worker


class LoadingRates:
    """How fast items are loaded, and how fast they are used, of the same seconds.

    `loader` is what all workers together would load if nobody made them wait, `consumer` what the
    user of the items would take if all were there: the smaller of the two is the rate of both.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.items = 0
        self.busy = 0.0
        self.waited = 0.0
        self.elapsed = 0.0

    @property
    def loader(self) -> float:
        """Items per second that the workers can load."""
        return self.items * self.workers / self.busy if self.busy > 0 else 0.0

    @property
    def consumer(self) -> float:
        """Items per second that their user can take."""
        used = self.elapsed - self.waited
        return self.items / used if used > 0 else 0.0

    def __str__(self) -> str:
        return f"loader {self.loader:.1f}, network {self.consumer:.1f} clips/s"


class OrderedLoader(Generic[Key, Item]):
    """Loads items by key, ahead of their use and in the order of the keys.

    The workers live until `close`, or the end of a `with`; `rates` are those of the latest `load`.

    Args:
        load: Loads an item; it is called in several threads at once, or, pickled, in processes.
        threads: Number of threads; 0 and no processes load when an item is asked for.
        processes: Number of processes; the frames that a `FrameStore` has in memory stay behind.
    """

    def __init__(
        self, load: Callable[[Key], Item], *, threads: int = 0, processes: int = 0
    ) -> None:
        if min(threads, processes) < 0 or (threads and processes):
            raise ValueError(f"{threads} threads and {processes} processes: expected one of them")
        self._load = load
        self._threads, self._processes = threads, processes
        self._pool: Executor | None = None
        self.rates = LoadingRates(max(1, threads + processes))

    def _started(self) -> Executor:
        if self._pool is None and self._threads:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="loader")
        elif self._pool is None:
            # The server of new processes imports once what each of them needs.
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload([__name__])
            self._pool = ProcessPoolExecutor(
                self._processes, context, initializer=_begin_process, initargs=(self._load,)
            )
        return self._pool

    def load(self, keys: Iterable[Key], *, shard: tuple[int, int] = (0, 1)) -> Iterator[Item]:
        """Load an item for every key.

        Args:
            keys: Keys of the items.
            shard: (k, n) loads every n-th key from the k-th on, as process k of n does.

        Returns:
            The items in the order of the keys.

        Raises:
            BadInput: Where a process died.
        """
        keys = itertools.islice(keys, shard[0], None, shard[1])
        rates = self.rates = LoadingRates(self.rates.workers)
        began = time.perf_counter()
        for item, seconds, waited in self._timed(keys):
            rates.items += 1
            rates.busy += seconds
            rates.waited += waited
            rates.elapsed = time.perf_counter() - began
            yield item
        rates.elapsed = time.perf_counter() - began

    def _timed(self, keys: Iterable[Key]) -> Iterator[tuple[Item, float, float]]:
        """Items, the seconds that loading took, and the seconds that their user waited."""
        if not self._threads and not self._processes:
            for key in keys:
                item, seconds = _timed_load(self._load, key)
                yield item, seconds, seconds
            return
        pool = self._started()
        waiting: deque[Future[Any]] = deque()
        try:
            for key in keys:
                waiting.append(self._submitted(pool, key))
                if len(waiting) > _AHEAD * self.rates.workers:
                    yield self._result(waiting.popleft())
            while waiting:
                yield self._result(waiting.popleft())
        finally:
            for future in waiting:
                future.cancel()

    def _submitted(self, pool: Executor, key: Key) -> Future[Any]:
        if self._processes:
            return pool.submit(_load_in_process, key)
        return pool.submit(_timed_load, self._load, key)

    def _result(self, future: Future[Any]) -> tuple[Item, float, float]:
        began = time.perf_counter()
        try:
            item, seconds = future.result()
        except BrokenProcessPool:
            self.close()
            raise BadInput(
                f"one of {self._processes} loading processes died, for lack of memory most likely; "
                "load with fewer"
            ) from None
        waited = time.perf_counter() - began
        if self._processes and isinstance(item, _SentTensor):
            item = torch.from_numpy(item.array)
        return item, seconds, waited

    def close(self) -> None:
        """End the workers; a later `load` starts them again."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def __enter__(self) -> OrderedLoader[Key, Item]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _SentTensor:
    """A tensor on its way between processes, by the pipe: shared memory is scarce in containers."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array


_process_load: Callable[[Any], Any] | None = None


def _begin_process(load: Callable[[Any], Any]) -> None:
    global _process_load
    _process_load = load
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _timed_load(load: Callable[[Any], Any], key: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    item = load(key)
    return item, time.perf_counter() - began


def _load_in_process(key: Any) -> tuple[Any, float]:
    assert _process_load is not None
    item, seconds = _timed_load(_process_load, key)
    return (_SentTensor(item.numpy()) if isinstance(item, Tensor) else item), seconds


def load_in_order(
    load: Callable[[Key], Item], keys: Iterable[Key], *, threads: int
) -> Iterator[Item]:
    """Load an item for every key, once, in threads.

    Args:
        load: Loads an item; with threads it is called in several at once.
        keys: Keys of the items.
        threads: Number of threads; 0 loads when an item is asked for.

    Returns:
        The items in the order of the keys.
    """
    with OrderedLoader(load, threads=threads) as loader:
        yield from loader.load(keys)
