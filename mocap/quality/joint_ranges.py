"""Joints that are turned farther than a joint goes: about their bone, or bent the wrong way.

A flip is a jump; what is here stays, and no two frames of it need differ. Arrays in, `Reason` out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mocap.bodies.body import JOINT_NAMES
from mocap.quality.limb_collisions import WINDOW
from mocap.quality.signals import local_rotations, reason_of, worst_run
from mocap.quality.verdict import THRESHOLDS, Reason, Thresholds
from mocap.quaternions import matrices_to_quaternions
from mocap.retargeting.ground import SIDES, Soles
from mocap.rotations import unit

# Joint -> the joint at the other end of its bone. The trunk's bones point up, the collars' aside.
_BONES = {"hip": "knee", "knee": "ankle", "ankle": "foot", "shoulder": "elbow", "elbow": "wrist"}
_SPINE = ("spine1", "spine2", "spine3")
# Where swing comes this near to half a turn (cosine of half of it) its twist is not defined.
_LEAST_COSINE = 0.4


def joint_kind(name: str) -> str:
    """What kind of joint one of `JOINT_NAMES` is, for limits: "hip" of both hips, "spine", "neck"."""
    if name in _SPINE:
        return "spine"
    return "neck" if name in ("neck", "head") else name.rpartition("_")[2]


def bone_directions(soles: Soles) -> dict[str, np.ndarray]:
    """Unit vectors (3,) of the bones at rest, by the joint that they begin at.

    Args:
        soles: Of the body.
    """
    out = {name: np.array([0.0, 1.0, 0.0]) for name in (*_SPINE, "neck", "head")}
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        out[f"{side}_collar"] = np.array([sign, 0.0, 0.0])
        for joint, end in _BONES.items():
            start = soles.joint(f"{side}_{joint}")
            out[f"{side}_{joint}"] = unit(soles.joint(f"{side}_{end}") - start)
        out[f"{side}_wrist"] = out[f"{side}_elbow"]
    return out


def local_quaternions(rotations: np.ndarray) -> np.ndarray:
    """Unit quaternions (T, 24, 4) relative to the parent joint, of global rotations (T, 24, 3, 3)."""
    out = np.empty((*rotations.shape[:2], 4))
    for start in range(0, len(out), WINDOW):
        local = local_rotations(rotations[start : start + WINDOW])
        out[start : start + WINDOW] = matrices_to_quaternions(local)
    return out


def twist_angles(
    quaternions: np.ndarray, directions: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Degrees (T,) by which joints turn about their bones, -180 to 180, 0 where that has no meaning.

    Args:
        quaternions: (T, 24, 4) relative to the parent joint.
        directions: (3,) of bones at rest, by joint.
    """
    out = {}
    for name, direction in directions.items():
        turns = quaternions[:, JOINT_NAMES.index(name)]
        sine, cosine = turns[:, :3] @ direction, turns[:, 3]
        angles = np.degrees(2 * np.arctan2(sine, cosine))
        angles = (angles + 180) % 360 - 180
        out[name] = np.where(np.hypot(sine, cosine) < _LEAST_COSINE, 0.0, angles)
    return out


def find_twists(
    quaternions: np.ndarray,
    directions: Mapping[str, np.ndarray],
    fps: float,
    limits: Thresholds = THRESHOLDS,
) -> list[Reason]:
    """Joints that stay turned about their bone farther than a joint goes.

    Args:
        quaternions: (T, 24, 4) relative to the parent joint.
        directions: (3,) of bones at rest, by joint.
        fps: Frames per second.
        limits: By kind of joint.
    """
    out = []
    for name, angles in twist_angles(quaternions, directions).items():
        kind = joint_kind(name)
        limit = getattr(limits, f"twist_{kind}")
        shoulder = kind == "shoulder"
        seconds = limits.twist_shoulder_seconds if shoulder else limits.twist_seconds
        out += _stays("twist", name, np.abs(angles), limit, seconds, fps, "degrees about its bone")
    return out


def find_bends(
    quaternions: np.ndarray, fps: float, limits: Thresholds = THRESHOLDS
) -> list[Reason]:
    """Joints that stay bent farther than a joint goes, and knees that bend the wrong way.

    Args:
        quaternions: (T, 24, 4) relative to the parent joint.
        fps: Frames per second.
        limits: By kind of joint.
    """
    out = []
    for name in JOINT_NAMES:
        kind, turns = joint_kind(name), quaternions[:, JOINT_NAMES.index(name)]
        if kind == "knee":
            # The shin points down at rest: where it points then, forwards (z) and aside (x).
            shin = -_turned_y(turns)
            forward = np.degrees(np.arctan2(shin[:, 2], np.hypot(shin[:, 0], shin[:, 1])))
            aside = np.degrees(np.arcsin(np.clip(np.abs(shin[:, 0]), 0, 1)))
            for angles, limit, unit_text in (
                (forward, limits.bend_knee_forward, "degrees to the front"),
                (aside, limits.bend_knee_aside, "degrees to a side"),
            ):
                out += _stays("bend", name, angles, limit, limits.bend_seconds, fps, unit_text)
        elif hasattr(limits, f"bend_{kind}"):
            angles = np.degrees(2 * np.arccos(np.clip(np.abs(turns[:, 3]), 0, 1)))
            limit = getattr(limits, f"bend_{kind}")
            out += _stays(
                "bend", name, angles, limit, limits.bend_seconds, fps, "degrees from rest"
            )
    return out


def _turned_y(quaternions: np.ndarray) -> np.ndarray:
    """Where unit quaternions (T, 4) turn the y axis, (T, 3)."""
    x, y, z, w = quaternions.T
    return np.stack([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)], axis=1)


def _stays(
    defect: str,
    name: str,
    values: np.ndarray,
    limit: float,
    seconds: float,
    fps: float,
    unit_text: str,
) -> list[Reason]:
    """The worst of `values` (T,) above `limit` for `seconds`, or for the whole of a shorter motion."""
    worst = worst_run(values, limit, min(seconds, len(values) / fps), fps)
    if worst is None:
        return []
    frame, value = worst
    return [reason_of(defect, name, frame, fps, value, limit, unit_text)]
