"""Film folders as WebDataset shards: plain tar files of whole samples, read from the front.

A sample is a clip: the files `<key>.<suffix>` that lie next to each other, with `mp4`, `json`
(its line of clips.jsonl and `label`), `cls` (the label alone: the category's number),
`info.mat` and the files of its channels, `depth.npz` or `depth.mat` and so on. The key is the
clip's path with "__" for "/" and "-" for ".", since readers cut names at the first point. Clips keep
the order of clips.jsonl, in which categories take turns; across shards, `positions` in the index have it.

The same films give the same bytes: headers hold no time and no owner. A shard appears whole or not
at all, and packing that was interrupted goes on where it stopped. Format: POSIX tar;
https://github.com/webdataset/webdataset
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta
from tqdm import tqdm

from mocap.errors import BadInput
from mocap.files import STAND_IN, atomic_write, is_stand_in
from mocap.parsing.json_files import (
    MAX_LINE_BYTES,
    RelativePath,
    decode_json,
    read_json_records,
)
from synth.clips.clip_lines import read_clip_lines
from synth.clips.shard_files import RECORD, write_shard
from synth.clips.shard_samples import Sample, clip_sample

INDEX = "shards.json"
STAND_IN_TEXT = "Films with generated data, not only recorded.\n"
_LEDGER = ".packed.jsonl"


@dataclass(frozen=True)
class PackSummary:
    """The outcome of a run: shards and clips in the index, and how many shards existed before.

    `renewed` names those that were there and were written again, as their clips or they had changed;
    `left_out` has a line for each clip that could not be packed.
    """

    shards: int
    already: int
    renewed: tuple[str, ...]
    left_out: tuple[str, ...]
    clips: int
    bytes: int
    index: Path


def pack(
    folder: Path,
    out: Path,
    *,
    shard_bytes: int = 1_000_000_000,
    clips_per_shard: int | None = None,
    channels: Sequence[str] | None = None,
    splits: Collection[str] | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> PackSummary:
    """Pack the published clips of `folder` into `out`: `<split>-<number>.tar` and an index.

    A clip that lacks a file or a channel, or whose line of the index is not a clip's, is left out; its
    category keeps its number.

    Args:
        folder: of films.
        out: where shards are written.
        shard_bytes: a shard holds as many clips of one split as fit (one at least).
        clips_per_shard: the number of them instead; None: by `shard_bytes`.
        channels: those that are packed; None: all that are stored; empty: films and info only.
        splits: those that are packed; None: all.
        report: called with a line for each clip that is left out, and where the record of an earlier
            run is torn.

    Raises:
        BadInput: a folder without any clip that can be packed, two clips of one name, an `out` with
            shards of another packing, too small a disk.
    """
    folder, out = Path(folder), Path(out)
    for option, value in (
        ("--shard-size", shard_bytes),
        ("--count-clips-per-shard", clips_per_shard),
    ):
        if value is not None and value < 1:
            raise BadInput(f"{option} {value}: expected at least 1")
    left_out: list[str] = []

    def leave_out(reason: str) -> None:
        left_out.append(reason)
        report(f"left out: {reason}")

    lines = read_clip_lines(folder, leave_out=leave_out)
    categories = sorted({line["category"] for line in lines})
    if splits is not None:
        lines = [line for line in lines if line["split"] in splits]
        if not lines:
            raise BadInput(
                f"{folder / 'clips.jsonl'}: no clip in {', '.join(sorted(splits))}; "
                "choose another --split"
            )
    positions = {line["path"]: number for number, line in enumerate(lines)}
    samples = _samples(folder, lines, categories, channels, leave_out)
    if twice := _first_repeated(sample.key for sample in samples):
        raise BadInput(f"{folder}: two clips would have the key {twice}; rename one")
    shards = _shared_out(samples, shard_bytes, clips_per_shard)
    settings = _Settings(
        shard_bytes=shard_bytes,
        clips_per_shard=clips_per_shard,
        channels=None if channels is None else tuple(sorted(channels)),
        splits=None if splits is None else tuple(sorted(splits)),
    )
    packed = _open_ledger(out, settings, set(shards), report)
    fingerprints = {name: _fingerprint(shard) for name, shard in shards.items()}
    waiting = [name for name in shards if not _is_done(out, packed, name, fingerprints[name])]
    _check_disk(out, sum(sample.size() for name in waiting for sample in shards[name]))
    renewed = tuple(name for name in waiting if (out / name).is_file())
    total = sum(sample.size() for shard in shards.values() for sample in shard)
    with tqdm(total=total, unit="B", unit_scale=True, desc="packing") as bar:
        for number, (name, shard) in enumerate(shards.items(), 1):
            if name in waiting:
                size, digest = write_shard(out / name, shard, bar.update)
                _record(out, packed, name, size, digest, fingerprints[name])
            else:
                bar.update(sum(sample.size() for sample in shard))
            bar.set_postfix_str(f"{number}/{len(shards)} shards")
    _write_index(out, folder, shards, packed, categories, left_out, positions)
    return PackSummary(
        shards=len(shards),
        already=len(shards) - len(waiting),
        renewed=renewed,
        left_out=tuple(left_out),
        clips=len(samples),
        bytes=sum(packed[name].bytes for name in shards),
        index=out / INDEX,
    )


def _samples(
    folder: Path,
    lines: Sequence[dict[str, Any]],
    categories: Sequence[str],
    channels: Sequence[str] | None,
    leave_out: Callable[[str], None],
) -> list[Sample]:
    """The samples of all clips that are whole; what no clip has was a bad request."""
    samples: list[Sample] = []
    bad: list[str] = []
    for line in lines:
        try:
            label = categories.index(line["category"])
            samples.append(clip_sample(folder, line, label, channels))
        except BadInput as error:
            bad.append(str(error))
    if not samples:
        raise BadInput(bad[0] if len(bad) == 1 else f"{bad[0]} (and so all {len(bad)} clips)")
    for reason in bad:
        leave_out(reason)
    return samples


def _first_repeated(names: Iterable[str]) -> str | None:
    earlier: set[str] = set()
    for name in names:
        if name in earlier:
            return name
        earlier.add(name)
    return None


def _shared_out(
    samples: Sequence[Sample], shard_bytes: int, clips_per_shard: int | None
) -> dict[str, list[Sample]]:
    """The shards by file name, splits in alphabetical order."""
    shards: dict[str, list[Sample]] = {}
    for split in sorted({sample.line["split"] for sample in samples}):
        groups: list[list[Sample]] = []
        room = 0
        for sample in (s for s in samples if s.line["split"] == split):
            size = sample.size()
            if clips_per_shard is not None:
                full = not groups or len(groups[-1]) >= clips_per_shard
            else:
                full = not groups or size > room
            if full:
                groups.append([])
                room = shard_bytes - RECORD  # the file ends on a whole record
            groups[-1].append(sample)
            room -= size
        shards |= {f"{split}-{number:06d}.tar": group for number, group in enumerate(groups)}
    return shards


def _fingerprint(shard: Sequence[Sample]) -> str:
    """Changes when a file of the shard was written anew, or replaced under its old time (`cp -p`)."""
    facts = [(sample.key, sample.line, sample.label) for sample in shard]
    stats = [(suffix, path.stat()) for sample in shard for suffix, path in sample.files]
    times = [(end, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for end, s in stats]
    return hashlib.sha256(json.dumps([facts, times], sort_keys=True).encode()).hexdigest()


def _open_ledger(
    out: Path, settings: _Settings, shards: Collection[str], report: Callable[[str], None]
) -> dict[str, _PackedShard]:
    """The shards that earlier runs finished; begins a ledger where there is none.

    A torn line costs its shard, which is written again, and a torn first line all of them.
    """
    out.mkdir(parents=True, exist_ok=True)
    for left in out.glob(".*.partial.tar"):  # of runs that were killed
        left.unlink()
    path = out / _LEDGER
    advice = "choose another --out, or remove what is there"
    foreign = sorted(p.name for p in out.glob("*.tar") if p.name not in shards)
    if foreign or (not path.is_file() and any(out.glob("*.tar"))):
        name = foreign[0] if foreign else "tar files without a ledger"
        raise BadInput(f"{out}: holds {name}, which this packing would not write; {advice}")
    if not path.is_file():
        _write_ledger(path, settings, {})
        return {}
    with path.open("rb") as file:
        first = file.readline(MAX_LINE_BYTES)
    try:
        earlier_settings = decode_json(first.strip(), _Settings)
    except BadInput as error:
        report(f"{path}, line 1: torn ({error}); all shards are written again")
        _write_ledger(path, settings, {})
        return {}
    if earlier_settings != settings:
        raise BadInput(
            f"{out}: packed with {earlier_settings.to_json()}, now asked for "
            f"{settings.to_json()}; {advice}"
        )
    records = read_json_records(path, _PackedShard)
    packed = {entry.file: entry for entry in records.values}
    torn = records.torn[1:]  # the first is the settings
    if torn:
        report(f"{path}: {len(torn)} torn lines, the first {torn[0]}; their shards are made again")
        _write_ledger(path, settings, packed)
    return packed


def _write_ledger(path: Path, settings: _Settings, packed: Mapping[str, _PackedShard]) -> None:
    lines = [settings.to_json(), *(json.dumps(asdict(entry)) for entry in packed.values())]
    with atomic_write(path) as temporary:
        temporary.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def _record(
    out: Path, packed: dict[str, _PackedShard], name: str, size: int, digest: str, fingerprint: str
) -> None:
    """Enter a shard that is whole into the ledger, with the times of its file."""
    stat = (out / name).stat()
    packed[name] = _PackedShard(
        file=name,
        bytes=size,
        sha256=digest,
        fingerprint=fingerprint,
        times=(stat.st_mtime_ns, stat.st_ctime_ns),
    )
    with (out / _LEDGER).open("a", encoding="utf-8") as ledger:
        ledger.write(json.dumps(asdict(packed[name])) + "\n")


def _is_done(out: Path, packed: dict[str, _PackedShard], name: str, fingerprint: str) -> bool:
    """Whether a shard is there as it was written: read again only where a time of its file is new."""
    entry, path = packed.get(name), out / name
    if entry is None or entry.fingerprint != fingerprint or not path.is_file():
        return False
    stat = path.stat()
    if stat.st_size != entry.bytes:
        return False
    if (stat.st_mtime_ns, stat.st_ctime_ns) != entry.times:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
                return False
        _record(out, packed, name, entry.bytes, entry.sha256, fingerprint)
    return True


def _check_disk(out: Path, needed: int) -> None:
    free = shutil.disk_usage(out).free
    if needed > free:
        raise BadInput(
            f"{out}: {free / 1e9:.1f} GB free, expected at least {needed / 1e9:.1f} GB for the shards; "
            "choose another --out, or fewer --channels"
        )


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """The first line of the ledger: what the shards depend on beside the clips."""

    shard_bytes: int
    clips_per_shard: int | None
    channels: tuple[str, ...] | None
    splits: tuple[str, ...] | None

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, kw_only=True)
class _PackedShard:
    """A further line of it: a shard that is whole, and when its file and its inode last changed."""

    file: RelativePath
    bytes: Annotated[int, Meta(ge=0)]
    sha256: str
    fingerprint: str
    times: tuple[int, int] = (0, 0)


def _write_index(
    out: Path,
    folder: Path,
    shards: dict[str, list[Sample]],
    packed: dict[str, _PackedShard],
    categories: list[str],
    left_out: list[str],
    positions: Mapping[str, int],
) -> None:
    stand_in = is_stand_in(folder) or any(
        sample.line["stand_in"] for shard in shards.values() for sample in shard
    )
    entries = [
        ShardEntry(
            file=name,
            split=shard[0].line["split"],
            clips=len(shard),
            frames=sum(sample.line["frames"] for sample in shard),
            bytes=packed[name].bytes,
            sha256=packed[name].sha256,
            positions=[positions[sample.line["path"]] for sample in shard],
        )
        for name, shard in shards.items()
    ]
    members = {w for s in shards.values() for m in s for w in m.suffixes()}
    conventions = folder / "conventions.json"
    if conventions.is_file():
        with atomic_write(out / conventions.name) as path:
            path.write_bytes(conventions.read_bytes())
    if stand_in:
        (out / STAND_IN).write_text(STAND_IN_TEXT)
    with atomic_write(out / INDEX) as path:
        path.write_text(
            index_text(entries, categories, members, left_out, stand_in=stand_in), encoding="utf-8"
        )


@dataclass(frozen=True, kw_only=True)
class ShardEntry:
    """A shard in the index; `positions` are those of its clips among all that are packed or to be."""

    file: str
    split: str
    clips: int
    frames: int
    bytes: int
    sha256: str
    positions: list[int]


def index_text(
    entries: Sequence[ShardEntry],
    categories: Sequence[str],
    members: Collection[str],
    left_out: Sequence[str],
    *,
    stand_in: bool,
) -> str:
    """What shards.json says of shards, whose samples have `members` as their files' suffixes."""
    index = {
        "version": 1,
        "clips": sum(entry.clips for entry in entries),
        "frames": sum(entry.frames for entry in entries),
        "categories": list(categories),
        "members": sorted(members),
        "stand_in": stand_in,
        "left_out": list(left_out),
        "shards": [asdict(entry) for entry in entries],
    }
    return json.dumps(index, indent=2) + "\n"
