"""The registry of formats: which format reads a file, and what a new one needs."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.errors import BadInput
from mocap.library.motion_library import load_motion, open_motion_library
from mocap.readers import formats
from mocap.readers.motion_format import MotionFormat, StoredMotion
from mocap.readers.smpl.recording import Recording
from tests.mocap import motion_files

ANGLES = motion_files.arm_angles(12, 60.0)


def test_names_keep_their_order_of_precedence_and_shared_suffixes_come_last():
    assert list(formats.FORMATS) == ["acclaim", "amass", "surreal", "bvh", "smpl"]
    assert formats.SUFFIXES == (".amc", ".bvh", ".pkl", ".npz", ".npy")
    assert all(name == entry.name for name, entry in formats.FORMATS.items())


def test_a_file_is_read_by_the_first_format_that_recognises_it(tmp_path):
    paths = {
        "acclaim": motion_files.write_acclaim(tmp_path, "80_01", ANGLES),
        "amass": motion_files.write_amass(tmp_path / "walk_poses.npz", ANGLES, 60.0),
        "surreal": motion_files.write_surreal(tmp_path / "data.npz", {"01_01": ANGLES}),
        "bvh": motion_files.write_bvh(tmp_path / "a.BVH", ANGLES, 60.0),
        "smpl": motion_files.write_plain(tmp_path / "plain.npz", ANGLES, 60.0),
    }
    for name, path in paths.items():
        skeleton = formats.find_skeleton(path, [tmp_path / "80.asf"])
        assert formats.find_format(path).name == name
        assert [stored.format for stored in formats.list_file(path, skeleton)] == [name]
    with pytest.raises(BadInput, match="no motion file"):
        formats.find_format(tmp_path / "a.txt")
    with pytest.raises(BadInput, match="no skeleton"):
        formats.list_file(paths["acclaim"])
    with pytest.raises(BadInput, match="expected SMPL poses"):
        formats.read_recording(paths["bvh"])


def test_a_new_format_needs_no_more_than_an_entry_in_the_registry(tmp_path, body, monkeypatch):
    """A format of its own (a .npz of the left arm's angle), recognised before plain SMPL poses."""

    def recognises(path):
        with np.load(path) as arrays:
            return "arm" in arrays

    def list_motions(path, skeleton):
        with np.load(path) as arrays:
            frames = len(arrays["arm"])
        return (StoredMotion("wave", "7", "1", frames, 60.0, "arm", path),)

    def read(path, *, skeleton, member, fps):
        with np.load(path) as arrays:
            pose = motion_files.poses(arrays["arm"])
        still = np.zeros((len(pose), 3), np.float32)
        return Recording(pose, still, "y", 60.0, "wave", "7", "1", str(path))

    arm = MotionFormat(
        name="arm", suffixes=(".npz",), list_motions=list_motions, read=read, recognises=recognises
    )
    plain = formats.FORMATS["smpl"]
    monkeypatch.delitem(formats.FORMATS, "smpl")
    monkeypatch.setitem(formats.FORMATS, "arm", arm)
    monkeypatch.setitem(formats.FORMATS, "smpl", plain)
    np.savez(tmp_path / "a.npz", arm=ANGLES)
    motion_files.write_plain(tmp_path / "b.npz", ANGLES, 60.0)
    library = open_motion_library(tmp_path)
    assert [(entry.name, entry.format) for entry in library.entries] == [
        ("b", "smpl"),
        ("wave", "arm"),
    ]
    motion = load_motion(library.entries[1], body, fps=None)
    assert len(motion) == len(ANGLES) and motion.fps == 60.0
