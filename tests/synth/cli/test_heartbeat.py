"""A command that says nothing gives a sign within two seconds, which leaves no trace on a terminal."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys

import pytest
from tqdm import tqdm

from synth.cli import heartbeat
from synth.cli.heartbeat import Heartbeat, NotedStream
from tests.synth.cli.test_line_output import Clock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def beats(stream, clock: Clock, moments) -> Heartbeat:
    sign = Heartbeat("synth report", stream, clock=clock)
    for moment in moments:
        clock.now = moment
        sign.beat()
    return sign


def test_a_terminal_counts_seconds_which_the_next_output_takes_away():
    stream, clock = Terminal(), Clock()
    sign = beats(stream, clock, [0.5, 1.0, 1.2, 2.1])
    assert stream.getvalue() == "\rsynth report: working, 1 s\rsynth report: working, 2 s"
    NotedStream(stream, sign).write("report.html: 1.0 MB\n")
    shown = stream.getvalue()[len("\rsynth report: working, 1 s" * 2) :]
    blank, line = shown.rsplit("\r", 1)
    assert blank == "\r" + " " * len("synth report: working, 2 s") and line.startswith(
        "report.html"
    )
    sign.end()
    clock.now = 99
    sign.beat()
    assert stream.getvalue().endswith("1.0 MB\n")


def test_a_log_gets_one_line_soon_and_others_far_apart():
    stream, clock = io.StringIO(), Clock()
    beats(stream, clock, [k / 4 for k in range(4 * 40)])
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2 and lines[0].startswith("synth report: working, ")
    assert "\r" not in stream.getvalue()


def test_a_bar_that_stands_still_counts_on():
    stream, clock = Terminal(), Clock()
    with tqdm(total=3, file=stream, desc="work") as bar:
        drawn = []
        bar.refresh = lambda: drawn.append(clock.now)
        beats(stream, clock, [0.5, 1.0, 1.5, 2.5])
    assert drawn == [1.0, 2.5] and "synth report" not in stream.getvalue()


PROGRAM = (
    "import sys, time, synth.cli.heartbeat as h\n"
    "h.TERMINAL_SECONDS, h.LOG_SECONDS = 0.1, (0.1, 0.1)\n"
    "import synth.cli, synth.cli.schemas\n"
    "synth.cli.schemas.schemas.callback = lambda out: (time.sleep(2), print('done'))\n"
    "sys.argv = ['synth', 'schemas']\n"
    "synth.cli.main()\n"
)


def test_the_program_gives_signs_in_a_log_and_its_output_stays_alone():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout == "done\n"
    assert done.stderr.splitlines()[0].startswith("synth schemas: ")


def test_the_program_gives_signs_on_a_terminal():
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=child, stderr=child, cwd=ROOT, close_fds=True
    )
    os.close(child)
    text = b""
    with pytest.raises(OSError):  # the terminal is closed
        while chunk := os.read(parent, 1000):
            text += chunk
    os.close(parent)
    assert process.wait() == 0
    assert b"\rsynth schemas: working, 1 s" in text and text.endswith(b" \rdone\r\n")


def test_what_holds_standard_error_is_not_disturbed(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    heartbeat.start_heartbeat("synth report")
    assert isinstance(sys.stderr, io.StringIO)


def test_of_several_processes_the_first_speaks():
    """As torchrun and Lightning number them."""
    variables = {**os.environ, "LOCAL_RANK": "1"}
    words = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        words, capture_output=True, text=True, cwd=ROOT, check=True, env=variables
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
