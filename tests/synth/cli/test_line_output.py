"""Bars in a log are lines: few, whole, the last state among them, and other text as it was."""

from __future__ import annotations

import io
import subprocess
import sys

from tqdm import tqdm

from synth.cli.line_output import LineStream


class Clock:
    """Seconds that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bar_is_a_line_now_and_then_and_its_end():
    target, clock = io.StringIO(), Clock()
    stream = LineStream(target, seconds=10, clock=clock)
    with tqdm(range(100), desc="work", file=stream, mininterval=0, miniters=1, ascii=True) as bar:
        for _ in bar:
            clock.now += 1
    lines = target.getvalue().splitlines()
    assert "\r" not in target.getvalue() and 10 <= len(lines) <= 13
    assert all(line.startswith("work:") for line in lines) and "100/100" in lines[-1]
    done = [int(line.split("|")[2].split("/")[0]) for line in lines]
    assert done == sorted(done)


def test_other_text_passes_as_it_is():
    target = io.StringIO()
    stream = LineStream(target, seconds=0)
    for text in ("one\n", "two ", "three\n\n", "line with\r\nan old ending\n"):
        stream.write(text)
    assert target.getvalue() == "one\ntwo three\n\nline with\nan old ending\n"


def test_a_message_between_two_states_of_a_bar_is_whole():
    target, clock = io.StringIO(), Clock()
    stream = LineStream(target, seconds=10, clock=clock)
    bar = tqdm(total=3, desc="work", file=stream, mininterval=0, ascii=True)
    for number in range(3):
        clock.now += 1
        tqdm.write(f"photo {number} left out", file=stream)
        bar.update()
    bar.close()
    stream.write("done\n")
    lines = target.getvalue().splitlines()
    assert [line for line in lines if "photo" in line] == [f"photo {n} left out" for n in range(3)]
    assert lines[-1] == "done" and any("3/3" in line for line in lines)


def test_the_command_writes_no_carriage_return_into_a_pipe():
    script = (
        "import sys\n"
        "from synth.cli.line_output import plain_progress\n"
        "plain_progress()\n"
        "from tqdm import tqdm\n"
        "for _ in tqdm(range(500), mininterval=0): pass\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert b"\r" not in done.stderr and b"500/500" in done.stderr
