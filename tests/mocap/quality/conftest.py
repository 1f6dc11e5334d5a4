"""Somebody who stands, and the assessor of the body that stands."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.bodies.body import JOINT_NAMES
from mocap.motion import Motion
from mocap.quality.assessment import MotionAssessor
from mocap.retargeting.ground import soles_of

J = {name: i for i, name in enumerate(JOINT_NAMES)}
FPS, FRAMES = 30.0, 120
LEGS = [
    J[f"{side}_{name}"] for side in ("left", "right") for name in ("hip", "knee", "ankle", "foot")
]


@pytest.fixture(scope="session")
def judge(body) -> MotionAssessor:
    return MotionAssessor(body)


@pytest.fixture(scope="session")
def good(body) -> Motion:
    """Somebody who stands with hanging arms and moves everything above the legs to and fro."""
    soles = soles_of(body)
    time = np.arange(FRAMES) / FPS
    pose = np.zeros((FRAMES, 24, 3))
    for joint in range(1, 24):
        if joint not in LEGS:
            pose[:, joint, 0] = 0.2 * np.sin(2 * np.pi * 0.9 * time + (joint % 3) * 0.7)
    for side, sign in (("left", 1), ("right", -1)):
        pose[:, J[f"{side}_shoulder"], 2] = -1.1 * sign
    height = soles.joints[0][1] - min(v[:, 1].min() for v, _ in soles.feet)
    translation = np.zeros((FRAMES, 3))
    translation[:, 1] = height - soles.joints[0][1]
    return Motion(
        pose.reshape(FRAMES, 72).astype(np.float32),
        translation.astype(np.float32),
        FPS,
        "1",
        "1",
        "good",
        "made",
    )
