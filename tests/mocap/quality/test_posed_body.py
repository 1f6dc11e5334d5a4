"""The body that will be filmed: how it stands, what its joints do, and whose fault that is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mocap.bodies.body import JOINT_NAMES, PARENTS
from mocap.library.checking import check_motions
from mocap.library.motion_library import (
    every_nth_frame,
    open_motion_library,
    pose_on_body,
    read_poses,
)
from mocap.motion import Motion
from mocap.quality.assessment import MotionAssessor
from mocap.quality.joint_ranges import bone_directions
from mocap.quality.posture import lowest_heights
from mocap.quaternions import matrices_to_quaternions
from mocap.readers.smpl.recording import Recording
from mocap.retargeting.ground import chain_joints, global_rotations
from mocap.retargeting.retarget import retarget
from mocap.rotations import axis_angle_to_matrices
from tests.mocap import motion_files as made
from tests.mocap.quality.test_quality import changed, only

J = {name: i for i, name in enumerate(JOINT_NAMES)}
FPS, FRAMES = 30.0, 120
TIME = np.arange(FRAMES) / FPS
SIDES = (("left", 1.0), ("right", -1.0))
STANCE_DEFECTS = {"up axis", "trunk", "floating", "twist", "bend", "order", "positions"}
# Real takes of every kind: walk, jump, bending down, swordplay, dance, runs, kick, ladder, steps, sitting
# still while drinking, balance on one leg.
REAL = [
    "02_01",
    "02_04",
    "02_06",
    "02_07",
    "05_02",
    "05_11",
    "06_08",
    "09_03",
    "09_08",
    "10_03",
    "13_08",
    "13_33",
    "13_41",
    "14_21",
    "49_19",
]


def turned(motion: Motion, rotation: Rotation, judge: MotionAssessor) -> Motion:
    """The motion in a world that is turned about its origin."""
    pose, rest_pelvis = motion.pose.copy(), judge.soles.joints[0]
    pose[:, :3] = (rotation * Rotation.from_rotvec(pose[:, :3])).as_rotvec()
    translation = rotation.apply(motion.translation + rest_pelvis) - rest_pelvis
    return replace(motion, pose=pose, translation=translation.astype(np.float32))


def wrung(motion: Motion, name: str, degrees: float, judge: MotionAssessor) -> Motion:
    """The motion with one segment turned about its bone, what hangs on it left as it was."""
    pose = motion.pose.reshape(len(motion), 24, 3).astype(np.float64)
    turn = Rotation.from_rotvec(np.radians(degrees) * bone_directions(judge.soles)[name])
    pose[:, J[name]] = (Rotation.from_rotvec(pose[:, J[name]]) * turn).as_rotvec()
    for child, parent in enumerate(PARENTS):
        if parent == J[name]:
            pose[:, child] = (turn.inv() * Rotation.from_rotvec(pose[:, child])).as_rotvec()
    return replace(motion, pose=pose.reshape(len(motion), 72).astype(np.float32))


def joint_positions(motion: Motion, judge: MotionAssessor) -> np.ndarray:
    """Positions (T, 24, 3) of the joints in the world, metres."""
    positions = chain_joints(global_rotations(motion.pose), judge.soles.joints)
    return positions + (motion.translation + judge.soles.joints[0])[:, None]


def with_pose(motion: Motion, pose: np.ndarray, judge: MotionAssessor) -> Motion:
    """Poses (T, 24, 3) with the lowest point of the body on the floor in every frame."""
    pose = pose.reshape(len(pose), 72).astype(np.float32)
    rotations, pelvis = global_rotations(pose), np.zeros((len(pose), 3))
    positions = chain_joints(rotations, judge.soles.joints)
    pelvis[:, 1] -= lowest_heights(rotations, positions, pelvis, judge.capsules, judge.soles)
    translation = (pelvis - judge.soles.joints[0]).astype(np.float32)
    return replace(motion, pose=pose, translation=translation)


def defects(verdict) -> set[str]:
    return {reason.defect for reason in verdict.reasons}


@pytest.mark.parametrize(
    ("rotvec", "axis", "advice"),
    [
        ([-90, 0, 0], "-z", "by 90 degrees about x"),
        ([90, 0, 0], ", z", "mocap_framerate"),
        ([180, 0, 0], "-y", "camera"),
        ([0, 0, 90], "-x", "stands along y"),
        ([0, 0, -90], ", x", "stands along y"),
        ([45, 0, 0], "the way it stands", "stands along y"),
    ],
)
def test_standers_whose_gravity_lies_are_told_of_their_up_axis(judge, good, rotvec, axis, advice):
    world = Rotation.from_rotvec(rotvec, degrees=True)
    (reason,) = only(judge(turned(good, world, judge)), "up axis")
    assert axis in reason.unit and advice in reason.advice and advice in str(reason)
    assert reason.value == pytest.approx(np.linalg.norm(rotvec), abs=5)


def test_an_amass_file_with_y_up_is_bad_and_says_what_to_do(tmp_path, body, monkeypatch):
    monkeypatch.setenv("SURREALPP_CACHE", str(tmp_path / "cache"))
    angles = made.arm_angles(90, 60.0)
    made.write_amass(tmp_path / "m" / "right.npz", angles, 60.0)
    pose = np.zeros((90, 156))
    pose[:, :66] = made.poses(angles)[:, :66]
    np.savez(tmp_path / "m" / "wrong.npz", poses=pose, trans=np.zeros((90, 3)), mocap_framerate=60)
    checked = check_motions(open_motion_library(tmp_path / "m"), body, workers=1)
    right, wrong = (entry.verdict for entry in checked.entries)
    assert right.good, list(map(str, right.reasons))
    (reason,) = only(wrong, "up axis")
    assert "turn poses and path by 90 degrees about x" in checked.table() and reason.frame == 0


def lying(pose: np.ndarray) -> None:
    """On the back, feet pointed, knees drawn up in turn."""
    pose[:, 0, 0] = -np.pi / 2
    for side, sign in SIDES:
        bend = 0.4 + 0.4 * np.sin(2 * TIME * sign)
        pose[:, J[f"{side}_hip"], 0], pose[:, J[f"{side}_knee"], 0] = -bend, 1.5 * bend
        pose[:, J[f"{side}_ankle"], 0] = 0.7


def asleep(pose: np.ndarray) -> None:
    """On the back with straight legs that do not move, feet pointed."""
    pose[:, 0, 0] = -np.pi / 2
    for side, _ in SIDES:
        pose[:, J[f"{side}_ankle"], 0] = 0.8


def crawling(pose: np.ndarray) -> None:
    """On hands and knees."""
    pose[:, 0, 0] = np.radians(85)
    for side, sign in SIDES:
        swing = 0.15 * np.sin(4 * TIME) * sign
        pose[:, J[f"{side}_hip"], 0] = -1.45 + swing
        pose[:, J[f"{side}_knee"], 0] = 1.5
        pose[:, J[f"{side}_ankle"], 0] = 0.6
        turn = Rotation.from_rotvec([[w, 0, 0] for w in swing])
        arm = turn * Rotation.from_rotvec([0, -1.45 * sign, 0])
        pose[:, J[f"{side}_shoulder"]] = arm.as_rotvec()


def cartwheel(pose: np.ndarray) -> None:
    """Standing, one turn sideways over the hands in a second and a half, standing."""
    pose[:, 0, 2] = 2 * np.pi * np.clip((TIME - 0.6) / 1.5, 0, 1)
    for side, sign in SIDES:
        pose[:, J[f"{side}_shoulder"], 2] = 1.3 * sign
        pose[:, J[f"{side}_hip"], 2] = 0.5 * sign


def handstand(pose: np.ndarray) -> None:
    """On the hands all the time, toes pointed."""
    pose[:, 0, 0] = np.pi
    for side, sign in SIDES:
        pose[:, J[f"{side}_shoulder"], 2] = 1.4 * sign
        pose[:, J[f"{side}_ankle"], 0] = 0.8


def sitting(pose: np.ndarray) -> None:
    """On a chair that nobody captured, shins forward."""
    for side, _ in SIDES:
        pose[:, J[f"{side}_hip"], 0] = -1.5
        pose[:, J[f"{side}_knee"], 0] = 1.1
        pose[:, J[f"{side}_ankle"], 0] = 0.4


def bowing(pose: np.ndarray) -> None:
    """Bent down over straight legs most of the time."""
    bend = 1.5 * np.sin(np.pi * TIME / TIME[-1]) ** 0.5
    pose[:, 0, 0] = bend
    for side, _ in SIDES:
        pose[:, J[f"{side}_hip"], 0] = -bend


@pytest.mark.parametrize(
    "posture", [lying, asleep, crawling, cartwheel, handstand, sitting, bowing]
)
def test_people_who_lie_crawl_turn_over_or_sit_stand_as_well_as_standers(judge, good, posture):
    pose = good.pose.reshape(FRAMES, 24, 3).astype(np.float64)
    posture(pose)
    verdict = judge(with_pose(good, pose, judge))
    assert not defects(verdict) & STANCE_DEFECTS, list(map(str, verdict.reasons))


def test_trunks_that_lean_out_over_nothing_are_found(judge, good):
    pose = good.pose.reshape(FRAMES, 24, 3).astype(np.float64)
    pose[:, 0, 0] = 1.4
    for side, _ in SIDES:  # on tiptoe, the legs slanting forward from them as if to dive
        pose[:, J[f"{side}_hip"], 0] = -0.6
        pose[:, J[f"{side}_ankle"], 0] = 0.8
    verdict = judge(with_pose(good, pose, judge))
    assert "trunk" in defects(verdict), list(map(str, verdict.reasons))


def test_bodies_in_the_air_float_and_a_jump_does_not(judge, good):
    up = np.array([0, 0.5, 0], np.float32)
    (reason,) = only(judge(changed(good, shift=up)), "floating")
    assert reason.value == 0 and "of the floor" in reason.unit
    jump = np.zeros((FRAMES, 3), np.float32)
    jump[60:75, 1] = 0.45 * np.sin(np.linspace(0, np.pi, 15))
    assert judge(changed(good, shift=jump)).good


@pytest.mark.parametrize("speed", [0.1, -0.1])
def test_feet_that_rise_or_sink_where_they_rest_float(judge, good, speed):
    path = np.outer(TIME, [0, speed, 0]).astype(np.float32)
    reasons = [r for r in judge(changed(good, shift=path)).reasons if r.defect == "floating"]
    assert [r.value for r in reasons if "rests" in r.unit] == pytest.approx([0.1], abs=0.01)


@pytest.mark.parametrize("count", [22, 24])
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_positions_of_joints_are_no_rotations(judge, good, body, count, scale):
    positions = scale * joint_positions(good, judge)
    positions[:, count:] = 0  # HumanML3D's 22 joints, filled up
    pose = positions.reshape(FRAMES, 72).astype(np.float32)
    path = np.zeros((FRAMES, 3), np.float32)
    for up_axis in "yz":
        recording = Recording(pose, path, up_axis, FPS, "p", "1", "1", "p.npz")
        (reason,) = only(judge(recording.to_motion(body)), "positions")
        assert reason.value > 0.8 and "inverse kinematics" in str(reason)
    noise = np.random.default_rng(3).normal(scale=0.0005 * scale, size=pose.shape)
    noisy = Recording((pose + noise).astype(np.float32), path, "y", FPS, "p", "1", "1", "p.npz")
    only(judge(noisy.to_motion(body)), "positions")


@pytest.mark.parametrize("name", ["hip", "knee", "shoulder", "elbow", "neck", "spine1"])
@pytest.mark.parametrize("side", ["left_", "right_"])
def test_limbs_that_are_wrung_are_found_and_turned_ones_are_not(judge, good, side, name):
    joint = name if name in J else side + name
    reasons = judge(wrung(good, joint, 170, judge)).reasons
    assert (joint, "twist") in {(reason.joint, reason.defect) for reason in reasons}
    assert {reason.defect for reason in reasons} <= {"twist", "bend"}
    assert judge(wrung(good, joint, 20 if name == "knee" else 30, judge)).good


@pytest.mark.parametrize(("turn", "unit"), [([-0.9, 0, 0], "front"), ([0, 0, 1.1], "side")])
def test_knees_that_bend_the_wrong_way_are_found(judge, good, turn, unit):
    bent = changed(good, slice(50, 60), joint="right_knee", turn=turn)
    (reason,) = [r for r in judge(bent).reasons if r.defect == "bend"]
    assert reason.joint == "right_knee" and 50 <= reason.frame < 60 and unit in reason.unit


def test_frames_out_of_order_are_found(judge, good):
    walk = changed(good, shift=np.outer(TIME, [0, 0, 0.1]).astype(np.float32))
    assert judge(walk).good
    order = np.random.default_rng(2).permutation(FRAMES)
    shuffled = replace(walk, pose=walk.pose[order], translation=walk.translation[order])
    assert "order" in defects(judge(shuffled))


def test_a_twist_that_the_capture_does_not_have_is_retargetings(tmp_path, body, judge):
    made.write_acclaim(tmp_path / "80", "80_01", made.arm_angles(90, 60.0))
    (entry,) = open_motion_library(tmp_path).entries
    capture = read_poses(entry)
    motion = pose_on_body(entry, capture, body)
    assert judge(motion, capture, fps=entry.fps).good
    bad = wrung(motion, "left_knee", 170, judge)
    reasons = judge(bad, capture, fps=entry.fps).reasons
    assert ("retargeting", "left_knee") in {(r.defect, r.joint) for r in reasons}
    assert "twist" not in {reason.defect for reason in reasons}
    matrices = capture.rotation_matrices.copy()
    turn = axis_angle_to_matrices(np.radians(170) * capture.rest_directions["left_knee"])
    matrices[:, J["left_knee"]] = matrices[:, J["left_knee"]] @ turn
    twisted = replace(capture, quaternions=matrices_to_quaternions(np.ascontiguousarray(matrices)))
    reasons = judge(bad, twisted, fps=entry.fps).reasons
    assert ("twist", "left_knee") in {(r.defect, r.joint) for r in reasons}


@pytest.fixture(scope="module")
def takes(shared_data, tmp_path_factory):
    """Real takes by name, as captures, with their frame rates."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SURREALPP_CACHE", str(tmp_path_factory.mktemp("cache")))
        entries = open_motion_library(shared_data / "cmu").entries
    return {e.name: (read_poses(e), e.fps) for e in entries if e.name in REAL}


