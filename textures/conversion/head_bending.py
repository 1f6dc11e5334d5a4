"""The head of a body bent so that the features of its face lie where another face has them."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import RBFInterpolator

# Share of the height below the crown: what lies farther down stays where the face is bent.
_ANCHORED = 0.2
_ANCHORS = 40  # every so manieth of those vertices holds the rest


def bent_head(posed: np.ndarray, target: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Vertices (V, 3) whose landmarks lie on the target's; all of the head goes along smoothly.

    Of all displacements through the landmarks, those of least bending energy are taken (thin-plate
    splines, Bookstein, 1989), which are nothing below the neck.

    Args:
        posed: (V, 3) metres, y up.
        target: (N, 3), the other mesh's vertices.
        pairs: (2, L) numbers of vertices of both, at the same features.
    """
    if not pairs.size:
        return posed
    crown, height = posed[:, 1].max(), np.ptp(posed[:, 1])
    anchors = np.flatnonzero(posed[:, 1] < crown - _ANCHORED * height)[::_ANCHORS]
    controls = np.concatenate([pairs[0], anchors])
    moves = np.zeros((len(controls), 3))
    moves[: len(pairs[0])] = target[pairs[1]] - posed[pairs[0]]
    bending = RBFInterpolator(posed[controls], moves, kernel="linear")
    head = posed[:, 1] > crown - _ANCHORED * height
    bent = posed.copy()
    bent[head] += bending(posed[head])
    return bent
