"""Work for the tests of workers; module level, so that worker processes can import them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from mocap.errors import BadInput
from synth.workers.pool import StopWork


@contextmanager
def open_worker(folder: str):
    """Writes a file per task; what else it does is in the task's name."""
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder")

    def work(task: str, progress):
        (folder / f"{task}.{os.getpid()}").write_text("")
        progress(1)
        tries = len(list(folder.glob(f"{task}.*")))
        if task.startswith("crash-once") and tries == 1:
            os.kill(os.getpid(), signal.SIGSEGV)
        if task.startswith("crash-always"):
            os._exit(7)
        if task.startswith("raise-once") and tries == 1:
            raise RuntimeError("a passing fault")
        if task.startswith("raise-always"):
            raise RuntimeError("a lasting\nfault")
        if task.startswith("hopeless"):
            raise BadInput("the input is at fault")
        if task.startswith("stop"):
            raise StopWork("no room anywhere")
        if task.startswith("complain"):
            from synth.scene.blender import quiet  # here, since it takes seconds to import

            with quiet():
                os.write(2, b"Error: Out of memory in the device\n")
        if task.startswith("until"):
            until = float((folder / "deadline").read_text())
            time.sleep(max(0.0, until - time.monotonic()) + 0.1)
        if task.startswith("deaf"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(60)
        if task.startswith("hang"):  # in the system, where no handler of Python's runs
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            time.sleep(600)
        if task.startswith("sleep"):
            time.sleep(60)
        progress(1)
        return task.upper()

    yield work


@contextmanager
def open_crashing_film_worker(settings):
    """A film worker whose process is ended by SIGSEGV on the clip of the environment's CRASH_ON."""
    from synth.films.film_workers import open_film_worker

    with open_film_worker(settings) as film:

        def crash(row, progress):
            if row.stem == os.environ["CRASH_ON"]:
                os.kill(os.getpid(), signal.SIGSEGV)
            return film(row, progress)

        yield crash


@contextmanager
def open_hanging_film_worker(settings):
    """A film worker that does not come back from the clip of the environment's HANG_ON."""
    from synth.films.film_workers import open_film_worker

    with open_film_worker(settings) as film:

        def hang(row, progress):
            if row.stem == os.environ["HANG_ON"]:
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
                time.sleep(600)
            return film(row, progress)

        yield hang


@contextmanager
def open_film_worker_on_failing_disk(settings):
    """A film worker under which the disk of the environment's READ_ONLY_AFTER becomes read-only."""
    from synth.films.film_workers import open_film_worker

    with open_film_worker(settings) as film:

        def fail(row, progress):
            disk = os.environ["READ_ONLY_AFTER"]
            if not os.statvfs(disk).f_flag & os.ST_RDONLY:
                # A second mount over the first: the first is busy with files that are being written.
                subprocess.run(["mount", "--bind", disk, disk], check=True)
                subprocess.run(["mount", "-o", "remount,bind,ro", disk], check=True)
            return film(row, progress)

        yield fail
