"""Folders of processes: gone when they end, swept when they were killed, left alone while they live."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from synth.workers import scratch
from synth.workers.scratch import process_folder, sweep

ROOT = Path(__file__).resolve().parents[3]
HOLD = (
    "import sys\nfrom pathlib import Path\nfrom synth.workers.scratch import process_folder\n"
    "with process_folder(Path(sys.argv[1]), '.partial-') as folder:\n"
    "    (folder / 'clip').mkdir()\n"
    "    print('there', flush=True)\n"
    "    sys.stdin.read()\n"
)


def test_a_folder_lives_as_long_as_its_process_and_is_swept_after_a_kill(tmp_path):
    foreign = tmp_path / ".partial-elsewhere-1"
    foreign.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"there\n"
    (theirs,) = tmp_path.glob(f".partial-{socket.gethostname()}-{process.pid}-*")
    with process_folder(tmp_path, ".partial-") as ours:
        assert ours.is_dir() and (theirs / "clip").is_dir() and foreign.is_dir()
    assert not ours.exists()
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet collected
    sweep(tmp_path, ".partial-")
    assert not theirs.exists() and foreign.is_dir()
    process.communicate()


def test_a_folder_is_private_and_its_name_cannot_be_told_beforehand(tmp_path):
    with process_folder(tmp_path, "scratch-") as one, process_folder(tmp_path, "scratch-") as other:
        assert one != other
        for folder in (one, other):
            assert folder.stat().st_mode & 0o777 == 0o700
            assert folder.name.startswith(f"scratch-{socket.gethostname()}-{os.getpid()}-")


def test_what_an_ended_worker_left_in_memory_is_gone_with_its_run(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch, "_MEMORY", tmp_path)
    with scratch.memory_folder() as ours:
        worker = subprocess.Popen(
            [sys.executable, "-c", HOLD.replace(".partial-", "surrealpp-"), str(tmp_path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert worker.stdout.readline() == b"there\n"
        worker.kill()
        worker.communicate()
        assert len(list(tmp_path.iterdir())) == 2 and ours.is_dir()
    assert not list(tmp_path.iterdir())


def test_a_link_in_the_place_of_a_folder_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").touch()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    link = tmp_path / f"scratch-{socket.gethostname()}-{dead.pid}-abc"
    link.symlink_to(tmp_path / "elsewhere")
    sweep(tmp_path, "scratch-")
    assert (tmp_path / "elsewhere" / "file").exists()
