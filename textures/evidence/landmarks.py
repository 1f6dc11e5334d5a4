"""Landmarks: the points of a body that photographs are labelled with, and where they lie on it.

Every source of evidence speaks of these names. Some are joints of SMPL's skeleton; others lie where
people who label photographs click, on what they see: the top of the clothed shoulder, the side of the hip
a little above the joint, the ankle above the shoe. Where they lie was measured: bodies were fitted to 448
crops of Market-1501 (none of RSTG's 100 held-out people), and what its labels and BlazePose's landmarks
were off was averaged in the frame of the joint that each moves with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from mocap.bodies.body import JOINT_NAMES, Body
from mocap.bodies.skinning import Skinning

_SIDED = (
    *("ear", "shoulder", "acromion", "elbow", "wrist", "hip", "iliac_crest"),
    *("knee", "ankle", "heel", "toe"),
)
LANDMARKS: tuple[str, ...] = (
    *("head_top", "nose", "neck"),
    *(f"{side}_{name}" for name in _SIDED for side in ("left", "right")),
)
"""Head, nose and neck, then eleven pairs, each left before right (the person's own left)."""

INDEX = {name: index for index, name in enumerate(LANDMARKS)}

BONES: tuple[tuple[str, str], ...] = (
    *(("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist")),
    *(("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist")),
    *(("left_hip", "left_knee"), ("left_knee", "left_ankle")),
    *(("right_hip", "right_knee"), ("right_knee", "right_ankle")),
    *(("right_shoulder", "left_shoulder"), ("right_hip", "left_hip")),
)
"""Bones whose directions are evidence, from and to; the last two tell the heading."""

BONE_STARTS = [INDEX[start] for start, _ in BONES]
BONE_ENDS = [INDEX[end] for _, end in BONES]


def _mirror(name: str) -> str:
    """The name of the counterpart on the body's other side; the name itself on its middle."""
    side, _, suffix = name.partition("_")
    other = {"left": "right", "right": "left"}.get(side)
    return f"{other}_{suffix}" if other else name


MIRRORED_JOINTS = [JOINT_NAMES.index(_mirror(name)) for name in JOINT_NAMES]
MIRRORED = [INDEX[_mirror(name)] for name in LANDMARKS]
"""Index of each landmark's counterpart in a mirrored picture."""

_ACROSS = [_mirror(start) == end for start, end in BONES]  # from one side to the other
MIRRORED_BONES = [
    index if across else BONES.index((_mirror(start), _mirror(end)))
    for index, ((start, end), across) in enumerate(zip(BONES, _ACROSS))
]
MIRRORED_SIGNS = [(1.0, -1.0, -1.0) if across else (-1.0, 1.0, 1.0) for across in _ACROSS]
"""In a mirrored picture a bone is its counterpart with x turned; a bone across runs the other way."""

_CREST_HEIGHT = 0.07  # metres above the hip joint: where Market-1501's labels put the hip
_ANKLE_HEIGHT = 0.1  # metres above the sole: labels and networks put the ankle above the shoe
_OFFSETS = {
    "iliac_crest": (0.02, -0.01, -0.02),
    "ear": (-0.02, -0.01, 0.04),  # where the ear is seen to begin, before the edge of it
}
"""Metres from the surface to the landmark in the T-pose: outwards, upwards, forwards."""
_ACROMION = (0.06, 0.04, -0.015)  # likewise, from the shoulder's joint
_ARM = ("shoulder", "elbow", "wrist", "hand")


@dataclass(frozen=True, kw_only=True)
class LandmarkPoints:
    """Where the landmarks lie on a body.

    `order` (L,): index of each landmark among the 24 joints and, after them, P other points;
    template (P,3), shape directions (P,3,10) and skinning weights (P,24) of those.
    """

    order: tuple[int, ...]
    template: torch.Tensor
    directions: torch.Tensor
    weights: torch.Tensor


def landmark_points(body: Body, *, device: str = "cpu") -> LandmarkPoints:
    """Find the landmarks on a body of any source, from its T-pose alone."""
    order: list[int] = []
    points: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for name in LANDMARKS:
        if name in JOINT_NAMES and not name.endswith("_ankle"):
            order.append(JOINT_NAMES.index(name))
        else:
            order.append(len(JOINT_NAMES) + len(points))
            points.append(_rest_point(body, name))
    template, directions, weights = (
        torch.tensor(np.stack(column).astype(np.float32), device=device) for column in zip(*points)
    )
    return LandmarkPoints(
        order=tuple(order), template=template, directions=directions, weights=weights
    )


def _rest_point(body: Body, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A landmark that is no joint: T-pose (3,), shape directions (3,10), skinning weights (24,)."""
    side, _, kind = name.partition("_")
    outward = {"left": 1.0, "right": -1.0}.get(side, 1.0)
    if kind == "ankle":
        return _ankle_point(body, side)
    if kind == "acromion":
        point, direction = (a[JOINT_NAMES.index(f"{side}_shoulder")] for a in _rest_joints(body))
        offset = np.array(_ACROMION) * (outward, 1.0, 1.0)
        return point + offset, direction, _moving_with(f"{side}_collar")
    vertex = _surface_vertex(body, name)
    offset = np.array(_OFFSETS.get(kind, (0.0, 0.0, 0.0))) * (outward, 1.0, 1.0)
    return body.template[vertex] + offset, body.shape_directions[vertex], body.weights[vertex]


def _ankle_point(body: Body, side: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The point of the shank's axis that is `_ANKLE_HEIGHT` above the sole; it moves with the shank."""
    knee, ankle = (JOINT_NAMES.index(f"{side}_{joint}") for joint in ("knee", "ankle"))
    joints, directions = _rest_joints(body)
    foot = [ankle, JOINT_NAMES.index(f"{side}_foot")]
    sole = body.template[np.isin(body.weights.argmax(1), foot), 1].min()
    share = (sole + _ANKLE_HEIGHT - joints[ankle, 1]) / (joints[knee, 1] - joints[ankle, 1])
    point, direction = (a[ankle] + share * (a[knee] - a[ankle]) for a in (joints, directions))
    return point, direction, _moving_with(f"{side}_knee")


def _rest_joints(body: Body) -> tuple[np.ndarray, np.ndarray]:
    """T-posed joints (24,3) and their shape directions (24,3,10)."""
    directions = np.einsum("jv,vck->jck", body.joint_regressor, body.shape_directions)
    return body.joint_regressor @ body.template, directions


def _moving_with(joint: str) -> np.ndarray:
    """Skinning weights (24,) of a point that moves with one joint's bone."""
    return np.eye(len(JOINT_NAMES))[JOINT_NAMES.index(joint)]


def posed_landmarks(
    skinning: Skinning, points: LandmarkPoints, rotations: torch.Tensor, betas: torch.Tensor
) -> torch.Tensor:
    """Landmarks of posed bodies.

    Args:
        skinning: of the body.
        points: of the same body.
        rotations: (B,24,3,3) relative to the parent.
        betas: (B,10).

    Returns:
        (B,L,3) metres relative to the pelvis, in the world's axes.
    """
    joints, surface = posed_points(
        skinning, rotations, betas, points.template, points.directions, points.weights
    )
    return torch.cat([joints, surface], 1)[:, list(points.order)]


def posed_points(
    skinning: Skinning,
    rotations: torch.Tensor,
    betas: torch.Tensor,
    template: torch.Tensor,
    directions: torch.Tensor,
    weights: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Joints (B,24,3) and skinned points (B,P,3), metres relative to the pelvis, world's axes.

    Args:
        skinning: of the body.
        rotations: (B,24,3,3) relative to the parent.
        betas: (B,10).
        template: (P,3) T-posed points, metres.
        directions: (P,3,10) of their shape.
        weights: (P,24) of their skinning.
    """
    rest_joints = skinning.shaped_joints(betas)
    shaped = template + torch.einsum("pkb,nb->npk", directions, betas)
    turned, joints = skinning.joint_transforms(rotations, rest_joints)
    offsets = joints - (turned @ rest_joints.unsqueeze(-1)).squeeze(-1)
    transforms = torch.cat([turned, offsets.unsqueeze(-1)], -1).flatten(2)
    blended = (weights @ transforms).unflatten(2, (3, 4))
    posed = (blended[..., :3] @ shaped.unsqueeze(-1)).squeeze(-1) + blended[..., 3]
    return joints - joints[:, :1], posed - joints[:, :1]


def _surface_vertex(body: Body, name: str) -> int:
    """The T-posed vertex that is the landmark: an extreme of the body's part in some direction."""
    template = body.template
    joint_of_vertex = body.weights.argmax(1)
    joints = body.joint_regressor @ template
    side, _, kind = name.partition("_")
    outward = {"left": 1.0, "right": -1.0}.get(side, 0.0)

    def members(*names: str) -> np.ndarray:
        return np.isin(joint_of_vertex, [JOINT_NAMES.index(joint) for joint in names])

    def joint(joint_name: str) -> np.ndarray:
        return joints[JOINT_NAMES.index(joint_name)]

    if name == "head_top":
        candidates, score = members("head"), template[:, 1]
    elif name == "nose":
        candidates, score = members("head") & (np.abs(template[:, 0]) < 0.01), template[:, 2]
    elif kind == "ear":
        candidates, score = members("head"), outward * template[:, 0]
    elif kind == "iliac_crest":
        height = joint(f"{side}_hip")[1] + _CREST_HEIGHT
        arms = members(*(f"{s}_{arm}" for s in ("left", "right") for arm in _ARM))
        candidates, score = (
            (np.abs(template[:, 1] - height) < 0.02) & ~arms,
            outward * template[:, 0],
        )
    elif kind == "heel":
        candidates = members(f"{side}_ankle", f"{side}_foot")
        score = -template[:, 2] - 0.5 * template[:, 1]
    elif kind == "toe":
        candidates, score = members(f"{side}_ankle", f"{side}_foot"), template[:, 2]
    else:
        raise ValueError(f"{name}: not a landmark of the surface")
    indices = np.flatnonzero(candidates)
    return int(indices[score[indices].argmax()])
