"""Whether shards are as they were packed, wherever they lie, by the SHA-256 of each in shards.json."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta
from tqdm import tqdm

from mocap.errors import BadInput
from mocap.parsing.json_files import RelativePath, decode_json
from synth.clips.shards import INDEX
from synth.films.checksums import ChecksumReport, file_checksum
from synth.films.ledger import Sha256
from synth.films.shard_store import FolderStore, ShardStore, open_store


@dataclass(frozen=True, kw_only=True)
class _Shard:
    """What is looked at of a shard in shards.json."""

    file: RelativePath
    clips: Annotated[int, Meta(ge=0)]
    sha256: Sha256


@dataclass(frozen=True, kw_only=True)
class _Index:
    """What is looked at of shards.json."""

    shards: tuple[_Shard, ...]


def has_shards(address: str) -> bool:
    """Whether a folder or address holds shards with their index."""
    return INDEX in open_store(address).sizes()


def verify_shards(address: str) -> ChecksumReport:
    """Read every shard at a path or address, and compare it with its SHA-256 in shards.json.

    Shards that the index does not have are `unlisted`: a run is at work, or was killed.

    Raises:
        BadInput: no index, one that cannot be read, or a store that cannot.
    """
    store = open_store(address)
    sizes = store.sizes()
    if INDEX not in sizes:
        raise BadInput(
            f"{address}: no {INDEX}; expected shards of `synth pack` or `render-videos --pack`"
        )
    try:
        index = decode_json(store.read(INDEX), _Index, extra_fields=True)
    except BadInput as error:
        raise BadInput(f"{address}: {INDEX}: {error}; run the same command again") from None
    changed: list[str] = []
    missing = [shard.file for shard in index.shards if shard.file not in sizes]
    present = [shard for shard in index.shards if shard.file in sizes]
    with tempfile.TemporaryDirectory(prefix="surrealpp-shards-") as folder:
        for shard in tqdm(present, unit="shard", desc="checksums"):
            if _checksum(store, shard.file, Path(folder)) != shard.sha256:
                changed.append(shard.file)
    listed = {shard.file for shard in index.shards}
    unlisted = [name for name in sizes if name.endswith(".tar") and not name.startswith(".")]
    return ChecksumReport(
        clips=sum(shard.clips for shard in present),
        files=len(present),
        changed=tuple(changed),
        missing=tuple(missing),
        unlisted=tuple(sorted({*unlisted} - listed)),
        damaged=(),
    )


def _checksum(store: ShardStore, name: str, folder: Path) -> str:
    if isinstance(store, FolderStore):
        return file_checksum(store.folder / name)
    path = folder / "shard.tar"
    store.fetch(name, path)
    try:
        return file_checksum(path)
    finally:
        path.unlink()
