"""SURREAL's archive: sequences by name, only the members asked for."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mocap.errors import BadInput
from mocap.readers.formats import list_file, read_recording
from mocap.readers.smpl.surreal import list_surreal, read_surreal


@pytest.fixture
def archive(tmp_path):
    """Four sequences with CMU's names and another, in SURREAL's layout."""
    rng = np.random.default_rng(0)
    upright = Rotation.from_euler("x", 90, degrees=True).as_rotvec()
    arrays = {"maleshapes": rng.normal(size=(20, 10)), "regression_verts": np.arange(5)}
    for number, name in enumerate(("01_01", "ung_89_01", "89_01", "h36m_S1_Directions")):
        poses = rng.normal(size=(10 + number, 72)) * 0.1
        poses[:, :3] = upright
        arrays[f"pose_{name}"] = poses
        arrays[f"trans_{name}"] = rng.normal(size=(10 + number, 3))
    np.savez(tmp_path / "smpl_data.npz", **arrays)
    return tmp_path / "smpl_data.npz", arrays


def test_sequences_are_listed_with_frames_subjects_and_the_rate_of_cmu(archive):
    path, _ = archive
    listed = {motion.name: motion for motion in list_surreal(path)}
    assert {name: motion.frames for name, motion in listed.items()} == {
        "01_01": 10,
        "ung_89_01": 11,
        "89_01": 12,
        "h36m_S1_Directions": 13,
    }
    assert [listed[name].subject for name in ("01_01", "ung_89_01")] == ["01", "89"]
    assert listed["h36m_S1_Directions"].subject == "h36m"
    assert listed["01_01"].fps == listed["h36m_S1_Directions"].fps == 120.0
    assert listed["89_01"].fps == listed["ung_89_01"].fps == 60.0  # CMU recorded these at 60
    assert list_file(path) == list_surreal(path)


def test_a_sequence_is_read_in_our_world_whatever_the_others_are(archive, body):
    path, arrays = archive
    recording = read_surreal(path, "01_01")
    np.testing.assert_array_equal(recording.pose, arrays["pose_01_01"].astype(np.float32))
    motion = recording.to_motion(body, fit_path=False)
    rest = body.rest_joints[0]
    ours, theirs = motion.translation + rest, arrays["trans_01_01"] + rest
    np.testing.assert_allclose(ours[:, 1], theirs[:, 2], atol=1e-5)
    np.testing.assert_allclose(ours[:, 0], theirs[:, 0], atol=1e-5)
    np.testing.assert_allclose(ours[:, 2], -theirs[:, 1], atol=1e-5)
    trunk = Rotation.from_rotvec(motion.pose[:, :3]).as_matrix()[:, :, 1]
    np.testing.assert_allclose(trunk, [[0, 1, 0]] * 10, atol=1e-5)
    data = path.read_bytes()
    at = data.index(arrays["pose_89_01"].tobytes()[:64])
    path.write_bytes(data[:at] + b"\1" * 300 + data[at + 300 :])
    assert len(read_recording(path, name="01_01").to_motion(body)) == 10
    with pytest.raises(BadInput, match=r"smpl_data\.npz, array 'pose_89_01': found damage"):
        read_surreal(path, "89_01")


def test_unknown_and_missing_names_are_answered_with_some_that_are_there(archive):
    path, _ = archive
    with pytest.raises(BadInput, match=r"no sequence '02_01' among 4.*89_01"):
        read_surreal(path, "02_01")
    with pytest.raises(BadInput, match="expected the name of one"):
        read_recording(path)


def test_only_the_members_asked_for_are_read(tmp_path):
    """200 MB of zeros beside one sequence: neither listing nor reading touches them."""
    big = io.BytesIO()
    np.save(big, np.zeros((100, 72)))
    with zipfile.ZipFile(tmp_path / "smpl_data.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(300):
            archive.writestr(f"pose_{number:03d}_01.npy", big.getvalue())
            small = io.BytesIO()
            np.save(small, np.zeros((100, 3)))
            archive.writestr(f"trans_{number:03d}_01.npy", small.getvalue())
    read = 0
    original = zipfile.ZipExtFile.read

    def counted(self, n=-1):
        nonlocal read
        data = original(self, n)
        read += len(data)
        return data

    zipfile.ZipExtFile.read = counted
    try:
        assert len(list_surreal(tmp_path / "smpl_data.npz")) == 300
        listing, read = read, 0
        read_surreal(tmp_path / "smpl_data.npz", "150_01")
    finally:
        zipfile.ZipExtFile.read = original
    assert listing < 300 * 400 and read < 2 * (len(big.getvalue()) + 3000)
