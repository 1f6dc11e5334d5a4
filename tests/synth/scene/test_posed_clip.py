"""Takes: the frames asked for, one more at either end where there is one, and cameras to match."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mocap.bodies.body import JOINT_NAMES
from mocap.bodies.skinning import Skinning, skin
from mocap.motion import Motion
from synth.clips.clip_info import planned_clip
from synth.scene.posed_clip import clip_motion, pose_joints, skin_clip
from tests.synth.film_clip import make_row


@pytest.fixture(scope="module")
def motion(body) -> Motion:
    """Somebody who stands, turns his head and drifts to the side."""
    pose = np.zeros((200, 72), np.float32)
    pose[:, 45] = np.linspace(0, 0.5, 200)
    translation = np.zeros((200, 3), np.float32)
    translation[:, 0] = np.linspace(0, 1, 200)
    translation[:, 1] = -body.template[:, 1].min()
    return Motion(pose, translation, 30.0, "01", "01", "01_01", "made")


def test_a_clip_has_a_real_frame_more_at_either_end_where_there_is_one(body, motion):
    betas = np.zeros(10)
    pose, translation, ends = clip_motion(motion, body, betas, start=50, frames=100)
    assert len(pose) == len(translation) == 102 and ends == (True, True)
    assert np.array_equal(pose, motion.pose[49:151])
    pose, _, ends = clip_motion(motion, body, betas, start=0, frames=len(motion))
    assert ends == (False, False)
    assert np.array_equal(pose[0], pose[1]) and np.array_equal(pose[-1], pose[-2])


def test_joints_without_vertices_are_skinnings(body):
    rng = np.random.default_rng(0)
    arguments = {
        "pose": rng.normal(0, 0.4, (3, 72)).astype(np.float32),
        "betas": rng.normal(size=10).astype(np.float32),
        "translation": rng.normal(size=(3, 3)).astype(np.float32),
    }
    joints = pose_joints(body, **arguments)
    np.testing.assert_allclose(joints, skin(Skinning(body), **arguments)[1], atol=1e-5)
    assert joints.shape == (3, len(JOINT_NAMES), 3)


def test_a_repeated_frame_has_its_neighbours_camera(body, motion):
    row = make_row(body, frames=50, start=0)
    row = replace(row, view=replace(row.view, move="orbit", amount=0.5))
    posed_clip = planned_clip(row, motion, body)
    assert (
        len(posed_clip) == 50 and len(posed_clip.cameras) == 52 and posed_clip.ends == (False, True)
    )
    rotations = [camera.rotation for camera in posed_clip.cameras]
    assert np.array_equal(rotations[0], rotations[1])
    assert not np.array_equal(rotations[-1], rotations[-2])
    vertices, joints = skin_clip(posed_clip, Skinning(body))
    assert vertices.shape == (52, len(body.template), 3)
    for camera, frame in zip(posed_clip.cameras[1:-1], joints[1:-1]):
        pixels, _ = camera.project(frame)
        assert (pixels > 0).all() and (pixels < (320, 240)).all()
    assert vertices[1:-1, :, 1].min() == pytest.approx(
        0, abs=0.01
    )  # on the ground, whatever the shape


def test_threads_change_no_bit(body, motion):
    posed_clip = planned_clip(make_row(body, frames=70), motion, body)
    before = torch.get_num_threads()
    try:
        made = []
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            made.append(skin_clip(posed_clip, Skinning(body))[0])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert all(np.array_equal(made[0], other) for other in made[1:])
