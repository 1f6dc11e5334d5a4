"""The same recorded motion through different files arrives as the same motion."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.bodies.body import JOINT_NAMES
from mocap.readers.acclaim.asf_amc import read_amc, read_asf
from mocap.readers.acclaim.capture import acclaim_capture
from mocap.readers.bvh.capture import bvh_capture, bvh_motion
from mocap.readers.bvh.parser import read_bvh
from mocap.retargeting.capture import Capture
from mocap.retargeting.ground import chain_joints, global_rotations, soles_of
from mocap.retargeting.retarget import retarget

ACCLAIM = "asfamc/{subject}/{name}.amc"
DAZ = "bvh/daz/{name}.bvh"
BY_TWO = [
    ("05_20", "bvh/motionbuilder/05_20-mb.bvh", "bvh/daz/05_20-daz.bvh"),
    ("16_15", ACCLAIM, "bvh/motionbuilder/16_15_imusim.bvh"),
    *((name, ACCLAIM, DAZ) for name in ("02_01", "02_02", "02_03", "02_04", "05_01")),
]


def capture_of(shared_data, name: str, pattern: str) -> Capture:
    path = shared_data / "cmu" / pattern.format(subject=name[:2], name=name)
    if path.suffix == ".bvh":
        capture, fps = bvh_capture(read_bvh(path))
        assert fps == 120
        return capture
    skeleton = read_asf(path.with_name(f"{name[:2]}.asf"))
    return acclaim_capture(skeleton, read_amc(path, skeleton))


def joints_of(capture: Capture, body) -> tuple[np.ndarray, np.ndarray]:
    """World joints (T, 24, 3) and global rotations of the capture on the body."""
    pose, translation = retarget(capture, body, fps=120.0)
    soles, rotations = soles_of(body), global_rotations(pose)
    return chain_joints(rotations, soles.joints) + (translation + soles.joints[0])[
        :, None
    ], rotations


@pytest.mark.parametrize(("name", "one", "other"), BY_TWO)
def test_two_files_of_one_motion_agree(shared_data, body, name, one, other):
    first, turns = joints_of(capture_of(shared_data, name, one), body)
    second, other_turns = joints_of(capture_of(shared_data, name, other), body)
    assert len(first) == len(second)  # the rest frame is gone from both
    over_pelvis = np.linalg.norm((first - first[:, :1]) - (second - second[:, :1]), axis=-1)
    assert over_pelvis.mean() < 0.03
    assert np.percentile(over_pelvis.mean(axis=1), 95) < 0.04
    assert over_pelvis.mean(axis=1).max() < 0.07  # no frame of the rest pose, nor one beside it
    in_world = np.linalg.norm(first - second, axis=-1).mean()
    assert in_world < (0.035 if name == "02_03" else 0.03)
    head = JOINT_NAMES.index("head")
    between = np.trace(np.swapaxes(turns, -1, -2) @ other_turns, axis1=-2, axis2=-1)
    degrees = np.degrees(np.arccos(np.clip((between - 1) / 2, -1, 1))).mean(axis=0)
    assert degrees[head] < 5 and degrees[0] < 3 and degrees[JOINT_NAMES.index("spine3")] < 4


def test_daz_files_are_mended_where_the_rest_pose_bled_in(shared_data, body):
    capture = capture_of(shared_data, "02_03", DAZ)
    joints, _ = joints_of(capture, body)
    reference, _ = joints_of(capture_of(shared_data, "02_03", ACCLAIM), body)
    wrist = JOINT_NAMES.index("left_wrist")
    apart = (joints - joints[:, :1])[:4, wrist] - (reference - reference[:, :1])[:4, wrist]
    assert np.linalg.norm(apart, axis=-1).max() < 0.12  # half a metre as the file has it
    assert any("bled" in note for note in capture.notes)


def test_what_was_inferred_and_dropped_is_said(shared_data):
    daz = " | ".join(capture_of(shared_data, "02_01", DAZ).notes)
    for words in ("added rest pose", "centimetres: the legs are 0.82 m", "dropped", "rThumb1"):
        assert words in daz
    mb = " | ".join(capture_of(shared_data, "05_20", BY_TWO[0][1]).notes)
    for words in ("added rest pose", "1/0.45 inch: the legs are 0.82 m", "given back", "LThumb"):
        assert words in mb
    imusim = " | ".join(capture_of(shared_data, "16_15", BY_TWO[1][2]).notes)
    assert "centimetres: the legs are 0.84 m" in imusim and "rest pose" not in imusim


def test_cmu_bvh_files_keep_every_bone_of_the_acclaim_file(shared_data):
    acclaim = capture_of(shared_data, "16_15", ACCLAIM)
    bvh = capture_of(shared_data, "16_15", BY_TWO[1][2])
    # The Acclaim file has lost the left arm in its first frames, and of the limbs' rotations the BVH
    # file's writer kept every fourth frame and bent lines between them.
    whole = slice(20, None, 4)
    np.testing.assert_allclose(
        bvh.rotation_matrices[whole], acclaim.rotation_matrices[whole], atol=2e-3
    )
    for name, way in acclaim.rest_directions.items():
        np.testing.assert_allclose(bvh.rest_directions[name], way, atol=2e-3)
    for name, place in acclaim.joints.items():
        np.testing.assert_allclose(bvh.joints[name][whole], place[whole], atol=2e-3)


@pytest.mark.parametrize("name", ["09_01", "05_20-daz"])
def test_motions_of_cmu_carry_its_names(shared_data, body, name):
    motion = bvh_motion(shared_data / "cmu" / "bvh" / "daz" / f"{name}.bvh", body)
    assert (motion.name, motion.subject, motion.trial) == (name[:5], name[:2], name[3:5])
    assert motion.fps == 120 and np.isfinite(motion.pose).all()
