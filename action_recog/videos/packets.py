"""What the packets of a video say, read without decoding: size, rate, and whether seeking is exact.

decord seeks, is faster than counting pictures from the first, and gives the same pixels; but on MPEG-4
with B-frames (XVID above all, packed or not) it silently returns other frames than those asked for. So
every file's packets are read first, and decord is used only where they prove that seeking is safe.
Lengths that containers claim are not used at all.

What decoding may take is bounded before it begins: `MOST_PIXELS` of a picture and `MOST_PACKETS` of a
video.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import av
import numpy as np

from action_recog.errors import BadInput

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

MOST_PIXELS = 36_000_000
"""Of a picture: 8K has 33 million. As RGB that is 108 MB."""

MOST_PACKETS = 1_000_000
"""Of a video: eleven hours at 25 frames a second."""

MOST_SEEKING_BYTES = 300_000_000
"""Of all frames of a video that decord serves: it holds on to decoded frames, in their full size."""

VIDEO_ERRORS = (av.FFmpegError, OSError, ValueError, ArithmeticError, MemoryError)
"""What PyAV raises for damaged files."""

_INTRA_ONLY = {"mjpeg", "ffv1", "rawvideo", "huffyuv", "png"}
_VOP = b"\x00\x00\x01\xb6"  # MPEG-4 part 2: start of a picture; two bits of coding type follow
_SMALLEST_VOP = 20  # bytes; an N-VOP ("nothing coded", the mark of packed B-frames) is shorter
_B_PICTURE = 2


@dataclass(frozen=True)
class VideoFacts:
    """What the packets of a file say.

    `linear_reason` says why the file is decoded from its first picture on; it is None where decord's
    seeking is exact and takes little memory.
    """

    path: Path
    codec: str
    width: int
    height: int
    frame_rate: float
    packets: int
    linear_reason: str | None


class _Packet(NamedTuple):
    """A packet of the stream; the last three fields are those of MPEG-4 alone.

    `pictures` is the number of pictures in it, `kind` the coding type of the first, `size` its bytes.
    """

    pts: int | None
    dts: int | None
    is_key: bool
    intact: bool
    pictures: int = 1
    kind: int = 0
    size: int = 0


def first_line(error: BaseException) -> str:
    """The first line of what an error says."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).split("\n")[0]


def open_container(path: Path) -> InputContainer:
    """Open a file whose first video stream has a decoder and pictures of a bearable size.

    Raises:
        BadInput: For any other file.
    """
    if not path.is_file():
        raise BadInput(f"{path}: no such video file")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except VIDEO_ERRORS as error:
        raise BadInput(
            f"{path}: not a video that can be opened ({first_line(error)}); "
            "expected an AVI, MP4 or MKV file"
        ) from None
    reason = _unsuitable(container)
    if reason:
        container.close()
        raise BadInput(f"{path}: {reason}")
    return container


def _unsuitable(container: InputContainer) -> str | None:
    """Why no video can be decoded from a container, or None."""
    if not container.streams.video:
        return "the file holds no video stream; expected an AVI, MP4 or MKV video"
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


def _linear_reason(codec: str, packets: list[_Packet]) -> str | None:
    """The reason why a seeking decoder may miss frames, or None."""
    if not packets:
        return "no packets"
    if not all(packet.intact for packet in packets):
        return "damaged packets"
    times = [packet.pts for packet in packets if packet.pts is not None]
    if len(times) < len(packets) or any(packet.dts is None for packet in packets):
        return "packets without time stamps"
    if not packets[0].is_key:
        return "the first packet is no key frame"
    ordered = sorted(times)
    steps = {after - before for before, after in itertools.pairwise(ordered)}
    if 0 in steps or len(steps) > 1:
        return "uneven time stamps"
    if codec in _INTRA_ONLY:
        # A ruined picture passes unseen when decord jumps over it, and every number behind it shifts.
        return "every picture stands alone, so damage shows only by decoding all"
    if codec == "mpeg4":
        for index, packet in enumerate(packets):
            if packet.pictures != 1:
                return f"packet {index} holds {packet.pictures} pictures (packed B-frames?)"
            if packet.size < _SMALLEST_VOP:
                return f"packet {index} holds an empty picture (packed B-frames?)"
        if any(p.kind == _B_PICTURE or p.pts != p.dts for p in packets):
            return "MPEG-4 B-frames"
        return None
    if codec == "h264":
        # A picture that follows a key frame in the file but precedes it in time belongs to the
        # group before (open group): nothing that a seek to that key frame can decode.
        latest_key = times[0]
        for time, packet in zip(times, packets):
            latest_key = time if packet.is_key else latest_key
            if time < latest_key:
                return "open groups of pictures"
        return None
    return f"codec {codec} is not known to seek exactly"


def _too_large_to_seek(width: int, height: int, count: int) -> str | None:
    """The reason why decord would take too much memory, or None."""
    size = width * height * 3 * count
    if size <= MOST_SEEKING_BYTES:
        return None
    return f"its frames take {size:,} bytes, decord is used up to {MOST_SEEKING_BYTES:,}"


def _count_mismatch(stream: VideoStream, packets: list[_Packet]) -> str | None:
    """The difference between the header's count of frames and the packets', or None."""
    if stream.frames and stream.frames != len(packets):
        return f"the header claims {stream.frames} frames, the file holds {len(packets)}"
    return None


def _read_packet(packet: av.Packet, codec: str) -> _Packet:
    intact = packet.size > 0 and not packet.is_corrupt
    if codec != "mpeg4":
        return _Packet(packet.pts, packet.dts, packet.is_keyframe, intact)
    payload = bytes(packet)
    start = payload.find(_VOP) + len(_VOP)
    kind = payload[start] >> 6 if len(_VOP) <= start < len(payload) else _B_PICTURE
    return _Packet(
        packet.pts,
        packet.dts,
        packet.is_keyframe,
        intact,
        payload.count(_VOP),
        kind,
        len(payload),
    )


def inspect_video(path: str | os.PathLike[str]) -> VideoFacts:
    """Read the packets of a video without decoding them.

    Args:
        path: Video file.

    Returns:
        Codec, size, frame rate, number of packets, and whether seeking would be exact.

    Raises:
        BadInput: Where no video can be opened, and for more than `MOST_PACKETS`.
    """
    path = Path(path)
    with open_container(path) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        codec = context.name
        packets: list[_Packet] = []
        demuxing_error = None
        demuxer = container.demux(stream)
        while True:
            try:
                packet = next(demuxer)
            except StopIteration:
                break
            except VIDEO_ERRORS as error:
                demuxing_error = first_line(error)
                break
            if packet.size == 0 and packet.pts is None:
                continue  # the flush packet at the end
            if len(packets) == MOST_PACKETS:
                raise BadInput(
                    f"{path}: more than {MOST_PACKETS:,} packets, the most of a video; cut it"
                )
            packets.append(_read_packet(packet, codec))
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        return VideoFacts(
            path=path,
            codec=codec,
            width=context.width,
            height=context.height,
            frame_rate=rate if np.isfinite(rate) and rate > 0 else 25.0,
            packets=len(packets),
            linear_reason=demuxing_error
            or _linear_reason(codec, packets)
            or _count_mismatch(stream, packets)
            or _too_large_to_seek(context.width, context.height, len(packets)),
        )
