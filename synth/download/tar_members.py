"""One file out of a compressed archive, without trust in what the archive says of itself."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import IO

from mocap.errors import BadInput

_CHUNK = 1 << 20
_DAMAGE = (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile, ValueError, OverflowError)


class _Bounded(io.RawIOBase):
    """A stream that gives no more than `limit` bytes, whatever a few packed bytes would become."""

    def __init__(self, stream: gzip.GzipFile, limit: int) -> None:
        self._stream, self._remaining = stream, limit

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes. Raises ValueError beyond the limit."""
        data = self._stream.read(_CHUNK if size < 0 else min(size, _CHUNK))
        self._remaining -= len(data)
        if self._remaining < 0:
            raise ValueError("more than it may be once unpacked")
        return data


def extract_member(archive: Path, member: str, target: Path, *, size: int, limit: int) -> None:
    """Write one file of a .tgz archive; nothing else of the archive is written anywhere.

    Args:
        archive: the .tgz file.
        member: the file's name in it, such as package/network.tflite.
        target: the file to write.
        size: bytes that the member must have.
        limit: bytes that the archive may unpack to before the member has been read.

    Raises:
        BadInput: for an archive that is damaged, too large, or has no such plain file of that size.
        OSError: where `archive` cannot be read or `target` cannot be written.
    """
    try:
        with archive.open("rb") as file, _opened(file, limit) as members:
            for entry in members:
                if entry.name == member:
                    break
            else:
                raise BadInput(f"{archive}: no {member} in it; the archive is another one")
            if not entry.isreg() or entry.size != size:
                kind = "bytes" if entry.isreg() else "bytes, and no plain file"
                raise BadInput(
                    f"{archive}: {member} has {entry.size} {kind}, expected {size}; the archive is "
                    "another one"
                )
            stream = members.extractfile(entry)
            if stream is None:
                raise BadInput(f"{archive}: {member} cannot be read; fetch the archive again")
            with target.open("wb") as out:
                shutil.copyfileobj(stream, out, _CHUNK)
                if out.tell() != size:
                    raise EOFError(f"{member} ends after {out.tell()} bytes")
    except _DAMAGE as error:
        raise BadInput(f"{archive}: no whole .tgz archive ({error}); fetch it again") from error


def _opened(file: IO[bytes], limit: int) -> tarfile.TarFile:
    unpacked = gzip.GzipFile(fileobj=file)
    return tarfile.open(fileobj=_Bounded(unpacked, limit), mode="r|")
