"""SMPL poses under all their names and shapes: each gives the poses of the plain file."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mocap.errors import BadInput
from mocap.library.motion_library import open_motion_library
from mocap.readers.formats import list_file, read_recording
from mocap.readers.smpl.recording import Recording
from mocap.retargeting.ground import chain_joints, global_rotations, soles_of
from tests.mocap.smpl_like import official_pickle, small_arrays

FRAMES, FPS = 40, 50.0
UPRIGHT = Rotation.from_euler("x", 90, degrees=True)  # y, up here, becomes z


@pytest.fixture
def pose() -> np.ndarray:
    """Poses (T, 24, 3) of somebody who stands in a world that is y up; hands at rest."""
    rng = np.random.default_rng(3)
    values = rng.normal(0, 0.15, (FRAMES, 24, 3))
    values[:, 22:] = 0
    return values


@pytest.fixture
def path() -> np.ndarray:
    return np.cumsum(np.random.default_rng(4).normal(0, 0.005, (FRAMES, 3)), axis=0)


def matrices(values: np.ndarray) -> np.ndarray:
    flat = Rotation.from_rotvec(values.reshape(-1, 3)).as_matrix()
    return flat.reshape(*values.shape[:-1], 3, 3)


def with_more(pose: np.ndarray, joints: int) -> np.ndarray:
    """The same 22 joints with the fingers (and jaw and eyes) of a larger model after them."""
    more = np.random.default_rng(5).normal(0, 0.3, (len(pose), joints - 22, 3))
    return np.concatenate([pose[:, :22], more], axis=1)


def flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)


SPELLINGS = {
    "poses 72": lambda p: {"poses": flat(p)},
    "poses 24x3": lambda p: {"poses": p},
    "poses 22x3": lambda p: {"poses": p[:, :22]},
    "poses 66": lambda p: {"poses": flat(p[:, :22])},
    "poses 52x3": lambda p: {"poses": with_more(p, 52)},
    "poses 55x3": lambda p: {"poses": with_more(p, 55)},
    "poses 55x3, by columns": lambda p: {"poses": np.asfortranarray(with_more(p, 55))},
    "poses 156, by columns": lambda p: {"poses": np.asfortranarray(flat(with_more(p, 52)))},
    "poses as matrices": lambda p: {"poses": matrices(p)},
    "pose": lambda p: {"pose": flat(p)},
    "smpl_poses": lambda p: {"smpl_poses": flat(p)},
    "fullpose": lambda p: {"fullpose": flat(with_more(p, 55))},
    "stage II": lambda p: {
        "root_orient": p[:, 0],
        "pose_body": flat(p[:, 1:22]),
        "pose_hand": np.ones((len(p), 90)),
        "pose_jaw": np.ones((len(p), 3)),
        "pose_eye": np.ones((len(p), 6)),
    },
    "smplx": lambda p: {"global_orient": p[:, 0], "body_pose": flat(p[:, 1:22])},
    "smpl": lambda p: {"global_orient": p[:, 0], "body_pose": flat(p[:, 1:])},
    "smpl, joint by joint": lambda p: {"global_orient": p[:, :1], "body_pose": p[:, 1:]},
    "estimated": lambda p: {"global_orient": matrices(p[:, :1]), "body_pose": matrices(p[:, 1:])},
    "pelvis as a matrix": lambda p: {"global_orient": matrices(p[:, 0]), "body_pose": p[:, 1:]},
    "pelvis and poses": lambda p: {"root_orient": p[:, 0], "poses": flat(p[:, 1:22])},
    "body alone": lambda p: {"body_pose": flat(p)},
}


@pytest.mark.parametrize("translation", ["trans", "transl", "translation", "smpl_trans"])
@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_gives_the_same_motion(pose, path, tmp_path, name, translation):
    arrays = SPELLINGS[name](pose) | {translation: path, "fps": FPS}
    for suffix in ("npz", "pkl"):
        file = tmp_path / f"a.{suffix}"
        if suffix == "npz":
            np.savez(file, **arrays)
        else:
            file.write_bytes(pickle.dumps(arrays, protocol=2))
        (stored,) = list_file(file)
        recording = read_recording(file)
        assert (stored.frames, stored.fps, stored.format) == (FRAMES, FPS, "smpl")
        np.testing.assert_allclose(recording.pose, flat(pose), atol=1e-6)
        np.testing.assert_allclose(recording.translation, path, atol=1e-6)


@pytest.mark.parametrize("suffix", ["poses", "stageii"])
@pytest.mark.parametrize("name", ["stage II", "smplx", "poses 55x3", "smpl"])
def test_amass_needs_no_array_poses(pose, path, tmp_path, name, suffix):
    turned = pose.copy()
    turned[:, 0] = (UPRIGHT * Rotation.from_rotvec(pose[:, 0])).as_rotvec()
    rate = {"mocap_frame_rate": np.array(120.0), "gender": np.array("neutral")}
    np.savez(tmp_path / f"walk_{suffix}.npz", **SPELLINGS[name](turned), trans=path, **rate)
    (stored,) = list_file(tmp_path / f"walk_{suffix}.npz")
    recording = read_recording(tmp_path / f"walk_{suffix}.npz")
    assert (stored.format, stored.frames, stored.name) == ("amass", FRAMES, "walk")
    assert (recording.up_axis, recording.fps) == ("z", 120.0)
    np.testing.assert_allclose(recording.pose, flat(turned), atol=1e-6)
    assert ("the fingers" in recording.dropped) == (name == "stage II")


def test_the_stageii_of_the_report_is_read(shared_data, body):
    file = shared_data / "faults" / "motions" / "no_poses_stageii.npz"
    library = open_motion_library(file.parent)
    (entry,) = [entry for entry in library.entries if entry.path == file]
    assert (entry.frames, entry.fps, entry.format) == (343, 120.0, "amass")
    motion = read_recording(file).to_motion(body)
    with np.load(file) as arrays:
        np.testing.assert_allclose(motion.pose[:, 3:66], arrays["pose_body"], atol=1e-6)
    assert np.median(global_rotations(motion.pose)[:, 0, 1, 1]) > 0.9


def test_aist_is_scaled_to_metres_and_has_its_rate(pose, path, tmp_path):
    arrays = {
        "smpl_poses": flat(pose),
        "smpl_trans": path * 93.77886,
        "smpl_scaling": np.array([93.77886]),
        "smpl_loss": 0.5,
    }
    (tmp_path / "gBR_sBM.pkl").write_bytes(pickle.dumps(arrays, protocol=4))
    (stored,) = list_file(tmp_path / "gBR_sBM.pkl")
    recording = read_recording(tmp_path / "gBR_sBM.pkl")
    assert stored.fps == recording.fps == 60.0
    np.testing.assert_allclose(recording.translation, path, atol=1e-6)
    arrays["smpl_scaling"] = np.array([0.0])
    (tmp_path / "b.pkl").write_bytes(pickle.dumps(arrays, protocol=4))
    with pytest.raises(BadInput, match=r"b\.pkl, array 'smpl_scaling': found 0 units in a metre"):
        read_recording(tmp_path / "b.pkl")


@pytest.mark.parametrize("suffix", ["npz", "pkl"])
def test_a_body_model_beside_motions_is_no_motion_and_no_fault(pose, tmp_path, suffix):
    model = small_arrays()
    if suffix == "npz":
        np.savez(tmp_path / "model.npz", **model)
    else:
        (tmp_path / "model.pkl").write_bytes(official_pickle(model))
    np.savez(tmp_path / "a.npz", poses=flat(pose), fps=30.0)
    assert list_file(tmp_path / f"model.{suffix}") == ()
    library = open_motion_library(tmp_path)
    assert [entry.name for entry in library.entries] == ["a"] and not library.skipped


@pytest.mark.parametrize(
    "labels",
    [
        {"imgname": np.array(["seq/0.png"] * FRAMES), "cam_int": np.zeros((FRAMES, 3, 3))},
        {"cam_ext": np.zeros((FRAMES, 4, 4))},
        {"gtkps": np.zeros((FRAMES, 127, 3))},
    ],
)
def test_labels_of_images_are_no_motions(pose, path, tmp_path, labels):
    """BEDLAM's have pose_cam and trans_cam, named as SURREAL names its sequences."""
    wide = flat(with_more(pose, 55))
    arrays = {"pose_cam": wide, "pose_world": wide, "trans_cam": path, "shape": path} | labels
    np.savez(tmp_path / "bedlam.npz", **arrays)
    np.savez(tmp_path / "poses.npz", poses=wide, trans=path, fps=30.0, **labels)
    for name in ("bedlam.npz", "poses.npz"):
        for reader in (list_file, read_recording):
            with pytest.raises(BadInput, match=rf"{name}: labels of images.*in no order of time"):
                reader(tmp_path / name)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"body_pose": np.zeros((9, 63))}, "'body_pose' without the pelvis"),
        (
            {"global_orient": np.zeros((9, 3)), "body_pose": np.zeros((8, 63))},
            "'body_pose': found 8 frames, expected 9 as 'global_orient' has",
        ),
        (
            {"global_orient": np.zeros((9, 4)), "body_pose": np.zeros((9, 63))},
            r"'global_orient': found float64 values of shape \(9, 4\), expected the pelvis",
        ),
        (
            {"root_orient": np.zeros((9, 3)), "pose_body": np.zeros((9, 32))},
            r"'pose_body': found float64 values of shape \(9, 32\), expected the body",
        ),
        ({"poses": np.zeros((9, 24, 6))}, r"shape \(9, 24, 6\)"),
        ({"poses": np.zeros((9, 24, 4))}, r"shape \(9, 24, 4\)"),
        ({"poses": np.ones((9, 24, 3, 3)) * 0.5}, "no rotation in frame 0"),
        ({"poses": np.tile(np.diag([1, 1, -1]), (9, 24, 1, 1))}, "no rotation in frame 0"),
        ({"thetas": np.zeros(72)}, r"shape \(72,\)"),
    ],
)
def test_what_are_no_poses_is_said(tmp_path, arrays, reason):
    np.savez(tmp_path / "a.npz", **arrays, fps=30.0)
    with pytest.raises(BadInput, match=reason):
        read_recording(tmp_path / "a.npz")


