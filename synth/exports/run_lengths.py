"""COCO's run-length encoding of masks, plain and as the text that pycocotools reads.

Runs go down the columns, alternately outside and inside the mask, beginning outside.
"""

from __future__ import annotations

import numpy as np


def run_lengths(mask: np.ndarray) -> list[int]:
    """Lengths of the runs of a mask (H, W) bool, which sum to H W."""
    flat = np.asarray(mask, bool).ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    ends = np.concatenate([[0], changes, [flat.size]])
    runs = np.diff(ends).tolist()
    return [0, *runs] if flat.size and flat[0] else runs


def run_length_text(runs: list[int]) -> str:
    """Run lengths as COCO compresses them: five bits a character, each run less the one two before."""
    characters = []
    for index, run in enumerate(runs):
        value = run - runs[index - 2] if index > 2 else run
        unfinished = True
        while unfinished:
            bits, value = value & 31, value >> 5
            # The fifth bit is the sign: with it set nothing is left but ones, else nothing but zeros.
            unfinished = value != (-1 if bits & 16 else 0)
            characters.append(chr(48 + (bits | 32 if unfinished else bits)))
    return "".join(characters)
