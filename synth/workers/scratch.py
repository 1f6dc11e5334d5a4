"""Folders that belong to a process: named after it, and swept away when it is gone.

A process that is killed removes nothing. The next one that makes such a folder beside it does. Only this
user can look into them, and nobody can tell their names beforehand.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")


@contextmanager
def process_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder in `parent` for this process alone, gone at the end."""
    folder = make_process_folder(parent, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_process_folder(parent: Path, prefix: str) -> Path:
    """Make a folder of this process in `parent`.

    Those of processes of this machine that have ended are removed first; another machine's, on a
    shared disk, are left to it.
    """
    sweep(parent, prefix)
    parent.mkdir(parents=True, exist_ok=True)
    # Of mode 0700 and of a name that did not exist: in /dev/shm and /tmp everybody may make names.
    name = f"{prefix}{socket.gethostname()}-{os.getpid()}-"
    return Path(tempfile.mkdtemp(prefix=name, dir=parent))


def sweep(parent: Path, prefix: str) -> None:
    """Remove the folders that processes of this machine left in `parent` when they were killed."""
    named = re.compile(rf"{re.escape(prefix + socket.gethostname())}-(\d+)(?:-\w+)?")
    for folder in parent.glob(f"{prefix}*"):
        match = named.fullmatch(folder.name)
        if match and not _runs(int(match[1])) and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    with contextlib.suppress(OSError, IndexError):  # killed, but not yet collected by its parent
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


@contextmanager
def memory_folder() -> Iterator[Path]:
    """A folder of this process for files that are soon gone: in memory where the system allows it."""
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    try:
        with process_folder(memory, "surrealpp-") as folder:
            yield folder
    finally:
        sweep(memory, "surrealpp-")  # of workers that were ended meanwhile
