"""What every download into a folder shares: an account of what was done, and a folder held alone."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mocap.errors import BadInput


@dataclass
class Fetched:
    """What a run did.

    Files `downloaded`, files that existed, (file, reason) of failures, and bytes received; `stopped`
    says why the site was left alone before the end.
    """

    downloaded: int = 0
    existing: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    received: int = 0
    stopped: str = ""

    def summary(self) -> str:
        """The numbers in one line."""
        text = f"{self.downloaded} got ({self.received / 1e6:.1f} MB), {self.existing} kept, "
        return text + f"{len(self.failed)} failed"


@contextmanager
def sole_writer(folder: Path, command: str) -> Iterator[None]:
    """Make and hold the folder: a second run there would append to the same part files.

    Args:
        folder: that is written to.
        command: that writes, for the message to a second one.

    Raises:
        BadInput: for a folder that cannot be written, or that another run holds.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise BadInput(f"{folder}: not a folder to write to ({error.strerror})") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadInput(f"{folder}: another {command} writes here; wait for it") from error
        yield
    finally:
        os.close(handle)
