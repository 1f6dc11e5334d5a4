"""Processes that work through a list of tasks, and are thrown away before they have leaked much.

Written for Blender, which leaks, crashes and cannot be shared: a worker is a fresh process that
makes its own studio, takes one task at a time and ends after some number of them. A task that
fails, or whose process dies, is tried once more in another process and then reported. Ctrl-C and
SIGTERM stop everything at once.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from mocap.errors import BadInput

Report = Callable[[int], None]
Work = Callable[[Any, Report], Any]


@dataclass(frozen=True)
class Failure:
    """A task that could not be done, and why, in one line."""

    task: Any
    reason: str


@dataclass
class _Worker:
    process: Any
    connection: Connection
    task: Any = None
    done: int = 0
    reported: int = 0


def work_through(
    tasks: Sequence[Any],
    *,
    open_studio: Callable[[Any], contextlib.AbstractContextManager[Work]],
    settings: Any,
    workers: int,
    tasks_per_process: int,
    hopeless: tuple[type[Exception], ...] = (BadInput,),
    progress: Report = lambda amount: None,
    finished: Callable[[Any, Any], None] = lambda task, result: None,
) -> list[Failure]:
    """Do ``tasks`` in ``workers`` processes; returns those that failed twice.

    ``open_studio(settings)`` is entered once a process and gives ``work(task, progress)``; both
    must be importable, and tasks, settings and results picklable. What ``hopeless`` lists is not
    tried again. ``progress`` takes what the workers report, less what a failed attempt had
    reported. Raises BadInput when a studio cannot be opened for the input given.
    """
    context = multiprocessing.get_context("spawn")
    waiting = deque(tasks)
    tried: set[int] = set()
    failures: list[Failure] = []
    staff: list[_Worker] = []

    def start() -> _Worker:
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_serve, args=(theirs, open_studio, settings, hopeless), daemon=True
        )
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def dismiss(worker: _Worker) -> None:
        with contextlib.suppress(OSError):
            worker.connection.send(None)
        worker.connection.close()
        worker.process.join(20)
        if worker.process.is_alive():
            worker.process.kill()
        staff.remove(worker)

    def failed(worker: _Worker, reason: str, again: bool) -> None:
        task, worker.task = worker.task, None
        progress(-worker.reported)
        if again and id(task) not in tried:
            tried.add(id(task))
            waiting.append(task)
        else:
            failures.append(Failure(task, reason))

    with _stoppable():
        try:
            while waiting or any(worker.task is not None for worker in staff):
                for worker in [w for w in staff if w.task is None]:
                    if worker.done >= tasks_per_process or not waiting:
                        dismiss(worker)
                while waiting and len(staff) < workers:
                    staff.append(start())
                for worker in staff:
                    if worker.task is None and waiting:
                        worker.task, worker.reported = waiting.popleft(), 0
                        with contextlib.suppress(OSError):  # it died: seen below
                            worker.connection.send(worker.task)
                for connection in wait([worker.connection for worker in staff]):
                    worker = next(w for w in staff if w.connection is connection)
                    try:
                        kind, value = worker.connection.recv()
                    except (EOFError, OSError):
                        worker.process.join(5)
                        code = worker.process.exitcode
                        failed(worker, f"its process ended unexpectedly (exit status {code})", True)
                        worker.connection.close()
                        staff.remove(worker)
                        continue
                    if kind == "progress":
                        worker.reported += value
                        progress(value)
                    elif kind == "done":
                        task, worker.task = worker.task, None
                        worker.done += 1
                        finished(task, value)
                    elif kind == "failed":
                        reason, again = value
                        worker.done = tasks_per_process  # whatever it was, go on in a fresh process
                        failed(worker, reason, again)
                    else:
                        raise BadInput(value) if kind == "refused" else RuntimeError(value)
        finally:
            for worker in staff:
                worker.process.terminate()
            for worker in list(staff):
                worker.process.join(10)
                if worker.process.is_alive():
                    worker.process.kill()
                worker.connection.close()
    return failures


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold SIGTERM back for a few file operations that belong together."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


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


def _serve(
    connection: Connection,
    open_studio: Callable[[Any], contextlib.AbstractContextManager[Work]],
    settings: Any,
    hopeless: tuple[type[Exception], ...],
) -> None:
    """What a worker process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it and says what to do
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    with contextlib.suppress(BrokenPipeError, EOFError, ConnectionResetError):
        try:
            with open_studio(settings) as work:
                while (task := connection.recv()) is not None:
                    try:
                        result = work(task, lambda amount: connection.send(("progress", amount)))
                    except hopeless as error:
                        connection.send(("failed", (str(error), False)))
                    except (BrokenPipeError, EOFError):
                        raise
                    except Exception as error:
                        connection.send(("failed", (_one_line(error), True)))
                    else:
                        connection.send(("done", result))
        except BadInput as error:
            connection.send(("refused", str(error)))
        except (BrokenPipeError, EOFError):
            raise
        except Exception:
            connection.send(("broken", traceback.format_exc()))
    connection.close()
    sys.stdout.flush()
    # Blender's own shutdown may crash; there is nothing left to do for it.
    os._exit(0)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {text} ({os.path.basename(place.filename)}:{place.lineno})"
