"""Verdicts: defects put into a good motion are found, by name, at their frame; good ones pass."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mocap.bodies.body import JOINT_NAMES
from mocap.library.motion_library import every_nth_frame
from mocap.motion import Motion
from mocap.quality.defects import (
    find_flips,
    find_skating,
    find_speeds,
    find_static,
    find_truncation,
)
from mocap.quality.limb_collisions import segment_distances
from mocap.quality.verdict import DEFECTS, THRESHOLDS, Verdict
from mocap.readers.acclaim.asf_amc import read_amc, read_asf
from mocap.readers.acclaim.capture import acclaim_capture
from mocap.retargeting.ground import global_rotations, soles_of
from mocap.retargeting.retarget import retarget

J = {name: i for i, name in enumerate(JOINT_NAMES)}
FPS, FRAMES = 30.0, 120
TIPS = [J[f"{side}_{name}"] for side in ("left", "right") for name in ("hand", "foot")]


def changed(motion: Motion, frames=slice(None), *, joint="", turn=None, shift=None) -> Motion:
    """The motion with a joint turned further, or the body shifted, in some frames."""
    pose, translation = motion.pose.copy(), motion.translation.copy()
    if turn is not None:
        own = slice(3 * J[joint], 3 * J[joint] + 3)
        before = Rotation.from_rotvec(pose[frames, own])
        pose[frames, own] = (before * Rotation.from_rotvec(turn)).as_rotvec()
    if shift is not None:
        translation[frames] += shift
    return replace(motion, pose=pose, translation=translation)


def only(verdict: Verdict, defect: str):
    """The reasons of a verdict, which must all be of one defect."""
    assert {reason.defect for reason in verdict.reasons} == {defect}, list(
        map(str, verdict.reasons)
    )
    return verdict.reasons


def test_a_good_motion_is_good(judge, good):
    verdict = judge(good)
    assert verdict.good and not verdict.notes, list(map(str, verdict.reasons))


def test_a_thigh_that_is_turned_round_is_a_flip_at_its_frame(judge, good):
    (reason,) = only(judge(changed(good, slice(40, 60), joint="right_hip", turn=[0, 3, 0])), "flip")
    assert reason.joint == "right_hip" and reason.frame in (40, 60)
    assert reason.value == pytest.approx(np.degrees(3), abs=1) and reason.limit == 120


@settings(max_examples=40, deadline=None)
@given(
    joint=st.sampled_from([j for j in range(24) if j not in TIPS]),
    start=st.integers(8, 100),
    length=st.integers(2, 15),
    angle=st.floats(2.4, 3.1),
    axis=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda a: np.linalg.norm(a) > 0.1),
)
def test_any_joint_that_jumps_is_found_where_it_jumps(good, joint, start, length, angle, axis):
    turn = angle * np.array(axis) / np.linalg.norm(axis)
    bad = changed(good, slice(start, start + length), joint=JOINT_NAMES[joint], turn=turn)
    found = find_flips(global_rotations(bad.pose), FPS)
    assert [reason.joint for reason in found] == [JOINT_NAMES[joint]]
    assert found[0].frame in (start, start + length)


@settings(max_examples=30, deadline=None)
@given(
    joint=st.integers(0, 23), pace=st.floats(0.1, 55.0), fps=st.sampled_from([60.0, 120.0, 240.0])
)
def test_turns_that_people_make_are_no_flips(joint, pace, fps):
    """Steady turning of up to 55 degrees a frame, for arms; legs and trunk to 2000 degrees/s."""
    loose = any(word in JOINT_NAMES[joint] for word in ("shoulder", "elbow", "wrist", "collar"))
    pace = pace if loose else min(pace, 2000 / fps)
    pose = np.zeros((40, 24, 3))
    pose[:, joint, 1] = np.radians(pace) * np.arange(40)
    assert not find_flips(global_rotations(pose.reshape(40, 72)), fps)


def test_a_flip_spread_over_four_frames_is_found_too(judge, good):
    fast = replace(good, fps=120.0)  # the same frames, four times as fast
    pose = fast.pose.copy()
    for k, angle in enumerate((0.75, 1.5, 2.25), start=60):
        pose[k, 3 * J["left_hip"] + 1] += angle
    pose[63:, 3 * J["left_hip"] + 1] += 3.0
    (reason,) = find_flips(global_rotations(pose), 120.0)
    assert reason.joint == "left_hip" and 62 <= reason.frame <= 70 and reason.limit == 120


def test_flips_at_the_very_ends_are_noted_and_not_held_against_a_motion(judge, good):
    for frames in (slice(0, 1), slice(FRAMES - 1, None)):
        verdict = judge(changed(good, frames, joint="left_shoulder", turn=[0, 0, 2.8]))
        assert verdict.good
        assert next((r.defect, r.joint) for r in verdict.notes) == ("flip", "left_shoulder")
    later = changed(good, slice(0, 1), joint="left_elbow", turn=[0, 2.8, 0])
    both = judge(changed(later, slice(70, 90), joint="left_elbow", turn=[0, 2.8, 0]))
    assert only(both, "flip")[0].frame in (70, 90)


def test_takes_in_which_nothing_moves_are_static(judge, good):
    frozen = replace(
        good, pose=good.pose[[50] * FRAMES], translation=good.translation[[50] * FRAMES]
    )
    (reason,) = only(judge(frozen), "static")
    assert reason.value < 1e-6
    sway = 0.01 * np.sin(np.arange(FRAMES) / 9)[:, None] * [1, 0, 0]
    swaying = replace(frozen, translation=(frozen.translation + sway).astype(np.float32))
    (reason,) = only(judge(swaying), "static")
    assert 0.01 < reason.value < 0.03
    idle = np.random.default_rng(1).normal(size=(FRAMES, 24, 3)) * 0.05
    assert not find_static(idle, FPS)


def test_frames_that_are_missing_are_found_where_they_are_missing(good):
    def truncation(motion: Motion):
        return find_truncation(global_rotations(motion.pose), motion.translation, motion.fps)

    assert not truncation(good)
    kept = np.r_[0:50, 66:FRAMES]
    (gap,) = truncation(replace(good, pose=good.pose[kept], translation=good.translation[kept]))
    assert gap.defect == "truncated" and gap.frame == 50 and "jump" in gap.unit
    blank = good.pose.copy()
    blank[77] = 0
    (lost,) = truncation(replace(good, pose=blank))
    assert lost.frame in (77, 78) and lost.value >= THRESHOLDS.gap_joints
    held = np.r_[0:30, [30] * 12, 31 : FRAMES - 11]
    (still,) = truncation(replace(good, pose=good.pose[held], translation=good.translation[held]))
    assert still.frame == 30 and still.value == pytest.approx(11 / FPS)
    scrap = replace(good, pose=good.pose[:12], translation=good.translation[:12])
    assert [r.unit for r in truncation(scrap)] == ["seconds in all"]


def test_bodies_that_are_carried_off_are_too_fast(judge, good):
    (reason,) = only(judge(changed(good, slice(80, None), shift=[0.9, 0, 0])), "speed")
    assert (reason.joint, reason.frame) == ("pelvis", 80)
    assert reason.value == pytest.approx(0.9 * FPS, rel=1e-3)


def test_joints_that_outrun_every_athlete_are_too_fast():
    positions = np.zeros((60, 24, 3))
    positions[30:, J["left_knee"], 2] = 16 / FPS
    positions[40:, J["left_wrist"], 2] = 29 / FPS
    (reason,) = find_speeds(positions, FPS)
    assert (reason.joint, reason.frame, reason.limit) == ("left_knee", 30, 15)


def test_feet_under_the_floor_are_found_at_the_deepest_frame(judge, good):
    dip = np.zeros((FRAMES, 3), np.float32)
    dip[40:61, 1] = -0.12 * np.sin(np.linspace(0, np.pi, 21))
    reasons = only(judge(changed(good, shift=dip)), "floor")
    assert {reason.joint for reason in reasons} == {"left_foot", "right_foot"}
    assert all(abs(r.frame - 50) <= 1 and abs(r.value - 0.12) < 0.01 for r in reasons)
    assert judge(changed(good, slice(40, 61), shift=[0, -0.03, 0])).good


def test_standing_bodies_that_glide_are_skating_and_pivoting_ones_are_not(judge, good, body):
    glide = np.linspace(0, 1.2 * FRAMES / FPS, FRAMES)[:, None] * [1, 0, 0]
    (reason,) = only(judge(changed(good, shift=glide.astype(np.float32))), "skating")
    assert reason.value > 0.95
    soles = soles_of(body)
    turning = changed(good, joint="pelvis", turn=np.linspace(0, 6, FRAMES)[:, None] * [0, 1, 0])
    rotations, pelvis = global_rotations(turning.pose), turning.translation + soles.joints[0]
    assert not find_skating(rotations, pelvis, soles, FPS)


def test_an_arm_inside_the_chest_is_a_crossing_while_it_lasts(judge, good):
    def arm(frames) -> Motion:
        """The left forearm goes from hanging to pointing right, through the belly, and back."""
        bent = good.pose.reshape(-1, 24, 3).copy()
        ease = np.convolve(np.isin(np.arange(FRAMES), frames), np.ones(9) / 9, "same")
        bent[:, J["left_shoulder"]] = [0, 0, -1.5]
        bent[:, J["left_elbow"]] = ease[:, None] * [0, 0, -1.6]
        return replace(good, pose=bent.reshape(-1, 72).astype(np.float32))

    reasons = only(judge(arm(range(40, 80))), "crossing")
    assert any(r.joint.startswith("left_") and "trunk" in r.joint for r in reasons), reasons
    assert all(36 <= r.frame <= 83 for r in reasons)
    assert judge(arm(range(40, 50))).good


def test_segment_distances_agree_with_a_search():
    rng = np.random.default_rng(5)
    a, b, c, d = rng.normal(size=(4, 60, 3))
    b[:5] = a[:5]  # points
    d[3:8] = c[3:8]
    d[10:14] = c[10:14] + (b - a)[10:14]  # parallel
    t = np.linspace(0, 1, 201)
    one = a[:, None] + t[:, None] * (b - a)[:, None]
    other = c[:, None] + t[:, None] * (d - c)[:, None]
    searched = np.linalg.norm(one[:, :, None] - other[:, None], axis=-1).min(axis=(1, 2))
    np.testing.assert_allclose(segment_distances(a, b, c, d), searched, atol=0.02)


@pytest.mark.parametrize("count", [1, 2, 3, 14])
def test_scraps_are_truncated_whatever_else_they_are(judge, good, count):
    scrap = replace(good, pose=good.pose[:count], translation=good.translation[:count])
    assert "truncated" in {reason.defect for reason in judge(scrap).reasons}


def test_verdicts_survive_json_and_say_what_where_and_how_much(judge, good):
    verdict = judge(changed(good, slice(40, 60), joint="right_knee", turn=[0, 3, 0]))
    again = Verdict.from_json(json.loads(json.dumps(verdict.to_json())))
    assert again == verdict and not again.good
    assert str(again.reasons[0]).startswith("flip: right_knee, frame 40 (1.33 s): 172 degrees")
    assert all(reason.defect in DEFECTS for reason in again.reasons)


def captured(shared_data, name: str):
    folder = shared_data / "cmu" / "asfamc" / name[:2]
    skeleton = read_asf(folder / f"{name[:2]}.asf")
    return acclaim_capture(skeleton, read_amc(folder / f"{name}.amc", skeleton))


def verdict_on(capture, name: str, body, judge) -> Verdict:
    pose, translation = retarget(every_nth_frame(capture, 4), body, fps=30.0)
    motion = Motion(pose, translation, 30.0, name[:2], name[3:], name, "")
    return judge(motion, capture, fps=120.0)


@pytest.mark.parametrize("name", ["05_05", "05_16"])
def test_flipped_thighs_of_the_capture_count_though_retargeting_bridges_them(
    shared_data, body, judge, name
):
    verdict = verdict_on(captured(shared_data, name), name, body, judge)
    flips = [reason for reason in verdict.reasons if reason.defect == "flip"]
    assert "right_hip" in [reason.joint for reason in flips]
    assert all(reason.value > 140 for reason in flips)


@pytest.mark.parametrize("name", ["02_01", "02_02", "05_01", "16_15", "35_01"])
def test_captured_walks_are_good_and_frozen_ones_are_not(shared_data, body, judge, name):
    capture = captured(shared_data, name)
    verdict = verdict_on(capture, name, body, judge)
    assert verdict.good, list(map(str, verdict.reasons))
    frozen = replace(
        capture,
        quaternions=capture.quaternions[[100] * 400],
        joints={joint: place[[100] * 400] for joint, place in capture.joints.items()},
    )
    assert [r.defect for r in verdict_on(frozen, name, body, judge).reasons] == ["static"]
