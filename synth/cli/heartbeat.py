"""A sign of life where a command has nothing to say yet: within two seconds, and from then on.

Loading PyTorch, compiling and reading take seconds in which nothing else is printed. On a terminal a line
counts them, which the next output takes away, and a bar that stands still goes on counting. In a log it
is one line, and others far apart. `--quiet` hides it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, TextIO

TERMINAL_SECONDS = 1.0  # of silence, before a sign on a terminal
LOG_SECONDS = (1.5, 30.0)  # the same in a log: before the first one, and before others
_TICK = 0.25
_RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
_IMPORTING = "<frozen importlib._bootstrap>"


class Heartbeat:
    """Says that a command works while it says nothing itself.

    Args:
        title: of the command, as `synth report`.
        stream: where signs go; a terminal, or a log.
        clock: seconds that only grow.
        activity: says in a word what the command does.
    """

    def __init__(
        self,
        title: str,
        stream: TextIO,
        *,
        clock: Callable[[], float] = time.monotonic,
        activity: Callable[[], str] = lambda: "working",
    ) -> None:
        self.title, self.stream, self.clock, self.activity = title, stream, clock, activity
        self.terminal = stream.isatty()
        self.began = self.said = clock()
        self.signs = 0
        self._shown = 0  # characters of the line that the next output takes away
        self._ended = threading.Event()
        self._lock = threading.RLock()

    def start(self) -> None:
        """Watch from here on, in a thread that ends with the program."""
        threading.Thread(target=self._watch, name="heartbeat", daemon=True).start()

    def end(self) -> None:
        """Say nothing any more."""
        self._ended.set()
        self.note()

    def note(self) -> None:
        """Take away the sign, and count the silence anew: there is output."""
        with self._lock:
            if self._shown:
                self.stream.write("\r" + " " * self._shown + "\r")
                self._shown = 0
            self.said = self.clock()

    def beat(self) -> None:
        """Give a sign, if it was silent for long enough."""
        limit = TERMINAL_SECONDS if self.terminal else LOG_SECONDS[self.signs > 0]
        if self._ended.is_set() or self.clock() - self.said < limit:
            return
        self.signs += 1
        if _refreshed_bars():
            self.note()
            return
        with self._lock:
            if self._ended.is_set():
                return
            text = f"{self.title}: {self.activity()}, {self.clock() - self.began:.0f} s"
            self.stream.write(f"\r{text:{self._shown}}" if self.terminal else f"{text} so far\n")
            self.stream.flush()
            self._shown = len(text) if self.terminal else 0
            self.said = self.clock()

    def _watch(self) -> None:
        while not self._ended.wait(_TICK):
            self.beat()


def _refreshed_bars() -> bool:
    """Whether there are bars; they count on."""
    module = sys.modules.get("tqdm")
    if module is None or not hasattr(module, "tqdm"):
        return False
    with module.tqdm.get_lock():  # no bar comes or goes meanwhile
        bars = [
            bar
            for bar in getattr(module.tqdm, "_instances", ())
            if not getattr(bar, "disable", True)
        ]
        for bar in bars:
            bar.refresh()
    return bool(bars)


class NotedStream:
    """A stream that tells a heartbeat of what is written to it."""

    def __init__(self, stream: TextIO, heartbeat: Heartbeat) -> None:
        self._stream, self._heartbeat = stream, heartbeat

    def write(self, text: str) -> int:
        """Pass `text` on."""
        self._heartbeat.note()
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


_running: Heartbeat | None = None


def start_heartbeat(title: str) -> None:
    """Give signs of life for the program's command, where standard error is the program's."""
    global _running
    if any(os.environ.get(name, "0") != "0" for name in _RANKS):
        return  # of several processes that work together the first speaks
    if (
        sys.stderr is not sys.__stderr__
        and getattr(sys.stderr, "_stream", None) is not sys.__stderr__
    ):
        return  # somebody else holds it, who wants to see what the command says
    thread = threading.get_ident()
    _running = Heartbeat(
        title, sys.stderr, activity=lambda: _stage(sys._current_frames().get(thread))
    )
    sys.stderr, sys.stdout = (
        NotedStream(sys.stderr, _running),  # type: ignore[assignment]
        NotedStream(sys.stdout, _running),  # type: ignore[assignment]
    )
    _running.start()


def end_heartbeat() -> None:
    """Give no signs any more: a server waits, or nobody wants them."""
    if _running is not None:
        _running.end()


def _stage(frame: FrameType | None) -> str:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTING:
            return "loading"
        frame = frame.f_back
    return "working"
