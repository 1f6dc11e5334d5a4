"""Folders of processes: gone when they end, swept when they were killed, left alone while they live."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

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
    theirs = tmp_path / f".partial-{socket.gethostname()}-{process.pid}"
    with process_folder(tmp_path, ".partial-") as ours:
        assert ours.is_dir() and (theirs / "clip").is_dir() and foreign.is_dir()
    assert not ours.exists()
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet collected
    sweep(tmp_path, ".partial-")
    assert not theirs.exists() and foreign.is_dir()
    process.communicate()
