"""Frame-exact decoding: frame i is the i-th picture of the stream, and nothing else.

The truth is counting pictures from the first, with PyAV. decord seeks, is faster, and gives the
same pixels; but on MPEG-4 with B-frames (XVID above all, packed or not) it silently returns other
frames than those asked for. So every file's packets are read first, without decoding, and decord
is used only where they prove that seeking is safe; everything else is decoded from the first
picture on. Lengths that containers claim are not used at all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np

from action_recog.errors import BadInput

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

Decoder = Literal["auto", "decord", "linear"]

_INTRA_ONLY = {"mjpeg", "ffv1", "rawvideo", "huffyuv", "png"}
_VOP = b"\x00\x00\x01\xb6"  # MPEG-4 part 2: start of a picture; two bits of coding type follow
_SMALLEST_VOP = 20  # bytes; an N-VOP ("nothing coded", the mark of packed B-frames) is shorter


@dataclass(frozen=True)
class VideoFacts:
    """What the packets of a file say.

    `linear_reason` says why the file must be decoded from its first picture on; it is None where
    decord's seeking is exact.
    """

    path: Path
    codec: str
    width: int
    height: int
    frame_rate: float
    packets: int
    linear_reason: str | None


@dataclass(frozen=True)
class Salvage:
    """What could be decoded of a damaged file.

    `frames` were decoded, `concealed` of them with missing parts; `lost_packets` could not be
    decoded; `claimed` frames are what the header says (0: nothing).
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


def _open_container(path: Path) -> InputContainer:
    import av

    try:
        container = av.open(str(path))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such video file") from None
    except (OSError, ValueError) as error:  # av.FFmpegError is an OSError or a ValueError
        raise BadInput(
            f"{path}: not a video that can be opened ({_reason(error)}); "
            "expected an AVI, MP4 or MKV file"
        ) from None
    if not container.streams.video:
        container.close()
        raise BadInput(f"{path}: the file holds no video stream; expected an AVI, MP4 or MKV video")
    return container


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).split("\n")[0]


class _Packet(NamedTuple):
    """A packet of the stream; `payload` is empty for codecs that are not judged by it."""

    pts: int | None
    dts: int | None
    is_key: bool
    payload: bytes
    intact: bool


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
    steps = set(np.diff(sorted(times)).tolist())
    if 0 in steps or len(steps) > 1:
        return "uneven time stamps"
    if codec in _INTRA_ONLY:
        # A ruined picture passes unseen when decord jumps over it, and every number behind it shifts.
        return "every picture stands alone, so damage shows only by decoding all"
    if codec == "mpeg4":
        for index, packet in enumerate(packets):
            pictures = packet.payload.count(_VOP)
            if pictures != 1:
                return f"packet {index} holds {pictures} pictures (packed B-frames?)"
            if len(packet.payload) < _SMALLEST_VOP:
                return f"packet {index} holds an empty picture (packed B-frames?)"
        kinds = {p.payload[p.payload.index(_VOP) + len(_VOP)] >> 6 for p in packets}
        if 2 in kinds or any(packet.pts != packet.dts for packet in packets):
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


def _count_mismatch(stream: VideoStream, packets: list[_Packet]) -> str | None:
    """The difference between the header's count of frames and the packets', or None."""
    if stream.frames and stream.frames != len(packets):
        return f"the header claims {stream.frames} frames, the file holds {len(packets)}"
    return None


def inspect_video(path: str | os.PathLike[str]) -> VideoFacts:
    """Read the packets of a video without decoding them.

    Args:
        path: Video file.

    Returns:
        Codec, size, frame rate, number of packets, and whether seeking would be exact.

    Raises:
        BadInput: Where no video can be opened.
    """
    path = Path(path)
    with _open_container(path) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context.name
        packets: list[_Packet] = []
        demuxing_error = None
        demuxer = container.demux(stream)
        while True:
            try:
                packet = next(demuxer)
            except StopIteration:
                break
            except (OSError, ValueError) as error:
                demuxing_error = _reason(error)
                break
            if packet.size == 0 and packet.pts is None:
                continue  # the flush packet at the end
            payload = bytes(packet) if codec == "mpeg4" else b""
            intact = packet.size > 0 and not packet.is_corrupt
            packets.append(_Packet(packet.pts, packet.dts, packet.is_keyframe, payload, intact))
        return VideoFacts(
            path=path,
            codec=codec,
            width=stream.codec_context.width,
            height=stream.codec_context.height,
            frame_rate=float(stream.average_rate or stream.guessed_rate or 25),
            packets=len(packets),
            linear_reason=demuxing_error
            or _linear_reason(codec, packets)
            or _count_mismatch(stream, packets),
        )


