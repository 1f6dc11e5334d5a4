"""A disk that takes no more is one line, in every command and from every library that writes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mocap.files import DISK_TROUBLES, atomic_write, disk_trouble
from synth import cli
from synth.workers.pool import run_task
from textures.library import write_texture


@pytest.fixture
def full_disk(tmp_path):
    """A disk without a free byte; skips where this user may not mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    done = subprocess.run(options, capture_output=True)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.decode().strip()}")
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    yield disk
    subprocess.run(["umount", str(disk)], check=True, capture_output=True)


def error_of(monkeypatch, capsys, *arguments: object) -> str:
    """The one line on stderr of a command that fails."""
    monkeypatch.setattr(sys, "argv", ["synth", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 1
    lines = [line for line in capsys.readouterr().err.replace("\r", "\n").splitlines() if line]
    assert [line for line in lines if line.startswith("Error: ")] == lines[-1:], lines
    assert not any("Traceback" in line for line in lines)
    return lines[-1]


def _raise(error: BaseException):
    raise error


def _chain(number: int) -> RuntimeError:
    error = RuntimeError("the writer failed")
    error.__cause__ = OSError(number, os.strerror(number))
    return error


@pytest.mark.parametrize("number", DISK_TROUBLES)
@pytest.mark.parametrize(
    "make",
    [
        lambda number: OSError(number, os.strerror(number), "/there/file"),
        lambda number: OSError(number, os.strerror(number)),
        lambda number: RuntimeError(f"I/O error: {os.strerror(number)} (os error {number})"),
        lambda number: ValueError(f"failed: [Errno {number}] whatever"),
        _chain,
    ],
    ids=["named", "unnamed", "of Rust", "text alone", "cause"],
)
def test_every_way_to_say_so_is_one_line_of_any_command(number, make, monkeypatch, capsys):
    monkeypatch.setattr(cli.cli, "main", lambda **options: _raise(make(number)))
    line = error_of(monkeypatch, capsys)
    assert DISK_TROUBLES[number] in line and "run the same command again" in line
    assert ("/there/file" in line) == (getattr(make(number), "filename", None) is not None)

    def work(task, report):
        raise make(number)

    message = run_task(work, "task", print)
    assert message.kind == "stop" and DISK_TROUBLES[number] in message.value


@pytest.mark.parametrize("error", [RuntimeError("[Errno 2] other"), ValueError("28"), KeyError(28)])
def test_other_errors_are_not_taken_for_it(error, monkeypatch):
    assert disk_trouble(error) is None
    monkeypatch.setattr(cli.cli, "main", lambda **options: _raise(error))
    with pytest.raises(type(error)):
        cli.main()


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(bytes(10**6)),
        lambda path: np.zeros(10**6).tofile(path),  # an OSError without a number
        lambda path: save_file({"x": torch.zeros(10**6)}, path),
        lambda path: write_texture(path, np.zeros((99, 99, 3), np.uint8)),  # cv2 says False alone
        lambda path: (path.mkdir(), (path / "x").write_bytes(bytes(10**6))),
    ],
    ids=["bytes", "numpy", "safetensors", "cv2", "folder"],
)
def test_a_file_that_appears_whole_names_itself_and_leaves_nothing(full_disk, write):
    target = full_disk / "final.png"
    with pytest.raises(OSError) as raised, atomic_write(target) as temporary:
        write(temporary)
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(target))
    assert os.listdir(full_disk) == ["filler"]


def test_commands_that_write_to_a_full_disk_end_in_one_line(full_disk, inputs, monkeypatch, capsys):
    sources = ["--motions", inputs / "motions", "--textures", inputs / "textures"]
    for words in (
        ["plan", *sources, "--count-clips", 2, "--out", full_disk / "plan.jsonl"],
        ["render-videos", *sources, "--count-clips", 2, "--out", full_disk / "films"],
        ["report", "--textures", inputs / "textures", "--out", full_disk / "report.html"],
        ["body", "--out", full_disk / "body.png"],
        ["standins", "motions", "--out", full_disk / "motions"],
        ["standins", "pedestrians", "--out", full_disk / "people"],
    ):
        line = error_of(monkeypatch, capsys, *words)
        assert "the disk is full" in line and str(full_disk) in line, line
    assert {Path(name).name for name in os.listdir(full_disk)} <= {"filler", "films", "motions"}
