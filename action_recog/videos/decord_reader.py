"""decord, a second decoder: used where a caller insists on it, and refused where it would be wrong.

decord seeks by its own index. On MPEG-4 with B-frames (XVID above all, packed or not) it silently returns
other frames than those asked for, it shows what an edit list leaves out, and it patches damage without
a word. So the packets of a file are read first, and it is used only where they prove that its seeking is
safe and the survey found no damage. It turns pictures by itself, but does not mirror them.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from action_recog.errors import BadInput
from action_recog.videos.byte_ranges import byte_range
from action_recog.videos.containers import first_line, open_container
from action_recog.videos.orientation import orientation_of
from action_recog.videos.survey import VideoSurvey

MOST_SEEKING_BYTES = 300_000_000
"""Of all frames of a video that decord serves: it holds on to decoded frames, in their full size."""

_INTRA_ONLY = {"mjpeg", "ffv1", "rawvideo", "huffyuv", "png"}
_VOP = b"\x00\x00\x01\xb6"  # MPEG-4 part 2: start of a picture; two bits of coding type follow
_SMALLEST_VOP = 20  # bytes; an N-VOP ("nothing coded", the mark of packed B-frames) is shorter
_B_PICTURE = 2


class _Packet(NamedTuple):
    """A packet of the stream; the last three fields are those of MPEG-4 alone.

    `pictures` is the number of pictures in it, `kind` the coding type of the first, `size` its bytes.
    """

    pts: int | None
    dts: int | None
    is_key: bool
    intact: bool
    is_left_out: bool
    pictures: int = 1
    kind: int = 0
    size: int = 0


def _inexact_reason(codec: str, packets: list[_Packet]) -> str | None:
    """The reason why decord may miss frames, or None."""
    if not packets:
        return "no packets"
    if not all(packet.intact for packet in packets):
        return "damaged packets"
    if any(packet.is_left_out for packet in packets):
        return "an edit list leaves out pictures"
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


def _too_large(width: int, height: int, count: int) -> str | None:
    """The reason why decord would take too much memory, or None."""
    size = width * height * 3 * count
    if size <= MOST_SEEKING_BYTES:
        return None
    return f"its frames take {size:,} bytes, decord is used up to {MOST_SEEKING_BYTES:,}"


def _read_packet(packet: av.Packet, codec: str) -> _Packet:
    intact = packet.size > 0 and not packet.is_corrupt
    if codec != "mpeg4":
        return _Packet(packet.pts, packet.dts, packet.is_keyframe, intact, packet.is_discard)
    payload = bytes(packet)
    start = payload.find(_VOP) + len(_VOP)
    kind = payload[start] >> 6 if len(_VOP) <= start < len(payload) else _B_PICTURE
    return _Packet(
        packet.pts,
        packet.dts,
        packet.is_keyframe,
        intact,
        packet.is_discard,
        payload.count(_VOP),
        kind,
        len(payload),
    )


def decord_reason(path: Path, survey: VideoSurvey) -> str | None:
    """Why decord would not be exact and small on a video, or None.

    Args:
        path: Video file.
        survey: Its survey.
    """
    if survey.salvage is not None:
        return f"the file is damaged: {survey.salvage}"
    with open_container(path) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context.name
        packets = [_read_packet(p, codec) for p in container.demux(stream) if p.size]
    with open_container(path) as container:
        orientation = orientation_of(next(container.decode(video=0)))
    if orientation.transposed == (orientation.mirrored == orientation.flipped):
        return "its pictures are to be mirrored"
    return _inexact_reason(codec, packets) or _too_large(survey.width, survey.height, len(packets))


class DecordReader:
    """The frames of a video, by decord.

    Raises:
        BadInput: Where decord is not installed, cannot open the file or would not be exact.
    """

    def __init__(self, path: Path, survey: VideoSurvey) -> None:
        reason = decord_reason(path, survey)
        if reason:
            raise BadInput(f"{path}: decord would not be exact and small here ({reason}); use PyAV")
        try:
            import decord
        except ImportError:
            raise BadInput(
                f"{path}: decord is not installed; pip install decord, or use PyAV"
            ) from None
        decord.logging.set_level(decord.logging.QUIET)
        self.path = path
        self._errors = (decord.DECORDError, RuntimeError)
        try:
            self._reader: Any = decord.VideoReader(byte_range(path).address, num_threads=1)
        except self._errors as error:
            raise BadInput(f"{path}: decord cannot open it ({first_line(error)})") from None
        if len(self._reader) != survey.count:
            raise BadInput(
                f"{path}: decord counts {len(self._reader)} frames, the file holds {survey.count}; "
                "use PyAV"
            )

    def frames(self, numbers: np.ndarray) -> np.ndarray:
        """Frames (N,H,W,3) uint8 RGB by number, in full size.

        Raises:
            BadInput: For what decord cannot decode.
        """
        try:
            return np.asarray(self._reader.get_batch(numbers.tolist()).asnumpy())
        except self._errors as error:
            raise BadInput(
                f"{self.path}: decord cannot decode it ({first_line(error)}); use PyAV"
            ) from None
