"""Where hair ends on a head, by its style: of what is painted and of what has a shape."""

from __future__ import annotations

import numpy as np

LONG = ("bob", "long")


def hairline(depth: np.ndarray, style: str) -> np.ndarray:
    """The hairline's height above the head joint, in head units, from the nape to the forehead.

    Args:
        depth: (N,) metres ahead of the head joint.
        style: of the hair; long hair covers the ears.

    Returns:
        (N,) in units of the distance from the head joint to the crown.
    """
    if style in LONG:
        return np.interp(depth, [-0.05, 0.0, 0.03, 0.06, 0.09], [-0.6, -0.55, -0.1, 0.5, 0.56])
    return np.interp(
        depth, [-0.09, -0.04, -0.01, 0.02, 0.05, 0.09], [-0.3, -0.2, 0.0, 0.35, 0.55, 0.6]
    )


def cap_rim(depth: np.ndarray) -> np.ndarray:
    """The rim of a cap above the head joint, in head units; lower at the back."""
    return 0.5 - 0.6 * np.clip(-depth, 0, 0.1)
