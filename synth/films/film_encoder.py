"""The film of a clip, composed and encoded while the renderer is at the next picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from synth.clips.video_files import frame_rate, read_video, write_video
from synth.plans.plan_row import PlanRow
from synth.scene.backdrop import ClipBackground
from synth.scene.picture import composite


class FilmEncoder:
    """Pictures go in on one thread (`add` for each, then `finish`) and are encoded on another.

    `path` is the film's. `frames` (T,H,W,3) RGB uint8 are the pictures before their `background`, as
    they are encoded.
    """

    def __init__(self, path: Path, row: PlanRow, background: ClipBackground):
        self._path, self._row, self._background = path, row, background
        self._queue: SimpleQueue[np.ndarray | None] = SimpleQueue()
        self.frames = np.empty((row.frames, row.height, row.width, 3), np.uint8)

    def add(self, rgba: np.ndarray) -> None:
        """The next picture, (H,W,4) as in `synth.scene.picture.Picture`."""
        self._queue.put(rgba)

    def finish(self) -> None:
        """There are no more pictures."""
        self._queue.put(None)

    def encode(self) -> tuple[np.ndarray, float]:
        """Write the film and read it back.

        Returns frames (T,H,W,3) uint8 and frames per second, as whoever plays it gets them, but for the
        mirror of SURREAL's layout. Raises BadInput for a background that cannot be read.
        """
        mirrored = self._row.film_mirrored
        write_video(self._path, self._composed(), self._row.fps, mirrored=mirrored)
        return read_video(self._path, mirrored=mirrored), frame_rate(self._path)

    def _composed(self) -> Iterator[np.ndarray]:
        for frame, plate in zip(self.frames, self._background.pictures()):
            rgba = self._queue.get()
            if rgba is None:  # the renderer has given up
                return
            frame[:] = composite(rgba, plate)
            yield frame
