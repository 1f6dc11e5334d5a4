"""The splits of a film set: of subjects, motions, textures and photographs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from mocap.errors import BadInput
from mocap.library.motion_library import MotionEntry
from mocap.library.splits import hashed_split, surreal_split
from textures.library import SPLITS, TextureEntry

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
MIN_SUBJECTS = 10


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
    out, remaining = {}, list(ordered)
    for split, count in counts.items():
        for name in remaining[:count]:
            out[name] = split
        remaining = remaining[count:]
    return out | dict.fromkeys(remaining, splits[0] if splits else "train")


def split_motions(
    entries: Sequence[MotionEntry], splits: Sequence[str], *, rule: str, seed: int
) -> dict[str, str]:
    """A split for each motion name, by the rule of `synth.plans.preset.Splits`.

    Motions whose split is not among `splits` are left out of the answer. By motion, no category loses
    its last motion to val or test: what is trained on has them all.

    Raises:
        BadInput: SURREAL's rule with subjects that are no numbers.
    """
    subjects = {entry.subject for entry in entries}
    if rule == "auto":
        rule = "subject" if len(subjects) >= MIN_SUBJECTS else "motion"
    if rule == "subject":
        of_subject = split_among(subjects, splits, seed)
        return {entry.name: of_subject[entry.subject] for entry in entries}
    if rule in ("surreal", "hash"):
        of_subject = {
            s: surreal_split(s) if rule == "surreal" else hashed_split(s, seed=seed)
            for s in subjects
        }
        return {e.name: of_subject[e.subject] for e in entries if of_subject[e.subject] in splits}
    of_motion = split_among([entry.name for entry in entries], splits, seed)
    for category in {entry.category for entry in entries}:
        names = sorted(entry.name for entry in entries if entry.category == category)
        if all(of_motion[name] != splits[0] for name in names):
            of_motion[names[0]] = splits[0]
    return of_motion


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
    of_file = split_among(files, splits, seed)
    return {split: sorted(name for name in files if of_file[name] == split) for split in splits}


def refuse_shared_identities(textures: Iterable[TextureEntry]) -> None:
    """Raise BadInput where a person's textures are in two splits, as in training and test."""
    split_of: dict[str, TextureEntry] = {}
    for texture in textures:
        other = split_of.setdefault(texture.identity, texture)
        if other.split != texture.split:
            raise BadInput(
                f"identity {texture.identity}: {other.file} is in split {other.split}, {texture.file} in "
                f"{texture.split}; one person belongs into one split: correct textures.jsonl"
            )
