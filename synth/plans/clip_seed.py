"""The seed of a clip, which depends on nothing but the set's seed and the clip's name."""

from __future__ import annotations

import hashlib


def clip_seed(seed: int, stem: str) -> int:
    """The seed of a clip: 63 bits of a hash of the set's seed and the clip's name."""
    digest = hashlib.sha256(f"synth film {seed} {stem}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
