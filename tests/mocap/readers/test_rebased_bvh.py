"""A motion is the same on hierarchies whose zero pose is no standing figure."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from mocap.bodies.body import JOINT_NAMES, PARENTS
from mocap.readers.acclaim.asf_amc import read_amc, read_asf
from mocap.readers.acclaim.capture import acclaim_capture
from mocap.readers.bvh.capture import bvh_capture
from mocap.readers.bvh.parser import bvh_kinematics, read_bvh, read_bvh_start
from mocap.retargeting.ground import chain_joints, global_rotations, soles_of
from mocap.retargeting.retarget import retarget
from mocap.retargeting.skeleton import Skeleton
from mocap.rotations import unit
from tests.mocap.cmu_like import cmu_like
from tests.mocap.rebased_bvh import (
    Z_UP,
    Figure,
    bones_along,
    carried_by_children,
    figure_of,
    figure_text,
    knotted,
    renamed,
    with_end_joints,
    with_floor_root,
    with_free_twist,
    with_twist_joints,
)

X, Y, Z = np.eye(3)
TWISTING = ("LeftUpLeg", "RightUpLeg", "LeftArm", "RightArm")
BANDAI = {"Hips": "Hips", "Spine": "Spine", "Spine1": "Chest", "Neck": "Neck", "Head": "Head"} | {
    f"{side}{joint}": f"{name}_{side[0]}"
    for side in ("Left", "Right")
    for joint, name in {
        "UpLeg": "UpperLeg",
        "Leg": "LowerLeg",
        "Foot": "Foot",
        "ToeBase": "Toes",
        "Shoulder": "Shoulder",
        "Arm": "UpperArm",
        "ForeArm": "LowerArm",
        "Hand": "Hand",
    }.items()
}
STUDIO = {"LowerBack": "Spine1", "Spine": "Spine2", "Spine1": "Spine3"} | {
    f"{side}{joint}": f"{side}{name}"
    for side in ("Left", "Right")
    for joint, name in {"UpLeg": "Thigh", "Leg": "Shin", "ToeBase": "Toe"}.items()
}
UBISOFT = {"LowerBack": "Spine", "Spine": "Spine1", "Spine1": "Spine2"} | {
    f"{side}ToeBase": f"{side}Toe" for side in ("Left", "Right")
}
STYLE = {"LowerBack": "Chest", "Spine": "Chest2", "Spine1": "Chest3"} | {
    f"{side}{joint}": f"{side}{name}"
    for side in ("Left", "Right")
    for joint, name in {
        "UpLeg": "Hip",
        "Leg": "Knee",
        "Foot": "Ankle",
        "ToeBase": "Toe",
        "Shoulder": "Collar",
        "Arm": "Shoulder",
        "ForeArm": "Elbow",
        "Hand": "Wrist",
    }.items()
}
HIERARCHIES = {
    "along x": lambda f: figure_text(bones_along(f, X)),
    "along -y": lambda f: figure_text(bones_along(f, -Y, seed=1), order="XYZ"),
    "along z": lambda f: figure_text(bones_along(f, Z, seed=2), order="YXZ"),
    "a knot": lambda f: figure_text(knotted(f), order="YZX"),
    "z up, centimetres": lambda f: figure_text(bones_along(f, X), turn=Z_UP, scale=100.0),
    "z up, a knot": lambda f: figure_text(knotted(f, seed=5), turn=Z_UP, order="XZY"),
    "twist joints": lambda f: figure_text(bones_along(with_twist_joints(f, TWISTING), X)),
    "twist joints, standing": lambda f: figure_text(with_twist_joints(f, TWISTING)),
    "hips carried": lambda f: figure_text(carried_by_children(f)),
    "hips carried, along x": lambda f: figure_text(carried_by_children(bones_along(f, X))),
    "end joints": lambda f: figure_text(knotted(with_end_joints(f), seed=6)),
    "every joint moves": lambda f: figure_text(bones_along(f, X), every_joint_moves=True),
    "a root on the floor": lambda f: figure_text(
        with_floor_root(bones_along(f, X)), every_joint_moves=True, scale=100.0
    ),
}
CMU_AXES = {
    "femur": (0, 0, 20),
    "tibia": (0, 0, 20),
    "foot": (-90, 0, 20),
    "toes": (-90, 0, 20),
    "radius": (180, -30, -90),
    "wrist": (0, 90, 90),
    "hand": (0, 90, 90),
    "fingers": (0, 90, 90),
}
SPINE = {
    "lowerback": -0.06,
    "upperback": 0.0,
    "thorax": 0.04,
    "lowerneck": 0.06,
    "upperneck": -0.15,
}


def stand_in_skeleton() -> Skeleton:
    """CMU's rest pose with CMU's axes and a back that is about as curved as its subjects'."""
    skeleton = cmu_like()
    bones = []
    for bone in skeleton.bones:
        axis = CMU_AXES.get(bone.name[1:])
        if axis is not None:
            sign = 1 if bone.name[0] == "l" else -1
            bone = replace(bone, axis=tuple(np.radians([axis[0], sign * axis[1], sign * axis[2]])))
        if bone.name in SPINE:
            direction = tuple(unit(np.array([0.0, 1.0, SPINE[bone.name]])))
            bone = replace(bone, direction=direction)
        bones.append(bone)
    return replace(skeleton, bones=tuple(bones))


