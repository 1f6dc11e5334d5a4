"""Where a file's bytes lie: in a file of their own, or in a tar file, a shard, that holds many.

A member of a shard has the path SHARD.tar/NAME, so that a path alone says where a video is, in every
process, and nothing is unpacked: FFmpeg reads the bytes where they lie.
"""

from __future__ import annotations

import functools
import hashlib
import tarfile
from dataclasses import dataclass
from pathlib import Path

from action_recog.errors import BadInput

SHARD_SUFFIX = ".tar"
_BLOCK = 512  # bytes; of a tar file, which ends on two blocks of zeros
_PIECE = 1 << 20
_ADVICE = "pack it again, or copy it again"


@dataclass(frozen=True)
class ByteRange:
    """Bytes `start` to `end` of a file, or all of it, with end None."""

    file: Path
    start: int = 0
    end: int | None = None

    @property
    def address(self) -> str:
        """What FFmpeg opens."""
        if self.end is None:
            return str(self.file)
        return f"subfile,,start,{self.start},end,{self.end},,:{self.file}"

    def read(self) -> bytes:
        """The bytes."""
        with self.file.open("rb") as file:
            file.seek(self.start)
            return file.read(-1 if self.end is None else self.end - self.start)

    def sha256(self) -> str:
        """Their SHA-256, in hexadecimal."""
        with self.file.open("rb") as file:
            if self.end is None:
                return hashlib.file_digest(file, "sha256").hexdigest()
            digest = hashlib.sha256()
            file.seek(self.start)
            remaining = self.end - self.start
            while remaining and (piece := file.read(min(remaining, _PIECE))):
                digest.update(piece)
                remaining -= len(piece)
        return digest.hexdigest()


def byte_range(path: Path) -> ByteRange:
    """Find a file's bytes.

    Args:
        path: A file, or SHARD.tar/NAME for a member of a shard.

    Returns:
        Where they lie.

    Raises:
        BadInput: For a file or member that is not there, and a shard that cannot be read.
    """
    if path.is_file():
        return ByteRange(path)
    for folder in path.parents:
        if folder.suffix.lower() == SHARD_SUFFIX and folder.is_file():
            members = shard_members(folder)
            name = path.relative_to(folder).as_posix()
            if name not in members:
                raise BadInput(f"{path}: no such file in the shard {folder.name}; {_ADVICE}")
            return members[name]
    raise BadInput(f"{path}: no such video file")


def shard_members(shard: Path) -> dict[str, ByteRange]:
    """List the files in a tar file that is not compressed.

    Args:
        shard: The tar file; it is read once while its size and times stay.

    Returns:
        Where each lies, by its name, in their order; folders and links do not count.

    Raises:
        BadInput: For a file that is missing, no tar file, compressed or cut, one with a damaged header,
            and one in which a name stands twice.
    """
    try:
        stat = shard.stat()
        return _listed(shard, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    except OSError as error:
        raise BadInput(f"{shard}: cannot be read ({error.strerror or error})") from None


@functools.lru_cache(maxsize=4096)
def _listed(shard: Path, size: int, _modified: int, _changed: int) -> dict[str, ByteRange]:
    members: dict[str, ByteRange] = {}
    with shard.open("rb") as file:
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                for entry in tar:
                    if not entry.isreg() or entry.issparse():
                        continue
                    name = entry.name.removeprefix("./")
                    if name in members:
                        raise BadInput(
                            f"{shard}: holds {name} twice, expected each file once; {_ADVICE}"
                        )
                    end = entry.offset_data + entry.size
                    members[name] = ByteRange(shard, entry.offset_data, end)
                position = tar.offset
        except (tarfile.TarError, ValueError, OverflowError) as error:
            raise BadInput(
                f"{shard}: not a whole tar file ({error}), expected one that is not compressed; {_ADVICE}"
            ) from None
        # tarfile takes a damaged header, and the end of a file that was cut, for the end of the archive.
        file.seek(position)
        if file.read(_BLOCK) != bytes(_BLOCK):
            kind = "is cut" if position + _BLOCK > size else "has a damaged header"
            raise BadInput(
                f"{shard}: {kind} at byte {position:,} of {size:,}, behind {len(members)} "
                f"files; {_ADVICE}"
            )
    return members


def read_text_member(members: dict[str, ByteRange], name: str, most_bytes: int) -> bytes:
    """The bytes of a small member of a shard.

    Raises:
        BadInput: For one that is larger; the message names no shard.
    """
    bytes_of_member = members[name]
    size = (bytes_of_member.end or 0) - bytes_of_member.start
    if size > most_bytes:
        raise BadInput(f"{name} has {size:,} bytes, expected at most {most_bytes:,}")
    return bytes_of_member.read()
