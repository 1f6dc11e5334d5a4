"""Labelled videos in WebDataset shards: tar files of samples, whose files share a key and lie together.

Those of `synth pack` hold films, with `mp4` and `json` (the film's line of clips.jsonl); any other shards
whose samples have a video and `cls`, the class as a number or a name, are videos of classes. Videos are
decoded where they lie. A folder of shards may have an index, `shards.json`, with the size of each.
Format: https://github.com/webdataset/webdataset
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from msgspec import Meta

from action_recog.datasets.ucf101 import group_of
from action_recog.errors import BadInput
from action_recog.json_files import MAX_LINE_BYTES, RelativePath, decode_json, read_json
from action_recog.videos.byte_ranges import (
    SHARD_SUFFIX,
    ByteRange,
    read_text_member,
    shard_members,
)
from action_recog.videos.containers import VIDEO_SUFFIXES
from action_recog.videos.labelled_videos import LabelledVideo, VideoSet, is_stand_in

_INDEX = "shards.json"
_MOST_CLASS_BYTES = 1000
_ADVICE = "pack the shards again"
_Number = Annotated[int, Meta(ge=0, le=2**53)]


@dataclass(frozen=True, kw_only=True)
class _IndexedShard:
    """What is used of a shard in shards.json; `positions` are those of its clips in clips.jsonl."""

    file: RelativePath
    clips: _Number
    bytes: _Number
    positions: list[_Number] | None = None


@dataclass(frozen=True, kw_only=True)
class _ShardIndex:
    """What is used of shards.json."""

    shards: list[_IndexedShard]
    stand_in: bool = False


@dataclass(frozen=True)
class ShardSample:
    """A sample of a shard: its key, and where each of its files lies, by suffix.

    `position` orders the samples of a folder; `description` names the sample in messages.
    """

    shard: Path
    key: str
    position: int
    files: dict[str, ByteRange] = field(default_factory=dict)

    @property
    def description(self) -> str:
        """The shard and the sample's key."""
        return f"{self.shard}, sample {self.key}"

    def text(self, suffix: str, most_bytes: int) -> bytes:
        """The bytes of a small file of the sample. Raises BadInput where it is missing or large."""
        if suffix not in self.files:
            raise BadInput(f"{self.description}: no {self.key}.{suffix}; {_ADVICE}")
        try:
            return read_text_member(self.files, suffix, most_bytes)
        except BadInput as error:
            raise BadInput(f"{self.description}: {error}; {_ADVICE}") from None

    def video(self) -> Path:
        """The path of the sample's video. Raises BadInput for none, and for several."""
        ends = [s for s in self.files if f".{s}".lower().endswith(VIDEO_SUFFIXES)]
        if len(ends) != 1:
            raise BadInput(
                f"{self.description}: {len(ends)} videos among {', '.join(sorted(self.files))}; expected "
                f"one; {_ADVICE}"
            )
        return self.shard / f"{self.key}.{ends[0]}"


def is_shard_folder(folder: Path) -> bool:
    """Whether shards lie in a folder."""
    return (folder / _INDEX).is_file() or bool(_shards_in(folder))


def holds_packed_films(folder: Path) -> bool:
    """Whether films lie in a folder's shards: they have an index, or a first sample with a sequence.

    Raises:
        BadInput: For a first shard that is not whole.
    """
    if (folder / _INDEX).is_file():
        return True
    shards = _shards_in(folder)
    if not shards:
        return False
    sample = _samples_of(shards[0], first=0)[0]
    if "json" not in sample.files:
        return False
    try:
        line = decode_json(sample.text("json", MAX_LINE_BYTES), dict[str, Any])
    except BadInput:
        return False
    return "sequence" in line


def _shards_in(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.glob("*")
        if path.suffix.lower() == SHARD_SUFFIX and not path.name.startswith(".")
    )


