"""Files that appear whole or not at all, and folders that the package keeps."""

from __future__ import annotations

import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STAND_IN = "STAND_IN"
"""A folder that holds a file of this name holds generated data, not recorded."""


def is_stand_in(folder: str | os.PathLike[str]) -> bool:
    """Whether the folder says that its data are generated."""
    return (Path(folder) / STAND_IN).is_file()


CMU_INDEX = Path(__file__).with_name("cmu_index.csv")
"""Facts about CMU's database: category and frame rate of each motion."""


def cache_folder() -> Path:
    """`$SURREALPP_CACHE`, else `~/.cache/surrealpp`."""
    return Path(os.environ.get("SURREALPP_CACHE", Path.home() / ".cache" / "surrealpp"))


DISK_TROUBLES = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
}
"""Why a disk takes no more, by the system's number."""

_PAGE = 4096  # bytes: with less, no file can be begun
_TROUBLE_TEXT = re.compile(
    r"\(os error (?P<number>\d+)\)|\[Errno (?P<errno>\d+)\]|"
    + "|".join(f"(?P<E{number}>{re.escape(os.strerror(number))})" for number in DISK_TROUBLES)
)


def disk_trouble(error: BaseException) -> tuple[str, str] | None:
    """The file and the reason where `error` comes of a disk that takes no more; None for others.

    Libraries wrap the system's errors or keep only their text, so what led to the error is looked at,
    too. The file is "" where nothing names it.
    """
    cause: BaseException | None = error
    visited: set[int] = set()
    while cause is not None and id(cause) not in visited:
        visited.add(id(cause))
        number = cause.errno if isinstance(cause, OSError) else None
        if number is None and (match := _TROUBLE_TEXT.search(str(cause)[:2000])):
            groups = {name: text for name, text in match.groupdict().items() if text}
            ((name, text),) = groups.items()
            number = int(text if name in ("number", "errno") else name[1:])
        if number in DISK_TROUBLES:
            file = cause.filename if isinstance(cause, OSError) else None
            return str(file or ""), DISK_TROUBLES[number]
        cause = cause.__cause__ or cause.__context__
    return None


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on failure.

    The temporary name keeps the suffix of `path` (writers choose formats by it) and begins with a dot.
    What is written there may be a file or a folder; an existing file at `path` is replaced.

    Raises:
        OSError: with `path` as its file, where the disk takes no more, whatever the writer made of that.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.stem}.{uuid.uuid4().hex[:8]}.partial{target.suffix}")
    try:
        yield temporary
        os.replace(temporary, target)
    except BaseException as error:
        number = _disk_errno(error, target.parent)
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)
        if number is not None:
            raise OSError(number, os.strerror(number), str(target)) from error
        raise


def _disk_errno(error: BaseException, folder: Path) -> int | None:
    """The system's number where a write failed for want of room, which some writers do not say."""
    if not isinstance(error, Exception):
        return None
    if trouble := disk_trouble(error):
        return next(number for number, reason in DISK_TROUBLES.items() if reason == trouble[1])
    if isinstance(error, OSError) and shutil.disk_usage(folder).free < _PAGE:
        return errno.ENOSPC
    return None
