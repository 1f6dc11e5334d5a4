"""A body as other programs skin it: vertices cut along UV seams, four joints to each.

glTF, USD and game engines know one index per corner (position, normal and UV together) and, most of
them, four joints a vertex and no corrections that depend on the pose. What that loses is measured.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning, skin
from mocap.motion import Motion
from textures.visibility.vertex_normals import vertex_normals

JOINTS_PER_VERTEX = 4
_COMPARED_FRAMES = 48


@dataclass(frozen=True, kw_only=True)
class SkinnedModel:
    """The mean shape in the T-pose with one index per corner; metres, y up, facing +z.

    Attributes:
        body: the body that it shows, with no more than four joints a vertex.
        positions: (N, 3) float32; N counts a vertex once for each UV that it has.
        normals: (N, 3) float32, of unit length, smooth across UV seams.
        uv: (N, 2) float32, (0, 0) at the bottom-left of the texture.
        faces: (F, 3) uint32 indices into the others.
        joints: (N, 4) uint8, numbers of SMPL's joints.
        weights: (N, 4) float32; rows sum to 1.
        rest_joints: (24, 3) float32.
        reduced: how many of the body's vertices had more than four joints.
        largest_loss: the largest share of a vertex's weight that went to its other joints.
    """

    body: Body
    positions: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    faces: np.ndarray
    joints: np.ndarray
    weights: np.ndarray
    rest_joints: np.ndarray
    reduced: int
    largest_loss: float


def skinned_model(body: Body) -> SkinnedModel:
    """A body's mean shape as a skinned model with at most four joints a vertex."""
    joints = np.argsort(-body.weights, axis=1, kind="stable")[:, :JOINTS_PER_VERTEX]
    weights = np.take_along_axis(body.weights, joints, axis=1).astype(np.float64)
    loss = 1 - weights.sum(axis=1)
    weights /= weights.sum(axis=1, keepdims=True)
    # An index without weight is 0, as glTF's validator wants it.
    joints = np.where(weights > 0, joints, 0).astype(np.uint8)
    pruned = np.zeros_like(body.weights)
    np.add.at(pruned, (np.arange(len(pruned))[:, None], joints), weights.astype(np.float32))
    corners = np.stack([body.faces.reshape(-1), body.uv_faces.reshape(-1)], axis=1)
    pairs, numbers = np.unique(corners, axis=0, return_inverse=True)
    vertex, coordinate = pairs.T
    return SkinnedModel(
        body=replace(body, weights=pruned, pose_directions=None),
        positions=body.template[vertex].astype(np.float32),
        normals=_unit_normals(body.template, body.faces)[vertex],
        uv=body.uv[coordinate].astype(np.float32),
        faces=numbers.reshape(-1, 3).astype(np.uint32),
        joints=joints[vertex],
        weights=weights[vertex].astype(np.float32),
        rest_joints=body.rest_joints.astype(np.float32),
        reduced=int(((body.weights > 0).sum(axis=1) > JOINTS_PER_VERTEX).sum()),
        largest_loss=float(max(loss.max(), 0.0)),
    )


def _unit_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    normals = vertex_normals(vertices, faces)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    upright = np.broadcast_to(np.array([0.0, 1.0, 0.0]), normals.shape)
    return np.where(length > 1e-9, normals / np.maximum(length, 1e-9), upright).astype(np.float32)


def skinning_error(model: SkinnedModel, body: Body, motion: Motion) -> tuple[float, float]:
    """How far the model's surface is from the body's in a motion: mean and largest, metres.

    Args:
        model: of the body.
        body: with all its joints a vertex, and its pose corrections.
        motion: of which frames evenly spread over it are compared.
    """
    shown = np.unique(np.linspace(0, len(motion) - 1, _COMPARED_FRAMES).round().astype(int))
    inputs = {
        "pose": motion.pose[shown],
        "betas": np.zeros(10, np.float32),
        "translation": motion.translation[shown],
    }
    vertices = [skin(Skinning(figure), **inputs)[0] for figure in (model.body, body)]
    distance = np.linalg.norm(vertices[0] - vertices[1], axis=-1)
    return float(distance.mean()), float(distance.max())