def stand_in_motion(skeleton: Skeleton, count: int = 240) -> np.ndarray:
    """A walk on the spot with swinging arms, the back, the neck and the hands never quite still."""
    rng = np.random.default_rng(3)
    frames = np.zeros((count, len(skeleton.channels)))
    column = skeleton.columns
    phase = np.linspace(0, 6 * np.pi, count)
    for name in ("root", "lowerback", "upperback", "thorax", "lowerneck", "upperneck", "head"):
        for dof in ("rx", "ry", "rz"):
            noise = gaussian_filter1d(rng.normal(0, 1, count), 8)
            frames[:, column[name, dof]] = np.radians(5) * (noise - noise.mean()) / noise.std()
    for side, sign, shift in (("l", 1, 0.0), ("r", -1, np.pi)):
        swing = np.sin(phase + shift)
        knee = np.radians(8) + np.radians(50) * np.maximum(np.sin(phase + shift - 0.8), 0) ** 2
        frames[:, column[f"{side}femur", "rx"]] = np.radians(-12 - 22 * swing)
        frames[:, column[f"{side}femur", "rz"]] = np.radians(-18 * sign)
        frames[:, column[f"{side}tibia", "rx"]] = knee
        frames[:, column[f"{side}foot", "rx"]] = np.radians(-14 + 12 * swing)
        frames[:, column[f"{side}humerus", "rz"]] = np.radians(-70 * sign + 5 * swing)
        frames[:, column[f"{side}humerus", "ry"]] = np.radians(25 * swing)
        frames[:, column[f"{side}radius", "rx"]] = np.radians(35 + 15 * swing)
        frames[:, column[f"{side}hand", "rx"]] = np.radians(10 * swing)
    frames[:, column["root", "ty"]] = 0.95
    frames[:, column["root", "tz"]] = np.linspace(0, 0.2, count)
    return frames


@cache
def stand_in() -> tuple[Skeleton, np.ndarray]:
    skeleton = stand_in_skeleton()
    return skeleton, stand_in_motion(skeleton)


def on_body(capture, body) -> tuple[np.ndarray, np.ndarray]:
    """World joints (T, 24, 3) and global rotations (T, 24, 3, 3) of a capture on a body."""
    pose, translation = retarget(capture, body, fps=120.0)
    soles, rotations = soles_of(body), global_rotations(pose)
    joints = chain_joints(rotations, soles.joints)
    return joints + (translation + soles.joints[0])[:, None], rotations


def read(folder, text: str, name: str = "take.bvh"):
    path = folder / name
    path.write_text(text)
    return bvh_capture(read_bvh(path))[0]


def degrees_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    sine = np.linalg.norm(np.cross(first, second), axis=-1)
    return np.degrees(np.arctan2(sine, (first * second).sum(-1)))


def assert_same(first, second, *, metres: float = 0.01, degrees: float = 2.0) -> None:
    """Joints and bones of two motions on one body are the same on the average."""
    assert first[0].shape == second[0].shape
    assert np.linalg.norm(first[0] - second[0], axis=-1).mean() < metres
    bones = [(j, p) for j, p in enumerate(PARENTS) if p >= 0]
    child, parent = (np.array(column) for column in zip(*bones, strict=True))
    apart = degrees_between(*(w[:, child] - w[:, parent] for w, _ in (first, second)))
    assert apart.mean() < degrees
    limbs = [JOINT_NAMES.index(f"{s}_{j}") for s in ("left", "right") for j in ("hip", "knee")]
    limbs += [JOINT_NAMES.index(f"{s}_{j}") for s in ("left", "right") for j in ("shoulder",)]
    turns = np.swapaxes(first[1][:, limbs], -1, -2) @ second[1][:, limbs]
    angles = np.degrees(Rotation.from_matrix(turns.reshape(-1, 3, 3)).magnitude())
    assert angles.reshape(-1, len(limbs)).mean(axis=0).max() < degrees  # twist included


@pytest.mark.parametrize("name", HIERARCHIES)
def test_a_motion_is_the_same_on_every_hierarchy(tmp_path, body, name):
    skeleton, frames = stand_in()
    native = on_body(acclaim_capture(skeleton, frames), body)
    capture = read(tmp_path, HIERARCHIES[name](figure_of(skeleton, frames)))
    assert any("from the positions over the motion" in note for note in capture.notes) == (
        name != "twist joints, standing"
    )
    assert_same(native, on_body(capture, body))


