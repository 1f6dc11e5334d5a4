"""Defects are of metres and seconds, whatever the frame rate of a motion is."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.quality.defects import find_root_speed, find_speeds
from mocap.quality.verdict import THRESHOLDS


def path(speed: float, fps: float) -> np.ndarray:
    """A root (T,3) that stands, goes at `speed` m/s for a fifth of a second, and stands."""
    step = np.zeros((int(fps), 3))
    step[int(0.4 * fps) : int(0.6 * fps), 0] = speed / fps
    return step.cumsum(axis=0)


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0, 120.0, 240.0])
def test_a_roots_speed_is_metres_a_second(fps):
    limit = THRESHOLDS.root_speed
    assert not find_root_speed(path(0.98 * limit, fps), fps)
    (reason,) = find_root_speed(path(1.02 * limit, fps), fps)
    assert reason.value == pytest.approx(1.02 * limit) and reason.limit == limit
    assert 0.4 - 1 / fps <= reason.seconds <= 0.6 + 1 / fps


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0, 120.0, 240.0])
def test_a_joints_speed_is_metres_a_second(fps):
    limit, joint = THRESHOLDS.middle_speed, 4  # the left knee
    for share, count in ((0.98, 0), (1.02, 1)):
        positions = np.zeros((int(fps), 24, 3))
        positions[:, joint] = path(share * limit, fps)
        reasons = find_speeds(positions, fps)
        assert [reason.joint for reason in reasons] == ["left_knee"] * count
