"""Resampling and cutting of motions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mocap.motion import Motion, resample, window


def turning(count: int, fps: float, *, rate: float = 2.0, speed: float = 1.5) -> Motion:
    """Every joint turns about its own axis at `rate` rad/s; the pelvis moves at `speed` m/s."""
    times = np.arange(count) / fps
    axes = np.random.default_rng(0).normal(size=(24, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    vectors = times[:, None, None] * rate * axes
    pose = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_rotvec().reshape(count, 72)
    translation = times[:, None] * np.array([speed, 0.0, -speed])
    return Motion(
        pose.astype(np.float32), translation.astype(np.float32), fps, "02", "01", "02_01", "x"
    )


@pytest.mark.parametrize(("fps", "step"), [(120.0, 4), (60.0, 2), (30.0, 1)])
def test_dividing_rates_take_the_frames_as_they_are(fps, step):
    motion = turning(101, fps)
    again = resample(motion, 30.0)
    np.testing.assert_array_equal(again.pose, motion.pose[::step])
    np.testing.assert_array_equal(again.translation, motion.translation[::step])
    assert again.fps == 30.0


@pytest.mark.parametrize("fps", [25.0, 100.0, 29.97, 48.0])
def test_even_turning_is_resampled_exactly(fps):
    motion = turning(200, fps)
    again = resample(motion, 30.0)
    truth = turning(len(again), 30.0)
    np.testing.assert_allclose(again.translation, truth.translation, atol=1e-5)
    difference = (
        Rotation.from_rotvec(again.pose.reshape(-1, 3)).inv()
        * Rotation.from_rotvec(truth.pose.reshape(-1, 3))
    ).magnitude()
    assert difference.max() < 1e-4
    assert again.seconds <= motion.seconds + 1e-6
    assert again.seconds > motion.seconds - 1 / 30 - 1e-6


def test_resampling_to_the_own_rate_changes_nothing():
    motion = turning(50, 47.0)
    np.testing.assert_array_equal(resample(motion, 47.0).pose, motion.pose)


def test_a_window_holds_the_frames_asked_for_or_is_refused():
    motion = turning(20, 30.0)
    part = window(motion, 5, 10)
    np.testing.assert_array_equal(part.pose, motion.pose[5:15])
    np.testing.assert_array_equal(part.translation, motion.translation[5:15])
    for start, length in ((-1, 5), (15, 6), (0, 0)):
        with pytest.raises(ValueError, match="20 frames"):
            window(motion, start, length)


def test_shapes_and_rates_that_make_no_motion_are_refused():
    with pytest.raises(ValueError, match="not \\(T, 72\\)"):
        Motion(np.zeros((3, 72)), np.zeros((4, 3)), 30.0, "", "", "", "")
    with pytest.raises(ValueError, match="not positive"):
        Motion(np.zeros((3, 72)), np.zeros((3, 3)), 0.0, "", "", "", "")
