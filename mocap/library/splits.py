"""Splits for training and testing: by subject, never by motion."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from mocap.errors import BadInput

# SURREAL (Varol et al., 2017), 30 of CMU's subjects; all others are trained on.
SURREAL_TEST_SUBJECTS: frozenset[int] = frozenset(
    [
        *(3, 6, 7, 9, 10, 13, 24, 27, 30, 31, 34, 36, 39, 40, 60, 61, 70, 75, 81),
        *(104, 107, 108, 115, 118, 120, 122, 127, 128, 133, 138),
    ]
)
SHARES: Mapping[str, float] = {"train": 0.8, "val": 0.1, "test": 0.1}
PRESETS = ("surreal", "hash")


def surreal_split(subject: str) -> str:
    """The split of one of CMU's subjects in SURREAL, "train" or "test".

    Args:
        subject: Its number, such as "02", "2" or "115".

    Raises:
        BadInput: Where the subject is no number.

    >>> surreal_split("03"), surreal_split("02")
    ('test', 'train')
    """
    if not (subject.isascii() and subject.isdigit()):
        raise BadInput(
            f"subject '{subject}': SURREAL's split is for CMU's subjects, expected a number; use the "
            "'hash' split for other people"
        )
    return "test" if int(subject) in SURREAL_TEST_SUBJECTS else "train"


def hashed_split(subject: str, *, seed: int = 0, shares: Mapping[str, float] = SHARES) -> str:
    """The split of any subject, from its name and the seed alone.

    So it is the same on every machine, and adding subjects moves nobody. The shares are met on
    average: of few subjects a split may get none.

    Args:
        subject: Any name.
        seed: Another seed gives other splits.
        shares: By split, in proportion to which subjects are distributed.
    """
    if not shares or min(shares.values()) < 0 or not sum(shares.values()) > 0:
        raise ValueError(f"shares {dict(shares)} are not positive")
    digest = hashlib.sha256(f"subject {seed} {subject}".encode()).digest()
    point = int.from_bytes(digest[:8], "big") / 2**64 * sum(shares.values())
    for split, share in shares.items():
        if point < share:
            return split
        point -= share
    return [split for split, share in shares.items() if share > 0][-1]


def split_subjects(
    subjects: Iterable[str], preset: str = "surreal", *, seed: int = 0
) -> dict[str, str]:
    """The split of each subject under a preset.

    Args:
        subjects: Names.
        preset: "surreal" (`surreal_split`) or "hash" (`hashed_split`).
        seed: For "hash".

    Raises:
        BadInput: Where the preset is another one, and as `surreal_split` does.
    """
    if preset not in PRESETS:
        raise BadInput(f"subject split '{preset}': expected one of {', '.join(PRESETS)}")
    if preset == "surreal":
        return {subject: surreal_split(subject) for subject in subjects}
    return {subject: hashed_split(subject, seed=seed) for subject in subjects}
