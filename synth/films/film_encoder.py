"""The film of a clip, composed and encoded while the renderer is at the next picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from synth.clips.channel_files import SHARP
from synth.clips.video_files import frame_rate, read_video, write_video
from synth.plans.plan_row import PlanRow
from synth.scene.backdrop import ClipBackground
from synth.scene.lens.film_pictures import camera_picture, compressed
from synth.scene.lens.lens import Lens
from synth.scene.lens.motion_blur import ShutterPicture
from synth.scene.picture import composite
from synth.scene.posed_clip import PosedClip


class FilmEncoder:
    """Pictures go in on one thread (`add` for each, then `finish`) and are encoded on another.

    `path` is the film's. `frames` (T,H,W,3) RGB uint8 are the pictures before their `background` and
    through the clip's lens, as they are encoded; `sharp` the same without the lens, None where it does
    nothing.
    """

    def __init__(self, path: Path, row: PlanRow, posed_clip: PosedClip, background: ClipBackground):
        self._path, self._row, self._background = path, row, background
        self._cameras = posed_clip.cameras
        self._queue: SimpleQueue[ShutterPicture | None] = SimpleQueue()
        self.frames = np.empty((row.frames, row.height, row.width, 3), np.uint8)
        self.sharp = None if row.lens == Lens() else np.empty_like(self.frames)

    def add(self, picture: ShutterPicture) -> None:
        """The next picture."""
        self._queue.put(picture)

    def finish(self) -> None:
        """There are no more pictures."""
        self._queue.put(None)

    def encode(self) -> tuple[np.ndarray, float]:
        """Write the film and read it back.

        Returns frames (T,H,W,3) uint8 and frames per second, as whoever plays it gets them, but for the
        mirror of SURREAL's layout. Raises BadInput for a background that cannot be read.
        """
        row, mirrored = self._row, self._row.film_mirrored
        write_video(self._path, self._captured(), row.fps, mirrored=mirrored)
        if self.sharp is not None and row.lens.sharp:
            path = self._path.with_name(self._path.stem + SHARP)
            write_video(path, self.sharp, row.fps, mirrored=mirrored)
        return read_video(self._path, mirrored=mirrored), frame_rate(self._path)

    def _captured(self) -> Iterator[np.ndarray]:
        """The frames as the clip's camera hands them on."""
        pictures = compressed(self._composed(), self._row.lens, self._row.fps)
        for frame, picture in zip(self.frames, pictures):
            frame[:] = picture
            yield frame

    def _composed(self) -> Iterator[np.ndarray]:
        row, cameras = self._row, self._cameras
        for number, plate in enumerate(self._background.pictures()):
            picture = self._queue.get()
            if picture is None:  # the renderer has given up
                return
            if self.sharp is not None:
                self.sharp[number] = composite(picture.sharp.rgba, plate)
            yield camera_picture(
                picture.blurred,
                plate,
                cameras[number : number + 3],
                row.lens,
                rng=np.random.default_rng([row.seed, number]),
            )
