"""AMASS files: a known motion written in their frame and got back, and what is refused."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy_format
from scipy.spatial.transform import Rotation

from mocap.bodies.body import JOINT_NAMES
from mocap.errors import BadInput
from mocap.motion import Motion
from mocap.readers.acclaim.capture import acclaim_capture
from mocap.readers.formats import list_file, read_recording
from mocap.readers.smpl.amass import list_amass, read_amass
from mocap.readers.smpl.arrays import list_smpl_arrays, read_smpl_poses
from mocap.retargeting.ground import chain_joints, foot_heights, global_rotations, soles_of
from mocap.retargeting.retarget import retarget
from synth.standins.actions import ACTIONS
from synth.standins.mannequin import FPS, Proportions, mannequin_skeleton
from synth.standins.motions import generate

TO_Z_UP = Rotation.from_euler("x", 90, degrees=True)  # y, up here, becomes z


@pytest.fixture(scope="module")
def walk(body) -> Motion:
    """A mannequin's walk on the free body."""
    skeleton = mannequin_skeleton(Proportions(), "walker")
    action = next(action for action in ACTIONS if action.category == "walk")
    _, frames = generate(skeleton, action, seed=3, subject=0, variation=0)
    pose, translation = retarget(acclaim_capture(skeleton, frames), body, fps=FPS)
    return Motion(pose, translation, FPS, "07", "03", "07_03", "made")


def as_amass(motion: Motion, body, *, width: int = 156, legs: float = 1.0) -> dict[str, np.ndarray]:
    """Arrays as AMASS stores them, z up; the recorded person's legs are ``legs`` times the body's."""
    rest = body.rest_joints[0].astype(float)
    poses = np.zeros((len(motion), width))
    poses[:, :66] = motion.pose[:, :66]
    poses[:, :3] = (TO_Z_UP * Rotation.from_rotvec(motion.pose[:, :3])).as_rotvec()
    trans = TO_Z_UP.apply(legs * (motion.translation.astype(float) + rest)) - rest
    return {
        "poses": poses,
        "trans": trans,
        "betas": np.linspace(-1, 1, 16),
        "gender": np.array("female"),
        "mocap_framerate": np.array(motion.fps),
    }


def joints_of(motion: Motion, body) -> np.ndarray:
    soles = soles_of(body)
    pelvis = (motion.translation + soles.joints[0])[:, None]
    return chain_joints(global_rotations(motion.pose), soles.joints) + pelvis


@pytest.mark.parametrize("width", [72, 156, 165])
def test_a_motion_written_in_their_frame_comes_back(walk, body, tmp_path, width):
    path = tmp_path / "CMU" / "07" / "07_03_poses.npz"
    path.parent.mkdir(parents=True)
    arrays = as_amass(walk, body, width=width)
    np.savez(path, **arrays)
    again = read_amass(path).to_motion(body, fit_path=False)
    np.testing.assert_allclose(again.translation, walk.translation, atol=2e-6)
    same = Rotation.from_rotvec(again.pose[:, :3]).inv() * Rotation.from_rotvec(walk.pose[:, :3])
    assert same.magnitude().max() < 1e-5
    np.testing.assert_allclose(again.pose[:, 3:66], walk.pose[:, 3:66], atol=1e-6)
    assert (again.fps, again.name, again.subject, again.trial) == (FPS, "07_03", "07", "03")
    fitted = read_recording(path).to_motion(body)
    np.testing.assert_allclose(fitted.translation[:, ::2], walk.translation[:, ::2], atol=1e-5)
    assert np.abs(fitted.translation[:, 1] - walk.translation[:, 1]).max() < 0.015


def test_who_walks_forward_there_walks_upright_and_forward_here(walk, body, tmp_path):
    np.savez(tmp_path / "walk_poses.npz", **as_amass(walk, body))
    motion = read_recording(tmp_path / "walk_poses.npz").to_motion(body)
    joints = joints_of(motion, body)
    place = {name: joints[:, i] for i, name in enumerate(JOINT_NAMES)}
    assert (place["head"] - place["pelvis"])[:, 1].min() > 0.4
    assert (place["pelvis"] - place["left_ankle"])[:, 1].min() > 0.5
    path = place["pelvis"][-1] - place["pelvis"][0]
    ahead = global_rotations(motion.pose)[:, 0, :, 2].mean(axis=0)
    assert np.linalg.norm(path) > 1.0 and abs(path[1]) < 0.1
    assert path @ ahead > 0.9 * np.linalg.norm(path) * np.linalg.norm(ahead)
    left = (place["left_shoulder"] - place["right_shoulder"]).mean(axis=0)
    assert np.cross([0, 1, 0], ahead) @ left > 0  # not mirrored: left of ahead is the left arm
    feet = foot_heights(global_rotations(motion.pose), soles_of(body))
    assert abs(np.median((feet + place["pelvis"][:, 1:2]).min(axis=1))) < 0.015


