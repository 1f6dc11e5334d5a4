"""`synth study serve` as a process that can be killed, and what it has left on the disk."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

from synth.study.answer_store import ANSWERS_FILE

ROOT = Path(__file__).resolve().parents[3]


class ServedStudy:
    """`synth study serve` as a process of its own, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, 0
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        code = "from synth.cli import main; main()"
        words = ["study", "serve", str(self.folder), "--port", str(self.port)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        address = self.process.stdout.readline().split()[0]
        self.port = int(address.rstrip("/").rpartition(":")[2])
        return address

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def stored_answers(folder: Path) -> dict[str, dict[int, str]]:
    """What is on the disk, read by SQLite alone."""
    connection = sqlite3.connect(folder / ANSWERS_FILE)
    rows = connection.execute(
        "SELECT name, trial, choice FROM raters LEFT JOIN answers ON rater = number"
    ).fetchall()
    connection.close()
    result: dict[str, dict[int, str]] = {}
    for name, trial, choice in rows:
        result.setdefault(name, {})
        if trial is not None:
            result[name][trial] = choice
    return result
