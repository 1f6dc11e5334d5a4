"""Shards on disk: tar files of samples, whose bytes follow from the clips alone, and back."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mocap.errors import BadInput
from mocap.files import atomic_write
from synth.clips.shard_samples import Sample, StoredSample

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

RECORD = 10240
"""Bytes: a tar file ends on a whole record."""


class _HashedFile(io.RawIOBase):
    """A file that is written from front to end, with its length and SHA-256."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file, self._sum, self.size = file, hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        self._sum.update(data)
        self.size += memoryview(data).nbytes
        return self._file.write(data)

    def hexdigest(self) -> str:
        return self._sum.hexdigest()


def write_shard(
    path: Path,
    shard: Sequence[Sample | StoredSample],
    progress: Callable[[int], object] = lambda amount: None,
) -> tuple[int, str]:
    """Write the samples as a tar file, whole or not at all.

    Args:
        path: of the file.
        shard: the samples, in order.
        progress: called with the bytes of each.

    Returns:
        Its size in bytes, and its SHA-256 in hexadecimal.

    Raises:
        BadInput: a file of a clip became shorter meanwhile.
    """
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        hashed = _HashedFile(file)
        with tarfile.open(
            fileobj=hashed, mode="w|", bufsize=RECORD, format=tarfile.PAX_FORMAT
        ) as tar:
            for sample in shard:
                for name, content in sample.members():
                    _add(tar, name, content)
                progress(sample.size())
    return hashed.size, hashed.hexdigest()


def _add(tar: tarfile.TarFile, name: str, content: bytes | Path) -> None:
    entry = tarfile.TarInfo(name)  # mtime, uid and gid are 0, there are no names
    entry.mode = 0o644
    if isinstance(content, bytes):
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
        return
    with content.open("rb") as file:
        entry.size = content.stat().st_size
        try:
            tar.addfile(entry, file)
        except OSError as error:
            if "unexpected end of data" not in str(error):
                raise
            raise BadInput(
                f"{content}: became shorter while it was packed; pack when no films are made"
            ) from error


def unpack_samples(shard: Path, folder: Path) -> dict[str, StoredSample]:
    """Write the members of a shard as files into `folder`, and return its samples by their keys.

    Raises:
        BadInput: a shard that is damaged or has members in folders.
    """
    files: dict[str, list[tuple[str, Path]]] = {}
    try:
        with tarfile.open(shard) as tar:
            for entry in tar:
                content = tar.extractfile(entry) if entry.isfile() else None
                if content is None or "/" in entry.name or entry.name.startswith("."):
                    raise BadInput(f"{shard}: member {entry.name!r:.80}, expected files of samples")
                path = folder / entry.name
                with content, path.open("wb") as file:
                    shutil.copyfileobj(content, file)
                files.setdefault(entry.name.partition(".")[0], []).append((entry.name, path))
    except tarfile.TarError as error:
        raise BadInput(f"{shard}: not a whole tar file ({error})") from error
    return {key: StoredSample(tuple(members)) for key, members in files.items()}
