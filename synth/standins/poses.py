"""A pose prior for pedestrians: walking, running, standing, telephoning, carrying.

Poses are SMPL axis-angles made from a gait's phase and a few joint angles; arms hang or swing, they
are never spread. Nothing is taken from motion capture, so that these poses and the films' share no
source.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from mocap.bodies.body import JOINT_NAMES

ACTIVITIES = {"walk": 0.58, "stand": 0.2, "run": 0.04, "phone": 0.07, "read": 0.05, "carry": 0.06}


def sample_poses(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw poses of people on foot.

    The pelvis faces +z but for a slight sway; `turn_pelvis` gives it a heading.

    Args:
        rng: Source of the poses.
        count: Number of poses.

    Returns:
        SMPL poses (count,72) float32, axis-angles.
    """
    names = list(ACTIVITIES)
    activity = np.array(names)[rng.choice(len(names), size=count, p=list(ACTIVITIES.values()))]
    moving = np.isin(activity, ("walk", "run")) | (rng.random(count) < 0.5)
    running = activity == "run"
    step = np.where(moving, rng.uniform(0.25, 0.6, count), rng.uniform(0.0, 0.1, count))
    step = np.where(running, rng.uniform(0.6, 0.9, count), step)
    phase = rng.uniform(0, 2 * np.pi, count)
    angles = {name: np.zeros((count, 3)) for name in JOINT_NAMES}  # about x, y, z

    def normal(spread: float) -> np.ndarray:
        return rng.normal(0, spread, count)

    swing = rng.uniform(0.4, 1.1, count) * step + np.where(moving, 0, rng.normal(0, 0.08, count))
    hang = rng.uniform(1.25, 1.46, count)
    bend = rng.uniform(0.1, 0.5, count) + running * 1.2
    for side, sign, offset in (("left", 1.0, 0.0), ("right", -1.0, np.pi)):
        beat = phase + offset
        forward = np.sin(beat)
        angles[f"{side}_hip"][:, 0] = -step * (0.85 * forward + 0.13) - 0.05 + normal(0.03)
        angles[f"{side}_hip"][:, 1] = sign * (0.1 + normal(0.08))
        angles[f"{side}_hip"][:, 2] = sign * (normal(0.04) - 0.02)
        lift = np.maximum(0, np.cos(beat)) * step * np.where(running, 1.9, 1.5)
        angles[f"{side}_knee"][:, 0] = 0.06 + lift + 0.25 * step + np.abs(normal(0.03))
        angles[f"{side}_ankle"][:, 0] = 0.35 * step * np.maximum(0, -forward) - 0.1 * lift
        reach = -swing * np.sin(beat + np.pi + normal(0.2))  # against the leg of the same side
        angles[f"{side}_shoulder"] = np.stack([reach, sign * normal(0.08), -sign * hang], axis=1)
        angles[f"{side}_elbow"][:, 1] = -sign * (bend + np.maximum(0, -reach) * 0.7)
        angles[f"{side}_elbow"][:, 0] = normal(0.2)
        angles[f"{side}_wrist"][:, 2] = normal(0.15)
    for joint, share in (("spine1", 1.0), ("spine2", 0.8), ("spine3", 0.6)):
        angles[joint][:, 0] = share * (rng.normal(0.02, 0.05, count) + 0.08 * running)
        angles[joint][:, 1] = share * (0.12 * step * np.sin(phase) + normal(0.04))
        angles[joint][:, 2] = normal(0.02)
    angles["neck"][:, 0] = rng.normal(0.1, 0.12, count)
    angles["neck"][:, 1] = normal(0.2)
    angles["head"][:, 1] = normal(0.25)
    angles["head"][:, 2] = normal(0.06)
    angles["pelvis"][:, 0] = rng.normal(0.03, 0.04, count)
    angles["pelvis"][:, 2] = normal(0.03)
    for hip in ("left_hip", "right_hip"):  # the legs stay under a pelvis that tilts
        angles[hip][:, 0] -= angles["pelvis"][:, 0]
    _busy_arms(rng, activity, angles)
    rotations = np.stack([_arm_or_euler(name, angles[name]) for name in JOINT_NAMES], axis=1)
    return rotations.reshape(count, 72).astype(np.float32)


def _busy_arms(
    rng: np.random.Generator, activity: np.ndarray, angles: dict[str, np.ndarray]
) -> None:
    """Bend the arms of those who telephone, read or carry."""
    for n in np.flatnonzero(np.isin(activity, ("phone", "read", "carry"))):
        sides = ["left", "right"] if rng.random() < 0.5 else ["right", "left"]
        if activity[n] == "phone" or rng.random() < 0.4:
            sides = sides[:1]
        reach, bend, inward = {
            "phone": (rng.normal(-0.5, 0.15), rng.normal(2.2, 0.12), rng.normal(0.3, 0.15)),
            "read": (rng.normal(-0.45, 0.15), rng.normal(1.4, 0.2), rng.normal(0.45, 0.15)),
            "carry": (rng.normal(-0.15, 0.15), rng.normal(1.4, 0.25), rng.normal(0.5, 0.2)),
        }[str(activity[n])]
        for side in sides:
            sign = 1.0 if side == "left" else -1.0
            angles[f"{side}_shoulder"][n] = (reach, sign * -inward, -sign * 1.25)
            angles[f"{side}_elbow"][n] = (0, -sign * bend, 0)
        if activity[n] in ("phone", "read"):
            angles["neck"][n, 0] += rng.uniform(0, 0.35) * (activity[n] == "read")


def _arm_or_euler(name: str, angles: np.ndarray) -> np.ndarray:
    """Axis-angles (N,3). A shoulder first turns about the hanging arm, then hangs, then swings."""
    x, y, z = angles.T
    if name.endswith("shoulder"):
        # In the T-pose the upper arm lies along x: y turns it inwards before z lowers it.
        twist = Rotation.from_rotvec(np.outer(y, (1.0, 0.0, 0.0)))
        lower = Rotation.from_rotvec(np.outer(z, (0.0, 0.0, 1.0)))
        swing = Rotation.from_rotvec(np.outer(x, (1.0, 0.0, 0.0)))
        return (swing * lower * twist).as_rotvec()
    return Rotation.from_euler("xyz", angles).as_rotvec()


def turn_pelvis(pose: np.ndarray, yaw: np.ndarray) -> np.ndarray:
    """Turn the pelvis of poses about the vertical.

    Args:
        pose: SMPL poses (N,72), axis-angles.
        yaw: Angles (N,), radians; positive turns a body that faces +z towards +x, its left.

    Returns:
        Poses (N,72) float32.
    """
    pose = np.array(pose, dtype=np.float32)
    heading = Rotation.from_rotvec(np.outer(yaw, (0.0, 1.0, 0.0)))
    pose[:, :3] = (heading * Rotation.from_rotvec(pose[:, :3])).as_rotvec()
    return pose
