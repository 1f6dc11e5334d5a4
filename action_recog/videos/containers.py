"""Containers of videos, opened with limits: what decoding may take is bounded before it begins."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import av

from action_recog.errors import BadInput
from action_recog.videos.byte_ranges import byte_range

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

VIDEO_SUFFIXES = (
    ".avi",
    ".mp4",
    ".mkv",
    ".webm",
    ".mov",
    ".m4v",
    ".mpg",
    ".mpeg",
    ".ts",
    ".3gp",
    ".wmv",
    ".flv",
)
"""Names of files that are taken for videos end so, in lower case."""

MOST_PIXELS = 36_000_000
"""Of a picture: 8K has 33 million. As RGB that is 108 MB."""

MOST_PACKETS = 1_000_000
"""Of a video: eleven hours at 25 frames a second."""

VIDEO_ERRORS = (av.FFmpegError, OSError, ValueError, ArithmeticError, MemoryError)
"""What PyAV raises for damaged files."""


def first_line(error: BaseException) -> str:
    """The first line of what an error says."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).split("\n")[0]


def open_container(path: Path) -> InputContainer:
    """Open a file whose first video stream has a decoder and pictures of a bearable size.

    Raises:
        BadInput: For any other file.
    """
    address = byte_range(path).address
    try:
        container = av.open(address, metadata_errors="replace")
    except VIDEO_ERRORS as error:
        raise BadInput(
            f"{path}: not a video that can be opened ({first_line(error)}); "
            "expected an AVI, MP4, MOV, MPEG or MKV file"
        ) from None
    reason = _unsuitable(container)
    if reason:
        container.close()
        raise BadInput(f"{path}: {reason}")
    return container


def _unsuitable(container: InputContainer) -> str | None:
    """Why no video can be decoded from a container, or None."""
    if not container.streams.video:
        return "the file holds no video stream; expected an AVI, MP4, MOV, MPEG or MKV video"
    context = container.streams.video[0].codec_context
    if context is None:
        return "its codec is not known; expected a video in a usual codec, as H.264"
    if context.width * context.height > MOST_PIXELS:
        return (
            f"pictures of {context.width} x {context.height} = {context.width * context.height:,} "
            f"pixels, expected at most {MOST_PIXELS:,}; make the video smaller"
        )
    # Pictures may grow in the middle of a stream; ffmpeg refuses them before it takes memory.
    context.options = {"max_pixels": str(MOST_PIXELS)}
    return None


def frame_rate(stream: VideoStream) -> float:
    """Frames per second of a stream; 25 where the file says nothing that can be used."""
    rate = float(stream.average_rate or stream.guessed_rate or 25)
    return rate if math.isfinite(rate) and rate > 0 else 25.0


def claimed_frames(container: InputContainer) -> int:
    """The number of frames that a file says it shows, 0 where it says nothing.

    MP4 and MOV files may hold pictures that an edit list leaves out, as every tool does that trims
    without encoding again: those are decoded, since others are predicted from them, and not shown.
    """
    stream = container.streams.video[0]
    if stream.frames and "mov" in container.format.name.split(","):
        return sum(not entry.is_discard for entry in stream.index_entries)
    return stream.frames
