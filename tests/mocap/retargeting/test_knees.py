"""Knees of retargeted legs: none snaps, however far it is bent and however high the thigh is raised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mocap.bodies.body import JOINT_NAMES
from mocap.motion import Motion
from mocap.quality.assessment import MotionAssessor
from mocap.readers.acclaim.asf_amc import read_amc, read_asf
from mocap.readers.acclaim.capture import acclaim_capture
from mocap.readers.bvh.capture import bvh_capture
from mocap.readers.bvh.parser import read_bvh
from mocap.retargeting.capture import Capture
from mocap.retargeting.ground import SIDES, chain_joints, global_rotations, soles_of
from mocap.retargeting.retarget import retarget
from mocap.retargeting.skeleton import Skeleton
from mocap.rotations import unit
from tests.conftest import SHARED
from tests.mocap.cmu_like import cmu_like

FPS = 120.0
THIGH, SHIN = 0.40, 0.44  # metres
# A leg that is all but straight on the body has its knee moved aside by a change of reach that hardly
# shows in the capture: the factor over all takes, from this speed (m/s) on.
FACTOR, LEAST_SPEED = 3.5, 1.5
LEG_JOINTS = [f"{side}_{joint}" for side in SIDES for joint in ("hip", "knee", "ankle", "foot")]
TAKES = [
    *sorted(path for pattern in ("*.amc", "*.bvh") for path in (SHARED / "cmu").rglob(pattern)),
    *sorted((SHARED / "faults" / "motions").glob("*.amc")),
]


def hinged() -> Skeleton:
    """The CMU-like skeleton with knees that are hinges, and thighs and shins as long as people's."""
    skeleton = cmu_like()
    tilts = {"l": np.radians(20.0), "r": np.radians(-20.0)}
    lengths = {"femur": THIGH, "tibia": SHIN}
    bones = tuple(
        replace(bone, axis=(0.0, 0.0, tilts[bone.name[0]]), length=lengths[bone.name[1:]])
        if bone.name[1:] in lengths
        else bone
        for bone in skeleton.bones
    )
    return replace(skeleton, bones=bones)


def leg_take(hip: float, knee: float, *, sides: str = "r", spread: float = 2.0) -> Capture:
    """Legs that bend from straight to these angles (degrees, hips forward) within 0.4 s and back."""
    skeleton = hinged()
    share = np.zeros(200)
    share[40:160] = (1 - np.cos(np.linspace(0, 2 * np.pi, 120))) / 2
    frames = np.zeros((200, len(skeleton.channels)))
    bends = np.radians(knee) * share
    lifts = np.radians(hip) * share
    for side, sign in (("l", -1), ("r", 1)):
        frames[:, skeleton.columns[f"{side}femur", "rz"]] = sign * np.radians(20 - spread)
        if side in sides:
            frames[:, skeleton.columns[f"{side}femur", "rx"]] = -lifts
            frames[:, skeleton.columns[f"{side}tibia", "rx"]] = bends
    height = np.full(200, THIGH + SHIN)
    if sides == "lr":  # a squat: the ankles stay near the floor
        height = THIGH * np.cos(lifts) + SHIN * np.cos(bends - lifts)
    frames[:, skeleton.columns["root", "ty"]] = height + 0.15
    return acclaim_capture(skeleton, frames)


def on_body(capture: Capture, body, fps: float) -> tuple[dict[str, np.ndarray], float]:
    """Joints (T, 3) of the retargeted capture from between the hips, and the scale of lengths."""
    soles = soles_of(body)
    pose, _ = retarget(capture, body, fps=fps)
    positions = chain_joints(global_rotations(pose), soles.joints)
    joints = dict(zip(JOINT_NAMES, np.moveaxis(positions, 1, 0), strict=True))
    return over_hips(joints), soles.hip_to_ankle / capture.leg_length


def over_hips(joints) -> dict[str, np.ndarray]:
    middle = (joints["left_hip"] + joints["right_hip"]) / 2
    return {name: joints[name] - middle for name in LEG_JOINTS}


def top_speeds(capture: Capture, body, fps: float) -> dict[str, tuple[float, float]]:
    """The largest speed of each leg joint against the hips on the body and captured, at scale, m/s."""
    joints, scale = on_body(capture, body, fps)
    out = {}
    for name, captured in over_hips(capture.joints).items():
        steps = [np.linalg.norm(np.diff(a, axis=0), axis=1).max() for a in (joints[name], captured)]
        out[name] = (steps[0] * fps, steps[1] * fps * scale)
    return out


