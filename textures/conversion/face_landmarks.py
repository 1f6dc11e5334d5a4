"""The tip of the nose and the lips of a body, told from its surface alone."""

from __future__ import annotations

import numpy as np

_HEAD, _SKULL = 0.135, 0.08  # of a body's height, from above: to the chin, to the ears
_MIDDLE = 0.007  # of the height: how far from the middle the profile reaches
_NOSE = 0.002  # of the height that a nose stands out before the lips, at least
_LIPS = (0.011, 0.024)  # of the height below the nose


def face_landmarks(vertices: np.ndarray) -> tuple[int, int] | None:
    """Vertices at the tip of the nose and on the upper lip; None of a body whose face has no profile.

    Args:
        vertices: (V, 3) in the T-pose, y up, facing +z.
    """
    height = float(np.ptp(vertices[:, 1]))
    head = np.flatnonzero(vertices[:, 1] > vertices[:, 1].max() - _HEAD * height)
    skull = vertices[vertices[:, 1] > vertices[:, 1].max() - _SKULL * height, 0]
    middle = (skull.min() + skull.max()) / 2
    front = vertices[head, 2] > (vertices[head, 2].min() + vertices[head, 2].max()) / 2
    profile = head[front & (np.abs(vertices[head, 0] - middle) < _MIDDLE * height)]
    if not len(profile):
        return None
    nose = int(profile[vertices[profile, 2].argmax()])
    drop = vertices[nose, 1] - vertices[profile, 1]
    lips = profile[(drop > _LIPS[0] * height) & (drop < _LIPS[1] * height)]
    if not len(lips):
        return None
    lip = int(lips[vertices[lips, 2].argmax()])
    if vertices[nose, 2] - vertices[lip, 2] < _NOSE * height:
        return None
    return nose, lip
