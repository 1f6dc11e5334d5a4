"""Where finished shards go: a folder, or whatever fsspec has an address for (`s3://bucket/path`).

A file appears there whole or not at all: in a folder by a rename, in an object store by its put, and
elsewhere under another name first.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from mocap.errors import BadInput
from mocap.files import atomic_write, disk_trouble

Result = TypeVar("Result")

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_WHOLE_PUTS = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "r2"}
_PAUSES = (2.0, 10.0)  # seconds before another try of what a network may have failed


class ShardStore(Protocol):
    """A flat folder of files that appear whole."""

    address: str

    def sizes(self) -> dict[str, int]:
        """Bytes of its files by their names."""

    def read(self, name: str) -> bytes:
        """The content of a small file."""

    def fetch(self, name: str, path: Path) -> None:
        """Copy a file to `path`."""

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, whole."""

    def put(self, path: Path, name: str) -> None:
        """Move or copy the file `path` there, whole."""


def is_url(text: str) -> bool:
    """Whether a text is an address of fsspec's, as `s3://bucket/path`, and no path."""
    return _URL.match(text) is not None


def open_store(address: str) -> ShardStore:
    """The store at an address: a path, or an URL of fsspec's.

    Raises BadInput for an URL of a kind that cannot be opened here.
    """
    if not is_url(address):
        return FolderStore(Path(address))
    try:
        import fsspec
    except ImportError as error:
        raise BadInput(
            f"{address}: fsspec cannot be imported ({error}); pip install 'surrealpp[remote]'"
        ) from None
    try:
        files, root = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise BadInput(
            f"{address}: cannot be opened ({error}); install what fsspec needs for it, or give a folder"
        ) from None
    if "file" in _protocols(files):
        return FolderStore(Path(root))
    return RemoteStore(address, files, root)


class FolderStore:
    """A folder of this machine or of a disk that it shares."""

    def __init__(self, folder: Path):
        self.folder = folder.absolute()
        self.address = str(self.folder)

    def sizes(self) -> dict[str, int]:
        """Bytes of its files by their names."""
        if not self.folder.is_dir():
            return {}
        sizes: dict[str, int] = {}
        for path in self.folder.iterdir():
            try:
                if path.is_file():
                    sizes[path.name] = path.stat().st_size
            except FileNotFoundError:  # a temporary one
                continue
        return sizes

    def read(self, name: str) -> bytes:
        """The content of a small file."""
        return (self.folder / name).read_bytes()

    def fetch(self, name: str, path: Path) -> None:
        """Copy a file to `path`."""
        shutil.copyfile(self.folder / name, path)

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, whole."""
        with atomic_write(self.folder / name) as path:
            path.write_bytes(content)

    def put(self, path: Path, name: str) -> None:
        """Move the file `path` there, whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.stat(path).st_dev == os.stat(self.folder).st_dev:
            os.replace(path, self.folder / name)
            return
        with atomic_write(self.folder / name) as temporary:
            shutil.copyfile(path, temporary)


class RemoteStore:
    """A folder of a file system of fsspec's.

    Args:
        address: the URL.
        files: fsspec's file system.
        root: its path in that.
    """

    def __init__(self, address: str, files: Any, root: str):
        self.address = address.rstrip("/")
        self._files, self._root = files, root.rstrip("/")
        self._puts_are_whole = bool(_protocols(files) & _WHOLE_PUTS)

    def sizes(self) -> dict[str, int]:
        """Bytes of its files by their names."""

        def look() -> dict[str, int]:
            self._files.invalidate_cache()
            try:
                entries = self._files.ls(self._root, detail=True)
            except FileNotFoundError:
                return {}
            return {
                entry["name"].rpartition("/")[2]: int(entry["size"] or 0)
                for entry in entries
                if entry["type"] == "file"
            }

        return self._tried("list", look)

    def read(self, name: str) -> bytes:
        """The content of a small file."""
        return bytes(self._tried(name, lambda: self._files.cat_file(self._path(name))))

    def fetch(self, name: str, path: Path) -> None:
        """Copy a file to `path`."""
        self._tried(name, lambda: self._files.get_file(self._path(name), str(path)))

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, whole."""
        self._tried(name, lambda: self._files.pipe_file(self._path(name), content))

    def put(self, path: Path, name: str) -> None:
        """Copy the file `path` there, whole."""

        def upload() -> None:
            target = self._path(name)
            size = path.stat().st_size
            first = target if self._puts_are_whole else self._path(f".{name}.partial")
            self._files.put_file(str(path), first)
            self._files.invalidate_cache()
            if (uploaded := int(self._files.size(first))) != size:
                raise OSError(f"{uploaded:,} bytes of {size:,} arrived")
            if first != target:
                self._files.mv(first, target)

        self._tried(name, upload)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _tried(self, name: str, call: Callable[[], Result]) -> Result:
        """What `call` returns, at its third try at the latest; a store's own errors are of any class."""
        for pause in (*_PAUSES, None):
            try:
                return call()
            except Exception as error:
                if disk_trouble(error) or pause is None:
                    line = " ".join(str(error).split()) or type(error).__name__
                    raise BadInput(
                        f"{self.address}: {name}: {line}; every clip made so far is whole: run the same "
                        "command again to go on"
                    ) from error
                time.sleep(pause)
        raise AssertionError("not reached")


def _protocols(files: Any) -> set[str]:
    names = files.protocol
    return {names} if isinstance(names, str) else {*names}
