"""Which run makes which clip, where several work in one film folder at once.

A clip that a run is at has a locked file in `.claims/` of the folder. The system drops the lock when
the run ends, however that happens, so that a dead run's claim holds nobody up. The file says whose it
is.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from synth.clips.clip import is_published
from synth.plans.plan_row import PlanRow
from synth.workers.pool import Attempt, Claim

FOLDER = ".claims"
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


@dataclass(frozen=True)
class ClaimRecord:
    """A claim that lies in a film folder.

    `name` is its clip's (see `claim_name`), `holder` the run that has or had it as "host:pid" (empty in
    the moment in which it is made), `age` the seconds since it was made. `is_live`: whether that run
    still works; None where the disk has no locks to tell by.
    """

    name: str
    holder: str
    age: float
    is_live: bool | None


def claim_name(stem: str) -> str:
    """The file name of the claim of a clip."""
    return hashlib.blake2b(stem.encode(), digest_size=16).hexdigest()


def read_claims(out: Path) -> list[ClaimRecord]:
    """The claims of all runs in a film folder, in the order of their names; nothing is changed.

    A claim is looked at by a shared lock that is given back at once: a run that asks for the clip at
    that very moment asks again a second later.
    """
    records: list[ClaimRecord] = []
    for path in sorted((out / FOLDER).glob("*")):
        try:
            begun = path.stat().st_mtime
            holder = path.read_text(encoding="utf-8", errors="replace").strip()
            is_live = _is_locked(path)
        except OSError:  # given up meanwhile, or another user's
            continue
        age = max(0.0, time.time() - begun)
        records.append(ClaimRecord(path.name, holder, age, is_live))
    return records


def _is_locked(path: Path) -> bool | None:
    """Whether a process has the lock of a claim; None where the disk has no locks."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise
    finally:
        os.close(handle)
    return False


class ClipClaims:
    """The claims of one run; leaving its context gives them all up.

    Args:
        out: the film folder.
        report: called with a line when another run is met, and where the disk has no locks.
        on_published: called with each row that turns out to be published by another run.
    """

    def __init__(
        self,
        out: Path,
        *,
        report: Callable[[str], None] = lambda line: None,
        on_published: Callable[[PlanRow], object] = lambda row: None,
    ):
        self._out, self._folder = out, out / FOLDER
        self._report, self._on_published = report, on_published
        self._handles: dict[str, int] = {}
        self._has_met_another = self._is_without_locks = False

    def __enter__(self) -> ClipClaims:
        return self

    def __exit__(self, *error: object) -> None:
        for stem in list(self._handles):
            self._give_up(stem)
        with contextlib.suppress(OSError):
            for path in self._folder.iterdir():  # of runs that were killed
                if (handle := self._lock(path)) is not None:
                    path.unlink(missing_ok=True)
                    os.close(handle)
            self._folder.rmdir()

    def claim(self, row: PlanRow) -> Claim:
        """OURS until it is released, COMPLETED where it is published, BUSY where another is at it."""
        if not is_published(self._out, row):
            path = self._path(row.stem)
            handle = self._lock(path)
            if handle is None:
                self._meet_another(path)
                return Claim.BUSY
            self._handles[row.stem] = handle
            if not is_published(self._out, row):  # another run may just have ended
                self._sign(handle)
                return Claim.OURS
            self._give_up(row.stem)
        self._on_published(row)
        return Claim.COMPLETED

    def release(self, row: PlanRow) -> None:
        """Let others have a clip."""
        self._give_up(row.stem)

    def end_attempt(self, attempt: Attempt) -> None:
        """Nothing: a clip was published, or not, by itself."""

    def _sign(self, handle: int) -> None:
        """Write who has a claim into its file."""
        with contextlib.suppress(OSError):  # a full disk: the lock is what counts
            os.truncate(handle, 0)
            os.pwrite(handle, f"{socket.gethostname()}:{os.getpid()}\n".encode(), 0)

    def _path(self, stem: str) -> Path:
        return self._folder / claim_name(stem)

    def _lock(self, path: Path) -> int | None:
        """The open file, locked; None where another process has the lock."""
        while True:
            try:
                handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                continue
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with contextlib.suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(handle), os.stat(path)):
                        return handle
            except BlockingIOError:
                os.close(handle)
                return None
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    os.close(handle)
                    raise
                if not self._is_without_locks:
                    self._is_without_locks = True
                    self._report(
                        f"{self._out}: this disk has no locks, so that runs at once would each make all "
                        "clips; share them with --shard"
                    )
                return handle
            os.close(handle)  # who had it removed it meanwhile

    def _give_up(self, stem: str) -> None:
        handle = self._handles.pop(stem)
        with contextlib.suppress(OSError):
            self._path(stem).unlink()  # while it is locked, so that nobody else's is removed
        os.close(handle)

    def _meet_another(self, path: Path) -> None:
        if not self._has_met_another:
            self._has_met_another = True
            name = ""
            with contextlib.suppress(OSError):
                name = path.read_text(encoding="utf-8", errors="replace").strip()
            self._report(f"{self._out}: another run ({name or 'of this plan'}) films here; sharing")
