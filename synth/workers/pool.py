"""A list of tasks and a pool of worker processes, thrown away before they leak much.

Written for Blender, which leaks, crashes and cannot be shared: a worker is a fresh process that takes
one task at a time and ends after some number of them. A task that fails, or whose process dies, is
tried once more in another process and then reported; one that takes longer than its limit is ended with
its process. Several runs that work through one list share it by claims. Where the workers run is the
pool's affair:
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
from enum import Enum
from typing import Any, Protocol, TypeVar

from mocap.errors import BadInput
from mocap.files import disk_trouble

Report = Callable[[int], object]
"""Takes an amount of progress; what it returns is not looked at."""
Work = Callable[[Any, Report], Any]
"""Does a task, reports its progress, and returns its result."""
OpenWorker = Callable[[Any], contextlib.AbstractContextManager[Work]]
"""Entered once in each worker process, with the settings of all; gives the work that does the tasks."""

MAX_ATTEMPTS = 2
GO_ON = "make room and run the same command again to go on"
CLAIM_PAUSE = 1.0  # seconds between two looks at what another run has claimed


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

    def receive(self, timeout: float | None = None) -> list[tuple[WorkerT, Message]]:
        """Wait for messages of workers, `timeout` seconds at most.

        Who sent "died" is no longer in the pool.
        """

    def has_started(self, worker: WorkerT) -> bool:
        """Whether the worker runs, and does not wait for a machine that has room for it."""

    def stop_worker(self, worker: WorkerT) -> None:
        """Let an idle worker end."""

    def kill_worker(self, worker: WorkerT) -> None:
        """End a worker at once, whatever it does; it is no longer in the pool then."""


class Claim(Enum):
    """What became of the wish to do a task that other runs may want to do, too."""

    OURS = "ours"
    COMPLETED = "completed"
    BUSY = "busy"


class TaskClaims(Protocol):
    """Tells several runs apart that work through the same tasks at once."""

    def claim(self, task: Any) -> Claim:
        """OURS until it is released, COMPLETED by another run, or BUSY: another run is at it."""

    def release(self, task: Any) -> None:
        """Let others have a task that was ours, done or not."""


@dataclass(frozen=True)
class TimeLimit:
    """The longest that a task may take: its `seconds`, and `advice` on what to do about it."""

    seconds: Callable[[Any], float]
    advice: str


TASK_LIMIT = TimeLimit(lambda task: 6 * 3600.0, "look at its files")
"""For work that takes minutes at the most: nothing is waited for for ever."""


@dataclass(frozen=True)
class Attempt:
    """One try at a task: the `number`-th (from 1), by `worker`, in `seconds` from its submission.

    `result` is what the work returned; `reason` says in one line why there is none. `is_last`: the task
    is done, or will not be tried again.
    """

    task: Any
    number: int
    worker: str
    seconds: float
    result: Any = None
    reason: str | None = None
    is_last: bool = True


@dataclass(frozen=True)
class Failure:
    """A task that could not be done, and why, in one line."""

    task: Any
    reason: str


@dataclass(frozen=True)
class PoolResult:
    """What became of a list of tasks: the failed ones, and how many were not begun in time.

    `elsewhere` of them were done by another run meanwhile.
    """

    failures: tuple[Failure, ...]
    unstarted: int
    elsewhere: int = 0


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
    limit: TimeLimit | None = None,
    claims: TaskClaims | None = None,
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
        limit: a task that takes longer has failed: its worker is ended, and it is not tried again.
        claims: share the tasks with other runs; a task that another run is at is waited for, and done
            here where that run gives it up.

    Returns:
        The tasks that failed, the number of those that were not begun, and of those done by others.

    Raises:
        BadInput: a worker cannot be opened for the input, or work says that no task can go on.
    """
    waiting = deque(tasks)
    claimed_elsewhere: list[Any] = []
    next_look = 0.0
    elsewhere = 0
    attempts: dict[int, int] = {}
    failed: dict[int, Failure] = {}
    assignments: dict[WorkerT, _Assignment] = {}

    def is_late() -> bool:
        return deadline is not None and time.monotonic() >= deadline

    def next_task() -> Any:
        """The next task that is ours to do; None where there is none now."""
        nonlocal elsewhere, next_look
        if claimed_elsewhere and not waiting and time.monotonic() >= next_look:
            waiting.extend(claimed_elsewhere)
            claimed_elsewhere.clear()
            next_look = time.monotonic() + CLAIM_PAUSE
        while waiting:
            task = waiting.popleft()
            claim = claims.claim(task) if claims is not None else Claim.OURS
            if claim is Claim.OURS:
                return task
            if claim is Claim.BUSY:
                claimed_elsewhere.append(task)
            else:
                elsewhere += 1
                failed.pop(id(task), None)
        return None

    def end_attempt(
        worker: WorkerT, *, result: Any = None, reason: str | None = None, retry: bool = False
    ) -> None:
        assignment = assignments[worker]
        task, assignment.task = assignment.task, None
        number = attempts[id(task)] = attempts.get(id(task), 0) + 1
        seconds = time.monotonic() - assignment.began
        is_retried = False
        if reason is None:
            assignment.completed += 1
            failed.pop(id(task), None)
        else:
            progress(-assignment.reported)
            assignment.completed = tasks_per_process  # whatever it was, go on in a fresh process
            failed[id(task)] = Failure(task, reason)
            is_retried = retry and number < MAX_ATTEMPTS
            if is_retried:
                waiting.appendleft(task)  # soon: what waits for it is not held up until the end
        if claims is not None:
            claims.release(task)
        name = pool.worker_name(worker)
        on_attempt(Attempt(task, number, name, seconds, result, reason, is_last=not is_retried))

    def seconds_to_wait() -> float | None:
        """Until the next task is late or the next claim is looked at."""
        seconds: list[float] = []
        if limit is not None:
            now = time.monotonic()
            busy = [a for a in assignments.values() if a.task is not None]
            seconds += [a.began + limit.seconds(a.task) - now for a in busy]
        if claimed_elsewhere and not waiting and len(assignments) < workers and not is_late():
            seconds.append(next_look - time.monotonic())
        return max(0.0, min(seconds)) if seconds else None

    def end_late_tasks(limit: TimeLimit) -> None:
        for worker, assignment in list(assignments.items()):
            if assignment.task is None:
                continue
            if not pool.has_started(worker):
                assignment.began = time.monotonic()
                continue
            allowed = limit.seconds(assignment.task)
            if time.monotonic() - assignment.began > allowed:
                reason = f"took longer than {allowed:g} s, its limit, and was ended; {limit.advice}"
                pool.kill_worker(worker)
                end_attempt(worker, reason=reason)
                del assignments[worker]

    with _stoppable(), pool:
        while True:
            for worker, assignment in list(assignments.items()):
                if assignment.task is None and assignment.completed >= tasks_per_process:
                    pool.stop_worker(worker)
                    del assignments[worker]
            idle = [worker for worker, a in assignments.items() if a.task is None]
            while (idle or len(assignments) < workers) and not is_late():
                if (task := next_task()) is None:
                    break
                if idle:
                    worker = idle.pop(0)
                else:
                    worker = pool.start_worker()
                assignments[worker] = _Assignment(
                    task=task,
                    began=time.monotonic(),
                    completed=assignments[worker].completed if worker in assignments else 0,
                )
                pool.submit(worker, task)
            for worker in idle:  # there is nothing to do for it
                pool.stop_worker(worker)
                del assignments[worker]
            if not assignments:
                if is_late() or not (waiting or claimed_elsewhere):
                    break
                time.sleep(max(0.0, next_look - time.monotonic()))
                continue
            for worker, message in pool.receive(seconds_to_wait()):
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
            if limit is not None:
                end_late_tasks(limit)
    left = [*waiting, *claimed_elsewhere]
    unstarted = sum(1 for task in left if id(task) not in attempts)
    return PoolResult(tuple(failed.values()), unstarted, elsewhere)


def run_task(
    work: Work, task: Any, report: Report, not_retried: tuple[type[Exception], ...] = (BadInput,)
) -> Message:
    """Do a task, in the worker process, and say what came of it: "done", "failed" or "stop".

    What `not_retried` lists is not to be tried again. A disk that takes no more stops all tasks, as
    StopWork does. A connection that breaks in `report` is raised.
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
        if trouble := disk_trouble(error):
            file, reason = trouble
            return Message("stop", f"{file or 'a worker'}: {reason}; {GO_ON}")
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
