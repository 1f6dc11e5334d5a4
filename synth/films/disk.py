"""Room on the disk: how much there is, and what it means when a write fails."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mocap.errors import BadInput
from mocap.files import DISK_TROUBLES, disk_trouble

_NOTHING_LEFT = 2**20  # bytes; less than a clip takes


def existing_parent(path: Path) -> Path:
    """`path` or the nearest folder above it that exists."""
    path = Path(path).absolute()
    return next(folder for folder in (path, *path.parents) if folder.exists())


def free_bytes(path: Path) -> int:
    """Bytes free for us on the disk of `path`, which need not be there yet."""
    return shutil.disk_usage(existing_parent(path)).free


def gigabytes(amount: float) -> str:
    """Bytes as "12.3 GB" (of 10^9 bytes), with more digits where they are few."""
    return f"{amount / 1e9:.{1 if amount >= 1e9 else 4}f} GB"


def require_writable(out: Path) -> None:
    """Raises BadInput unless files can be made in `out`. Makes nothing itself."""
    folder = existing_parent(out)
    if not folder.is_dir():
        raise BadInput(f"--out {out}: {folder} is a file, expected a folder; choose another --out")
    if not os.access(folder, os.W_OK | os.X_OK):
        reason = "is read-only" if _read_only(folder) else "may not be written to by this user"
        raise BadInput(f"--out {out}: {folder} {reason}; choose another --out")


def _read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def no_room(error: BaseException, out: Path) -> str | None:
    """One line where `error` comes of a disk that takes no more; None for other errors.

    Libraries wrap the system's errors or lose them, so what led to the error is looked at, and the disk.
    """
    if trouble := disk_trouble(error):
        return _stopped(out, trouble[1])
    try:
        if free_bytes(out) < _NOTHING_LEFT:
            return _stopped(out, DISK_TROUBLES[errno.ENOSPC])
    except OSError:
        return None
    return None


def _stopped(out: Path, reason: str) -> str:
    return (
        f"{out}: {reason} ({gigabytes(free_bytes(out))} free); every clip there is whole: make room and "
        "run the same command again to go on"
    )


@contextmanager
def disk_trouble_in_one_line(out: Path) -> Iterator[None]:
    """Turns the system's refusals to write under `out` into BadInput."""
    try:
        yield
    except BadInput:
        raise
    except OSError as error:
        if trouble := disk_trouble(error):
            raise BadInput(_stopped(out, trouble[1])) from error
        if isinstance(error, (PermissionError, NotADirectoryError)):
            raise BadInput(f"--out {out}: cannot be written to ({error})") from error
        raise
