"""Clips as samples of a WebDataset: their files, names and labels."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mocap.errors import BadInput
from synth.clips.channel_files import SHARP, channel_files, stored_channels

BLOCK = 512  # bytes; of a tar file, headers and contents alike


@dataclass(frozen=True)
class Sample:
    """A clip to be packed: `files` are (suffix, path), `label` goes into json and cls."""

    key: str
    line: dict[str, Any]
    label: int
    files: tuple[tuple[str, Path], ...]

    def texts(self) -> list[tuple[str, bytes]]:
        """Suffixes and contents of what is packed besides files."""
        fields = json.dumps({**self.line, "label": self.label}, sort_keys=True)
        return [("json", fields.encode()), ("cls", str(self.label).encode())]

    def suffixes(self) -> list[str]:
        """Of all that is packed."""
        return [suffix for suffix, _ in (*self.files, *self.texts())]

    def members(self) -> list[tuple[str, bytes | Path]]:
        """Names and contents, the film first."""
        film, *channels = [(f"{self.key}.{suffix}", path) for suffix, path in self.files]
        texts = [(f"{self.key}.{suffix}", text) for suffix, text in self.texts()]
        return [film, *texts, *channels]

    def size(self) -> int:
        """Bytes that the sample takes of a tar file."""
        sizes = [path.stat().st_size for _, path in self.files]
        sizes += [len(text) for _, text in self.texts()]
        return _size_in_tar(sizes)


@dataclass(frozen=True)
class StoredSample:
    """A sample that was in a shard: names and files of its members, in their order."""

    files: tuple[tuple[str, Path], ...]

    def members(self) -> list[tuple[str, bytes | Path]]:
        """Names and contents, the film first."""
        return [*self.files]

    def suffixes(self) -> list[str]:
        """Of all that is packed."""
        return [name.partition(".")[2] for name, _ in self.files]

    def size(self) -> int:
        """Bytes that the sample takes of a tar file."""
        return _size_in_tar(path.stat().st_size for _, path in self.files)


def _size_in_tar(sizes: Iterable[int]) -> int:
    return sum(BLOCK + -(-size // BLOCK) * BLOCK for size in sizes)


def sample_key(stem: str) -> str:
    """The key of a clip's sample: readers cut names at the first point, and have no folders."""
    return stem.replace("/", "__").replace(".", "-")


def clip_sample(
    folder: Path, line: dict[str, Any], label: int, channels: Sequence[str] | None
) -> Sample:
    """The sample of a clip with `channels`, None for those that are stored, and its sharp film, if any.

    Raises BadInput where a file is missing or empty, or a channel is missing.
    """
    stem = folder / line["path"]
    layout_of = stored_channels(stem)
    chosen = list(layout_of) if channels is None else list(channels)
    ends: list[str] = []
    for channel in chosen:
        if channel not in layout_of:
            raise BadInput(
                f"{stem}: the channel {channel} is not there, expected in every clip; leave it out of "
                "--channels, or render it"
            )
    for layout in sorted(set(layout_of[channel] for channel in chosen)):
        ends += channel_files([c for c in chosen if layout_of[c] == layout], layout)
    files = []
    films = [".mp4", SHARP] if Path(f"{stem}{SHARP}").is_file() else [".mp4"]
    for end in (*films, "_info.mat", *ends):
        path = Path(f"{stem}{end}")
        if not path.is_file():
            raise BadInput(f"{path}: no such file, but clips.jsonl lists the clip; render it again")
        if not path.stat().st_size:
            raise BadInput(f"{path}: found an empty file, expected a clip's; render it again")
        files.append((end[1:], path))
    return Sample(sample_key(str(line["path"])), line, label, tuple(files))
