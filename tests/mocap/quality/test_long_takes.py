"""An hour's take is judged in windows: the same verdict, in little more memory than its poses."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from mocap.motion import Motion
from mocap.quality import defects, limb_collisions
from mocap.quality.assessment import MotionAssessor
from mocap.retargeting import ground

BYTES_A_FRAME = 8000  # rotations of 24 joints are 1,728


def swaying(count: int) -> Motion:
    """Somebody who moves all joints, some too far and one suddenly."""
    phases = np.arange(count)[:, None, None] / 15 + np.arange(72).reshape(24, 3)
    pose = (0.4 * np.sin(phases)).astype(np.float32)
    pose[count // 2 :, 18] += 2.0
    path = np.stack([0.01 * np.arange(count), np.ones(count), np.zeros(count)], 1)
    return Motion(
        pose.reshape(count, 72), path.astype(np.float32), 30.0, "1", "1", "sway", "sway.npz"
    )


@pytest.mark.parametrize("window", [1, 7, 64])
def test_windows_change_nothing(body, monkeypatch, window):
    motion = swaying(150)
    whole = MotionAssessor(body)(motion)
    rotations = ground.global_rotations(motion.pose)
    assert "flip" in {reason.defect for reason in whole.reasons}
    positions = ground.chain_joints(rotations, ground.soles_of(body).joints)
    capsules = limb_collisions.Capsules(body)
    depths = capsules.depths(rotations, positions)
    assert depths.max() > 0
    for module, name in ((ground, "_WINDOW"), (limb_collisions, "WINDOW"), (defects, "WINDOW")):
        monkeypatch.setattr(module, name, window)
    np.testing.assert_array_equal(ground.global_rotations(motion.pose), rotations)
    np.testing.assert_array_equal(capsules.depths(rotations, positions), depths)
    assert MotionAssessor(body)(motion) == whole


def test_what_a_long_take_needs_is_bounded(body):
    assessor = MotionAssessor(body)
    peaks = []
    for count in (10_000, 20_000):
        motion = swaying(count)
        tracemalloc.start()
        try:
            assessor(motion)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] - peaks[0] < 10_000 * BYTES_A_FRAME