def test_the_path_of_shorter_legs_is_lengthened_so_that_feet_do_not_skate(walk, body, tmp_path):
    np.savez(tmp_path / "a_poses.npz", **as_amass(walk, body, legs=0.88))
    motion = read_recording(tmp_path / "a_poses.npz").to_motion(body)
    long = np.ptp(motion.translation[:, [0, 2]], axis=0).max()
    recorded = np.ptp(read_amass(tmp_path / "a_poses.npz").translation[:, :2], axis=0).max()
    assert long / recorded == pytest.approx(1 / 0.88, abs=0.05)
    feet = foot_heights(global_rotations(motion.pose), soles_of(body))
    height = feet.min(axis=1) + (motion.translation + body.rest_joints[0])[:, 1]
    assert abs(np.median(height)) < 0.015 and height.min() > -0.03


@pytest.mark.parametrize(
    ("gender", "read"),
    [
        (np.array("male"), "male"),
        (np.array(b"female"), "female"),
        (np.array(["neutral"]), "neutral"),
        (np.array([b"male"]), "male"),
        (np.array("b'female'"), "female"),
        (np.array(3), None),
        (np.array("male", dtype=object), None),
    ],
)
def test_gender_in_all_its_spellings(walk, body, tmp_path, gender, read):
    arrays = as_amass(walk, body) | {"gender": gender}
    np.savez(tmp_path / "a_poses.npz", **arrays)
    assert read_amass(tmp_path / "a_poses.npz").gender == read


def test_either_spelling_of_the_rate_and_either_number_of_betas(walk, body, tmp_path):
    arrays = as_amass(walk, body, width=165)
    del arrays["mocap_framerate"]
    arrays |= {"mocap_frame_rate": np.array(60), "betas": np.ones((1, 10), np.float32)}
    path = tmp_path / "KIT" / "3" / "walking_slow01_stageii.npz"
    path.parent.mkdir(parents=True)
    np.savez_compressed(path, **arrays)
    (stored,) = list_file(path)
    recording = read_recording(path)
    assert stored.fps == recording.fps == 60.0 and stored.frames == len(recording.pose)
    assert (stored.name, stored.subject, stored.trial) == (
        "walking_slow01",
        "3",
        "walking_slow01",
    )
    np.testing.assert_array_equal(recording.betas, np.ones(10))
    assert not np.any(recording.pose[:, 66:])
    assert any("fingers" in what for what in recording.dropped) and "eyes" in recording.dropped[1]


def test_listing_decodes_no_pose(walk, body, tmp_path):
    arrays = as_amass(walk, body)
    np.savez(tmp_path / "a_poses.npz", **arrays)
    whole = (tmp_path / "a_poses.npz").read_bytes()
    at = whole.index(arrays["poses"].tobytes()[:64])
    broken = whole[: at + 100] + b"\0" * 400 + whole[at + 500 :]
    (tmp_path / "a_poses.npz").write_bytes(broken)
    assert list_amass(tmp_path / "a_poses.npz").frames == len(walk)
    with pytest.raises(BadInput, match=r"a_poses\.npz, array 'poses': found damage \(Bad CRC"):
        read_amass(tmp_path / "a_poses.npz")


