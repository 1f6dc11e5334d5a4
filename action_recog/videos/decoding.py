"""Frame-exact decoding: frame i is the i-th picture of the stream, and nothing else.

The truth is counting pictures from the first, with PyAV; decord serves the files where `packets` proves
that its seeking gives the same. Frames are reduced to a short side one by one, as they are decoded, so
that memory is that of the small frames and of a window of large ones. What would take more than
`MOST_BYTES` is refused before memory is taken.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from action_recog.errors import BadInput
from action_recog.videos.linear_pictures import LinearPictures, Salvage
from action_recog.videos.packets import first_line, inspect_video
from action_recog.videos.views import reduce_short_side, reduced_size

Decoder = Literal["auto", "decord", "linear"]

MOST_BYTES = 1_000_000_000
"""Of the frames that one call returns."""

KEPT_BYTES = 500_000_000
"""Of the frames of a video that are kept when all had to be decoded to count them."""

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


class _SeekingReader(Protocol):
    """What is used of decord's `VideoReader`, which has no types."""

    def __len__(self) -> int: ...

    def get_batch(self, indices: list[int]) -> Any: ...


class Video:
    """An opened video: `count` frames, `frame_rate`, the `decoder` in use, `salvage` if damaged.

    `frame_size` is the height and width of a frame, reduced.

    `frames(indices)` gives (N,H,W,3) uint8 RGB in the order asked for, its short side at most
    `short_side`. With decoder "auto" decord serves the files where it is exact; "linear" counts
    from the first picture, and keeps all where they take at most `KEPT_BYTES`; "decord" insists,
    and raises BadInput where it would be wrong.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        decoder: Decoder = "auto",
        short_side: int | None = None,
    ) -> None:
        self.path = Path(path)
        self.short_side = short_side
        self.facts = inspect_video(self.path)
        self.frame_rate = self.facts.frame_rate
        self.salvage: Salvage | None = None
        self._reader: _SeekingReader | None = None
        self._stored: np.ndarray | None = None
        self.frame_size = self._reduced(self.facts.height, self.facts.width)
        reason = self.facts.linear_reason
        if decoder == "decord" and reason:
            raise BadInput(
                f"{self.path}: decord would not be exact and small here ({reason}); use PyAV"
            )
        if decoder != "linear" and reason is None:
            self._reader = self._open_decord(strict=decoder == "decord")
        if self._reader is None:
            self._count_pictures()
        else:
            self.count = len(self._reader)

    @property
    def decoder(self) -> str:
        """The decoder in use: "decord" or "linear"."""
        return "linear" if self._reader is None else "decord"

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame, reduced."""
        height, width = self.frame_size
        return height * width * 3

    def _reduced(self, height: int, width: int) -> tuple[int, int]:
        if self.short_side is None or not height or not width:
            return height, width
        return reduced_size(height, width, self.short_side)

    def _reduce(self, frames: np.ndarray) -> np.ndarray:
        return frames if self.short_side is None else reduce_short_side(frames, self.short_side)

    def _open_decord(self, *, strict: bool) -> _SeekingReader | None:
        import decord

        decord.logging.set_level(decord.logging.QUIET)
        try:
            reader = decord.VideoReader(str(self.path), num_threads=1)
        except (decord.DECORDError, RuntimeError) as error:
            if strict:
                raise BadInput(
                    f"{self.path}: decord cannot open it ({first_line(error)})"
                ) from None
            return None
        if len(reader) == self.facts.packets:
            return reader
        if strict:
            raise BadInput(
                f"{self.path}: decord counts {len(reader)} frames, "
                f"the file holds {self.facts.packets}"
            )
        return None

    def _count_pictures(self) -> None:
        """Decode all once; the frames are kept while they fit."""
        self._reader, self._stored = None, None
        pictures = LinearPictures(self.path)
        store: np.ndarray | None = None
        count = 0
        for count, picture in enumerate(pictures, 1):
            frame = self._reduce(picture[None])[0]
            if count == 1:
                self.frame_size = frame.shape[0], frame.shape[1]
                # A packet holds a picture; more of them than packets are not kept.
                room = min(max(1, self.facts.packets), KEPT_BYTES // self.frame_bytes)
                store = np.empty((room, *frame.shape), np.uint8)
            if store is not None and count <= len(store):
                store[count - 1] = frame
            else:
                store = None
        self.count, self.salvage = count, pictures.salvage
        self._stored = None if store is None else store[:count]

    def frames(self, indices: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Decode frames by number.

        Args:
            indices: Frame numbers (N,) from 0, in any order; all frames by default.

        Returns:
            Frames (N,H,W,3) uint8 RGB.

        Raises:
            IndexError: For a number outside the video.
            BadInput: For frames that together take more than `MOST_BYTES`, before any is decoded.
        """
        numbers = np.arange(self.count) if indices is None else np.asarray(indices, dtype=np.int64)
        if len(numbers) and not (numbers.min() >= 0 and numbers.max() < self.count):
            raise IndexError(
                f"{self.path}: frames {numbers.min()}..{numbers.max()} of {self.count}"
            )
        require_room(self.path, len(numbers), self.frame_size)
        if self._reader is not None:
            import decord

            distinct, back = np.unique(numbers, return_inverse=True)
            try:
                frames = self._seek(distinct)
                return frames if indices is None else frames[back]
            except (decord.DECORDError, RuntimeError):  # damage inside a packet: save what there is
                self._count_pictures()
                numbers = np.arange(self.count) if indices is None else numbers
                numbers = np.minimum(numbers, self.count - 1)
        if self._stored is not None:
            return self._stored if indices is None else self._stored[numbers]
        return self._count_to(numbers)

    def verify(self) -> None:
        """Decode every frame once and keep none, to find damage; changes `count` and `salvage`.

        Raises:
            BadInput: Where not one picture can be decoded.
        """
        if self._reader is None:
            return  # all were decoded to count them
        import decord

        try:
            for numbers in self._windows(np.arange(self.count)):
                self._reader.get_batch(numbers.tolist())
        except (decord.DECORDError, RuntimeError):
            self._count_pictures()

    def _windows(self, numbers: np.ndarray) -> list[np.ndarray]:
        size = max(1, _WINDOW_BYTES // max(1, self.facts.width * self.facts.height * 3))
        return [numbers[begin : begin + size] for begin in range(0, len(numbers), size)]

    def _seek(self, numbers: np.ndarray) -> np.ndarray:
        """Frames of ascending numbers, by decord, reduced window by window."""
        assert self._reader is not None
        out: np.ndarray | None = None
        position = 0
        for window in self._windows(numbers):
            frames = self._reduce(self._reader.get_batch(window.tolist()).asnumpy())
            if out is None:
                out = np.empty((len(numbers), *frames.shape[1:]), np.uint8)
            out[position : position + len(frames)] = frames
            position += len(frames)
        return np.empty((0, *self.frame_size, 3), np.uint8) if out is None else out

    def _count_to(self, numbers: np.ndarray) -> np.ndarray:
        """Frames by number, counted from the first picture; no other is kept."""
        out = np.empty((len(numbers), *self.frame_size, 3), np.uint8)
        if not len(numbers):
            return out
        last = int(numbers.max())
        chosen = set(numbers.tolist())
        for index, picture in enumerate(LinearPictures(self.path)):
            if index in chosen:
                out[numbers == index] = self._reduce(picture[None])[0]
            if index == last:
                return out
        raise BadInput(
            f"{self.path}: {index + 1} frames, of {self.count} that were there when it was opened; "
            "leave the file as it is while it is read"
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
        decoder: "auto" chooses decord where it is exact; "linear" counts from the first picture;
            "decord" insists.
        short_side: Short side in pixels to which larger frames are reduced; None keeps their size.

    Returns:
        The video.

    Raises:
        BadInput: Where nothing can be decoded, or decord would be wrong and is insisted on.
    """
    return Video(path, decoder=decoder, short_side=short_side)
