"""A pool of one worker in this process, whose films are copies: all of a run but the filming."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from synth.clips.channel_files import clip_files
from synth.clips.clip import publish, stem_in
from synth.films.checksums import clip_checksums
from synth.films.clip_renderer import RenderedClip
from synth.workers.pool import run_task


class SerialPool:
    """Copies clips of the film folder `films`; those of `failing` stems fail."""

    def __init__(self, films: Path, out: Path, failing: Collection[str] = ()):
        self.films, self.out, self.failing = films, out, failing
        self.tasks: list[tuple[object, object]] = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def start_worker(self):
        return object()

    def worker_name(self, worker):
        return f"host:{os.getpid()}"

    def has_started(self, worker):
        return True

    def stop_worker(self, worker):
        return None

    kill_worker = stop_worker

    def submit(self, worker, task):
        self.tasks.append((worker, task))

    def receive(self, timeout=None):
        worker, task = self.tasks.pop(0)
        return [(worker, run_task(self.film, task, lambda amount: None))]

    def film(self, row, progress):
        if row.stem in self.failing:
            raise RuntimeError("a fault of this clip")
        partial = self.out / f".partial-copy-{os.getpid()}"
        stem = stem_in(partial, row)
        for end in clip_files(row.channels, row.layout):
            shutil.copyfile(f"{self.films / row.stem}{end}", f"{stem}{end}")
        checksums = clip_checksums(stem, row)
        size = sum(path.stat().st_size for path in partial.iterdir())
        publish(partial, self.out, row)
        partial.rmdir()
        return RenderedClip(0.1, 0.0, size, checksums, {})
