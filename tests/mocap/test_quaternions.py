"""Compiled rotations and signals against scipy's, compiled kinematics against plain numpy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.spatial.transform import Rotation, Slerp

from mocap.bodies.body import JOINT_NAMES, PARENTS
from mocap.bodies.skinning import Skinning, skin
from mocap.quaternions import (
    arcs,
    matrices_to_quaternions,
    midpoints,
    quaternions_to_matrices,
    rotated_by,
)
from mocap.readers.acclaim.capture import acclaim_capture
from mocap.retargeting.capture import BONES, ENDS
from mocap.retargeting.foot_contacts import (
    hold_positions,
    hold_rotations,
    near_ground,
    smooth_envelope,
    smoothed,
    speeds,
)
from mocap.retargeting.ground import foot_heights, global_rotations, soles_of
from mocap.retargeting.legs import axis_angle_pose, bridge
from mocap.retargeting.skeleton import forward_kinematics
from tests.mocap.cmu_like import cmu_like

J = {name: i for i, name in enumerate(JOINT_NAMES)}
LEG = np.array([J[f"left_{joint}"] for joint in ("hip", "knee", "ankle", "foot")])
vectors = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 1e-3)


def some_turns(seed: int, frames: int, smooth_envelope: float = np.pi) -> Rotation:
    rng = np.random.default_rng(seed)
    axes = rng.normal(size=(frames * 24, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return Rotation.from_rotvec(axes * rng.uniform(0, smooth_envelope, (len(axes), 1)))


def test_matrices_become_quaternions_and_back():
    half_turns = Rotation.from_rotvec(np.pi * np.eye(3)).as_matrix()
    matrices = np.concatenate([some_turns(1, 40).as_matrix(), half_turns, [np.eye(3)]])[None]
    quaternions = matrices_to_quaternions(matrices)
    np.testing.assert_allclose(np.linalg.norm(quaternions, axis=-1), 1, atol=1e-12)
    np.testing.assert_allclose(quaternions_to_matrices(quaternions), matrices, atol=1e-12)
    other = Rotation.from_quat(quaternions[0]).as_matrix()
    np.testing.assert_allclose(other, matrices[0], atol=1e-12)


@pytest.mark.parametrize("most", [1e-9, 1e-4, 1.0, np.pi])
def test_poses_are_the_axis_angles_of_the_chain(most):
    local = some_turns(2, 50, most)
    pose = local.as_rotvec().reshape(50, 72)
    turns = matrices_to_quaternions(global_rotations(pose))
    np.testing.assert_allclose(
        axis_angle_pose(turns, np.array(PARENTS)), pose, atol=1e-6, rtol=1e-6
    )


def test_turns_compose_and_halve_as_scipys():
    first, second = some_turns(3, 10), some_turns(4, 10)
    one, two = (r.as_quat().reshape(10, 24, 4) for r in (first, second))
    expected = (first * Rotation.from_quat(np.tile(two[0], (10, 1)))).as_matrix()
    np.testing.assert_allclose(
        quaternions_to_matrices(rotated_by(one, two[0])).reshape(-1, 3, 3), expected, atol=1e-12
    )
    half = Rotation.from_quat(midpoints(one[:, 0], two[:, 0]))
    start, stop = Rotation.from_quat(one[:, 0]), Rotation.from_quat(two[:, 0])
    expected = start * Rotation.from_rotvec((start.inv() * stop).as_rotvec() / 2)
    assert (half.inv() * expected).magnitude().max() < 1e-9


@given(vectors, vectors)
@example((0.0, 0.0, -1.0), (0.0, 1.192092896e-07, 1.0))
def test_arcs_turn_the_one_onto_the_other_by_the_angle_between(start, end):
    start, end = np.array(start), np.array(end)
    turn = Rotation.from_quat(arcs(start[None], end[None])[0])
    a, b = start / np.linalg.norm(start), end / np.linalg.norm(end)
    # Directions that are opposite to 1.4e-6 radians are turned onto each other by half a turn.
    np.testing.assert_allclose(turn.apply(a), b, atol=2e-6)
    angle = np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)
    assert turn.magnitude() == pytest.approx(angle, abs=2e-6)


@pytest.mark.parametrize("reach", [1, 2, 5])
def test_smoothing_and_spreading_are_scipys_filters(reach):
    rng = np.random.default_rng(reach)
    rows = rng.normal(size=(3, 40))
    expected = gaussian_filter1d(rows, 0.4 * reach, axis=1, mode="nearest", radius=3 * reach)
    np.testing.assert_allclose(smoothed(rows, 0.4 * reach, 3 * reach), expected, atol=1e-12)
    values = np.maximum(rng.normal(size=60) - 1.0, 0.0)
    envelope = maximum_filter1d(values, 2 * reach + 1, mode="nearest")
    expected = gaussian_filter1d(envelope, reach / 2, mode="nearest", radius=reach)
    np.testing.assert_allclose(smooth_envelope(values, reach), expected, atol=1e-12)
    assert not smooth_envelope(np.zeros(7), reach).any()


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 60), st.floats(5, 300))
def test_speeds_and_lowest_feet_are_numpys(frames, fps):
    rng = np.random.default_rng(frames)
    joints = rng.normal(size=(frames, 2, 3)).cumsum(axis=0) * 0.01
    smooth = gaussian_filter1d(joints, 0.04 * fps, axis=0, mode="nearest")
    expected = np.linalg.norm(np.gradient(smooth, 1 / fps, axis=0), axis=-1)
    np.testing.assert_allclose(speeds(joints, fps), expected, atol=1e-9)
    floor = np.percentile(joints[..., 1].min(axis=1), 5)
    sure = np.abs(joints[..., 1] - floor - 0.05) > 1e-9
    expected = joints[..., 1] < floor + 0.05
    np.testing.assert_array_equal(near_ground(joints)[sure], expected[sure])


def test_a_held_foot_takes_the_mean_turn_and_lets_go_smoothly():
    base = Rotation.from_rotvec([0.3, 1.0, -0.2])
    wobble = Rotation.from_rotvec(np.random.default_rng(5).normal(scale=0.1, size=(30, 3)))
    turns = np.tile(np.array([0.0, 0, 0, 1]), (30, 24, 1))
    turns[:, LEG[2]] = turns[:, LEG[3]] = (base * wobble).as_quat()
    before, stands = turns.copy(), np.zeros(30, dtype=bool)
    stands[10:20] = True
    hold_rotations(turns, LEG[2], LEG[3], stands, 4.0)
    mean = Rotation.from_quat(before[10:20, LEG[2]]).mean()
    for joint in LEG[2:]:
        held = Rotation.from_quat(turns[10:20, joint])
        assert (held.inv() * mean).magnitude().max() < 1e-7
    np.testing.assert_array_equal(turns[:7], before[:7])  # beyond the ramp nothing changes
    np.testing.assert_array_equal(turns[23:], before[23:])
    np.testing.assert_array_equal(turns[:, LEG[:2]], before[:, LEG[:2]])


def test_a_held_place_is_the_median_and_a_sliding_one_is_left():
    rng = np.random.default_rng(6)
    track = rng.normal(scale=0.01, size=(40, 3))
    track[25:35, 0] += np.linspace(0, 0.5, 10)
    before, bears = track.copy(), np.zeros(40, dtype=bool)
    bears[5:15] = bears[25:35] = True
    hold_positions(track, track.copy(), bears, 3.0)
    middle = np.median(before[5:15, [0, 2]], axis=0)
    np.testing.assert_allclose(track[5:15][:, [0, 2]], np.tile(middle, (10, 1)), atol=1e-12)
    np.testing.assert_array_equal(track[18:], before[18:])
    np.testing.assert_array_equal(track[:, 1], before[:, 1])


def test_bridged_legs_go_along_the_arc_between_their_neighbours():
    turns = matrices_to_quaternions(
        global_rotations(some_turns(7, 12, 0.5).as_rotvec().reshape(12, 72))
    )
    bad = np.zeros(12, dtype=bool)
    bad[4:8] = bad[0] = True
    before = turns.copy()
    bridge(turns, LEG, bad)
    pelvis, hip = (Rotation.from_quat(turns[:, j]) for j in (0, LEG[0]))
    local = pelvis.inv() * hip
    was = pelvis.inv() * Rotation.from_quat(before[:, LEG[0]])
    expected = Slerp([3, 8], was[[3, 8]])([4, 5, 6, 7])
    assert (local[4:8].inv() * expected).magnitude().max() < 1e-8
    assert (local[0].inv() * was[1]).magnitude() < 1e-8
    np.testing.assert_array_equal(turns[~bad], before[~bad])


def test_captures_are_the_forward_kinematics_of_the_bones():
    skeleton = cmu_like()
    rng = np.random.default_rng(8)
    frames = rng.uniform(-7, 7, (25, len(skeleton.channels)))
    frames[0] *= 1e5  # angles of many turns
    rotations, ends = forward_kinematics(skeleton, frames)
    capture = acclaim_capture(skeleton, frames)
    for j, name in enumerate(JOINT_NAMES):
        if len(BONES[name]) == 1:
            expected = rotations[:, skeleton.index[BONES[name][0]]]
            np.testing.assert_allclose(capture.rotation_matrices[:, j], expected, atol=1e-9)
    for joint, bone in ENDS.items():
        expected = ends[:, skeleton.index[bone]]
        np.testing.assert_allclose(capture.joints[joint], expected, rtol=1e-9, atol=1e-9)


def test_foot_heights_are_the_lowest_skinned_points(body):
    pose = some_turns(9, 6, 1.5).as_rotvec().reshape(6, 72).astype(np.float32)
    vertices, joints = skin(
        Skinning(body), pose=pose, betas=np.zeros(10), translation=np.zeros((6, 3))
    )
    seen = foot_heights(global_rotations(pose), soles_of(body)) + joints[:, :1, 1]
    for side, name in enumerate(("left", "right")):
        own = body.weights[:, [J[f"{name}_ankle"], J[f"{name}_foot"]]].max(axis=1) > 0.5
        lowest = vertices[:, own, 1].min(axis=1)
        # Only the hulls of ankle and toes are looked at: skin between may lie a little lower.
        assert (seen[:, side] - lowest > -1e-5).all() and (seen[:, side] - lowest < 0.004).all()
