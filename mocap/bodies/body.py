"""A body in SMPL's own parameterisation, whatever its source.

SMPL (Loper et al., 2015): a T-posed template, shape directions, a joint regressor, linear blend
skinning weights and 24 joints. Vertex counts and UV layouts differ between sources; nothing outside
`mocap` knows either number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mocap.bodies.mesh import HAND, HEAD, Mesh

JOINT_NAMES: tuple[str, ...] = (
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hand",
    "right_hand",
)
"""SMPL's 24 joints in SMPL's order."""

PARENTS: tuple[int, ...] = (
    *(-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8),
    *(9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21),
)
"""Parent of each joint; -1 for the pelvis."""

PART_NAMES: tuple[str, ...] = (
    "hips",
    "leftUpLeg",
    "rightUpLeg",
    "spine",
    "leftLeg",
    "rightLeg",
    "spine1",
    "leftFoot",
    "rightFoot",
    "spine2",
    "leftToeBase",
    "rightToeBase",
    "neck",
    "leftShoulder",
    "rightShoulder",
    "head",
    "leftArm",
    "rightArm",
    "leftForeArm",
    "rightForeArm",
    "leftHand",
    "rightHand",
    "leftHandIndex1",
    "rightHandIndex1",
)
"""SURREAL's 24 parts; part label = index + 1 = SMPL joint index + 1. 0 is background."""

HEAD_PART = JOINT_NAMES.index("head") + 1
HAND_PARTS = tuple(
    JOINT_NAMES.index(name) + 1 for name in ("left_wrist", "right_wrist", "left_hand", "right_hand")
)


@dataclass(frozen=True, kw_only=True)
class Body:
    """A mesh with SMPL's skeleton, skinning and shape space.

    Frame: right-handed, metres, y up; the template faces +z and its left arm points to +x.

    Attributes:
        mesh: faces, UVs and parts (SURREAL's 1..24) and the template, the mean shape in the T-pose.
        shape_directions: (V, 3, 10) float32, metres per unit of beta; betas ~ N(0, 1) span the
            population.
        joint_regressor: (24, V) float32; joints = joint_regressor @ shaped vertices.
        weights: (V, 24) float32 skinning weights; rows sum to 1.
        pose_directions: (V, 3, 207) float32 pose-dependent corrections (SMPL's posedirs), or None where
            the body has none, as the free body.
        notes: what of its source the body does not hold, in words.
        build: which edition of it: what is filmed with one does not fit another, whatever the name.
    """

    mesh: Mesh
    shape_directions: np.ndarray
    joint_regressor: np.ndarray
    weights: np.ndarray
    pose_directions: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    build: str = ""

    @property
    def name(self) -> str:
        """The mesh's name."""
        return self.mesh.name

    @property
    def uv_layout(self) -> str:
        """The mesh's UV layout."""
        return self.mesh.uv_layout

    @property
    def template(self) -> np.ndarray:
        """(V, 3) float32, mean shape in the T-pose: the mesh's vertices."""
        return self.mesh.vertices

    @property
    def faces(self) -> np.ndarray:
        """(F, 3) int32, the mesh's faces."""
        return self.mesh.faces

    @property
    def uv(self) -> np.ndarray:
        """(T, 2) float32, the mesh's UVs."""
        return self.mesh.uv

    @property
    def uv_faces(self) -> np.ndarray:
        """(F, 3) int32, the mesh's indices into `uv`."""
        return self.mesh.uv_faces

    @property
    def face_parts(self) -> np.ndarray:
        """(F,) uint8, SURREAL's 1..24."""
        return self.mesh.face_parts

    @property
    def head_faces(self) -> np.ndarray:
        """(F,) bool, the faces of the head."""
        return self.mesh.face_group(HEAD)

    @property
    def hand_faces(self) -> np.ndarray:
        """(F,) bool, the faces of both hands."""
        return self.mesh.face_group(HAND)

    @property
    def rest_joints(self) -> np.ndarray:
        """(24, 3) float32 joint positions of the mean shape in the T-pose."""
        return self.joint_regressor @ self.template


def parts_of_faces(faces: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """SURREAL's part of each face: the joint with the largest summed weight over its corners.

    Args:
        faces: (F, 3) vertex indices.
        weights: (V, 24) skinning weights.

    Returns:
        (F,) uint8 in 1..24.
    """
    return (weights[faces].sum(axis=1).argmax(axis=1) + 1).astype(np.uint8)


def head_and_hands(face_parts: np.ndarray) -> dict[str, np.ndarray]:
    """The face groups of a body whose faces have SURREAL's parts (F,) uint8."""
    return {HEAD: face_parts == HEAD_PART, HAND: np.isin(face_parts, HAND_PARTS)}
