"""Files from a web server, politely: one request at a time, with pauses, resumed where it broke off.

A file grows in a part file that carries the server's date as its own, so that a later run may ask
for the rest of the same version (RFC 9110, If-Range).
"""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import io
import math
import os
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mocap.errors import BadInput
from synth import __version__

AGENT = f"surrealpp/{__version__} (synth)"
ATTEMPTS = 5
PATIENCE = 600.0  # seconds: a longer Retry-After ends the run
SLOWEST = 1000.0  # bytes/s: a request that is slower for longer is broken off, and resumed
SLOW_SECONDS = 20.0
_CHUNK = 1 << 16
_BUSY = (429, 503)
_PASSING = (408, 425, 429)  # and 5xx


class FileRefused(Exception):
    """This file cannot be had."""


class SiteRefused(Exception):
    """The server is busy or unreachable and is to be left alone; the message says which."""


class _TryLater(Exception):
    """Not now: worth another attempt, after `wait` seconds where the server named a time.

    `site`: the whole server is at fault, not this file.
    """

    def __init__(self, reason: str, wait: float | None = None, site: bool = False) -> None:
        super().__init__(reason)
        self.wait, self.site = wait, site


@dataclass
class Site:
    """A server, asked for one file at a time and never twice within `pause` seconds.

    `url` goes before every address; `timeout` seconds without a byte break a request off, and so do
    `slow_seconds` in a row in which fewer than SLOWEST bytes a second come; `largest` bytes are the
    most that a file may have; `sleep` waits. `received` counts bytes. `pinned`: whether the caller
    compares each file's digest, so that a part is gone on with whatever its date: what comes of two
    versions is noticed. `progress` is called with the number of bytes that a part file has.
    """

    url: str
    pause: float
    timeout: float
    largest: int
    sleep: Callable[[float], None] = time.sleep
    received: int = 0
    slow_seconds: float = SLOW_SECONDS
    pinned: bool = False
    progress: Callable[[int], None] = lambda size: None
    _last_request: float = -math.inf  # when the last request ended

    def download(self, address: str, partial: Path) -> bool:
        """The file at `address` into `partial`, going on where an earlier attempt left off.

        Returns whether its length is known from the server, so that it is known to be whole. Up to
        ATTEMPTS tries, 2, 4, 8 ... seconds apart or as Retry-After says. Raises FileRefused, or
        SiteRefused when the server stays busy (429, 503) or out of reach, BadInput when `partial` cannot
        be written. What was received stays in `partial`.
        """
        for attempt in range(1, ATTEMPTS + 1):
            left = self._last_request + self.pause - time.monotonic()
            if left > 0:
                self.sleep(left)
            try:
                return self._attempt(f"{self.url}/{address}", partial)
            except _TryLater as error:
                if (error.wait or 0) > PATIENCE:
                    raise SiteRefused(f"{error} and asks to wait {error.wait:.0f} s") from error
                if attempt == ATTEMPTS:
                    kind = SiteRefused if error.site else FileRefused
                    raise kind(f"{error}, {ATTEMPTS} times") from error
                self.sleep(2.0**attempt if error.wait is None else error.wait)
            finally:
                self._last_request = time.monotonic()
        raise AssertionError("unreachable")

    def _attempt(self, url: str, partial: Path) -> bool:
        request = urllib.request.Request(url, headers={"User-Agent": AGENT})
        offset = partial.stat().st_size if partial.exists() else 0
        if offset and not self.pinned and partial.stat().st_mtime < 1:
            offset = 0  # no date tells of which version it is: from the beginning
        if offset:
            request.add_header("Range", f"bytes={offset}-")
        if offset and not self.pinned:
            date = email.utils.formatdate(partial.stat().st_mtime, usegmt=True)
            request.add_header("If-Range", date)
        try:
            with self._opener().open(request, timeout=self.timeout) as answer:
                return self._receive(answer, partial, offset)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and error.headers.get("Content-Range") == f"bytes */{offset}":
                return True  # nothing is missing
            raise _refusal(error, partial if offset else None) from error
        except urllib.error.URLError as error:
            raise _TryLater(f"no answer ({error.reason})", site=True) from error
        except (OSError, http.client.HTTPException) as error:
            raise _TryLater(f"the connection broke ({error or type(error).__name__})") from error

    def _opener(self) -> urllib.request.OpenerDirector:
        """Opens addresses as `urlopen` does, but does not wait for ever for an answer's head."""
        longest = self.timeout + self.slow_seconds

        class Connection(_HeadInTime, http.client.HTTPConnection):
            head_seconds = longest

        class SecureConnection(_HeadInTime, http.client.HTTPSConnection):
            head_seconds = longest

        class Handler(urllib.request.HTTPHandler):
            def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
                return self.do_open(Connection, request)

        class SecureHandler(urllib.request.HTTPSHandler):
            def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
                return self.do_open(SecureConnection, request)

        return urllib.request.build_opener(Handler, SecureHandler)

    def _receive(self, answer: http.client.HTTPResponse, partial: Path, offset: int) -> bool:
        """Append the body to `partial`, or begin it anew where the server sends the whole file."""
        if answer.status == 206:
            start = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
            if not start or int(start[1]) != offset:
                partial.unlink()
                raise _TryLater("the server sent another part than was asked for", wait=0.0)
            changed = _seconds_since_1970(answer.headers.get("Last-Modified"))
            other = changed is not None and int(changed) != int(partial.stat().st_mtime)
            if other and not self.pinned:
                partial.unlink()  # a server that does not look at If-Range
                raise _TryLater("the server sent the rest of another version", wait=0.0)
        elif answer.status == 200:
            offset = 0
        else:
            raise FileRefused(f"the server answered {answer.status} {answer.reason}")
        length = _whole_number(answer.headers.get("Content-Length"))
        changed = _seconds_since_1970(answer.headers.get("Last-Modified")) or 0.0
        read = 0
        pace = _Pace(self.slow_seconds)
        try:
            with _open_partial(partial, "ab" if offset else "wb") as file:
                while offset + max(read, length or 0) <= self.largest:
                    chunk = answer.read1(_CHUNK)  # what there is: a drip must not hold it up
                    if not chunk:
                        break
                    _write(file, chunk)
                    read += len(chunk)
                    self.received += len(chunk)
                    self.progress(offset + read)
                    pace.require(len(chunk))
                else:
                    raise FileRefused(f"more than {self.largest} bytes, expected a smaller file")
        finally:
            os.utime(partial, (changed, changed))
        if length is not None and read < length:
            raise _TryLater(
                f"the connection broke after {offset + read} of {offset + length} bytes"
            )
        return length is not None


