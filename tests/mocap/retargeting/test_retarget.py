"""Captured motions on a body: left stays left, feet stay where they were, bones point as they did."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mocap.bodies.body import JOINT_NAMES
from mocap.bodies.skinning import Skinning, skin
from mocap.errors import BadInput
from mocap.quaternions import quaternions_to_matrices
from mocap.readers.acclaim.asf_amc import read_amc, read_asf
from mocap.readers.acclaim.capture import acclaim_capture
from mocap.retargeting.capture import BONES, ENDS
from mocap.retargeting.ground import (
    SIDES,
    bent_leg,
    chain_joints,
    fit_to_ground,
    foot_heights,
    global_rotations,
    soles_of,
    standing_feet,
)
from mocap.retargeting.legs import reach_ankles
from mocap.retargeting.retarget import retarget
from mocap.retargeting.skeleton import Skeleton, forward_kinematics
from mocap.rotations import shortest_arc, unit
from tests.mocap.cmu_like import cmu_like

FPS = 120.0
HIP_HEIGHT = 0.85 + 0.1
J = {name: i for i, name in enumerate(JOINT_NAMES)}


def standing_frames(skeleton: Skeleton, count: int = 12) -> np.ndarray:
    """Legs brought together under the hips, arms out, the root at standing height."""
    frames = np.zeros((count, len(skeleton.channels)))
    frames[:, skeleton.columns["root", "ty"]] = HIP_HEIGHT + 0.04
    for side, sign in (("l", -1), ("r", 1)):
        frames[:, skeleton.columns[f"{side}femur", "rz"]] = sign * np.radians(18)
    return frames


def joints_of(body, pose, translation) -> np.ndarray:
    soles = soles_of(body)
    positions = chain_joints(global_rotations(pose), soles.joints)
    return positions + (translation + soles.joints[0])[:, None]


def test_rest_pose_becomes_the_t_pose_on_the_floor(body):
    skeleton = cmu_like()
    pose, translation = retarget(
        acclaim_capture(skeleton, standing_frames(skeleton)), body, fps=FPS
    )
    turned = global_rotations(pose)
    arms = [J[f"{side}_{joint}"] for side in ("left", "right") for joint in ("shoulder", "elbow")]
    away = Rotation.from_matrix(turned[:, [*arms, J["neck"], J["head"]]].reshape(-1, 3, 3))
    assert away.magnitude().max() < np.radians(1)
    # The trunk goes most of the way to the captured one, whose hips lie further in front.
    trunk = turned[0, [J[name] for name in ("pelvis", "spine1", "spine2", "spine3")]]
    tilts = np.degrees(np.arctan2(trunk[:, 2, 1], trunk[:, 1, 1]))
    np.testing.assert_allclose(tilts, tilts[-1] * np.array([0.5, 1, 1, 1]), atol=0.1)
    assert -5 < tilts[-1] < -2 and np.abs(trunk[:, 0]).max() == pytest.approx(1)
    vertices, _ = skin(Skinning(body), pose=pose, betas=np.zeros(10), translation=translation)
    assert abs(vertices[..., 1].min()) < 0.005
    assert vertices[0, :, 1].max() > 1.4


def test_left_is_left_and_facing_is_kept(body):
    skeleton = cmu_like()
    frames = standing_frames(skeleton)
    frames[:, skeleton.columns["lhumerus", "rz"]] = np.radians(80)  # left arm up
    frames[:, skeleton.columns["rfemur", "rx"]] = np.radians(-60)  # right knee forward
    frames[:, skeleton.columns["rtibia", "rx"]] = np.radians(60)
    frames[:, skeleton.columns["root", "ry"]] = np.radians(90)  # facing +x
    pose, translation = retarget(acclaim_capture(skeleton, frames), body, fps=FPS)
    joints = joints_of(body, pose, translation)[0]
    assert joints[J["left_wrist"], 1] > joints[J["head"], 1] > joints[J["right_wrist"], 1] + 0.1
    assert joints[J["right_knee"], 0] > joints[J["pelvis"], 0] + 0.2
    assert abs(joints[J["left_knee"], 0] - joints[J["pelvis"], 0]) < 0.1
    assert joints[J["left_hip"], 2] < joints[J["right_hip"], 2] - 0.1  # left of +x is -z
    assert joints[J["right_ankle"], 1] > joints[J["left_ankle"], 1] + 0.15


def test_a_skeleton_with_other_names_is_refused(body):
    skeleton = cmu_like()
    bones = tuple(
        type(bone)(bone.name.replace("thorax", "chest"), *list(vars(bone).values())[1:])
        for bone in skeleton.bones
    )
    other = Skeleton(bones, skeleton.parents, "other")
    with pytest.raises(BadInput, match="'other' has no bone thorax"):
        retarget(acclaim_capture(other, np.zeros((3, len(other.channels)))), body, fps=FPS)


def captured(shared_data, name: str):
    folder = shared_data / "cmu" / "asfamc" / name[:2]
    skeleton = read_asf(folder / f"{name[:2]}.asf")
    return skeleton, read_amc(folder / f"{name}.amc", skeleton)


def in_lengths_of(body, skeleton: Skeleton, frames: np.ndarray, scale: float) -> dict:
    """Where the captured skeleton's joints are with hips and bones as wide and long as the body's."""
    rotations, ends = forward_kinematics(skeleton, frames)
    rest = body.rest_joints
    hips = [scale * ends[:, skeleton.index[f"{s}hipjoint"]] for s in "lr"]
    half = unit(hips[0] - hips[1]) * np.linalg.norm(rest[J["left_hip"]] - rest[J["right_hip"]]) / 2
    out = {}
    for side in ("left", "right"):
        s = side[0]
        place = (hips[0] + hips[1]) / 2 + (half if side == "left" else -half)
        out[f"{side}_hip"] = place
        for joint, child, bone in (("hip", "knee", "femur"), ("knee", "ankle", "tibia")):
            i = skeleton.index[s + bone]
            length = np.linalg.norm(rest[J[f"{side}_{child}"]] - rest[J[f"{side}_{joint}"]])
            step = rotations[:, i] @ np.array(skeleton.bones[i].direction)
            out[f"{side}_{child}"] = place = place + length * step
    return out


@pytest.mark.parametrize("name", ["02_01", "02_03", "35_01", "16_15", "49_18", "05_01"])
def test_captured_people_stand_walk_and_run_as_they_did(shared_data, body, name):
    skeleton, frames = captured(shared_data, name)
    pose, translation = retarget(acclaim_capture(skeleton, frames), body, fps=FPS)
    soles = soles_of(body)
    rotations = global_rotations(pose)
    joints = joints_of(body, pose, translation)
    turned, ends = forward_kinematics(skeleton, frames)

    # Directions: arms exactly, legs by the few degrees that keep the feet in place.
    for side in ("left", "right"):
        for joint, child, bone, limit in (
            ("shoulder", "elbow", "humerus", 0.5),
            ("elbow", "wrist", "radius", 0.5),
            ("hip", "knee", "femur", 6.0),
            ("knee", "ankle", "tibia", 6.0),
        ):
            i = skeleton.index[side[0] + bone]
            captured_way = turned[:, i] @ np.array(skeleton.bones[i].direction)
            way = unit(joints[:, J[f"{side}_{child}"]] - joints[:, J[f"{side}_{joint}"]])
            angle = np.degrees(np.arccos(np.clip((way * captured_way).sum(-1), -1, 1)))
            assert angle.mean() < limit, (side, bone, angle.mean())

    # Positions: against the captured skeleton in the body's lengths, over the hips' middle.
    scale = _scale(body, skeleton)
    expected = in_lengths_of(body, skeleton, frames, scale)
    middle = (expected["left_hip"] + expected["right_hip"]) / 2
    own = (joints[:, J["left_hip"]] + joints[:, J["right_hip"]]) / 2
    errors = [
        np.linalg.norm((joints[:, J[n]] - own) - (place - middle), axis=-1).mean()
        for n, place in expected.items()
    ]
    assert np.mean(errors) < 0.02

    # The floor: nothing below it, standing feet on it; the pace is the captured one at scale.
    lowest = foot_heights(rotations, soles) + (translation + soles.joints[0])[:, 1:2]
    assert lowest.min() > -0.01
    standing = standing_feet(
        ends[:, [skeleton.index[f"{s}tibia"] for s in "lr"]],
        ends[:, [skeleton.index[f"{s}foot"] for s in "lr"]],
        FPS,
    )
    assert np.median(np.abs(lowest[standing])) < 0.01
    path = np.linalg.norm(np.diff(own[:, [0, 2]], axis=0), axis=1).sum()
    source = (ends[:, skeleton.index["lhipjoint"]] + ends[:, skeleton.index["rhipjoint"]]) / 2
    source_path = np.linalg.norm(np.diff(source[:, [0, 2]], axis=0), axis=1).sum()
    assert path == pytest.approx(scale * source_path, rel=0.01)

    # Feet are where they were at scale, but for the hips that are wider, and do not slide.
    for i, side in enumerate(("left", "right")):
        target = scale * ends[:, skeleton.index[f"{side[0]}tibia"]]
        drift = (joints[:, J[f"{side}_ankle"]] - target)[:, [0, 2]]
        assert np.percentile(np.linalg.norm(drift, axis=1), 90) < 0.045
        both = standing[4:, i] & standing[:-4, i]  # frames of 30 a second
        for joint in (f"{side}_ankle", f"{side}_foot"):
            way = joints[4:, J[joint]] - joints[:-4, J[joint]]
            assert np.linalg.norm(way[both][:, [0, 2]], axis=1).max(initial=0) < 0.01

    # Upright, and facing the way they go.
    spine = unit(joints[:, J["neck"]] - joints[:, J["pelvis"]])
    assert np.median(spine[:, 1]) > 0.9
    if name in ("02_01", "02_03", "35_01", "16_15"):
        going = unit((own[-1] - own[0]) * [1, 0, 1])
        assert (rotations[:, 0, :, 2] @ going).mean() > 0.95
        assert (rotations[:, J["head"], :, 2] @ going).mean() > 0.85


def _scale(body, skeleton: Skeleton) -> float:
    rest = body.rest_joints
    own = sum(
        np.linalg.norm(rest[J[f"{side}_{b}"]] - rest[J[f"{side}_{a}"]])
        for side in ("left", "right")
        for a, b in (("hip", "knee"), ("knee", "ankle"))
    )
    names = ("lfemur", "ltibia", "rfemur", "rtibia")
    return own / sum(skeleton.bones[skeleton.index[name]].length for name in names)


def test_a_right_handed_punch_is_right_handed(shared_data, body):
    skeleton, frames = captured(shared_data, "02_05")
    frames = frames[400:1000:4]
    pose, translation = retarget(acclaim_capture(skeleton, frames), body, fps=30.0)
    joints = joints_of(body, pose, translation)
    ahead = unit(global_rotations(pose)[:, 0, :, 2] * [1, 0, 1])
    reach = {
        side: ((joints[:, J[f"{side}_wrist"]] - joints[:, J[f"{side}_shoulder"]]) * ahead).sum(-1)
        for side in ("left", "right")
    }
    assert reach["right"].max() > 0.4 > 0.3 > reach["left"].max()
    _, ends = forward_kinematics(skeleton, frames)
    for side in ("left", "right"):
        arm = ends[:, skeleton.index[f"{side[0]}wrist"]]
        arm = arm - ends[:, skeleton.index[f"{side[0]}clavicle"]]
        assert np.corrcoef((arm * ahead).sum(-1), reach[side])[0, 1] > 0.98


def test_flipped_thighs_are_mended(shared_data, body):
    skeleton, frames = captured(shared_data, "05_05")
    captured_knee = forward_kinematics(skeleton, frames)[1][:, skeleton.index["rfemur"]]
    steps = np.linalg.norm(np.diff(captured_knee, axis=0), axis=1)
    assert steps.max() > 0.25  # the capture's knee jumps within a frame
    pose, translation = retarget(acclaim_capture(skeleton, frames), body, fps=FPS)
    knee = joints_of(body, pose, translation)[:, J["right_knee"]]
    assert np.linalg.norm(np.diff(knee, axis=0), axis=1).max() < 0.1


def test_a_nodding_headband_is_levelled_and_a_straight_one_left_alone(shared_data, body):
    skeleton, frames = captured(shared_data, "05_01")
    rotations = global_rotations(retarget(acclaim_capture(skeleton, frames), body, fps=FPS)[0])
    chest, head = rotations[:, J["spine3"]], rotations[:, J["head"]]
    ahead = (np.swapaxes(chest, -1, -2) @ head)[..., 2]
    nod = np.degrees(np.median(np.arctan2(-ahead[:, 1], ahead[:, 2])))
    assert nod == pytest.approx(15, abs=0.5)
    skeleton, frames = captured(shared_data, "02_01")
    rotations = global_rotations(retarget(acclaim_capture(skeleton, frames), body, fps=FPS)[0])
    turned, _ = forward_kinematics(skeleton, frames)
    np.testing.assert_allclose(
        rotations[:, J["head"]], turned[:, skeleton.index["head"]], atol=1e-5
    )


def test_settling_puts_tall_and_short_people_on_the_floor(shared_data, body):
    skeleton, frames = captured(shared_data, "35_01")
    pose, translation = retarget(acclaim_capture(skeleton, frames), body, fps=FPS)
    np.testing.assert_allclose(
        fit_to_ground(pose, translation, body, np.zeros(10)), translation, atol=1e-5
    )
    for beta in (-2.0, 2.0):
        betas = np.zeros(10)
        betas[0] = beta
        moved = fit_to_ground(pose, translation, body, betas)
        vertices, _ = skin(Skinning(body), pose=pose[::20], betas=betas, translation=moved[::20])
        lowest = vertices[..., 1].min(axis=1)
        assert np.abs(np.median(lowest)) < 0.01 and lowest.min() > -0.04


def test_a_bent_leg_reaches_its_ankle_and_keeps_its_lengths():
    rng = np.random.default_rng(3)
    hip, ahead = rng.normal(size=(50, 3)), rng.normal(size=(50, 3))
    ankle = hip + unit(rng.normal(size=(50, 3))) * rng.uniform(0.2, 0.79, (50, 1))
    knee, reached = bent_leg(hip, ankle, ahead, 0.38, 0.42)
    np.testing.assert_allclose(reached, ankle, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(knee - hip, axis=1), 0.38)
    np.testing.assert_allclose(np.linalg.norm(ankle - knee, axis=1), 0.42)
    side = knee - (hip + ankle) / 2
    along = unit(ankle - hip)
    across = ahead - (ahead * along).sum(1, keepdims=True) * along
    assert ((side * across).sum(1) > 0).all()
    far = hip + unit(ankle - hip) * 2.0
    knee, reached = bent_leg(hip, far, ahead, 0.38, 0.42)
    np.testing.assert_allclose(np.linalg.norm(reached - hip, axis=1), 0.8, rtol=1e-3)


def test_shortest_arcs_turn_start_to_end_even_when_opposite():
    rng = np.random.default_rng(4)
    start, end = rng.normal(size=(2, 30, 3))
    end[:5] = -start[:5]
    end[5:8] = start[5:8]
    turned = (shortest_arc(start, end) @ start[..., None])[..., 0]
    np.testing.assert_allclose(unit(turned), unit(end), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(shortest_arc(start, end)), 1.0)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 40])
def test_ankles_are_reached_in_every_frame(body, count):
    """Sixteen frames are worked on at once; legs that turn right about, or lack a bone, go alone."""
    rng = np.random.default_rng(count)
    joints = body.rest_joints.astype(np.float64)
    turns = Rotation.from_rotvec(rng.normal(0, 0.3, (count * 24, 3))).as_quat()
    turns = np.ascontiguousarray(turns.reshape(count, 24, 4))
    legs = np.array([[J[f"{s}_{j}"] for j in ("hip", "knee", "ankle", "foot")] for s in SIDES])
    pelvis = rng.normal(0, 1, (count, 3))
    lengths = np.linalg.norm(np.diff(joints[legs[:, :3]], axis=1), axis=-1)
    hips = chain_joints(quaternions_to_matrices(turns), joints)[:, legs[:, 0]] + pelvis[:, None]
    way = unit(rng.normal(size=(count, 2, 3)) - [0, 1, 0])
    way[count // 2] = [0, 1, 0]  # straight legs under the hips are to go right up
    turns[count // 2] = [0, 0, 0, 1]
    hips[count // 2] = joints[legs[:, 0]] - joints[0] + pelvis[count // 2]
    targets = hips + way * (0.8 * lengths.sum(axis=1))[:, None]
    reach_ankles(turns, joints, legs, pelvis, targets)
    ankles = chain_joints(quaternions_to_matrices(turns), joints)[:, legs[:, 2]] + pelvis[:, None]
    np.testing.assert_allclose(ankles, targets, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(turns, axis=-1), 1, atol=1e-9)


@pytest.mark.parametrize("straight", [True, False])
def test_a_thigh_that_turns_right_about_is_turned_by_half_a_turn(straight):
    """The least turn has no axis there: it is neither skipped nor no number."""
    joints = np.zeros((24, 3))
    legs = np.array([[J[f"{s}_{j}"] for j in ("hip", "knee", "ankle", "foot")] for s in SIDES])
    joints[legs[:, 1], 1], joints[legs[:, 2], 1] = -0.4, -0.8 if straight else -0.4
    turns = np.tile([0.0, 0.0, 0.0, 1.0], (3, 24, 1))
    targets = np.tile([0.0, 0.7996, 0.0] if straight else [0.0, 0.4, 0.0], (3, 2, 1))
    reach_ankles(turns, joints, legs, np.zeros((3, 3)), targets)
    assert np.isfinite(turns).all()
    np.testing.assert_allclose(np.linalg.norm(turns, axis=-1), 1, atol=1e-9)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 40])
def test_a_capture_is_the_skeletons_in_every_frame(count):
    """The compiled capture, sixteen frames at once, against plain forward kinematics."""
    skeleton = cmu_like()
    rng = np.random.default_rng(count)
    frames = rng.normal(0, 0.8, (count, len(skeleton.channels)))
    capture = acclaim_capture(skeleton, frames)
    rotations, ends = forward_kinematics(skeleton, frames)
    assert len(capture) == count
    for joint, bone in ENDS.items():
        np.testing.assert_allclose(
            capture.joints[joint], ends[:, skeleton.index[bone]], atol=1e-12, err_msg=joint
        )
    for joint, bones in BONES.items():
        if len(bones) == 1:
            np.testing.assert_allclose(
                capture.rotation_matrices[:, J[joint]],
                rotations[:, skeleton.index[bones[0]]],
                atol=1e-12,
                err_msg=joint,
            )
