"""Work on many things in fresh processes of one thread each, its results in the order of the things."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


def process_results(
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    prepare: Callable[..., None],
    arguments: tuple[Any, ...],
    workers: int | None,
) -> Iterator[Result]:
    """Do every task in some process, and give the results in the order of the tasks.

    Always in fresh processes with one thread each, even where there is one worker: sums depend on the
    number of threads in their last bits, and what is written must not.

    Args:
        work: does a task, in a prepared process; a function of a module.
        tasks: what is done; they, and the results, can be pickled.
        prepare: prepares a process, once; a function of a module.
        arguments: of `prepare`.
        workers: number of processes; None: one per core.

    Returns:
        The results, each as soon as it and those before it are there.
    """
    with ProcessPoolExecutor(
        max_workers=workers or len(os.sched_getaffinity(0)),
        mp_context=get_context("spawn"),
        initializer=_start,
        initargs=(prepare, arguments),
    ) as pool:
        try:
            yield from pool.map(work, tasks)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _start(prepare: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    prepare(*arguments)
