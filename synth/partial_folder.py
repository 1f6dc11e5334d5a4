"""Where files lie until they are whole."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def partial_folder(out: Path) -> Iterator[Path]:
    """A folder of this process in ``out``, for what is not whole yet; gone in the end. Those of runs
    that were killed are swept away."""
    host = socket.gethostname()
    for old in out.glob(f".partial-{host}-*"):
        if not Path(f"/proc/{old.name.rpartition('-')[2]}").exists():
            shutil.rmtree(old, ignore_errors=True)
    folder = out / f".partial-{host}-{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
