"""The outer faces of a body, which are seen from outside: not the mouth's inside, not behind the eyes."""

from __future__ import annotations

from itertools import product

import numpy as np

from textures.visibility.buffer import visibility
from textures.visibility.camera import look_at

_SIZE = 1000  # pixels of a view
_DISTANCE = 6.0  # of the height of what is looked at
_HEAD = 0.16  # of a body's height
_VIEWS = 2  # of the 26 that must show a face


def outer_faces(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F,) bool: the faces seen from two of 26 sides, in views of the whole body or of its head.

    Args:
        vertices: (V, 3) metres, in the T-pose, y up.
        faces: (F, 3).
    """
    shown = np.zeros((len(faces), 27), bool)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    head = vertices[vertices[:, 1] > high[1] - _HEAD * (high[1] - low[1])]
    for points in (vertices, head):
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        reach = float(np.linalg.norm(points - middle, axis=1).max())
        distance = _DISTANCE * reach
        focal = 0.48 * _SIZE * (distance - reach) / reach
        for number, direction in enumerate(product((-1.0, 0.0, 1.0), repeat=3)):
            length = float(np.linalg.norm(direction))
            if not length:
                continue
            # A camera straight above has no upright; a little askew it has.
            position = middle + distance * (np.array(direction) / length + (0.01, 0.0, 0.02))
            camera = look_at(position, middle, focal=focal, width=_SIZE, height=_SIZE)
            face = visibility(vertices, faces, camera).face
            shown[np.unique(face[face >= 0]), number] = True
    return shown.sum(axis=1) >= _VIEWS