class _HeadInTime:
    """A connection that is shut where the head of an answer takes longer than `head_seconds`.

    A server that sends a byte of it now and then would never let a socket's own timeout pass.
    """

    head_seconds: float
    sock: socket.socket
    _is_late = False

    def getresponse(self) -> http.client.HTTPResponse:
        """The answer, its head read. Raises OSError or HTTPException where it does not come in time."""
        timer = threading.Timer(self.head_seconds, self._shut)
        timer.daemon = True
        timer.start()
        try:
            answer = super().getresponse()  # type: ignore[misc]
        finally:
            timer.cancel()
        if self._is_late:  # what came of a head that broke off looks like a whole one
            answer.close()
            raise TimeoutError(f"its answer's head took longer than {self.head_seconds:g} s")
        return answer

    def _shut(self) -> None:
        self._is_late = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)


class _Pace:
    """How fast an answer comes, looked at after every `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.began, self.amount = seconds, time.monotonic(), 0

    def require(self, amount: int) -> None:
        """Count bytes. Raises _TryLater where too few came in the last `seconds`."""
        self.amount += amount
        passed = time.monotonic() - self.began
        if passed < self.seconds:
            return
        if self.amount < SLOWEST * passed:
            rate = self.amount / passed
            raise _TryLater(
                f"the server sends {rate:.0f} bytes a second, expected at least {SLOWEST:.0f}"
            )
        self.began, self.amount = time.monotonic(), 0


def _open_partial(path: Path, mode: Literal["ab", "wb"]) -> io.FileIO:
    try:
        return path.open(mode, buffering=0)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror}); check the folder") from error


def _write(file: io.FileIO, chunk: bytes) -> None:
    try:
        while chunk:
            chunk = chunk[file.write(chunk) :]
    except OSError as error:
        raise BadInput(f"{file.name}: cannot be written ({error.strerror}); make room") from error


def _refusal(error: urllib.error.HTTPError, partial: Path | None) -> Exception:
    """What an answer other than a file means. `partial` is what the rest was asked for of, if any."""
    reason = f"the server answered {error.code} {error.reason}"
    if error.code == 416 and partial is not None:  # not the file that was begun
        partial.unlink()
        return _TryLater(reason, wait=0.0)
    if error.code in _PASSING or error.code >= 500:
        wait = _seconds_to_wait(error.headers.get("Retry-After"))
        return _TryLater(reason, wait=wait, site=error.code in _BUSY)
    return FileRefused(reason)


def _seconds_to_wait(text: str | None) -> float | None:
    """Retry-After's number or date in seconds from now; None where there is none."""
    number = _whole_number(text)
    if number is not None:
        return float(number)
    date = _seconds_since_1970(text)
    return None if date is None else max(0.0, date - time.time())


def _whole_number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _seconds_since_1970(text: str | None) -> float | None:
    """An HTTP date as seconds; None where it is none."""
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text or "").timestamp())
    except (TypeError, ValueError, OverflowError):
        return None
