"""Poly Haven's public interface: which CC0 environments there are, their files, and their download.

`api.polyhaven.com/assets?type=hdris` lists what there is and `api.polyhaven.com/files/NAME` the files of
each, with size and MD5 digest.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from msgspec import Meta

from mocap.errors import BadInput
from mocap.parsing.json_files import Label, read_json
from synth.download.web_files import FileRefused, Site, SiteRefused
from synth.scene.environment_pictures import read_environment

POLY_HAVEN = "https://api.polyhaven.com"
RESOLUTIONS = ("1k", "2k", "4k")
FORMATS = ("hdr", "exr")
_LARGEST = 2 << 30  # bytes of a picture; 4k is some 30 MB
_LARGEST_LIST = 64_000_000  # bytes of an answer in JSON
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_ADVICE = "expected what Poly Haven's interface answers; check --url"


@dataclass(frozen=True, kw_only=True)
class _Asset:
    """What the interface says of an environment."""

    name: Label = ""
    authors: Mapping[str, Label] = field(default_factory=dict)
    categories: tuple[Label, ...] = ()
    download_count: Annotated[int, Meta(ge=0)] = 0


@dataclass(frozen=True, kw_only=True)
class _RemoteFile:
    url: Annotated[
        str, Meta(pattern=r"(?#an address of http:// or https://)\Ahttps?://[^\s/]+/\S+\Z")
    ]
    size: Annotated[int, Meta(ge=1, le=_LARGEST)]
    md5: Annotated[str, Meta(pattern=r"(?#an MD5 digest)\A[0-9a-f]{32}\Z")]


@dataclass(frozen=True, kw_only=True)
class _AssetFiles:
    hdri: Mapping[str, Mapping[str, _RemoteFile]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EnvironmentListing:
    """An environment that can be had: its name, title, authors, categories, and how often it was."""

    name: str
    title: str
    authors: tuple[str, ...]
    categories: tuple[str, ...]
    downloads: int

    def __str__(self) -> str:
        words = f"{self.name}: {self.title}, by {', '.join(self.authors) or 'unknown'}"
        return f"{words} ({', '.join(self.categories)})"


@dataclass(frozen=True, kw_only=True)
class EnvironmentFile:
    """A picture to fetch: its listing, its name in the folder, address, bytes and MD5 digest."""

    listing: EnvironmentListing
    file: str
    address: str
    size: int
    md5: str


class EnvironmentSource:
    """Poly Haven's interface, or one that speaks as it does.

    Args:
        url: of the interface.
        pause: seconds between requests to one site.
        timeout: seconds without a byte after which a request is broken off.
        sleep: waits so many seconds.

    Raises:
        BadInput: an address that is not HTTP.
    """

    def __init__(
        self,
        url: str = POLY_HAVEN,
        *,
        pause: float = 0.5,
        timeout: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ):
        if not re.match(r"https?://[^/\s]+(/\S*)?$", url):
            raise BadInput(f"--url: found '{url}', expected an address that begins with http://")
        self._pause, self._timeout, self._sleep = pause, timeout, sleep
        self._interface = Site(url.rstrip("/"), pause, timeout, _LARGEST_LIST, sleep)
        self._sites: dict[str, Site] = {}

    @property
    def received(self) -> int:
        """Bytes that came."""
        sites = [self._interface, *self._sites.values()]
        return sum(site.received for site in sites)

    def listings(self) -> list[EnvironmentListing]:
        """All environments there are, the most fetched first.

        Raises:
            BadInput: a site that does not answer, or answers something else.
        """
        try:
            assets = self._answer("assets?type=hdris", dict[str, _Asset])
        except (FileRefused, SiteRefused) as error:
            raise BadInput(f"{self._interface.url}/assets: {error}; try again later") from error
        listed = [
            EnvironmentListing(
                name=name,
                title=asset.name or name,
                authors=tuple(asset.authors),
                categories=tuple(asset.categories),
                downloads=asset.download_count,
            )
            for name, asset in assets.items()
            if _SLUG.fullmatch(name)
        ]
        return sorted(listed, key=lambda listing: (-listing.downloads, listing.name))

    def environment_file(
        self, listing: EnvironmentListing, resolution: str, file_format: str
    ) -> EnvironmentFile:
        """Where an environment's picture of a resolution and a format lies.

        Raises:
            FileRefused: there is none of that kind, or the answer is no list of files.
            SiteRefused: a site that is busy or out of reach.
        """
        try:
            files = self._answer(f"files/{listing.name}", _AssetFiles).hdri
        except BadInput as error:
            raise FileRefused(str(error)) from error
        remote = files.get(resolution, {}).get(file_format)
        if remote is None:
            available = [f"{size} .{kind}" for size, kinds in files.items() for kind in kinds]
            choices = ", ".join(available) or "none"
            raise FileRefused(
                f"there is no {resolution} .{file_format} of it; choose from {choices}"
            )
        return EnvironmentFile(
            listing=listing,
            file=f"{listing.name}_{resolution}.{file_format}",
            address=remote.url,
            size=remote.size,
            md5=remote.md5,
        )

    def download(self, entry: EnvironmentFile, out: Path, progress: Callable[[int], None]) -> None:
        """Bring a picture into a folder, with its JSON.

        Args:
            entry: what to fetch.
            out: the folder.
            progress: called with how many of its bytes there are.

        Raises:
            FileRefused: other bytes than the interface says, or no environment.
            SiteRefused: a site that is busy or out of reach.
        """
        parts = urlsplit(entry.address)
        host = f"{parts.scheme}://{parts.netloc}"
        new_site = Site(host, self._pause, self._timeout, 0, self._sleep, pinned=True)
        site = self._sites.setdefault(host, new_site)
        site.largest, site.progress = entry.size, progress
        partial = out / f".{entry.file}.part"
        resumed = partial.exists()
        # A run may have ended just before the file got its name.
        while not agrees_with_listing(partial, entry):
            site.download(entry.address.removeprefix(host + "/"), partial)
            if agrees_with_listing(partial, entry):
                break
            actual = f"{partial.stat().st_size:,} bytes, md5 {_md5(partial)}"
            partial.unlink()
            if not resumed:
                raise FileRefused(
                    f"{entry.address} gave {actual}, expected {entry.size:,} bytes, md5 {entry.md5}; "
                    "it was thrown away: try again later"
                )
            resumed = False  # what was there may have been of another version: from the beginning
        try:
            read_environment(partial)
        except BadInput as error:
            partial.unlink()
            reason = str(error).replace(str(partial), entry.address)
            raise FileRefused(f"{reason}; it was thrown away") from error
        os.utime(partial)  # the partial carried the server's date
        os.replace(partial, out / entry.file)

    def _answer(self, address: str, kind: type) -> Any:
        """What the interface answers. Raises BadInput for what is not of that kind."""
        with tempfile.TemporaryDirectory(prefix="synth_environments_") as scratch:
            path = Path(scratch) / "answer.json"
            self._interface.download(address, path)
            try:
                return read_json(path, kind, advice=_ADVICE, extra_fields=True)
            except BadInput as error:
                requested = f"{self._interface.url}/{address}"
                raise BadInput(str(error).replace(str(path), requested)) from error


def agrees_with_listing(path: Path, entry: EnvironmentFile) -> bool:
    """Whether a file is there and is the one that the interface tells of."""
    return path.is_file() and path.stat().st_size == entry.size and _md5(path) == entry.md5


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
