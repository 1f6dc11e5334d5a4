"""People beside each other: nobody through anybody, in no frame, and near."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocap.bodies.skinning import Skinning, skin
from synth.scene.placement import MARGIN, floor_discs, place_figure, turned_motion


def wanderer(rng: np.random.Generator, frames: int = 20) -> np.ndarray:
    """Joints (T,24,3) of somebody who walks a random way."""
    way = np.cumsum(rng.normal(0, 0.1, (frames, 1, 2)), axis=0) + rng.uniform(-3, 3, 2)
    joints = rng.normal(0, 0.3, (frames, 24, 3)) + np.array([0, 1, 0])
    joints[..., [0, 2]] += way
    return joints


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_nobody_is_nearer_to_anybody_than_the_margin_in_any_frame(seed, people):
    rng = np.random.default_rng(seed)
    joints = wanderer(rng)
    for number in range(1, people):
        person = wanderer(rng)
        shift = place_figure(person, joints, np.random.default_rng(number))
        assert shift[1] == 0
        again = place_figure(person, joints, np.random.default_rng(number))
        np.testing.assert_array_equal(shift, again)
        joints = np.concatenate([joints, person + shift], axis=1)
    # By the points themselves: every joint of one is farther from every joint of another.
    points = joints.reshape(len(joints), people, 24, 3)[..., [0, 2]]
    for a in range(people):
        for b in range(a):
            apart = points[:, a, :, None] - points[:, b, None]
            assert np.linalg.norm(apart, axis=-1).min() > MARGIN + 0.4


def test_a_place_is_as_near_as_a_ring_allows():
    rng = np.random.default_rng(1)
    first, second = wanderer(rng, 1), wanderer(rng, 1)
    moved = second + place_figure(second, first, rng)
    gap = floor_discs(first).gap(floor_discs(moved))
    assert MARGIN <= gap < MARGIN + 0.3


def test_people_at_the_same_place_at_other_times_need_not_keep_apart():
    """The rule is of each frame: who has left may be followed."""
    there = np.zeros((2, 24, 3))
    there[1] += (5.0, 0, 0)
    back = there[::-1].copy()
    assert floor_discs(there).gap(floor_discs(back)) == pytest.approx(5 - 0.44)


def test_joints_that_are_not_finite_are_refused():
    joints = np.zeros((2, 24, 3))
    with pytest.raises(ValueError, match="not finite"):
        place_figure(joints, np.full((2, 24, 3), np.nan), np.random.default_rng(0))


def test_a_turned_motion_is_the_same_motion_turned(body):
    rng = np.random.default_rng(3)
    pose = rng.normal(0, 0.4, (4, 72)).astype(np.float32)
    translation = rng.normal(0, 1, (4, 3)).astype(np.float32)
    betas = rng.normal(size=10).astype(np.float32)
    rest = body.joint_regressor @ (body.template + body.shape_directions @ betas)
    turned, moved = turned_motion(pose, translation, rest[0], 0.7)
    skinning = Skinning(body)
    before, _ = skin(skinning, pose=pose, betas=betas, translation=translation)
    after, _ = skin(skinning, pose=turned, betas=betas, translation=moved)
    c, s = np.cos(0.7), np.sin(0.7)
    np.testing.assert_allclose(
        after, before @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]), atol=2e-5
    )
