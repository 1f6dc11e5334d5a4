"""The pictures of a video counted from the first, which is the truth, and what is wrong with the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from action_recog.errors import BadInput
from action_recog.videos.packets import VIDEO_ERRORS, first_line, open_container


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


class LinearPictures:
    """The pictures of a video from the first on, (H,W,3) uint8 RGB, one at a time.

    Packets that fail are skipped and counted; pictures of another size than the first (a broken
    header) count as lost. After the last picture `salvage` says what is wrong with the file.

    Args:
        path: Video file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.salvage: Salvage | None = None

    def __iter__(self) -> Iterator[np.ndarray]:
        count, lost, concealed, reason = 0, 0, 0, ""
        shape: tuple[int, ...] | None = None
        with open_container(self.path) as container:
            stream = container.streams.video[0]
            claimed = stream.frames
            stream.thread_type = "SLICE"  # frame threads delay errors to another packet
            demuxer = container.demux(stream)
            while True:
                try:
                    packet = next(demuxer)
                except StopIteration:
                    break
                except VIDEO_ERRORS as error:
                    lost, reason = lost + 1, first_line(error)
                    break
                try:
                    decoded = packet.decode()
                except VIDEO_ERRORS as error:
                    lost, reason = lost + 1, first_line(error)
                    continue
                for picture in decoded:
                    size = (picture.height, picture.width, 3)
                    shape = shape or size
                    if size != shape:
                        lost, reason = lost + 1, "a picture of another size"
                        continue
                    try:
                        pixels = picture.to_ndarray(format="rgb24")
                    except VIDEO_ERRORS as error:
                        lost, reason = lost + 1, first_line(error)
                        continue
                    concealed += picture.is_corrupt
                    count += 1
                    yield pixels
        if not count:
            raise BadInput(
                f"{self.path}: no frame could be decoded{f' ({reason})' if reason else ''}; "
                "expected a video: replace or remove the file"
            )
        if lost or concealed or count < claimed:
            reason = reason or (
                "damaged pictures" if concealed else "the file is cut or its header wrong"
            )
            self.salvage = Salvage(count, concealed, lost, claimed, reason)
