"""Frame-exact decoding: frame i is the i-th picture that the video shows, and nothing else.

The truth is counting pictures from the first, with PyAV; opening a video does that once (its survey).
Frames are then reached from the key frame before them, each compared with what was counted, or, where a
file cannot be sought in or is damaged, counted to again. Only frames that are asked for are converted to
RGB, upright; they are reduced to a short side one by one, so that memory is that of the small frames and
of one large one. What would take more than `MOST_BYTES` is refused before memory is taken.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from action_recog.errors import BadInput
from action_recog.videos.decord_reader import DecordReader
from action_recog.videos.pictures import PictureCount, RgbConversion, Salvage, picture_checksum
from action_recog.videos.survey import (
    SeekingFailed,
    VideoSurvey,
    pictures_by_seeking,
    survey_video,
)
from action_recog.videos.views import reduce_short_side, reduced_size

Decoder = Literal["auto", "seeking", "linear", "decord"]

MOST_BYTES = 1_000_000_000
"""Of the frames that one call returns."""

_WINDOW_BYTES = 64_000_000  # of frames in full size that decord decodes at once


def decode_linear(
    path: str | os.PathLike[str], *, short_side: int | None = None
) -> tuple[np.ndarray, Salvage | None]:
    """Decode every picture from the first on.

    Args:
        path: Video file.
        short_side: Short side in pixels to which larger frames are reduced; None keeps their size.

    Returns:
        Frames (T,H,W,3) uint8 RGB, and what is wrong with the file (None: nothing).

    Raises:
        BadInput: Where not one picture can be decoded, or all together would be too large.
    """
    video = Video(path, decoder="linear", short_side=short_side)
    return video.frames(), video.salvage


class Video:
    """An opened video: `count` frames, `frame_rate`, the `decoder` in use, `salvage` if damaged.

    `frame_size` is the height and width of a frame, upright and reduced; `linear_reason` says why its
    frames are counted from the first, where they are.

    `frames(indices)` gives (N,H,W,3) uint8 RGB in the order asked for, its short side at most
    `short_side`. All decoders give the same frames (decord's conversion to RGB differs by 2 in 255
    at most): "auto" seeks where the survey says that it is exact; "linear" counts from the first
    picture; "seeking" and "decord" insist, and raise BadInput where they would be wrong.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        decoder: Decoder = "auto",
        short_side: int | None = None,
        survey: VideoSurvey | None = None,
    ) -> None:
        self.path = Path(path)
        self.short_side = short_side
        self.survey = survey or survey_video(self.path)
        self.count = self.survey.count
        self.frame_rate = self.survey.frame_rate
        self.salvage = self.survey.salvage
        self.linear_reason = self.survey.linear_reason
        self.frame_size = self._reduced(self.survey.height, self.survey.width)
        if decoder == "seeking" and self.linear_reason:
            raise BadInput(
                f"{self.path}: seeking would not be exact or of use here ({self.linear_reason}); "
                "use the decoder linear"
            )
        self._reader = DecordReader(self.path, self.survey) if decoder == "decord" else None
        self._seeks = decoder != "linear" and self.linear_reason is None

    @property
    def decoder(self) -> str:
        """The decoder in use: "seeking", "linear" or "decord"."""
        if self._reader is not None:
            return "decord"
        return "seeking" if self._seeks else "linear"

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame, reduced."""
        height, width = self.frame_size
        return height * width * 3

    def _reduced(self, height: int, width: int) -> tuple[int, int]:
        if self.short_side is None:
            return height, width
        return reduced_size(height, width, self.short_side)

    def _reduce(self, frames: np.ndarray) -> np.ndarray:
        return frames if self.short_side is None else reduce_short_side(frames, self.short_side)

    def frames(self, indices: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Decode frames by number.

        Args:
            indices: Frame numbers (N,) from 0, in any order; all frames by default.

        Returns:
            Frames (N,H,W,3) uint8 RGB.

        Raises:
            IndexError: For a number outside the video.
            BadInput: For frames that together take more than `MOST_BYTES`, before any is decoded; and
                for a file that holds other pictures than when it was opened.
        """
        numbers = np.arange(self.count) if indices is None else np.asarray(indices, dtype=np.int64)
        if len(numbers) and not (numbers.min() >= 0 and numbers.max() < self.count):
            raise IndexError(
                f"{self.path}: frames {numbers.min()}..{numbers.max()} of {self.count}"
            )
        require_room(self.path, len(numbers), self.frame_size)
        distinct, back = np.unique(numbers, return_inverse=True)
        out = np.empty((len(distinct), *self.frame_size, 3), np.uint8)
        if self._seeks and self._reader is None:
            try:
                self._fill(out, self._sought(distinct))
                return out if indices is None else out[back]
            except SeekingFailed:
                self._seeks = False
        if self._reader is not None:
            self._fill(out, self._windows(self._reader, distinct))
        else:
            self._fill(out, self._counted(distinct))
        return out if indices is None else out[back]

    def _fill(self, out: np.ndarray, frames: Iterator[np.ndarray]) -> None:
        for row, frame in enumerate(frames):
            out[row] = self._reduce(frame[None])[0]

    def _sought(self, numbers: np.ndarray) -> Iterator[np.ndarray]:
        """Frames of ascending numbers, each from the key frame before it."""
        conversion = RgbConversion()
        for picture in pictures_by_seeking(self.path, self.survey, numbers):
            yield conversion.frame(picture)

    def _windows(self, reader: DecordReader, numbers: np.ndarray) -> Iterator[np.ndarray]:
        """Frames of ascending numbers, by decord, some at once."""
        size = max(1, _WINDOW_BYTES // (self.survey.width * self.survey.height * 3))
        for begin in range(0, len(numbers), size):
            yield from reader.frames(numbers[begin : begin + size])

    def _counted(self, numbers: np.ndarray) -> Iterator[np.ndarray]:
        """Frames of ascending numbers, counted from the first picture."""
        conversion = RgbConversion()
        chosen = iter(numbers.tolist())
        number = next(chosen, None)
        if number is None:
            return
        index = -1
        pictures = PictureCount(self.path, careful=self.survey.is_careful)
        for index, picture in enumerate(pictures):
            if index != number:
                continue
            if self.salvage is None and picture_checksum(picture) != self.survey.checksums[index]:
                raise self._changed(f"frame {index} is another picture")
            yield conversion.frame(picture)
            number = next(chosen, None)
            if number is None:
                return
        raise self._changed(f"{index + 1} frames, of {self.count} that were there")

    def _changed(self, finding: str) -> BadInput:
        return BadInput(
            f"{self.path}: {finding} than when it was opened; leave the file as it is while it is read"
        )


def require_room(path: Path, count: int, frame_size: tuple[int, int]) -> None:
    """Check that frames together take no more than `MOST_BYTES`.

    Args:
        path: Video file, for the message.
        count: Number of frames.
        frame_size: Their height and width in pixels.

    Raises:
        BadInput: For more.
    """
    height, width = frame_size
    size = count * height * width * 3
    if size > MOST_BYTES:
        raise BadInput(
            f"{path}: {count:,} frames of {width} x {height} pixels take {size:,} bytes, expected at "
            f"most {MOST_BYTES:,} at once; ask for fewer or smaller frames, or cut the video"
        )


def open_video(
    path: str | os.PathLike[str], *, decoder: Decoder = "auto", short_side: int | None = None
) -> Video:
    """Open a video for exact access by frame number.

    Args:
        path: Video file.
        decoder: "auto" seeks where that is exact, else counts; "linear" counts from the first picture;
            "seeking" and "decord" insist.
        short_side: Short side in pixels to which larger frames are reduced; None keeps their size.

    Returns:
        The video.

    Raises:
        BadInput: Where nothing can be decoded, or a decoder that is insisted on would be wrong.
    """
    return Video(path, decoder=decoder, short_side=short_side)
