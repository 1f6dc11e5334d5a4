"""What a video holds, found out by decoding it once: frames, their times and checksums, and damage.

Everything that is read from a video later rests on its survey. A frame that is reached by seeking is
compared with the checksum that its picture had when the pictures were counted from the first, so no
container, codec or index can give another frame than the one that was asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from action_recog.errors import BadInput
from action_recog.videos.containers import VIDEO_ERRORS, first_line, frame_rate, open_container
from action_recog.videos.pictures import (
    PictureCount,
    RgbConversion,
    Salvage,
    displayed_size,
    picture_checksum,
    prepare_decoder,
)

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

SURVEY_VERSION = 1
"""Of what a survey means; surveys of another version are made again."""

_TRIAL_KEYS = 2  # key frames that seeking is tried with
_TRIAL_FRAMES = 8  # behind a key frame


@dataclass(frozen=True)
class VideoSurvey:
    """What decoding a whole video found.

    `height` and `width` are those of a frame as it is shown; `times` (count,) int64 are the pictures'
    time stamps, `checksums` (count,) uint32 their CRC-32, `keys` the numbers of key frames.
    `linear_reason` says why frames are counted from the first picture on; it is None where seeking
    gave the same pictures. `salvage` is None for a sound file; `is_careful` says that of a damaged one
    pictures are left out that its decoder would fill with whatever its memory held.
    """

    codec: str
    height: int
    width: int
    frame_rate: float
    packets: int
    count: int
    times: np.ndarray
    checksums: np.ndarray
    keys: np.ndarray
    linear_reason: str | None
    salvage: Salvage | None
    is_careful: bool = False


class FrameSink(Protocol):
    """What takes the frames of a survey, so that a video is decoded once for both."""

    def accepts(self, height: int, width: int) -> bool:
        """Begin, or begin again; whether frames (height,width,3) are wanted."""
        ...

    def add(self, frame: np.ndarray) -> None:
        """Take the next frame (H,W,3) uint8 RGB."""
        ...


class _DamagedVideo(Exception):
    """A video that was expected to be sound is not."""


class SeekingFailed(Exception):
    """Seeking in a video gave another picture than counting from the first."""


def pictures_by_seeking(
    path: Path, survey: VideoSurvey, numbers: Sequence[int] | np.ndarray
) -> Iterator[VideoFrame]:
    """Decode pictures by number, each from the key frame before it.

    Args:
        path: Video file.
        survey: Its survey.
        numbers: Frame numbers, ascending and distinct.

    Returns:
        The pictures, in that order.

    Raises:
        SeekingFailed: Where a picture is not the one that the survey counted.
    """
    with open_container(path) as container:
        stream = prepare_decoder(container)
        pictures, position = container.decode(stream), 0
        try:
            for number in numbers:
                key = int(survey.keys[np.searchsorted(survey.keys, number, "right") - 1])
                if key > position:
                    container.seek(int(survey.times[key]), stream=stream)
                    pictures = container.decode(stream)
                while True:
                    picture = next(pictures)
                    if picture.pts is None:
                        raise SeekingFailed
                    position = int(np.searchsorted(survey.times, picture.pts))
                    if position >= number:
                        break
                if position > number or picture.pts != survey.times[number]:
                    raise SeekingFailed
                if picture_checksum(picture) != survey.checksums[number]:
                    raise SeekingFailed
                position += 1
                yield picture
        except (*VIDEO_ERRORS, StopIteration):
            raise SeekingFailed from None


def survey_video(path: str | os.PathLike[str], sink: FrameSink | None = None) -> VideoSurvey:
    """Decode a whole video once, and find out what it holds.

    A file that turns out to be damaged is decoded again, with a decoder that patches what it can.

    Args:
        path: Video file.
        sink: Takes the frames, if it wants any of their size.

    Raises:
        BadInput: Where not one picture can be decoded, for pictures that are to be turned by other
            than quarter turns, and for a video that is too large to be read.
    """
    path = Path(path)
    with open_container(path) as container:
        codec = container.streams.video[0].codec_context.name
        rate = frame_rate(container.streams.video[0])
    pictures = PictureCount(path, careful=True)
    try:
        survey = _surveyed(pictures, codec, rate, sink, stops=True)
        return _tried(path, replace(survey, salvage=pictures.salvage()))
    except _DamagedVideo:
        pass
    patched, careful = PictureCount(path), PictureCount(path, careful=True)
    for pictures in (patched, careful):
        for _ in pictures:
            pass
    # A decoder that marks fewer pictures than it could refuse leaves in them what its memory held.
    marked = patched.concealed + patched.lost
    is_careful = careful.count > 0 and (marked == 0 or marked < careful.lost)
    pictures = PictureCount(path, careful=is_careful)
    survey = _surveyed(pictures, codec, rate, sink)
    return replace(
        survey, linear_reason="damaged", salvage=pictures.salvage(), is_careful=is_careful
    )


def _surveyed(
    pictures: PictureCount, codec: str, rate: float, sink: FrameSink | None, *, stops: bool = False
) -> VideoSurvey:
    """The survey of all pictures; `stops` raises _DamagedVideo where one is damaged."""
    times: list[int | None] = []
    checksums: list[int] = []
    keys: list[int] = []
    conversion = RgbConversion()
    shown: tuple[int, int] | None = None
    fills = False
    for number, picture in enumerate(pictures):
        if stops and pictures.is_damaged:
            raise _DamagedVideo
        try:
            if shown is None:
                shown = displayed_size(picture)
                fills = sink is not None and sink.accepts(*shown)
            times.append(picture.pts)
            checksums.append(picture_checksum(picture))
            if picture.key_frame:
                keys.append(number)
            frame = conversion.frame(picture) if fills or number == 0 else None
        except BadInput as error:
            raise BadInput(f"{pictures.path}: {error}") from None
        except VIDEO_ERRORS as error:
            raise BadInput(
                f"{pictures.path}: frame {number} cannot be converted from {picture.format.name} to RGB "
                f"({first_line(error)}); encode the video again"
            ) from None
        if fills:
            assert sink is not None and frame is not None
            sink.add(frame)
    if shown is None or (stops and pictures.is_damaged):
        raise _DamagedVideo
    stamps = np.array([0 if time is None else time for time in times], np.int64)
    reason = None
    if None in times:
        reason = "pictures without time stamps"
    elif np.any(np.diff(stamps) <= 0):
        reason = "time stamps that do not ascend"
    return VideoSurvey(
        codec=codec,
        height=shown[0],
        width=shown[1],
        frame_rate=rate,
        packets=pictures.packets,
        count=pictures.count,
        times=stamps,
        checksums=np.array(checksums, np.uint32),
        keys=np.array(sorted({0, *keys}), np.int64),
        linear_reason=reason,
        salvage=None,
    )


def _tried(path: Path, survey: VideoSurvey) -> VideoSurvey:
    """The survey after seeking was tried: behind the last key frame and one in the middle."""
    if survey.linear_reason is not None:
        return survey
    if survey.salvage is not None:
        return replace(survey, linear_reason="damaged")
    keys = survey.keys[1:]
    if not len(keys):
        return replace(survey, linear_reason="its only key frame is the first")
    chosen = sorted({int(keys[len(keys) // 2]), int(keys[-1])})[-_TRIAL_KEYS:]
    try:
        for key in chosen:
            later = survey.keys[survey.keys > key]
            end = int(later[0]) if len(later) else survey.count
            number = min(key + _TRIAL_FRAMES, end - 1)
            for _ in pictures_by_seeking(path, survey, [number]):
                pass
    except SeekingFailed:
        return replace(survey, linear_reason="seeking in it gives other pictures")
    return survey