def later(capture, frames: int):
    """A capture without its first frames."""
    joints = {joint: positions[frames:] for joint, positions in capture.joints.items()}
    return replace(capture, quaternions=capture.quaternions[frames:], joints=joints)


@pytest.mark.parametrize("name", REAL)
def test_real_takes_are_good_whichever_frame_is_their_first(takes, body, judge, name):
    capture, fps = takes[name]
    for first in range(4):
        shifted = later(capture, first)
        pose, path = retarget(every_nth_frame(shifted, 4), body, fps=fps / 4)
        motion = Motion(pose, path, fps / 4, name[:2], name[3:], name, "")
        verdict = judge(motion, shifted, fps=fps)
        assert verdict.good, (first, list(map(str, verdict.reasons)))
        alone = judge(motion)
        assert alone.good, (first, list(map(str, alone.reasons)))


@pytest.mark.parametrize("name", REAL)
def test_real_takes_in_a_wrong_world_or_wrung_are_bad(takes, body, judge, name):
    capture, fps = takes[name]
    pose, path = retarget(every_nth_frame(capture, 4), body, fps=fps / 4)
    recording = Recording(pose, path, "z", fps / 4, name, name[:2], name[3:], "")
    assert "up axis" in defects(judge(recording.to_motion(body)))
    motion = replace(recording, up_axis="y").to_motion(body)
    assert judge(motion).good
    positions = joint_positions(motion, judge).reshape(-1, 72).astype(np.float32)
    only(judge(replace(motion, pose=positions)), "positions")
    for joint in ("left_hip", "right_knee", "neck", "left_elbow"):
        assert "twist" in defects(judge(wrung(motion, joint, 170, judge)))
    order = np.random.default_rng(0).permutation(len(motion))
    shuffled = replace(motion, pose=pose[order], translation=motion.translation[order])
    assert "order" in defects(judge(shuffled))
