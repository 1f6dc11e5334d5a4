"""The free body in another layout and another figure, so that who corresponds to whom is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mocap.bodies.body import JOINT_NAMES, Body
from mocap.bodies.mesh import Mesh
from mocap.bodies.skinning import Skinning, skin


def turned_uv(uv: np.ndarray) -> np.ndarray:
    """UVs of a texture that was turned a quarter to the left, as `np.rot90` does."""
    return np.stack([1 - uv[:, 1], uv[:, 0]], axis=1).astype(np.float32)


def other_mesh(body: Body, *, layout: str = "smpl", figure: float = 0.0) -> Mesh:
    """A taller body elsewhere, its texture turned a quarter; `figure` scales its own shape and pose."""
    pose = np.zeros((1, 72), np.float32)
    for name, sign in (("left_shoulder", -1), ("right_shoulder", 1)):
        pose[0, 3 * JOINT_NAMES.index(name) + 2] = 0.12 * figure * sign
    betas = figure * np.array([0.8, -0.5, 0.6, 0, 0, 0, 0, 0, 0, 0], np.float32)
    vertices, _ = skin(Skinning(body), pose=pose, betas=betas, translation=np.zeros((1, 3)))
    return replace(
        body.mesh,
        name="other",
        uv_layout=layout,
        vertices=(1.04 * vertices[0] + (0.1, 0.9, -0.2)).astype(np.float32),
        uv=turned_uv(body.uv),
    )
