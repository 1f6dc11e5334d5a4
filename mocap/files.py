"""Files that appear whole or not at all, and folders that the package keeps."""

from __future__ import annotations

import os
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


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on failure.

    The temporary name keeps the suffix of `path` (writers choose formats by it) and begins with a dot.
    What is written there may be a file or a folder; an existing file at `path` is replaced.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.stem}.{uuid.uuid4().hex[:8]}.partial{target.suffix}")
    try:
        yield temporary
        os.replace(temporary, target)
    except BaseException:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)
        raise
