"""A pool of processes of this machine, each with a pipe to the one that started them."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import multiprocessing
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from mocap.errors import BadInput
from synth.workers.pool import Message, OpenWorker, WorkerPool, run_task
from synth.workers.scratch import make_process_folder

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class LocalMachine:
    """This machine, which has room for one worker per core."""

    def __enter__(self) -> LocalMachine:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    @property
    def size(self) -> int:
        """How many workers it has room for at once."""
        return os.cpu_count() or 1

    def threads(self, workers: int) -> int:
        """For each of `workers` workers, its share of the cores."""
        return max(1, self.size // workers)

    def pool(
        self, open_worker: OpenWorker, settings: Any, *, not_retried: tuple[type[Exception], ...]
    ) -> WorkerPool[Any]:
        """A pool of its processes (see `ProcessPool`)."""
        return ProcessPool(open_worker, settings, not_retried=not_retried)


@dataclass(eq=False)
class _WorkerProcess:
    process: Any
    connection: Connection
    crash: Path


class ProcessPool:
    """Fresh ("spawn") processes, each of which enters `open_worker(settings)` once.

    The work that this gives takes one task after another. Both must be importable, and tasks, settings
    and results picklable. What `not_retried` lists is not tried again. No process outlives the one
    that started it, not even if that is killed.
    """

    def __init__(
        self,
        open_worker: OpenWorker,
        settings: Any,
        *,
        not_retried: tuple[type[Exception], ...] = (BadInput,),
    ):
        self._arguments = open_worker, settings, not_retried
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_WorkerProcess] = []
        self._folder: Path | None = None  # of what crashed workers say
        self._started = 0

    def __enter__(self) -> ProcessPool:
        self._folder = make_process_folder(Path(tempfile.gettempdir()), "surrealpp-workers-")
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(10)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.connection.close()
        self._workers.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def start_worker(self) -> _WorkerProcess:
        if self._folder is None:
            raise RuntimeError("a worker of a pool that was not entered")
        ours, theirs = self._context.Pipe()
        self._started += 1
        crash = self._folder / f"{self._started}.crash"
        process = self._context.Process(
            target=_serve, args=(theirs, os.getpid(), crash, *self._arguments), daemon=True
        )
        process.start()
        theirs.close()
        worker = _WorkerProcess(process, ours, crash)
        self._workers.append(worker)
        return worker

    def worker_name(self, worker: _WorkerProcess) -> str:
        return f"{socket.gethostname()}:{worker.process.pid}"

    def submit(self, worker: _WorkerProcess, task: Any) -> None:
        with contextlib.suppress(OSError):  # it died: received as such
            worker.connection.send(task)

    def receive(self, timeout: float | None = None) -> list[tuple[_WorkerProcess, Message]]:
        ready = wait([worker.connection for worker in self._workers], timeout)
        by_connection: dict[object, _WorkerProcess] = {w.connection: w for w in self._workers}
        messages: list[tuple[_WorkerProcess, Message]] = []
        for connection in ready:
            worker = by_connection[connection]
            try:
                messages.append((worker, worker.connection.recv()))
            except (EOFError, OSError):
                worker.process.join(5)
                reason = _why_it_ended(worker.process.exitcode, worker.crash)
                worker.connection.close()
                self._workers.remove(worker)
                messages.append((worker, Message("died", reason)))
        return messages

    def has_started(self, worker: _WorkerProcess) -> bool:
        return True

    def kill_worker(self, worker: _WorkerProcess) -> None:
        worker.process.kill()
        worker.process.join()
        worker.connection.close()
        self._workers.remove(worker)

    def stop_worker(self, worker: _WorkerProcess) -> None:
        with contextlib.suppress(OSError):
            worker.connection.send(None)
        worker.connection.close()
        worker.process.join(20)
        if worker.process.is_alive():
            worker.process.kill()
        self._workers.remove(worker)


def _why_it_ended(code: int | None, crash: Path) -> str:
    """One line on a process that ended by itself, with the line of our code where it is known."""
    reason = f"its process ended unexpectedly (exit status {code})"
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        reason = f"its process was ended by {name}"
        if name == "SIGKILL":
            reason += ", as the system does when memory runs out"
    report = crash.read_text(errors="replace") if crash.is_file() else ""
    line = re.search(r'^  File "([^"]+)", line (\d+) in (\w+)', report, re.MULTILINE)
    if line:
        reason += f" in {line[3]} ({os.path.basename(line[1])}:{line[2]})"
    return reason


def _die_with(parent: int) -> None:
    """End this process at once when the process `parent` ends, however that happens.

    Where the system cannot do that (other than Linux) a worker ends when it next uses its pipe.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)


def _serve(
    connection: Connection,
    parent: int,
    crash: Path,
    open_worker: OpenWorker,
    settings: Any,
    not_retried: tuple[type[Exception], ...],
) -> None:
    """What a worker process does."""
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it and says what to do
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    report = crash.open("w")
    faulthandler.enable(report)
    with contextlib.suppress(BrokenPipeError, EOFError, ConnectionResetError):
        try:
            with open_worker(settings) as work:

                def progress(amount: int) -> None:
                    connection.send(Message("progress", amount))

                while (task := connection.recv()) is not None:
                    connection.send(run_task(work, task, progress, not_retried))
        except BadInput as error:
            connection.send(Message("refused", str(error)))
        except (BrokenPipeError, EOFError):
            raise
        except Exception:
            connection.send(Message("broken", traceback.format_exc()))
    connection.close()
    sys.stdout.flush()
    # Blender's own shutdown may crash; there is nothing left to do for it.
    os._exit(0)