@pytest.mark.parametrize("joints", [22, 24])
def test_positions_of_joints_are_not_read_as_rotations(pose, path, body, tmp_path, joints):
    """HumanML3D and others store (T, 22, 3) metres, in the shape of rotations."""
    moved = flat(pose).astype(np.float32)
    positions = chain_joints(global_rotations(moved), soles_of(body).joints) + path[:, None]
    np.save(tmp_path / "new_joints.npy", positions[:, :joints])
    with pytest.raises(BadInput, match=r"new_joints\.npy: found positions of joints.*rotations"):
        read_recording(tmp_path / "new_joints.npy", fps=20.0)
    np.save(tmp_path / "rest.npy", np.zeros((FRAMES, joints, 3)))
    assert len(read_recording(tmp_path / "rest.npy", fps=20.0).pose) == FRAMES


@pytest.mark.parametrize(
    ("unit", "factor"), [("centimetres", 100.0), ("millimetres", 1000.0), ("decimetres", 10.0)]
)
def test_a_path_in_other_units_than_metres_is_said(body, unit, factor):
    """Somebody who sways over planted feet: the pelvis goes as far as the feet recede."""
    angles = 0.25 * np.sin(np.linspace(0, 12, 200))
    pose = np.zeros((200, 24, 3), np.float32)
    pose[:, 0, 0], pose[:, 7:9, 0] = angles, -angles[:, None]
    soles = soles_of(body)
    feet = chain_joints(global_rotations(flat(pose)), soles.joints)[:, (10, 11)].mean(axis=1)
    path = (feet[0] - feet).astype(np.float32)

    def recording(scale: float) -> Recording:
        return Recording(flat(pose), scale * path, "y", 30.0, "a", "a", "b", "sway.npz")

    assert len(recording(1.0).to_motion(body)) == 200
    for fit_path in (True, False):
        with pytest.raises(BadInput, match=rf"sway\.npz: .*as if in {unit}.*by {1 / factor:g}"):
            recording(factor).to_motion(body, fit_path=fit_path)
