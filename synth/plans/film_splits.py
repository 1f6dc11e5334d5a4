"""Who and what is in which split of a film set: subjects, motions, textures and photographs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from mocap.errors import BadInput
from mocap.library.motion_library import MotionEntry
from mocap.library.splits import hashed_split, surreal_split
from textures.library import SPLITS, TextureEntry

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
ENOUGH_SUBJECTS = 10


def split_among(names: Iterable[str], splits: Sequence[str], seed: int) -> dict[str, str]:
    """A split for each name, in the shares of `SHARES`, each of `splits` getting at least one.

    The order is that of a hash. Fewer names than splits fill the first splits only.
    """
    ordered = sorted(
        set(names), key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest()
    )
    splits = [split for split in SPLITS if split in splits][: len(ordered)]
    total = sum(SHARES[split] for split in splits)
    counts = {s: max(1, round(SHARES[s] / total * len(ordered))) for s in splits[1:]}
    out, rest = {}, list(ordered)
    for split, count in counts.items():
        for name in rest[:count]:
            out[name] = split
        rest = rest[count:]
    return out | dict.fromkeys(rest, splits[0] if splits else "train")


def split_motions(
    entries: Sequence[MotionEntry], splits: Sequence[str], *, rule: str, seed: int
) -> dict[str, str]:
    """A split for each motion name, by the rule of `synth.plans.preset.Splits`. Motions whose split
    is not among `splits` are left out of the answer.

    By motion, no category loses its last motion to val or test: what is trained on has them all.
    Raises BadInput for SURREAL's rule with subjects that are no numbers.
    """
    subjects = {entry.subject for entry in entries}
    if rule == "auto":
        rule = "subject" if len(subjects) >= ENOUGH_SUBJECTS else "motion"
    if rule == "subject":
        of = split_among(subjects, splits, seed)
        return {entry.name: of[entry.subject] for entry in entries}
    if rule in ("surreal", "hash"):
        by = {
            s: surreal_split(s) if rule == "surreal" else hashed_split(s, seed=seed)
            for s in subjects
        }
        return {e.name: by[e.subject] for e in entries if by[e.subject] in splits}
    of = split_among([entry.name for entry in entries], splits, seed)
    for category in {entry.category for entry in entries}:
        names = sorted(entry.name for entry in entries if entry.category == category)
        if all(of[name] != splits[0] for name in names):
            of[names[0]] = splits[0]
    return of


def share_files(
    files: Sequence[str], splits: Sequence[str], *, kind: str, seed: int
) -> dict[str, list[str]]:
    """Photographs or environments of each split, none in two. Empty without any.

    Raises BadInput where they are too few for that; `kind` is their name in the message.
    """
    if not files:
        return {}
    if len(files) < len(splits):
        raise BadInput(
            f"{len(files)} {kind} for {len(splits)} splits ({', '.join(splits)}), expected at least one "
            f"of its own for each; give more {kind}"
        )
    of = split_among(files, splits, seed)
    return {split: sorted(name for name in files if of[name] == split) for split in splits}


def refuse_shared_identities(textures: Iterable[TextureEntry]) -> None:
    """Raises BadInput where a person's textures are in two splits: test identities would be trained
    on."""
    split_of: dict[str, TextureEntry] = {}
    for texture in textures:
        other = split_of.setdefault(texture.identity, texture)
        if other.split != texture.split:
            raise BadInput(
                f"identity {texture.identity}: {other.file} is in split {other.split}, {texture.file} in "
                f"{texture.split}; one person belongs into one split: correct textures.jsonl"
            )