def read_shards(folder: Path) -> tuple[list[ShardSample], bool]:
    """List the samples in a folder's shards.

    Args:
        folder: Folder with `*.tar`, and shards.json if it has an index.

    Returns:
        The samples, in the order in which they were packed (by the index, else that of the shards), and
        whether folder or index say that they are generated.

    Raises:
        BadInput: For a shard that is missing, cut or of another size than the index has, one that the
            index does not have, and samples that are not whole.
    """
    shards = _shards_in(folder)
    stand_in, entries = is_stand_in(folder), {}
    if (folder / _INDEX).is_file():
        index = read_json(folder / _INDEX, _ShardIndex, advice=_ADVICE)
        stand_in |= index.stand_in
        entries = {entry.file: entry for entry in index.shards}
        _check_index(folder, shards, entries)
    samples: list[ShardSample] = []
    for shard in shards:
        of_shard = _samples_of(shard, first=len(samples))
        entry = entries.get(shard.name)
        if entry is not None:
            positions = entry.positions
            counts = {entry.clips, len(of_shard), len(of_shard if positions is None else positions)}
            if len(counts) > 1:
                raise BadInput(
                    f"{shard}: {len(of_shard)} samples, {folder / _INDEX} has {entry.clips}; {_ADVICE}"
                )
            of_shard = [
                ShardSample(shard, sample.key, position, sample.files)
                for sample, position in zip(of_shard, positions or range(len(of_shard)))
            ]
        samples += of_shard
    if entries and all(entry.positions is not None for entry in entries.values()):
        samples.sort(key=lambda sample: sample.position)
    return samples, stand_in


def _check_index(folder: Path, shards: list[Path], entries: dict[str, _IndexedShard]) -> None:
    """Raise BadInput where the shards of a folder are not those of its index."""
    names = {shard.name for shard in shards}
    if missing := sorted(entries.keys() - names):
        raise BadInput(
            f"{folder / missing[0]}: no such file, one of {len(missing)} shards of {_INDEX} that are not "
            f"there; {_ADVICE}"
        )
    if foreign := sorted(names - entries.keys()):
        raise BadInput(
            f"{folder / foreign[0]}: a shard that {_INDEX} does not have; {_ADVICE}, or "
            "remove one of the two"
        )
    for shard in shards:
        size, expected = shard.stat().st_size, entries[shard.name].bytes
        if size != expected:
            raise BadInput(
                f"{shard}: {size:,} bytes, {folder / _INDEX} has {expected:,}; {_ADVICE}"
            )


def _samples_of(shard: Path, *, first: int) -> list[ShardSample]:
    samples: dict[str, ShardSample] = {}
    latest = None
    for name, content in shard_members(shard).items():
        path = PurePosixPath(name)
        stem, _, suffix = path.name.partition(".")
        if path.is_absolute() or ".." in path.parts or path.as_posix() != name:
            raise BadInput(f"{shard}: holds {name}, expected paths that stay inside; {_ADVICE}")
        if not stem or not suffix:  # no file of a sample, as the format has it
            continue
        key = path.with_name(stem).as_posix()
        if key != latest and key in samples:
            raise BadInput(
                f"{shard}: files of the sample {key} do not lie together, or it stands there twice; "
                f"{_ADVICE}"
            )
        sample = samples.setdefault(key, ShardSample(shard, key, first + len(samples)))
        sample.files[suffix] = content
        latest = key
    if not samples:
        raise BadInput(f"{shard}: holds no sample; {_ADVICE}, or remove it")
    return list(samples.values())


def read_class_shards(folder: str | os.PathLike[str]) -> VideoSet:
    """Read shards whose samples have a video and a class.

    Args:
        folder: Folder with `*.tar`; the samples have `cls`, the class as a number or a name.

    Returns:
        The videos in their order, the classes sorted, as numbers where all are. A video's name is its
        key; its group is that of a name such as `v_Class_g01_c02`, else the video itself.

    Raises:
        BadInput: As `read_shards`, for a sample without video or class, a key that two shards have, and
            fewer than two classes.
    """
    folder = Path(folder)
    samples, stand_in = read_shards(folder)
    names = [_class_name(sample) for sample in samples]
    numeric = all(name.isdecimal() for name in names)
    classes = tuple(sorted(set(names), key=int if numeric else None))
    if len(classes) < 2:
        raise BadInput(
            f"{folder}: {len(samples)} videos of {len(classes)} class; expected at least two classes to "
            "tell apart"
        )
    earlier: dict[str, ShardSample] = {}
    videos = []
    for sample, name in zip(samples, names):
        twin = earlier.setdefault(sample.key, sample)
        if twin is not sample:
            raise BadInput(
                f"{sample.description}: {twin.shard.name} has a sample of that key; {_ADVICE}"
            )
        group = group_of(sample.key, name)
        videos.append(LabelledVideo(sample.video(), sample.key, classes.index(name), group))
    return VideoSet(f"videos in {folder.name} by class", classes, tuple(videos), stand_in)


def _class_name(sample: ShardSample) -> str:
    text = sample.text("cls", _MOST_CLASS_BYTES)
    try:
        name = text.decode("utf-8").strip()
    except UnicodeDecodeError:
        name = ""
    if not name.isprintable() or not name:
        raise BadInput(
            f"{sample.description}: the class {text[:40]!r} is no number or name in UTF-8; {_ADVICE}"
        )
    return name
