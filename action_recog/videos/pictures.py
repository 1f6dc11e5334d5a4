"""The pictures of a video counted from the first, which is the truth, and what is wrong with the file."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from av.video.reformatter import VideoReformatter

from action_recog.errors import BadInput
from action_recog.videos.containers import (
    MOST_PACKETS,
    VIDEO_ERRORS,
    claimed_frames,
    first_line,
    open_container,
)
from action_recog.videos.orientation import AS_STORED, Orientation, orientation_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


@dataclass(frozen=True)
class Salvage:
    """What could be decoded of a damaged file.

    `frames` were decoded, `concealed` of them with errors or missing parts; `lost_packets` could not
    be decoded; `claimed` frames are what the header says (0: nothing).
    """

    frames: int
    concealed: int
    lost_packets: int
    claimed: int
    reason: str

    def __str__(self) -> str:
        claimed = f" of {self.claimed} that the header claims" if self.claimed else ""
        text = f"{self.frames} frames{claimed}, {self.concealed} with missing parts"
        return f"{text}, {self.lost_packets} packets lost ({self.reason})"


def prepare_decoder(container: InputContainer, *, careful: bool = False) -> VideoStream:
    """The video stream of an opened container, its decoder set up so that it repeats itself.

    One thread decodes. Sound pictures are the same with any number, and the loader has processes; but
    with several, libavcodec does not patch damaged H.264: it leaves in a picture what its memory held
    before, so that pixels depend on which frames the caller still holds, and on chance.

    Args:
        container: Container that was just opened.
        careful: Let the decoder refuse what it would patch: most decoders mark a picture that has
            errors, but some (MJPEG, WMV) only notice them when they are told to fail.
    """
    stream = container.streams.video[0]
    context = stream.codec_context
    if careful:
        context.options = {**context.options, "err_detect": "crccheck+buffer+explode"}
    stream.thread_type, context.thread_count = "NONE", 1
    return stream


class PictureCount:
    """The decoded pictures of a video from the first on, one at a time, and a count of what fails.

    Packets that fail are skipped and counted; pictures of another size than the first (a broken
    header) count as lost. What is complete after the last picture: `packets`, `count`, `lost` and
    `concealed` of the pictures, `reason` for the last loss, `claimed` of the header.

    Args:
        path: Video file.
        careful: Let the decoder refuse what it would patch.
    """

    def __init__(self, path: Path, *, careful: bool = False) -> None:
        self.path, self.careful = path, careful
        self.packets, self.count, self.lost, self.concealed, self.claimed = 0, 0, 0, 0, 0
        self.reason = ""

    def __iter__(self) -> Iterator[VideoFrame]:
        size: tuple[int, int] | None = None
        with open_container(self.path) as container:
            stream = prepare_decoder(container, careful=self.careful)
            for decoded in self._decoded_packets(container, stream):
                for picture in decoded:
                    if size is None:
                        size = picture.width, picture.height
                    if (picture.width, picture.height) != size:
                        self._lose("a picture of another size")
                        continue
                    self.concealed += picture.is_corrupt
                    self.count += 1
                    yield picture
            self.claimed = claimed_frames(container)
        if not self.count and not self.careful:
            raise BadInput(
                f"{self.path}: no frame could be decoded"
                f"{f' ({self.reason})' if self.reason else ''}; "
                "expected a video: replace or remove the file"
            )

    def _decoded_packets(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[list[VideoFrame]]:
        demuxer = container.demux(stream)
        while True:
            try:
                packet = next(demuxer)
            except StopIteration:
                return
            except VIDEO_ERRORS as error:
                self._lose(first_line(error))
                return
            self.packets += packet.size > 0
            if self.packets > MOST_PACKETS:
                raise BadInput(
                    f"{self.path}: more than {MOST_PACKETS:,} packets, the most of a video; cut it"
                )
            try:
                yield packet.decode()
            except VIDEO_ERRORS as error:
                self._lose(first_line(error))

    def _lose(self, reason: str) -> None:
        self.lost, self.reason = self.lost + 1, reason

    @property
    def is_damaged(self) -> bool:
        """Whether anything failed until now."""
        return bool(self.lost or self.concealed)

    def salvage(self) -> Salvage | None:
        """What is wrong with the file; None for nothing."""
        if not (self.is_damaged or self.count < self.claimed):
            return None
        reason = self.reason or (
            "damaged pictures" if self.concealed else "the file is cut or its header wrong"
        )
        return Salvage(self.count, self.concealed, self.lost, self.claimed, reason)


class RgbConversion:
    """Conversion of decoded pictures to upright frames (H,W,3) uint8 RGB.

    It keeps the tables of the last conversion: making them takes longer than to convert a picture.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def frame(self, picture: VideoFrame) -> np.ndarray:
        """The frame of a picture.

        Raises:
            BadInput: For an orientation that is no quarter turn; it names no file.
        """
        stored = self._reformatter.reformat(picture, format="rgb24", threads=1).to_ndarray()
        orientation = orientation_of(picture)
        return stored if orientation == AS_STORED else orientation.upright(stored)


def displayed_size(picture: VideoFrame) -> tuple[int, int]:
    """Height and width of a picture's frame.

    Raises:
        BadInput: For an orientation that is no quarter turn; it names no file.
    """
    orientation: Orientation = orientation_of(picture)
    return orientation.upright_size(picture.height, picture.width)


def picture_checksum(picture: VideoFrame) -> int:
    """CRC-32 of a picture's samples as they were decoded, before any conversion."""
    checksum = 0
    planes, form = picture.planes, picture.format
    bits = form.padded_bits_per_pixel if len(planes) == 1 else form.components[0].bits
    for plane in planes:
        samples = np.frombuffer(memoryview(plane), np.uint8)
        if plane.buffer_size == plane.line_size * plane.height:  # a palette is no rows
            # What lies behind a row's samples is nobody's.
            width = min(plane.line_size, plane.width * ((bits + 7) // 8))
            samples = np.ascontiguousarray(samples.reshape(plane.height, -1)[:, :width])
        checksum = zlib.crc32(samples.data, checksum)
    return checksum