@pytest.mark.parametrize("names", [BANDAI, STUDIO, UBISOFT, STYLE])
def test_other_names_on_such_hierarchies_are_understood(tmp_path, body, names):
    skeleton, frames = stand_in()
    native = on_body(acclaim_capture(skeleton, frames), body)
    figure = renamed(bones_along(figure_of(skeleton, frames), X), names)
    capture = read(tmp_path, figure_text(figure, scale=100.0))
    assert any("does not stand" in note for note in capture.notes)
    assert_same(native, on_body(capture, body))


@pytest.mark.parametrize("name", ["02_01", "02_04", "05_01", "05_11", "16_15", "35_01", "49_19"])
@pytest.mark.parametrize("hierarchy", ["along x", "z up, a knot", "hips carried, along x"])
def test_real_motions_are_the_same_on_every_hierarchy(shared_data, tmp_path, body, name, hierarchy):
    path = shared_data / "cmu" / "asfamc" / name[:2] / f"{name}.amc"
    skeleton = read_asf(path.with_name(f"{name[:2]}.asf"))
    frames = read_amc(path, skeleton)
    native = on_body(acclaim_capture(skeleton, frames), body)
    capture = read(tmp_path, HIERARCHIES[hierarchy](figure_of(skeleton, frames)))
    assert_same(native, on_body(capture, body))


@pytest.mark.parametrize(
    "name", ["motionbuilder/05_20-mb.bvh", "daz/05_20-daz.bvh", "daz/02_01.bvh", "daz/09_08.bvh"]
)
def test_cgspeeds_files_on_other_hierarchies_are_read_by_their_rest_frame(
    shared_data, tmp_path, body, name
):
    motion = read_bvh(shared_data / "cmu" / "bvh" / name)
    rotations, positions = bvh_kinematics(motion)
    figure = Figure(
        motion.names, motion.parents, motion.offsets, motion.ends, rotations, positions[:, 0]
    )
    text = figure_text(bones_along(figure, X, seed=4))
    capture = read(tmp_path, text)
    native = on_body(bvh_capture(motion)[0], body)
    assert_same(native, on_body(capture, body), metres=0.006)
    start, rows = read_bvh_start(tmp_path / "take.bvh")
    assert rows - (len(start) - len(bvh_capture(start)[0])) == len(capture)


def test_hips_that_child_joints_carry_tell_the_pelvis(shared_data, body):
    path = shared_data / "faults" / "motions" / "xia_free_twist.bvh"
    motion = read_bvh(path)
    capture, _ = bvh_capture(motion)
    assert any("rotations of Hips" in note for note in capture.notes)
    joints, rotations = on_body(capture, body)
    names = {name: i for i, name in enumerate(JOINT_NAMES)}
    for joint, limit in (("hip", 2.0), ("shoulder", 6.0)):
        left, right = (joints[:, names[f"{side}_{joint}"]] for side in ("left", "right"))
        captured = capture.joints[f"left_{joint}"] - capture.joints[f"right_{joint}"]
        assert degrees_between(left - right, captured).max() < limit
    assert rotations[:, 0, 1, 1].min() > 0.9  # the pelvis is upright: she walks
    thighs = rotations[:, [names["left_hip"], names["right_hip"]]]
    turns = np.swapaxes(rotations[:, :1], -1, -2) @ thighs
    assert np.degrees(Rotation.from_matrix(turns.reshape(-1, 3, 3)).magnitude()).max() < 60
    toes = joints[:, names["left_foot"]] - joints[:, names["left_ankle"]]
    heading = np.diff(joints[[0, -1], 0], axis=0)[0] * [1, 0, 1]
    assert (unit(toes * [1, 0, 1]).mean(axis=0) @ unit(heading)) > 0.5


@pytest.mark.parametrize("seed", [0, 1])
def test_limbs_that_twist_at_random_are_read_by_their_positions(tmp_path, body, seed):
    skeleton, frames = stand_in()
    native = on_body(acclaim_capture(skeleton, frames), body)
    figure = with_free_twist(figure_of(skeleton, frames), seed)
    for text in (figure_text(figure), figure_text(bones_along(figure, X), order="XYZ")):
        capture = read(tmp_path, text)
        assert any("contradict the joints' positions" in note for note in capture.notes)
        assert_same(native, on_body(capture, body), metres=0.015, degrees=6.0)


def test_a_straight_limb_is_not_wrung(tmp_path, body):
    """Where knees and elbows never bend, their twist is that of the hips and the shoulders."""
    skeleton, frames = stand_in()
    frames = frames.copy()
    for side in "lr":
        frames[:, skeleton.columns[f"{side}tibia", "rx"]] = 0.0
        frames[:, skeleton.columns[f"{side}radius", "rx"]] = 0.0
    native = on_body(acclaim_capture(skeleton, frames), body)
    text = figure_text(bones_along(figure_of(skeleton, frames), X))
    assert_same(native, on_body(read(tmp_path, text), body), degrees=8.0)
