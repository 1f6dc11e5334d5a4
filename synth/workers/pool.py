"""A list of tasks and a crew of processes that work through it, thrown away before they leak much.

Written for Blender, which leaks, crashes and cannot be shared: a worker is a fresh process that takes
one task at a time and ends after some number of them. A task that fails, or whose process dies, is
tried once more in another process and then reported. Who the workers are is the crew's affair:
processes of this machine (``synth.workers.processes``) or of a cluster (``synth.workers.ray_cluster``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mocap.errors import BadInput

Report = Callable[[int], None]
Work = Callable[[Any, Report], Any]
OpenStudio = Callable[[Any], contextlib.AbstractContextManager[Work]]

TRIES = 2


class StopWork(Exception):
    """Raised by work when no task at all can go on (a full disk); the message is one line."""


@dataclass(frozen=True)
class Message:
    """What a worker says.

    ``kind``: "progress" (an amount), "done" (the result), "failed" (why, and whether to try again),
    "died" (why), "refused" (its studio cannot be opened for this input: why), "stop" (no task can go
    on: why) or "broken" (a fault of the program: its traceback).
    """

    kind: str
    value: Any


class Crew(Protocol):
    """Processes that do tasks. Leaving the crew's context ends all of them at once."""

    def __enter__(self) -> Crew: ...

    def __exit__(self, *error: object) -> None: ...

    def hire(self) -> Any:
        """A new worker; anything hashable."""

    def name(self, worker: Any) -> str:
        """Where it works, as "host:pid"."""

    def give(self, worker: Any, task: Any) -> None:
        """Let it begin with a task. What comes of it is heard later, also where it is dead already."""

    def listen(self) -> list[tuple[Any, Message]]:
        """Wait until workers have said something. Who said "died" is no longer of the crew."""

    def dismiss(self, worker: Any) -> None:
        """Let an idle worker end."""


@dataclass(frozen=True)
class Attempt:
    """One try at a task: the ``number``-th (from 1), by ``worker``, in ``seconds`` from giving it out.

    ``result`` is what the work returned; ``reason`` says in one line why there is none.
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
class Outcome:
    """What became of a list of tasks: those that failed, and how many were not begun in time."""

    failures: tuple[Failure, ...]
    left: int


@dataclass
class _Duty:
    """What a worker is at: the given task, since when, what it has reported; and how many it did."""

    task: Any = None
    began: float = 0.0
    reported: int = 0
    done: int = 0


def work_through(
    tasks: Sequence[Any],
    crew: Crew,
    *,
    workers: int,
    tasks_per_process: int,
    progress: Report = lambda amount: None,
    attempted: Callable[[Attempt], None] = lambda attempt: None,
    deadline: float | None = None,
) -> Outcome:
    """Do ``tasks``, by at most ``workers`` members of ``crew`` at a time.

    ``progress`` takes what the workers report, less what a failed attempt had reported.
    ``attempted`` is told of every try as it ends. From ``deadline`` (``time.monotonic``) on no task is
    begun; those begun are finished. Ctrl-C and SIGTERM stop everything at once. Raises BadInput when a
    studio cannot be opened for the input given, and when work says that none can go on.
    """
    waiting = deque(tasks)
    tries: dict[int, int] = {}
    failed: dict[int, Failure] = {}
    staff: dict[Any, _Duty] = {}

    def over() -> bool:
        return deadline is not None and time.monotonic() >= deadline

    def ended(worker: Any, *, result: Any = None, reason: str | None = None, again: bool = False):
        duty = staff[worker]
        task, duty.task = duty.task, None
        number = tries[id(task)] = tries.get(id(task), 0) + 1
        seconds = time.monotonic() - duty.began
        if reason is None:
            duty.done += 1
            failed.pop(id(task), None)
        else:
            progress(-duty.reported)
            duty.done = tasks_per_process  # whatever it was, go on in a fresh process
            failed[id(task)] = Failure(task, reason)
            if again and number < TRIES:
                waiting.append(task)
        attempted(Attempt(task, number, crew.name(worker), seconds, result, reason))

    with _stoppable(), crew:
        while True:
            for worker, duty in list(staff.items()):
                if duty.task is None and (duty.done >= tasks_per_process or not waiting or over()):
                    crew.dismiss(worker)
                    del staff[worker]
            if not staff and (not waiting or over()):
                break
            while waiting and len(staff) < workers and not over():
                staff[crew.hire()] = _Duty()
            for worker, duty in staff.items():
                if duty.task is None and waiting and not over():
                    duty.task, duty.began, duty.reported = waiting.popleft(), time.monotonic(), 0
                    crew.give(worker, duty.task)
            if not any(duty.task is not None for duty in staff.values()):
                continue
            for worker, message in crew.listen():
                kind, value = message.kind, message.value
                if kind == "progress":
                    staff[worker].reported += value
                    progress(value)
                elif kind == "done":
                    ended(worker, result=value)
                elif kind == "failed":
                    reason, again = value
                    ended(worker, reason=reason, again=again)
                elif kind == "died":
                    if staff[worker].task is not None:
                        ended(worker, reason=value, again=True)
                    del staff[worker]
                elif kind in ("refused", "stop"):
                    raise BadInput(value)
                else:
                    raise RuntimeError(value)
    left = sum(1 for task in waiting if id(task) not in tries)
    return Outcome(tuple(failed.values()), left)


def attempt(
    work: Work, task: Any, report: Report, hopeless: tuple[type[Exception], ...] = (BadInput,)
) -> Message:
    """Do a task, in the worker: "done", "failed" (what ``hopeless`` lists is not tried again) or
    "stop". What happens to the connection in ``report`` is raised.
    """
    try:
        return Message("done", work(task, report))
    except StopWork as error:
        return Message("stop", str(error))
    except hopeless as error:
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
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        if came:
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
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {text} ({os.path.basename(place.filename)}:{place.lineno})"