def decode_linear(path: str | os.PathLike[str]) -> tuple[np.ndarray, Salvage | None]:
    """Decode every picture from the first on.

    Packets that fail are skipped and counted; pictures of another size than the first (a broken
    header) count as lost.

    Args:
        path: Video file.

    Returns:
        Frames (T,H,W,3) uint8 RGB, and what is wrong with the file (None: nothing).

    Raises:
        BadInput: Where not one picture can be decoded.
    """
    path = Path(path)
    frames: list[np.ndarray] = []
    lost, concealed, reason = 0, 0, ""
    with _open_container(path) as container:
        stream = container.streams.video[0]
        claimed = stream.frames
        stream.thread_type = "SLICE"  # frame threads delay errors to another packet
        demuxer = container.demux(stream)
        while True:
            try:
                packet = next(demuxer)
            except StopIteration:
                break
            except (OSError, ValueError) as error:
                lost, reason = lost + 1, _reason(error)
                break
            try:
                decoded = packet.decode()
                concealed += sum(p.is_corrupt for p in decoded)
                pictures = [p.to_ndarray(format="rgb24") for p in decoded]
            except (OSError, ValueError) as error:
                lost, reason = lost + 1, _reason(error)
                continue
            for picture in pictures:
                if frames and picture.shape != frames[0].shape:
                    lost, reason = lost + 1, "a picture of another size"
                else:
                    frames.append(picture)
    if not frames:
        raise BadInput(
            f"{path}: no frame could be decoded{f' ({reason})' if reason else ''}; "
            "expected a video: replace or remove the file"
        )
    if lost or concealed or len(frames) < claimed:
        reason = reason or (
            "damaged pictures" if concealed else "the file is cut or its header wrong"
        )
        return np.stack(frames), Salvage(len(frames), concealed, lost, claimed, reason)
    return np.stack(frames), None


class _SeekingReader(Protocol):
    """What is used of decord's `VideoReader`, which has no types."""

    def __len__(self) -> int: ...

    def get_batch(self, indices: list[int]) -> Any: ...


class Video:
    """An opened video: `count` frames, `frame_rate`, the `decoder` in use, `salvage` if damaged.

    `frames(indices)` gives (N,H,W,3) uint8 RGB in the order asked for. With decoder "auto" decord
    serves the files where it is exact; "linear" decodes everything at once and keeps it; "decord"
    insists, and raises BadInput where it would be wrong.
    """

    def __init__(self, path: str | os.PathLike[str], *, decoder: Decoder = "auto") -> None:
        self.path = Path(path)
        self.facts = inspect_video(self.path)
        self.frame_rate = self.facts.frame_rate
        self.salvage: Salvage | None = None
        self._reader: _SeekingReader | None = None
        self._decoded: np.ndarray | None = None
        reason = self.facts.linear_reason
        if decoder == "decord" and reason:
            raise BadInput(
                f"{self.path}: decord would not be frame-exact here ({reason}); use PyAV"
            )
        if decoder != "linear" and reason is None:
            self._reader = self._open_decord(strict=decoder == "decord")
        if self._reader is None:
            self._decode_all()
        else:
            self.count = len(self._reader)

    @property
    def decoder(self) -> str:
        """The decoder in use: "decord" or "linear"."""
        return "linear" if self._decoded is not None else "decord"

    def _open_decord(self, *, strict: bool) -> _SeekingReader | None:
        import decord

        decord.logging.set_level(decord.logging.QUIET)
        try:
            reader = decord.VideoReader(str(self.path), num_threads=1)
        except (decord.DECORDError, RuntimeError) as error:
            if strict:
                raise BadInput(f"{self.path}: decord cannot open it ({_reason(error)})") from None
            return None
        if len(reader) == self.facts.packets:
            return reader
        if strict:
            raise BadInput(
                f"{self.path}: decord counts {len(reader)} frames, "
                f"the file holds {self.facts.packets}"
            )
        return None

    def _decode_all(self) -> None:
        self._reader = None
        self._decoded, self.salvage = decode_linear(self.path)
        self.count = len(self._decoded)

    def frames(self, indices: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Decode frames by number.

        Args:
            indices: Frame numbers (N,) from 0, in any order; all frames by default.

        Returns:
            Frames (N,H,W,3) uint8 RGB.

        Raises:
            IndexError: For a number outside the video.
        """
        numbers = np.arange(self.count) if indices is None else np.asarray(indices, dtype=np.int64)
        if len(numbers) and not (numbers.min() >= 0 and numbers.max() < self.count):
            raise IndexError(
                f"{self.path}: frames {numbers.min()}..{numbers.max()} of {self.count}"
            )
        if self._reader is not None:
            import decord

            distinct, back = np.unique(numbers, return_inverse=True)
            try:
                return self._reader.get_batch(distinct.tolist()).asnumpy()[back]
            except (decord.DECORDError, RuntimeError):  # damage inside a packet: save what there is
                self._decode_all()
                numbers = np.minimum(numbers, self.count - 1)
        assert self._decoded is not None
        return self._decoded[numbers]


def open_video(path: str | os.PathLike[str], *, decoder: Decoder = "auto") -> Video:
    """Open a video for exact access by frame number.

    Args:
        path: Video file.
        decoder: "auto" chooses decord where it is exact; "linear" decodes everything at once;
            "decord" insists.

    Returns:
        The video.

    Raises:
        BadInput: Where nothing can be decoded, or decord would be wrong and is insisted on.
    """
    return Video(path, decoder=decoder)
