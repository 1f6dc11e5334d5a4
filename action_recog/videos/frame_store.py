"""Frames of many videos, each decoded once: kept in memory while they fit, or in a folder.

Training reads the same short videos many times. Without a folder, frames are reduced while they are
decoded, to the largest short side that any view needs, and kept in memory up to a budget; what does not
fit is decoded each time, with the same pixels as a result.

With a folder, everything is found there by the digest of a video's bytes, whatever its name: the survey
of the video, and, where its frames are reduced, a file of JPEGs. Frames in full size are never stored: a
video that is not larger than any view needs is its own best store, smaller than JPEGs and read as fast.
A start then opens nothing that was opened before; a fill that was interrupted goes on; several processes
and machines may fill a folder, each some of the videos.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from action_recog.errors import BadInput
from action_recog.videos.content import ContentDigests
from action_recog.videos.decoding import Video, require_room
from action_recog.videos.frame_files import frame_file_count, frame_file_writer, read_frame_file
from action_recog.videos.labelled_videos import VideoSet
from action_recog.videos.ordered_loading import load_in_order
from action_recog.videos.survey import VideoSurvey, survey_video
from action_recog.videos.survey_files import read_survey, write_survey
from action_recog.videos.views import reduce_short_side, reduced_size
from action_recog.videos.whole_files import whole_file

KEPT_BYTES = 500_000_000
"""Of the frames of one video that are kept in memory."""

_REMEMBER_EVERY = 500  # videos, after which their digests are written down


@dataclass(frozen=True)
class StoredVideo:
    """`count` frames at `frame_rate`.

    `frames` holds them when they are in memory, `frame_file` when they are in a file; else they are
    decoded with the help of the `survey`.
    """

    path: Path
    count: int
    frame_rate: float
    decoder: str
    frames: np.ndarray | None
    survey: VideoSurvey | None = None
    frame_file: Path | None = None
    salvage: str | None = None
    reused: bool = False


class _FramesInMemory:
    """Takes the reduced frames of a survey, up to a number of bytes."""

    def __init__(self, short_side: int, most_bytes: int) -> None:
        self.short_side, self.most_bytes = short_side, most_bytes
        self._frames: list[np.ndarray] | None = None

    def accepts(self, height: int, width: int) -> bool:
        self._frames = []
        return True

    def add(self, frame: np.ndarray) -> None:
        if self._frames is None:
            return
        self._frames.append(reduce_short_side(frame[None], self.short_side)[0])
        if len(self._frames) * self._frames[0].nbytes > self.most_bytes:
            self._frames = None  # it will be decoded each time

    def frames(self) -> np.ndarray | None:
        return np.stack(self._frames) if self._frames else None


class FrameStore:
    """Frames of many videos, short side at most `short_side`.

    `fill` decodes once; `notes` lists damaged files that were salvaged, `failures` those of which
    nothing could be decoded.

    Args:
        short_side: Short side in pixels to which larger frames are reduced.
        budget: Bytes of frames that are kept in memory; with a folder, of videos that were used.
        most_frames: Frames of a video that are asked for at once, at most; a video of which so many
            would take too much memory is a failure.
        folder: Folder in which surveys and reduced frames are kept; it may be shared by runs.
        quality: Quality of the JPEGs in the folder, 1 to 100.
    """

    def __init__(
        self,
        *,
        short_side: int,
        budget: int = 2 * 1024**3,
        most_frames: int = 1,
        folder: Path | None = None,
        quality: int = 95,
    ) -> None:
        if not 1 <= quality <= 100:
            raise ValueError(f"quality {quality}: expected 1 to 100")
        self.short_side = short_side
        self.budget = budget
        self.most_frames = most_frames
        self.folder = folder
        self.quality = quality
        self.notes: dict[Path, str] = {}
        self.failures: dict[Path, str] = {}
        self._stored: dict[Path, StoredVideo] = {}
        self._digests = ContentDigests(folder / "digests.json" if folder else None)
        self._claimed: set[Path] = set()
        self._lock = threading.Lock()

    @property
    def pixels(self) -> str:
        """What the frames are, as far as a training depends on it: part of a run's identity."""
        if self.folder is None:
            return f"short side {self.short_side}, exact"
        return f"short side {self.short_side}, JPEG {self.quality} where reduced"

    def fill(
        self, paths: Iterable[Path], *, threads: int | None = None, quiet: bool = False
    ) -> None:
        """Open every video that is new, and keep its frames while the budget lasts, or in the folder.

        Args:
            paths: Video files.
            threads: Number of files that are decoded at once.
            quiet: Hide the progress bar.

        Raises:
            BadInput: Where the folder cannot be written.
        """
        opened = self._stored.keys() | self.failures.keys()
        new = [p for p in dict.fromkeys(paths) if p not in opened]
        if not new:
            return
        threads = threads or min(8, len(os.sched_getaffinity(0)))
        rows = tqdm(
            zip(new, load_in_order(self._load, new, threads=0 if threads == 1 else threads)),
            total=len(new),
            desc="Decoding videos",
            unit="video",
            disable=quiet,
        )
        try:
            try:
                for number, (path, video) in enumerate(rows, 1):
                    self._take(path, video)
                    if number % _REMEMBER_EVERY == 0:
                        self._remember()
            finally:
                self._remember()
        except OSError as error:
            raise BadInput(
                f"{self.folder}: the frame store cannot be written ({error.strerror or error}); make "
                "room, or give another folder"
            ) from None
        if self.folder is not None:
            reused = sum(self._stored[p].reused for p in new if p in self._stored)
            tqdm.write(
                f"Frame store {self.folder} ({self.pixels}): re-used {reused} videos with the same "
                f"bytes, decoded {len(new) - reused}",
                file=sys.stderr,
            )

    def _take(self, path: Path, video: StoredVideo | str) -> None:
        if isinstance(video, str):
            self.failures[path] = video
            return
        if video.salvage:
            self.notes[path] = video.salvage
        size = 0 if video.frames is None else video.frames.nbytes
        if size > self.budget:
            video = _without_frames(video)
        else:
            self.budget -= size
        self._stored[path] = video

    def _remember(self) -> None:
        if self.folder is None:
            return
        with whole_file(self.folder / "digests.json") as file:
            file.write(self._digests.text().encode())

    def _load(self, path: Path) -> StoredVideo | str:
        try:
            return self._load_in_memory(path) if self.folder is None else self._load_in_folder(path)
        except BadInput as error:
            return str(error)

    def _load_in_memory(self, path: Path) -> StoredVideo:
        sink = _FramesInMemory(self.short_side, min(self.budget, KEPT_BYTES))
        survey = survey_video(path, sink)
        return self._row(path, survey, frames=sink.frames())

    def _load_in_folder(self, path: Path) -> StoredVideo:
        digest = self._digest(path)
        survey_file = self._file(digest, "survey.json")
        frame_file = self._file(digest, f"short{self.short_side}.jpeg{self.quality}.frames")
        survey = self._remembered_survey(survey_file, frame_file, digest)
        reused = survey is not None
        if survey is None:
            with frame_file_writer(
                frame_file, short_side=self.short_side, quality=self.quality
            ) as sink:
                survey = survey_video(path, sink)
            if self._digest(path) != digest:
                raise BadInput(f"{path}: it changed while it was read; leave the file as it is")
            write_survey(survey_file, survey, sha256=digest)
        reduces = min(survey.height, survey.width) > self.short_side
        return self._row(path, survey, frame_file=frame_file if reduces else None, reused=reused)

    def _row(self, path: Path, survey: VideoSurvey, **fields: Any) -> StoredVideo:
        require_room(
            path, self.most_frames, reduced_size(survey.height, survey.width, self.short_side)
        )
        decoder = "linear" if survey.linear_reason else "seeking"
        salvage = str(survey.salvage) if survey.salvage else None
        return StoredVideo(
            path,
            survey.count,
            survey.frame_rate,
            decoder,
            fields.pop("frames", None),
            survey,
            salvage=salvage,
            **fields,
        )

    def _digest(self, path: Path) -> str:
        try:
            return self._digests.of_file(path)
        except OSError as error:
            raise BadInput(f"{path}: cannot be read ({error.strerror})") from None

    def _file(self, digest: str, suffix: str) -> Path:
        assert self.folder is not None
        return self.folder / digest[:2] / f"{digest}.{suffix}"

    def _remembered_survey(
        self, survey_file: Path, frame_file: Path, digest: str
    ) -> VideoSurvey | None:
        """The survey of a video of which everything is in the folder; None where it is decoded."""
        if not survey_file.exists():
            return None
        try:
            survey = read_survey(survey_file, sha256=digest)
            if min(survey.height, survey.width) <= self.short_side:
                return survey
            if not frame_file.exists():
                return None
            count = frame_file_count(frame_file)
            if count != survey.count:
                raise BadInput(f"{frame_file}: {count} frames, of {survey.count}; it is made again")
            return survey
        except BadInput as error:
            tqdm.write(f"Frame store {self.folder}: {error}", file=sys.stderr)
            return None

    def __getstate__(self) -> dict[str, Any]:
        """What another process gets: frames in memory stay here, and none are kept there."""
        stored = {path: _without_frames(video) for path, video in self._stored.items()}
        state = {**self.__dict__, "_stored": stored, "_digests": ContentDigests(), "budget": 0}
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin as the copy of another process's store."""
        self.__dict__ = {**state, "_lock": threading.Lock()}

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
            Frames (N,h,w,3) uint8 RGB, reduced to the store's short side; they may be the store's, and
            are not to be written to.
        """
        stored = self._stored[path]
        if stored.frames is None and self._claims(stored):
            whole = self._read(stored, np.arange(stored.count))
            stored = self._stored[path] = replace(stored, frames=whole)
        return (
            self._read(stored, indices)
            if stored.frames is None
            else _rows_at(stored.frames, indices)
        )

    def _claims(self, stored: StoredVideo) -> bool:
        """Whether a video of the folder is to be kept in memory from now on."""
        if self.folder is None or stored.survey is None:
            return False
        height, width = reduced_size(stored.survey.height, stored.survey.width, self.short_side)
        size = stored.count * height * width * 3
        with self._lock:
            if stored.path in self._claimed or size > min(self.budget, KEPT_BYTES):
                return False
            self._claimed.add(stored.path)
            self.budget -= size
        return True

    def _read(self, stored: StoredVideo, indices: np.ndarray) -> np.ndarray:
        """Frames from the file of a video's reduced frames, or from the video."""
        if stored.frame_file is not None:
            return read_frame_file(stored.frame_file, indices)
        video = Video(stored.path, short_side=self.short_side, survey=stored.survey)
        return video.frames(indices)

    def decoders(self) -> dict[str, int]:
        """How many videos each decoder served."""
        names = [stored.decoder for stored in self._stored.values()]
        return {name: names.count(name) for name in sorted(set(names))}

    def readable(self, videos: VideoSet) -> VideoSet:
        """The videos of a set that could be decoded."""
        return videos.subset((v for v in videos.videos if v.path in self), name=videos.name)


def _rows_at(frames: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Frames by number; those at equal distances are not copied, since views copy what they cut out."""
    distances = np.diff(indices)
    if not len(distances) or distances[0] < 1 or np.any(distances != distances[0]):
        return frames[indices]
    rows = frames[indices[0] : indices[-1] + 1 : distances[0]]
    rows.flags.writeable = False
    return rows


def _without_frames(video: StoredVideo) -> StoredVideo:
    return replace(video, frames=None)
