"""Where the features of a face are on a mesh: by vertices of known meshes, else by the surface alone.

A mesh with a published UV layout has published vertices, so its features have numbers. Of a mesh that is
not in the table the profile is looked at: a nose and lips are found on any face that has them.
"""

from __future__ import annotations

import numpy as np

from mocap.bodies.mesh import Mesh

# Vertices of a layout's mesh: read off its renders, at the same features on each. Sides are the person's.
# Eyes are open on the free body and closed on SMPL, whose lids' edges are a ring around the eyeball.
_MIDDLE_FEATURES = (
    *(
        "nose_tip",
        "nose_base",
        "upper_lip",
        "upper_lip_edge",
        "lower_lip_edge",
        "lower_lip",
        "chin",
    ),
)
_SIDE_FEATURES = (
    *("mouth_corner", "nostril", "eye_inner", "eye_outer", "upper_lid", "lower_lid"),
    *("ear_top", "ear_lobe", "ear_rear"),
)
FACE_FEATURES = (
    *_MIDDLE_FEATURES,
    *(f"{side}_{feature}" for side in ("left", "right") for feature in _SIDE_FEATURES),
)
"""What a known mesh has vertices for, in their order."""

_KNOWN_MESHES: dict[tuple[str, int], tuple[int, ...]] = {
    ("anny-1", 13492): (
        *(5038, 5056, 455, 474, 493, 495, 5146),
        *(7169, 7086, 6834, 6789, 6768, 6812, 12002, 12297, 11986),
        *(425, 340, 66, 21, 0, 44, 5419, 5716, 5403),
    ),
    ("smpl", 6890): (
        *(331, 3054, 3055, 3166, 3166, 3499, 3052),
        *(70, 33, 2787, 2793, 2786, 2784, 479, 522, 489),
        *(3580, 3547, 6249, 6253, 6246, 6244, 3966, 4010, 3976),
    ),
}  # by UV layout and number of vertices

_HEAD, _SKULL = 0.135, 0.08  # of a body's height, from above: to the chin, to the ears
_MIDDLE = 0.007  # of the height: how far from the middle the profile reaches
_NOSE = 0.002  # of the height that a nose stands out before the lips, at least
_LIPS = (0.011, 0.024)  # of the height below the nose


def landmark_pairs(mesh: Mesh, other: Mesh) -> np.ndarray:
    """Vertices (2, L) at the same features of two meshes' faces, metres, y up, facing +z.

    All of `FACE_FEATURES` where both meshes are known; else the nose and the upper lip, or none where a
    face has no profile.
    """
    numbers = [_KNOWN_MESHES.get((m.uv_layout, len(m.vertices))) for m in (mesh, other)]
    if None not in numbers:
        return np.array(numbers, int)
    profiles = [profile_landmarks(m.vertices) for m in (mesh, other)]
    return np.array(profiles if None not in profiles else ((), ()), int)


def profile_landmarks(vertices: np.ndarray) -> tuple[int, int] | None:
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
