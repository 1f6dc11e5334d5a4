"""What a training run is on, as digests: a run that is taken up again is on the same data or is refused.

The digests are of what came from outside: pedestrians, photographs, weights of other networks. What is
computed of them (fitted bodies, say) differs in its last bits from machine to machine, and is left out.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mocap.errors import BadInput
from mocap.parsing.json_files import read_json
from textures.library import sha256_of
from textures.training.pedestrian_bank import PedestrianBank

RunData = Mapping[str, str]
"""Digests by what they are of, as "pedestrians" or "re-ID weights"."""


@dataclass(frozen=True, kw_only=True)
class _StoredRun:
    """What is used of a run's config.json."""

    data: dict[str, str] | None = None


def bank_digest(bank: PedestrianBank) -> str:
    """The sha256 of a bank: names, types, shapes and bytes of its arrays."""
    digest = hashlib.sha256()
    for field in dataclasses.fields(bank):
        array = np.ascontiguousarray(getattr(bank, field.name))
        digest.update(f"{field.name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def photographs_digest(paths: Iterable[Path]) -> str:
    """The sha256 of photographs: folder, name and bytes of each, in the order of folders and names."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda p: (p.parent.name, p.name)):
        digest.update(f"{path.parent.name}/{path.name} {sha256_of(path)}\n".encode())
    return digest.hexdigest()


def require_same_data(folder: Path, data: RunData) -> bool:
    """Check that a run that can be taken up again is on these data.

    Args:
        folder: of the run.
        data: what is to be trained on now.

    Returns:
        Whether there is such a run.

    Raises:
        BadInput: for a run on other data, naming what is other and what to do.
    """
    path = Path(folder) / "config.json"
    if not path.is_file() or not (Path(folder) / "checkpoint.safetensors").is_file():
        return False
    try:
        earlier = read_json(path, _StoredRun, advice="it is written again", extra_fields=True).data
    except BadInput:
        return False  # torn: whoever takes the run up compares what its checkpoint says
    advice = "give another --out, or remove this one"
    if earlier is None:
        raise BadInput(
            f"{path}: does not say what data its run was on, as of old versions; {advice}"
        )
    changes = [
        f"{name} ({_short(earlier.get(name))}, now {_short(data.get(name))})"
        for name in sorted(earlier.keys() | data.keys())
        if earlier.get(name) != data.get(name)
    ]
    if changes:
        raise BadInput(f"{path}: this run was on other {', '.join(changes)}; {advice}")
    return True


def _short(digest: str | None) -> str:
    return "none" if digest is None else f"sha256 {digest[:12]}"
