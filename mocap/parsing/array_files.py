"""Arrays in NumPy's files (.npy, .npz), member by member and without trust.

`numpy.load` believes a header before it has seen the data, and can be asked to unpickle. Here a
header must agree with the size of the data that follows it before anything is allocated, only numbers
and text are decoded, and an archive of gigabytes costs no more than the members that are read.
Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from mocap.errors import BadInput

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 1 << 16
_PLAIN = re.compile(r"[<>|=]?(?:b1|[iu][1248]|f[248]|[US]\d{1,6})")
_MOST_EXPANSION = 1040  # deflate makes at most 1032 bytes of one
_CHUNK = 1 << 20
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class ArrayHeader:
    """What a file says of one array: element type, shape, and whether columns come first."""

    dtype: np.dtype
    shape: tuple[int, ...]
    fortran: bool

    @property
    def size(self) -> int:
        """Bytes of data, a Python integer: a lie of 10^12 rows does not overflow."""
        return self.dtype.itemsize * math.prod(self.shape)


class ArrayFile:
    """The arrays of a .npz archive, or of a .npy file as the one array "", in a `with` block.

    Every method raises BadInput, naming file and array, where the file is damaged or holds Python
    objects.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._zip: zipfile.ZipFile | None = None
        try:
            self._on_disk = self.path.stat().st_size
            if self.path.suffix.lower() != ".npy":
                self._zip = zipfile.ZipFile(self.path)
        except OSError as error:
            raise BadInput(
                f"{self.path}: cannot be read ({error.strerror or error}); check the path"
            ) from error
        except _DAMAGE as error:
            raise BadInput(
                f"{self.path}: no NumPy archive ({_short(error)}), expected a .npz file; fetch it again"
            ) from error
        self._members: dict[str, zipfile.ZipInfo] = {}
        for info in self._zip.infolist() if self._zip else ():
            name = info.filename.removesuffix(".npy")
            if name in self._members:
                self.close()
                raise BadInput(
                    f"{self.path}: found two arrays {name!r:.80}, expected one; fetch the file again"
                )
            self._members[name] = info
        self.names = tuple(self._members) if self._zip else ("",)

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the archive, as the end of a `with` block does."""
        if self._zip:
            self._zip.close()

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def listed(self) -> str:
        """The arrays' names in a few printable words, for a message."""
        return ascii(", ".join(self.names) or "none")[1:-1][:120]

    def fail(self, name: str, actual: str, expected: str, advice: str = "") -> BadInput:
        """A BadInput about one array, to be raised."""
        location = f"{self.path}, array {name!r:.80}" if name else str(self.path)
        advice = advice or "fetch the file again"
        return BadInput(f"{location}: found {actual}, expected {expected}; {advice}")

    def header(self, name: str) -> ArrayHeader:
        """Type and shape of an array; its data are not read."""
        with self._stream(name) as (stream, size):
            return self._header(name, stream, size)

    def read(self, name: str) -> np.ndarray:
        """A whole array, of the type and shape that its header says."""
        with self._stream(name) as (stream, size):
            header = self._header(name, stream, size)
            data = b"".join(self._chunks(name, stream, header.size, _CHUNK))
        values = np.frombuffer(data, header.dtype)
        return values.reshape(header.shape, order="F" if header.fortran else "C")

    def read_rows(self, name: str, columns: int) -> np.ndarray:
        """The first `columns` numbers of every row of an array (T, ...), as float32 (T, columns).

        Rows are taken as they are decoded, so that no more is held than is returned. Values beyond
        float32 become infinite.
        """
        with self._stream(name) as (stream, size):
            header = self._header(name, stream, size)
            width = math.prod(header.shape[1:])
            if header.dtype.kind not in "fiu" or len(header.shape) < 2 or width < columns:
                actual = f"{header.dtype} values of shape {header.shape}"
                raise self.fail(name, actual, f"rows of at least {columns} numbers")
            if header.fortran:
                whole = b"".join(self._chunks(name, stream, header.size, _CHUNK))
                rows = np.frombuffer(whole, header.dtype).reshape(header.shape, order="F")
                blocks = [rows.reshape(header.shape[0], -1)[:, :columns]]
            else:
                step = width * header.dtype.itemsize
                blocks = []
                for data in self._chunks(name, stream, header.size, step * max(1, _CHUNK // step)):
                    block = np.frombuffer(data, header.dtype).reshape(-1, width)[:, :columns]
                    blocks.append(_float32(block))
        if not blocks:
            return np.zeros((0, columns), np.float32)
        return np.concatenate([_float32(block) for block in blocks])

    def _stream(self, name: str) -> _Opened:
        return _Opened(self, name)

    def _open(self, name: str) -> tuple[IO[bytes], int]:
        """A member's stream and its size once unpacked, checked against what is on disk."""
        if self._zip is None:
            return self.path.open("rb"), self._on_disk
        info = self._members[name]
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self.fail(
                name,
                f"compression method {info.compress_type}",
                "one of NumPy's (none or deflate)",
                "save the archive again with numpy.savez",
            )
        packed = info.compress_type == zipfile.ZIP_DEFLATED
        max_size = info.compress_size * (_MOST_EXPANSION if packed else 1) + (
            _CHUNK if packed else 0
        )
        if info.compress_size > self._on_disk or info.file_size > max_size:
            raise self.fail(
                name,
                f"{info.file_size} bytes claimed of {self._on_disk} on disk",
                "sizes that can be",
            )
        return self._zip.open(info), info.file_size

    def _header(self, name: str, stream: IO[bytes], size: int) -> ArrayHeader:
        lead = stream.read(8)
        if lead[:6] != _MAGIC or len(lead) != 8 or lead[6] not in (1, 2, 3):
            raise self.fail(name, f"'{lead[:8]!r}' at its start", "a NumPy array")
        wide = 2 if lead[6] == 1 else 4
        length = int.from_bytes(stream.read(wide), "little")
        if length > _LONGEST_HEADER or 8 + wide + length > size:
            raise self.fail(name, f"a header of {length} bytes", "one that fits the file")
        try:
            fields = ast.literal_eval(stream.read(length).decode("latin-1").strip())
            descr, fortran, shape = fields["descr"], fields["fortran_order"], fields["shape"]
        except (SyntaxError, ValueError, TypeError, KeyError, MemoryError, RecursionError) as error:
            raise self.fail(name, "a header that is no description", "NumPy's") from error
        if isinstance(descr, str) and "O" in descr:
            raise self.fail(
                name,
                "Python objects, which are stored as a pickle that could run code",
                "plain numbers",
                "nothing was unpickled; where you trust the file, load it yourself and save this "
                "array again as numbers with numpy.savez",
            )
        if not isinstance(descr, str) or not _PLAIN.fullmatch(descr):
            raise self.fail(name, f"elements of type {descr!r:.80}", "numbers or text")
        whole = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
        if not whole or len(shape) > 8 or not isinstance(fortran, bool):
            raise self.fail(name, f"a shape of {shape!r:.80}", "whole numbers")
        header = ArrayHeader(np.dtype(descr), shape, fortran)
        if 8 + wide + length + header.size != size:
            raise self.fail(
                name,
                f"{size - 8 - wide - length} bytes of data",
                f"{header.size:.6g} for the shape {shape!s:.80} that its header claims",
            )
        return header

    def _chunks(self, name: str, stream: IO[bytes], total: int, step: int) -> Iterator[bytes]:
        left = total
        while left:
            data = stream.read(min(step, left))
            length = min(step, left)
            while data and len(data) < length:
                piece = stream.read(length - len(data))
                if not piece:
                    break
                data += piece
            if len(data) != length:
                raise self.fail(name, "an early end", f"{left} more bytes")
            left -= len(data)
            yield data
        if self._zip is not None:
            stream.read(1)  # at the end the archive's checksum is compared


class _Opened:
    """A member while it is read: whatever the archive's decoder raises leaves as BadInput."""

    def __init__(self, file: ArrayFile, name: str) -> None:
        self.file, self.name = file, name

    def __enter__(self) -> tuple[IO[bytes], int]:
        if self.name not in self.file:
            raise BadInput(
                f"{self.file.path}: no array '{self.name}', expected one; use a file that has it"
            )
        try:
            self.stream, size = self.file._open(self.name)
        except BadInput:
            raise
        except _DAMAGE as error:
            raise self._damaged(error) from error
        return self.stream, size

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        self.stream.close()
        if isinstance(error, _DAMAGE) and not isinstance(error, BadInput):
            raise self._damaged(error) from error

    def _damaged(self, error: BaseException) -> BadInput:
        return self.file.fail(self.name, f"damage ({_short(error)})", "a whole array")


def _short(error: BaseException) -> str:
    """What an error says, in a few printable words; some repeat whole files."""
    return ascii(str(error))[1:-1][:120]


def _float32(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(np.float32, copy=False)
