"""Arrays in NumPy's files (.npy, .npz), member by member and without trust.

`numpy.load` believes a header before it has seen the data, and can be asked to unpickle. Here a
header must agree with the size of the data that follows it before anything is allocated, only numbers
and text are decoded, and an archive of gigabytes costs no more than the members that are read. The
directory of an archive of many members is read once in a process.
Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
import math
import os
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO

import numpy as np

from mocap.errors import BadInput

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 1 << 16
_PLAIN = re.compile(r"[<>|=]?(?:b1|[iu][1248]|f[248]|[US]\d{1,6})")
_MOST_EXPANSION = 1040  # deflate makes at most 1032 bytes of one
_CHUNK = 1 << 20
_LARGEST_ARRAY = 1 << 32  # bytes; what an archive without extensions can say
_LARGE_DIRECTORY = 64  # members from which an archive's directory is remembered
_REMEMBERED = 8  # archives
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
        self._directory: _Directory | None = None
        self._zip: zipfile.ZipFile | None = None
        try:
            stat = self.path.stat()
            self._on_disk = stat.st_size
            if self.path.suffix.lower() != ".npy":
                self._directory = _open_directory(self.path, stat)
        except OSError as error:
            raise BadInput(
                f"{self.path}: cannot be read ({error.strerror or error}); check the path"
            ) from error
        except _DAMAGE as error:
            raise BadInput(
                f"{self.path}: no NumPy archive ({_short(error)}), expected a .npz file; fetch it again"
            ) from error
        self.names: tuple[str, ...] = ("",)
        if self._directory is not None:
            self._zip, self._members = self._directory.archive, self._directory.members
            self.names = self._directory.names
            if self._directory.repeated is not None:
                self.close()
                raise BadInput(
                    f"{self.path}: found two arrays {self._directory.repeated!r:.80}, expected one; "
                    "fetch the file again"
                )

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the archive, as the end of a `with` block does."""
        if self._directory is not None and not self._directory.remembered:
            self._directory.archive.close()

    def __contains__(self, name: str) -> bool:
        return name == "" if self._zip is None else name in self._members

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

    def read(self, name: str, *, limit: int = _LARGEST_ARRAY) -> np.ndarray:
        """A whole array, of the type and shape that its header says.

        Args:
            name: Of the array.
            limit: How many bytes it may have; a larger one is refused before any of it is unpacked.
        """
        with self._stream(name) as (stream, size):
            header = self._header(name, stream, size)
            self._check_size(name, header.size, limit)
            data = b"".join(self._chunks(name, stream, header.size, _CHUNK))
        values = np.frombuffer(data, header.dtype)
        if header.dtype.kind == "U":
            self._check_text(name, values)
        return values.reshape(header.shape, order="F" if header.fortran else "C")

    def read_pickled(self, name: str, *, limit: int) -> bytes | None:
        """The pickle of an array of Python objects, not unpickled; None where the array has none.

        Args:
            name: Of the array.
            limit: How many bytes the pickle may have.
        """
        with self._stream(name) as (stream, size):
            descr, _, _, start = self._description(name, stream, size)
            if not isinstance(descr, str) or "O" not in descr:
                return None
            self._check_size(name, size - start, limit)
            return b"".join(self._chunks(name, stream, size - start, _CHUNK))

    def read_rows(self, name: str, columns: int) -> np.ndarray:
        """The first `columns` numbers of every row of an array (T, ...), as float32 (T, columns).

        Numbers are taken as they are decoded, so that little more is held than is returned. Values
        beyond float32 become infinite.
        """
        with self._stream(name) as (stream, size):
            header = self._header(name, stream, size)
            width = math.prod(header.shape[1:])
            if header.dtype.kind not in "fiu" or len(header.shape) < 2 or width < columns:
                actual = f"{header.dtype} values of shape {header.shape}"
                raise self.fail(name, actual, f"rows of at least {columns} numbers")
            rows = header.shape[0]
            self._check_size(name, rows * columns * 4, _LARGEST_ARRAY)
            out = np.empty((rows, columns), np.float32)
            if header.fortran:  # a column after the other, those of the last axis slowest
                order = np.arange(width).reshape(header.shape[1:]).ravel(order="F").tolist()
                step = rows * header.dtype.itemsize
                for data, column in zip(self._chunks(name, stream, header.size, step), order):
                    if column < columns:
                        out[:, column] = _float32(np.frombuffer(data, header.dtype))
            else:
                step, start = width * header.dtype.itemsize, 0
                for data in self._chunks(name, stream, header.size, step * max(1, _CHUNK // step)):
                    block = np.frombuffer(data, header.dtype).reshape(-1, width)[:, :columns]
                    out[start : start + len(block)] = _float32(block)
                    start += len(block)
        return out

    def _check_text(self, name: str, values: np.ndarray) -> None:
        """NumPy itself stumbles over text (N,) of numbers that are no characters."""
        points = values.view(values.dtype.str[0] + "u4") if values.dtype.itemsize else values[:0]
        if points.size and int(points.max()) > sys.maxunicode:
            raise self.fail(name, f"the character {int(points.max()):#x}", "text")

    def _check_size(self, name: str, size: int, limit: int) -> None:
        if size > limit:
            raise self.fail(
                name,
                f"{size:,} bytes once unpacked",
                f"at most {limit:,}",
                "make the array smaller, or fetch the file again",
            )

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

    def _description(
        self, name: str, stream: IO[bytes], size: int
    ) -> tuple[object, object, object, int]:
        """Type, order and shape as a header has them, unchecked, and where the data begin."""
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
        return descr, fortran, shape, 8 + wide + length

    def _header(self, name: str, stream: IO[bytes], size: int) -> ArrayHeader:
        descr, fortran, shape, start = self._description(name, stream, size)
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
        if (
            not isinstance(shape, tuple)
            or not all(type(n) is int and n >= 0 for n in shape)
            or len(shape) > 8
            or not isinstance(fortran, bool)
        ):
            raise self.fail(name, f"a shape of {shape!r:.80}", "whole numbers")
        header = ArrayHeader(np.dtype(descr), shape, fortran)
        if start + header.size != size:
            raise self.fail(
                name,
                f"{size - start} bytes of data",
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


@dataclass(frozen=True)
class _Directory:
    """An open archive and its members by array name; `repeated` is a name that two of them have.

    remembered: whether later files of this process share it, so that it is not closed.
    """

    archive: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]
    names: tuple[str, ...]
    repeated: str | None
    remembered: bool


# By path, process, size and time of change; the last one used is the last.
_DIRECTORIES: dict[tuple[str, int, int, int, int], _Directory] = {}
_DIRECTORIES_LOCK = Lock()


def _open_directory(path: Path, stat: os.stat_result) -> _Directory:
    """An archive with its directory, which is read anew only where few members make that cheap.

    Raises what zipfile raises for files that are no archives.
    """
    # A forked process would share the position in an open file with its parent.
    key = (os.path.abspath(path), os.getpid(), stat.st_ino, stat.st_size, stat.st_mtime_ns)
    with _DIRECTORIES_LOCK:
        directory = _DIRECTORIES.pop(key, None)
        if directory is None:
            archive = zipfile.ZipFile(path)
            infos, members, repeated = archive.infolist(), {}, None
            for info in infos:
                name = info.filename.removesuffix(".npy")
                if name in members:
                    repeated = name
                members[name] = info
            remembered = len(infos) >= _LARGE_DIRECTORY and repeated is None
            directory = _Directory(archive, members, tuple(members), repeated, remembered)
        if directory.remembered:
            _DIRECTORIES[key] = directory
            while len(_DIRECTORIES) > _REMEMBERED:  # closed once nobody reads it any more
                del _DIRECTORIES[next(iter(_DIRECTORIES))]
    return directory


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
