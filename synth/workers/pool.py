"""A list of tasks and a pool of worker processes, thrown away before they leak much.

Written for Blender, which leaks, crashes and cannot be shared: a worker is a fresh process that takes
one task at a time and ends after some number of them. A task that fails, or whose process dies, is
tried once more in another process and then reported. Where the workers run is the pool's affair:
processes of this machine (`synth.workers.processes`) or of a cluster (`synth.workers.ray_cluster`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from mocap.errors import BadInput

Report = Callable[[int], object]
"""Takes an amount of progress; what it returns is not looked at."""
Work = Callable[[Any, Report], Any]
"""Does a task, reports its progress, and returns its result."""
OpenWorker = Callable[[Any], contextlib.AbstractContextManager[Work]]
"""Entered once in each worker process, with the settings of all; gives the work that does the tasks."""

MAX_ATTEMPTS = 2


class StopWork(Exception):
    """Raised by work when no task at all can go on (a full disk); the message is one line."""


@dataclass(frozen=True)
class Message:
    """What a worker process sends to the process that started it.

    `kind`: "progress" (an amount), "done" (the result), "failed" (why, and whether to try again),
    "died" (why), "refused" (it cannot be opened for this input: why), "stop" (no task can go on: why)
    or "broken" (a fault of the program: its traceback).
    """

    kind: str
    value: Any


WorkerT = TypeVar("WorkerT", bound=Hashable)


class WorkerPool(Protocol[WorkerT]):
    """Processes that do tasks. Leaving the pool's context ends all of them at once."""

    def __enter__(self) -> WorkerPool[WorkerT]: ...

    def __exit__(self, *error: object) -> None: ...

    def start_worker(self) -> WorkerT:
        """A new worker."""

    def worker_name(self, worker: WorkerT) -> str:
        """The process of a worker, as "host:pid"."""

    def submit(self, worker: WorkerT, task: Any) -> None:
        """Let an idle worker begin with a task.

        What comes of it is received later, also where the worker is dead already.
        """

    def receive(self) -> list[tuple[WorkerT, Message]]:
        """Wait for messages of workers. Who sent "died" is no longer in the pool."""

    def stop_worker(self, worker: WorkerT) -> None:
        """Let an idle worker end."""


@dataclass(frozen=True)
class Attempt:
    """One try at a task: the `number`-th (from 1), by `worker`, in `seconds` from its submission.

    `result` is what the work returned; `reason` says in one line why there is none.
    """

    task: Any
    number: int
    worker: str
    seconds: float
    result: Any = None
    reason: str | None = None


@dataclass(frozen=True)
class Failure:
    """A task that could not be done, and why, in one line."""

    task: Any
    reason: str


@dataclass(frozen=True)
class PoolResult:
    """What became of a list of tasks: the failed ones, and how many were not begun in time."""

    failures: tuple[Failure, ...]
    unstarted: int


@dataclass
class _Assignment:
    """A worker's task, when it began, what was reported of it; and how many tasks it completed."""

    task: Any = None
    began: float = 0.0
    reported: int = 0
    completed: int = 0


def work_through(
    tasks: Sequence[Any],
    pool: WorkerPool[WorkerT],
    *,
    workers: int,
    tasks_per_process: int,
    progress: Report = lambda amount: None,
    on_attempt: Callable[[Attempt], None] = lambda attempt: None,
    deadline: float | None = None,
) -> PoolResult:
    """Do `tasks` in a pool of worker processes.

    Ctrl-C and SIGTERM stop everything at once.

    Args:
        tasks: what the workers' work takes, one by one.
        pool: where the workers run; entered here.
        workers: how many work at a time, at most.
        tasks_per_process: after so many tasks a worker is replaced by a fresh process.
        progress: called with what the workers report, less what a failed attempt had reported.
        on_attempt: called with every attempt as it ends.
        deadline: on the clock of `time.monotonic`; from then on no task is begun, and those begun are
            finished.

    Returns:
        The tasks that failed, and the number of those that were not begun.

    Raises:
        BadInput: a worker cannot be opened for the input, or work says that no task can go on.
    """
    waiting = deque(tasks)
    attempts: dict[int, int] = {}
    failed: dict[int, Failure] = {}
    assignments: dict[WorkerT, _Assignment] = {}

    def is_late() -> bool:
        return deadline is not None and time.monotonic() >= deadline

    def end_attempt(
        worker: WorkerT, *, result: Any = None, reason: str | None = None, retry: bool = False
    ) -> None:
        assignment = assignments[worker]
        task, assignment.task = assignment.task, None
        number = attempts[id(task)] = attempts.get(id(task), 0) + 1
        seconds = time.monotonic() - assignment.began
        if reason is None:
            assignment.completed += 1
            failed.pop(id(task), None)
        else:
            progress(-assignment.reported)
            assignment.completed = tasks_per_process  # whatever it was, go on in a fresh process
            failed[id(task)] = Failure(task, reason)
            if retry and number < MAX_ATTEMPTS:
                waiting.append(task)
        on_attempt(Attempt(task, number, pool.worker_name(worker), seconds, result, reason))

    with _stoppable(), pool:
        while True:
            for worker, assignment in list(assignments.items()):
                used_up = assignment.completed >= tasks_per_process
                if assignment.task is None and (used_up or not waiting or is_late()):
                    pool.stop_worker(worker)
                    del assignments[worker]
            if not assignments and (not waiting or is_late()):
                break
            while waiting and len(assignments) < workers and not is_late():
                assignments[pool.start_worker()] = _Assignment()
            for worker, assignment in assignments.items():
                if assignment.task is None and waiting and not is_late():
                    assignment.task = waiting.popleft()
                    assignment.began, assignment.reported = time.monotonic(), 0
                    pool.submit(worker, assignment.task)
            if not any(assignment.task is not None for assignment in assignments.values()):
                continue
            for worker, message in pool.receive():
                kind, value = message.kind, message.value
                if kind == "progress":
                    assignments[worker].reported += value
                    progress(value)
                elif kind == "done":
                    end_attempt(worker, result=value)
                elif kind == "failed":
                    reason, retry = value
                    end_attempt(worker, reason=reason, retry=retry)
                elif kind == "died":
                    if assignments[worker].task is not None:
                        end_attempt(worker, reason=value, retry=True)
                    del assignments[worker]
                elif kind in ("refused", "stop"):
                    raise BadInput(value)
                else:
                    raise RuntimeError(value)
    unstarted = sum(1 for task in waiting if id(task) not in attempts)
    return PoolResult(tuple(failed.values()), unstarted)


def run_task(
    work: Work, task: Any, report: Report, not_retried: tuple[type[Exception], ...] = (BadInput,)
) -> Message:
    """Do a task, in the worker process, and say what came of it: "done", "failed" or "stop".

    What `not_retried` lists is not to be tried again. A connection that breaks in `report` is raised.
    """
    try:
        return Message("done", work(task, report))
    except StopWork as error:
        return Message("stop", str(error))
    except not_retried as error:
        return Message("failed", (str(error), False))
    except (BrokenPipeError, EOFError):
        raise
    except Exception as error:
        return Message("failed", (_one_line(error), True))


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold SIGTERM back for a few file operations that belong together.

    Python handles signals in the main thread, whichever thread the system gives them to, so it is the
    handler that waits; masking the signal in this thread would not do among a renderer's threads.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        if received:
            signal.raise_signal(signal.SIGTERM)


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM stops like Ctrl-C does (in the main thread, the only one that may say so)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    line = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {text} ({os.path.basename(line.filename)}:{line.lineno})"
