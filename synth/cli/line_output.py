"""Progress bars as plain lines, where nobody's terminal listens, and no bars at all with --quiet.

A bar redraws its line by a carriage return. In a log file or a pipe these pile up into one line of many
thousand characters, so there a bar becomes a line every few seconds, and its last state is always said.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

SECONDS = 10.0  # between two lines of a bar


class LineStream(io.TextIOBase):
    """A text stream that passes everything on but the redrawing of bars, which it thins out.

    Args:
        stream: where the text goes.
        seconds: between two lines of a bar.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream, self._seconds, self._clock = stream, seconds, clock
        self._pending = ""
        self._said = -float("inf")
        self._written = ""  # the last state of the line that is being redrawn, if it was passed on

    def write(self, text: str) -> int:
        """Pass `text` on; of what follows carriage returns only a line now and then."""
        if "\r" not in text and not self._pending:
            self._stream.write(text)
            return len(text)
        *redrawn, last = (self._pending + text).replace("\r\n", "\n").split("\r")
        for state in redrawn:
            self._redraw(state)
        line, newline, following = last.partition("\n")
        if newline:  # the bar is closed: its last state stays
            if line.strip() and line.rstrip() != self._written:
                self._stream.write(line.rstrip() + "\n")
            self._pending, self._said, self._written = "", -float("inf"), ""
            self._stream.write(following)
        else:
            self._pending = "\r" + line
            if self._due():
                self._redraw(line)
        return len(text)

    def _due(self) -> bool:
        return self._clock() - self._said >= self._seconds

    def _redraw(self, state: str) -> None:
        if state.strip() and self._due():
            self._stream.write(state.rstrip() + "\n")
            self._said, self._written = self._clock(), state.rstrip()

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding


def plain_progress() -> None:
    """Make bars lines from here on, unless standard error is a terminal."""
    if not sys.stderr.isatty() and not isinstance(sys.stderr, LineStream):
        sys.stderr = LineStream(sys.stderr)


def hide_bars() -> Callable[[], None]:
    """Show no bar from here on, of this process; messages stay.

    It cannot be done in the stream: there a bar's last state and a message above a bar look the same.

    Returns:
        What shows them again.
    """
    from tqdm import tqdm

    original = tqdm.__init__

    def hidden(self: tqdm[Any], *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **{**options, "disable": True})

    def show_bars() -> None:
        tqdm.__init__ = original  # type: ignore[method-assign]

    tqdm.__init__ = hidden  # type: ignore[method-assign]
    return show_bars