def captured_take(path: Path) -> tuple[Capture, float]:
    """A take of CMU and its frame rate."""
    if path.suffix == ".bvh":
        return bvh_capture(read_bvh(path))
    skeleton = read_asf(path.with_name(f"{path.name.partition('_')[0]}.asf"))
    return acclaim_capture(skeleton, read_amc(path, skeleton)), FPS


def bend(joints, side: str) -> np.ndarray:
    """Angles (T,) of a knee, degrees; 0 is straight."""
    hip, knee, ankle = (joints[f"{side}_{joint}"] for joint in ("hip", "knee", "ankle"))
    cosine = (unit(knee - hip) * unit(ankle - knee)).sum(-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


@pytest.mark.parametrize("spread", [-5.0, 2.0, 25.0])
@pytest.mark.parametrize(
    ("hip", "knee", "sides"),
    [
        pytest.param(100, 160, "lr", id="squat"),
        pytest.param(110, 160, "r", id="kick"),
        pytest.param(0, 160, "r", id="leg curl"),
        pytest.param(-25, 155, "r", id="heel to seat"),
        pytest.param(145, 10, "r", id="high kick"),
        pytest.param(0, -6, "r", id="overstretched"),
        pytest.param(130, 165, "r", id="hugged knee"),
    ],
)
def test_no_knee_snaps_and_every_thigh_points_where_it_did(body, hip, knee, sides, spread):
    capture = leg_take(hip, knee, sides=sides, spread=spread)
    assert bend(capture.joints, "right").max() == pytest.approx(abs(knee), abs=0.1)
    for name, (speed, captured) in top_speeds(capture, body, FPS).items():
        assert speed < 1.5 * max(captured, LEAST_SPEED), name
    joints, _ = on_body(capture, body, FPS)
    for side in SIDES:
        ways = [unit(j[f"{side}_knee"] - j[f"{side}_hip"]) for j in (joints, capture.joints)]
        apart = np.degrees(np.arccos(np.clip((ways[0] * ways[1]).sum(-1), -1, 1)))
        assert apart.max() < 20, side


def test_an_overstretched_knee_bends_forward_on_the_body(body):
    joints, _ = on_body(leg_take(0, -6), body, FPS)
    middle = (joints["right_hip"] + joints["right_ankle"]) / 2
    assert (joints["right_knee"] - middle)[:, 2].min() > 0


@pytest.mark.parametrize("path", TAKES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_joint_of_a_take_is_much_faster_on_the_body(body, path):
    capture, fps = captured_take(path)
    for name, (speed, captured) in top_speeds(capture, body, fps).items():
        assert speed < FACTOR * max(captured, LEAST_SPEED), name


def test_a_deep_kick_is_not_blamed(shared_data, body):
    """CMU's 135_04 kicks with a knee bent beyond 148 degrees; its thigh went to the other side."""
    capture, _ = captured_take(shared_data / "faults" / "motions" / "135_04_frames570-640.amc")
    assert max(bend(capture.joints, side).max() for side in SIDES) > 148
    for name, (speed, captured) in top_speeds(capture, body, FPS).items():
        assert speed < 1.5 * max(captured, LEAST_SPEED), name
    pose, translation = retarget(capture, body, fps=FPS)
    motion = Motion(pose, translation, FPS, "135", "04", "135_04", "")
    assert not MotionAssessor(body)(motion, capture, fps=FPS).reasons


@pytest.mark.parametrize("step", [1, 4])
def test_a_snap_that_retargeting_makes_is_called_its_fault(body, step):
    capture = leg_take(110, 160)
    pose, translation = retarget(capture, body, fps=FPS)
    hip = 3 * JOINT_NAMES.index("right_hip")
    pose[100] = pose[40]  # the other side of a thigh, for a single frame of a kick
    pose[100, hip : hip + 3] = [np.radians(60), 0, 0]
    motion = Motion(pose[::step], translation[::step], FPS / step, "1", "1", "kick", "")
    reasons = MotionAssessor(body)(motion, capture, fps=FPS).reasons
    (reason,) = [r for r in reasons if r.joint == "right_knee"]
    assert reason.defect == "retargeting" and reason.frame in (100, 100 + step)
    kept = retarget(capture, body, fps=FPS)
    good = Motion(kept[0][::step], kept[1][::step], FPS / step, "1", "1", "kick", "")
    verdict = MotionAssessor(body)(good, capture, fps=FPS)
    assert not [r for r in (*verdict.reasons, *verdict.notes) if r.defect == "retargeting"]