@pytest.mark.parametrize("name", ["poses", "trans", "mocap_framerate"])
def test_arrays_of_objects_are_refused_with_what_to_do(walk, body, tmp_path, name):
    arrays = as_amass(walk, body)
    arrays[name] = arrays[name].astype(object)
    np.savez(tmp_path / "a_poses.npz", **arrays)
    with pytest.raises(BadInput, match=rf"array '{name}': found Python objects.*numpy\.savez"):
        read_amass(tmp_path / "a_poses.npz")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"poses": np.zeros((5, 70))}, r"'poses': found float64 values of shape \(5, 70\)"),
        ({"poses": np.zeros((0, 156))}, r"shape \(0, 156\)"),
        ({"trans": np.zeros((4, 3))}, r"'trans': found shape \(4, 3\), expected \("),
        ({"trans": None}, "no array 'trans'"),
        ({"mocap_framerate": np.array(0.0)}, "0 frames a second"),
        ({"mocap_framerate": np.array([30.0, 60.0])}, "one number"),
        ({"mocap_framerate": np.array("fast")}, "one number"),
    ],
)
def test_what_makes_no_motion_is_refused(walk, body, tmp_path, change, reason):
    arrays = {k: v for k, v in (as_amass(walk, body) | change).items() if v is not None}
    np.savez(tmp_path / "a_poses.npz", **arrays)
    with pytest.raises(BadInput, match=reason) as caught:
        read_amass(tmp_path / "a_poses.npz")
    assert "a_poses.npz" in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, 1e300])
def test_values_that_no_body_has_are_refused_with_their_frame(walk, body, tmp_path, value):
    for name in ("poses", "trans"):
        arrays = as_amass(walk, body)
        arrays[name][7, 1] = value
        np.savez(tmp_path / "a_poses.npz", **arrays)
        with pytest.raises(BadInput, match=rf"array '{name}': found (nan|inf|1e\+30) in frame 7"):
            read_amass(tmp_path / "a_poses.npz")


def test_a_header_that_claims_more_than_there_is_allocates_nothing(tmp_path):
    header = io.BytesIO()
    said = {"descr": "<f8", "fortran_order": False, "shape": (10**12, 156)}
    npy_format.write_array_header_1_0(header, said)
    with zipfile.ZipFile(tmp_path / "a_poses.npz", "w") as archive:
        archive.writestr("poses.npy", header.getvalue() + b"\0" * 800)
        for name, value in (("mocap_framerate", np.array(120.0)), ("trans", np.zeros((5, 3)))):
            small = io.BytesIO()
            np.save(small, value)
            archive.writestr(f"{name}.npy", small.getvalue())
    for reader in (list_amass, read_amass, list_file):
        with pytest.raises(BadInput, match=r"800 bytes of data, expected 1\.248e"):
            reader(tmp_path / "a_poses.npz")


def test_files_of_a_shape_alone_hold_no_motion(tmp_path):
    np.savez(tmp_path / "shape.npz", betas=np.zeros(16), gender=np.array("male"))
    assert list_file(tmp_path / "shape.npz") == ()
    with pytest.raises(BadInput, match="a body's shape without poses"):
        read_recording(tmp_path / "shape.npz")


def test_plain_arrays_need_a_rate_and_keep_their_numbers(walk, body, tmp_path):
    np.save(tmp_path / "p.npy", walk.pose)
    with pytest.raises(BadInput, match=r"p\.npy: 'p' has no frame rate.*--source-fps"):
        read_smpl_poses(tmp_path / "p.npy")
    assert list_smpl_arrays(tmp_path / "p.npy").fps is None
    recording = read_recording(tmp_path / "p.npy", fps=50.0)
    np.testing.assert_array_equal(recording.pose, walk.pose)
    assert recording.fps == 50.0 and not recording.translation.any()
    np.savez(
        tmp_path / "p.npz",
        poses=walk.pose.reshape(-1, 24, 3),
        transl=np.asfortranarray(walk.translation),
        fps=120,
    )
    assert list_file(tmp_path / "p.npz")[0].fps == 120.0
    motion = read_smpl_poses(tmp_path / "p.npz", fps=25.0).to_motion(body, fit_path=False)
    np.testing.assert_array_equal(motion.pose, walk.pose)
    np.testing.assert_allclose(motion.translation, walk.translation, atol=1e-6)
    assert motion.fps == 120.0


def test_plain_arrays_in_another_world_are_turned_when_told(walk, body, tmp_path):
    arrays = as_amass(walk, body, width=72)
    np.savez(tmp_path / "z.npz", poses=arrays["poses"], trans=arrays["trans"], fps=120)
    motion = read_smpl_poses(tmp_path / "z.npz", up_axis="z").to_motion(body, fit_path=False)
    np.testing.assert_allclose(motion.translation, walk.translation, atol=2e-6)
