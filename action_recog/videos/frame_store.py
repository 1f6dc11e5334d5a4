"""Decoded frames, kept in memory while they fit.

Training reads the same short videos many times. Frames are reduced, while they are decoded, to the
largest short side that any view needs, and kept as uint8 up to a budget; what does not fit is decoded
each time, with the same pixels as a result. Every file is decoded once before training begins, so that
a bad one is known by then.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from action_recog.errors import BadInput
from action_recog.videos.decoding import KEPT_BYTES, open_video, require_room
from action_recog.videos.labelled_videos import VideoSet


@dataclass(frozen=True)
class StoredVideo:
    """`count` frames at `frame_rate`; `frames` holds them when they are in memory."""

    path: Path
    count: int
    frame_rate: float
    decoder: str
    frames: np.ndarray | None


class FrameStore:
    """Frames of many videos, short side at most `short_side`.

    `fill` decodes once; `notes` lists damaged files that were salvaged, `failures` those of which
    nothing could be decoded.

    Args:
        short_side: Short side in pixels to which larger frames are reduced.
        budget: Bytes of frames that are kept in memory.
        most_frames: Frames of a video that are asked for at once, at most; a video of which so many
            would take too much memory is a failure.
    """

    def __init__(self, *, short_side: int, budget: int = 2 * 1024**3, most_frames: int = 1) -> None:
        self.short_side = short_side
        self.budget = budget
        self.most_frames = most_frames
        self.notes: dict[Path, str] = {}
        self.failures: dict[Path, str] = {}
        self._stored: dict[Path, StoredVideo] = {}

    def fill(
        self, paths: Iterable[Path], *, threads: int | None = None, quiet: bool = False
    ) -> None:
        """Open every video that is new, and keep its frames while the budget lasts.

        Args:
            paths: Video files.
            threads: Number of files that are decoded at once.
            quiet: Hide the progress bar.
        """
        opened = self._stored.keys() | self.failures.keys()
        new = [p for p in dict.fromkeys(paths) if p not in opened]
        if not new:
            return
        with ThreadPoolExecutor(threads or min(4, os.cpu_count() or 1)) as pool:
            rows = tqdm(
                pool.map(self._load, new),
                total=len(new),
                desc="Decoding videos",
                unit="video",
                disable=quiet,
            )
            for path, loaded in zip(new, rows):
                if isinstance(loaded, str):
                    self.failures[path] = loaded
                    continue
                size = 0 if loaded.frames is None else loaded.frames.nbytes
                if size > self.budget:
                    loaded = StoredVideo(
                        path, loaded.count, loaded.frame_rate, loaded.decoder, None
                    )
                else:
                    self.budget -= size
                self._stored[path] = loaded

    def _load(self, path: Path) -> StoredVideo | str:
        try:
            video = open_video(path, short_side=self.short_side)
            require_room(path, self.most_frames, video.frame_size)
            if video.count * video.frame_bytes <= min(self.budget, KEPT_BYTES):
                frames = video.frames()
            else:
                frames = None
                video.verify()
        except BadInput as error:
            return str(error)
        if video.salvage:
            self.notes[path] = str(video.salvage)
        return StoredVideo(path, video.count, video.frame_rate, video.decoder, frames)

    def __getitem__(self, path: Path) -> StoredVideo:
        return self._stored[path]

    def __contains__(self, path: Path) -> bool:
        return path in self._stored

    def frames(self, path: Path, indices: np.ndarray) -> np.ndarray:
        """Frames of a video that was filled in.

        Args:
            path: Video file.
            indices: Frame numbers (N,) from 0.

        Returns:
            Frames (N,h,w,3) uint8 RGB, reduced to the store's short side.
        """
        stored = self._stored[path]
        if stored.frames is not None:
            return stored.frames[indices]
        return open_video(path, short_side=self.short_side).frames(indices)

    def decoders(self) -> dict[str, int]:
        """How many videos each decoder served."""
        names = [stored.decoder for stored in self._stored.values()]
        return {name: names.count(name) for name in sorted(set(names))}

    def readable(self, videos: VideoSet) -> VideoSet:
        """The videos of a set that could be decoded."""
        return videos.subset((v for v in videos.videos if v.path in self), name=videos.name)
