"""A video's reduced frames in one file: JPEGs one behind the other, and a table of where each ends.

A clip takes every 8th frame or so, and of a JPEG file any frame is read alone; a video would be decoded
in between. The file ends with the table (end of each frame from the file's first byte, CRC-32 of its
bytes), the number of frames and the table's first byte.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from action_recog.errors import BadInput
from action_recog.videos.views import reduce_short_side
from action_recog.videos.whole_files import temporary_name

_MAGIC = b"surrealpp frames 1\n"
_ROW = np.dtype([("end", "<u8"), ("checksum", "<u4")])
_END = struct.Struct("<QQ")  # number of frames, first byte of the table
_ADVICE = "remove it; it is built again"


class FrameFileWriter:
    """Takes the frames of a survey, and writes those of videos that are larger than `short_side`.

    `written` says whether there are any.
    """

    def __init__(self, file: BinaryIO, *, short_side: int, quality: int) -> None:
        self.short_side, self.quality = short_side, quality
        self.written = False
        self._file = file
        self._rows: list[tuple[int, int]] = []

    def accepts(self, height: int, width: int) -> bool:
        """Begin, or begin again; whether frames of that size are reduced."""
        self._file.seek(0)
        self._file.truncate()
        self._rows = []
        self.written = min(height, width) > self.short_side
        if self.written:
            self._file.write(_MAGIC)
        return self.written

    def add(self, frame: np.ndarray) -> None:
        """Reduce, compress and write the next frame (H,W,3) uint8 RGB."""
        small = reduce_short_side(frame[None], self.short_side)[0]
        encoded, data = cv2.imencode(
            ".jpg",
            cv2.cvtColor(small, cv2.COLOR_RGB2BGR),
            [
                cv2.IMWRITE_JPEG_QUALITY,
                self.quality,
                cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
                cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
            ],
        )
        if not encoded:
            raise RuntimeError(f"OpenCV cannot compress a frame of {small.shape}")
        jpeg = data.tobytes()
        self._file.write(jpeg)
        self._rows.append((self._file.tell(), zlib.crc32(jpeg)))

    def finish(self) -> None:
        """Write the table."""
        table = self._file.tell()
        self._file.write(np.array(self._rows, _ROW).tobytes())
        self._file.write(_END.pack(len(self._rows), table))


@contextmanager
def frame_file_writer(path: Path, *, short_side: int, quality: int) -> Iterator[FrameFileWriter]:
    """Write a frame file; nothing is left under its name after an error, or without frames.

    Args:
        path: Name of the file.
        short_side: Short side in pixels to which frames are reduced; of videos that are no larger no
            file is written.
        quality: Quality of the JPEGs, 1 to 100.
    """
    temporary = temporary_name(path)
    try:
        with temporary.open("xb") as file:
            writer = FrameFileWriter(file, short_side=short_side, quality=quality)
            yield writer
            if writer.written:
                writer.finish()
        if writer.written:
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _table(file: BinaryIO, path: Path) -> np.ndarray:
    """The table of an opened frame file, after its structure was checked."""
    file.seek(0, 2)
    size = file.tell()
    file.seek(0)
    head = file.read(len(_MAGIC))
    if head != _MAGIC or size < len(_MAGIC) + _END.size:
        raise BadInput(f"{path}: not a frame file of this version; {_ADVICE}")
    file.seek(size - _END.size)
    count, start = _END.unpack(file.read(_END.size))
    if start < len(_MAGIC) or start + count * _ROW.itemsize + _END.size != size:
        raise BadInput(f"{path}: its table of frames is damaged; {_ADVICE}")
    file.seek(start)
    rows = np.frombuffer(file.read(count * _ROW.itemsize), _ROW)
    ends = rows["end"].astype(np.int64)
    if not count or ends[-1] != start or np.any(np.diff(ends, prepend=len(_MAGIC)) <= 0):
        raise BadInput(f"{path}: its table of frames is damaged; {_ADVICE}")
    return rows


def frame_file_count(path: Path) -> int:
    """The number of frames in a frame file.

    Raises:
        BadInput: For a file that is missing or no whole frame file.
    """
    try:
        with path.open("rb") as file:
            return len(_table(file, path))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; {_ADVICE}") from None


def read_frame_file(path: Path, indices: np.ndarray) -> np.ndarray:
    """Read frames by number.

    Args:
        path: Frame file.
        indices: Frame numbers (N,) from 0, in any order.

    Returns:
        Frames (N,h,w,3) uint8 RGB.

    Raises:
        BadInput: For a file that is missing or damaged.
        IndexError: For a number outside the video.
    """
    distinct, back = np.unique(np.asarray(indices, np.int64), return_inverse=True)
    frames = []
    try:
        with path.open("rb") as file:
            rows = _table(file, path)
            if len(distinct) and not (distinct[0] >= 0 and distinct[-1] < len(rows)):
                raise IndexError(f"{path}: frames {distinct[0]}..{distinct[-1]} of {len(rows)}")
            for number in distinct.tolist():
                begin = int(rows["end"][number - 1]) if number else len(_MAGIC)
                file.seek(begin)
                data = file.read(int(rows["end"][number]) - begin)
                image = None
                if zlib.crc32(data) == rows["checksum"][number]:
                    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
                if image is None:
                    raise BadInput(f"{path}: frame {number} is damaged; {_ADVICE}")
                frames.append(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; {_ADVICE}") from None
    return np.stack(frames)[back]
