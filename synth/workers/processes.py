"""A crew of processes of this machine, each with a pipe to the one that started them."""

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
from synth.workers.pool import Message, OpenStudio, attempt
from synth.workers.scratch import process_folder

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class OwnMachine:
    """This machine, as a place to work: one worker for each core."""

    def __enter__(self) -> OwnMachine:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    @property
    def size(self) -> int:
        """How many workers it has room for at once."""
        return os.cpu_count() or 1

    def threads(self, workers: int) -> int:
        """For each of ``workers`` workers, its share of the cores."""
        return max(1, self.size // workers)

    def crew(
        self, open_studio: OpenStudio, settings: Any, *, hopeless: tuple[type[Exception], ...]
    ) -> ProcessCrew:
        return ProcessCrew(open_studio, settings, hopeless=hopeless)


@dataclass(eq=False)
class _Process:
    process: Any
    connection: Connection
    crash: Path


class ProcessCrew:
    """Fresh ("spawn") processes, each of which enters ``open_studio(settings)`` once and gives its work
    one task after another.

    Both must be importable, and tasks, settings and results picklable. What ``hopeless`` lists is
    not tried again. No process outlives the one that started it, not even if that is killed.
    """

    def __init__(
        self,
        open_studio: OpenStudio,
        settings: Any,
        *,
        hopeless: tuple[type[Exception], ...] = (BadInput,),
    ):
        self._arguments = open_studio, settings, hopeless
        self._context = multiprocessing.get_context("spawn")
        self._staff: list[_Process] = []
        self._folder: Path | None = None  # of what crashed workers say
        self._hired = 0

    def __enter__(self) -> ProcessCrew:
        shared = process_folder(Path(tempfile.gettempdir()), "surrealpp-workers-")
        self._folder = Path(tempfile.mkdtemp(dir=shared))
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._staff:
            worker.process.terminate()
        for worker in self._staff:
            worker.process.join(10)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.connection.close()
        self._staff.clear()
        shutil.rmtree(self._folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # another crew of this process is at work
            self._folder.parent.rmdir()

    def hire(self) -> _Process:
        ours, theirs = self._context.Pipe()
        self._hired += 1
        crash = self._folder / f"{self._hired}.crash"
        process = self._context.Process(
            target=_serve, args=(theirs, os.getpid(), crash, *self._arguments), daemon=True
        )
        process.start()
        theirs.close()
        worker = _Process(process, ours, crash)
        self._staff.append(worker)
        return worker

    def name(self, worker: _Process) -> str:
        return f"{socket.gethostname()}:{worker.process.pid}"

    def give(self, worker: _Process, task: Any) -> None:
        with contextlib.suppress(OSError):  # it died: heard of below
            worker.connection.send(task)

    def listen(self) -> list[tuple[_Process, Message]]:
        of = {worker.connection: worker for worker in self._staff}
        heard = []
        for connection in wait(list(of)):
            worker = of[connection]
            try:
                heard.append((worker, worker.connection.recv()))
            except (EOFError, OSError):
                worker.process.join(5)
                reason = _why_it_ended(worker.process.exitcode, worker.crash)
                worker.connection.close()
                self._staff.remove(worker)
                heard.append((worker, Message("died", reason)))
        return heard

    def dismiss(self, worker: _Process) -> None:
        with contextlib.suppress(OSError):
            worker.connection.send(None)
        worker.connection.close()
        worker.process.join(20)
        if worker.process.is_alive():
            worker.process.kill()
        self._staff.remove(worker)


def _why_it_ended(code: int | None, crash: Path) -> str:
    """One line on a process that ended by itself, with the place in our code where there is one."""
    reason = f"its process ended unexpectedly (exit status {code})"
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        reason = f"its process was ended by {name}"
        if name == "SIGKILL":
            reason += ", as the system does when memory runs out"
    report = crash.read_text(errors="replace") if crash.is_file() else ""
    place = re.search(r'^  File "([^"]+)", line (\d+) in (\w+)', report, re.MULTILINE)
    if place:
        reason += f" in {place[3]} ({os.path.basename(place[1])}:{place[2]})"
    return reason


def _die_with(parent: int) -> None:
    """End this process at once when the process ``parent`` ends, however that happens.

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
    open_studio: OpenStudio,
    settings: Any,
    hopeless: tuple[type[Exception], ...],
) -> None:
    """What a worker process does."""
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it and says what to do
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    report = crash.open("w")
    faulthandler.enable(report)
    with contextlib.suppress(BrokenPipeError, EOFError, ConnectionResetError):
        try:
            with open_studio(settings) as work:

                def progress(amount: int) -> None:
                    connection.send(Message("progress", amount))

                while (task := connection.recv()) is not None:
                    connection.send(attempt(work, task, progress, hopeless))
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
