"""Damaged copies of video files: flipped bits, lost ends, zeroed and exchanged ranges, foreign heads."""

from __future__ import annotations

import numpy as np

KINDS = ("flips", "cut", "zeros", "noise", "exchange", "header", "sizes", "repeat")
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000)


def mutated(data: bytes, rng: np.random.Generator, other: bytes) -> tuple[str, bytes]:
    """The kind of damage, and the damaged file; `other` lends its head."""
    kind = KINDS[rng.integers(len(KINDS))]
    out = bytearray(data)
    size = len(out)
    # Half of all damage falls on the head or the tail, where containers keep their tables.
    region = [(0, min(size, 600)), (max(0, size - 1500), size), (0, size), (0, size)]
    low, high = region[rng.integers(4)]
    start = int(rng.integers(low, high))
    length = int(min(rng.integers(1, 400), size - start))
    if kind == "flips":
        for index in rng.integers(low, high, rng.integers(1, 40)):
            out[index] ^= 1 << int(rng.integers(8))
    elif kind == "cut":
        out = out[: int(rng.integers(size))]
    elif kind == "zeros":
        out[start : start + length] = bytes(length)
    elif kind == "noise":
        out[start : start + length] = rng.bytes(length)
    elif kind == "exchange":
        target = int(rng.integers(0, size - length + 1))
        piece = out[start : start + length]
        out[start : start + length] = out[target : target + length]
        out[target : target + length] = piece
    elif kind == "header":
        head = int(rng.integers(8, 2000))
        out[:head] = other[:head]
    elif kind == "sizes":
        number = EDGES[rng.integers(len(EDGES))]
        order = ("little", "big")[rng.integers(2)]
        out[start : start + 4] = number.to_bytes(4, order)
    else:
        out[start:start] = out[start : start + length] * int(rng.integers(1, 20))
    return kind, bytes(out)
