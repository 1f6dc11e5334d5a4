"""Ground truth from the mesh: what a known motion must give, without Blender."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.skinning import Skinning, skin
from synth.ground_truth import ground_truth
from textures.camera import look_at


@pytest.fixture(scope="module")
def moving(body):
    """Five frames of a T-pose that moves 2 cm a frame to its left (+x) and 1 cm up, seen from +z."""
    step = np.arange(5)[:, None] * np.array([[0.02, 0.01, 0.0]])
    vertices, joints = skin(
        Skinning(body), pose=np.zeros((5, 72)), betas=np.zeros(10), translation=step
    )
    camera = look_at(np.array([0.0, 0, 8]), np.zeros(3), focal=600, width=320, height=240)
    return vertices, joints, camera, ground_truth(vertices, joints, body, [camera] * len(vertices))


def test_frames_are_those_between_the_ends(moving):
    vertices, joints, camera, truth = moving
    assert len(truth.parts) == len(vertices) - 2
    assert np.array_equal(truth.joints3d, joints[1:-1])
    pixels, _ = camera.project(joints[2])
    np.testing.assert_allclose(truth.joints2d[1], pixels, atol=1e-4)


def test_flow_has_the_sign_and_size_of_the_motion(moving):
    *_, truth = moving
    mask = truth.mask
    shift = 600 * np.array([0.02, -0.01]) / truth.depth[mask][:, None]  # up is -y in the image
    np.testing.assert_allclose(truth.flow_forward[mask], shift, atol=2e-3)
    np.testing.assert_allclose(truth.flow_backward[mask], -shift, atol=2e-3)
    assert not truth.flow_forward[~mask].any() and not truth.flow_backward[~mask].any()


def test_channels_agree_on_what_is_body(moving):
    *_, truth = moving
    assert np.array_equal(np.isfinite(truth.depth), truth.mask)
    length = np.linalg.norm(truth.normals, axis=-1)
    np.testing.assert_allclose(length, truth.mask, atol=1e-5)
    assert (truth.depth[truth.mask] > 7).all() and (truth.depth[truth.mask] < 9).all()


def test_left_is_on_the_right_of_somebody_who_faces_us(moving):
    *_, truth = moving
    columns = np.arange(320)
    for left, right in ((2, 3), (17, 18), (19, 20)):  # thighs, upper arms, forearms
        of = [(truth.parts[0] == part).sum(axis=0) for part in (left, right)]
        assert np.average(columns, weights=of[0]) > np.average(columns, weights=of[1]) + 10
    rows = np.arange(240)
    head, foot = ((truth.parts[0] == part).sum(axis=1) for part in (16, 8))
    assert np.average(rows, weights=head) < np.average(rows, weights=foot) - 80


def test_a_repeated_frame_has_no_flow(body):
    vertices, joints = skin(
        Skinning(body), pose=np.zeros((3, 72)), betas=np.zeros(10), translation=np.zeros((3, 3))
    )
    vertices[2] += 0.01
    camera = look_at(np.array([5.0, 0, 5]), np.zeros(3), focal=600, width=320, height=240)
    truth = ground_truth(vertices, joints, body, [camera] * len(vertices))
    assert not truth.flow_backward.any()
    assert np.linalg.norm(truth.flow_forward[truth.mask], axis=-1).min() > 0.1


def test_only_the_channels_asked_for_are_made(moving, body):
    vertices, joints, camera, whole = moving
    truth = ground_truth(vertices, joints, body, [camera] * len(vertices), channels=["depth"])
    assert np.array_equal(truth.depth, whole.depth) and np.array_equal(truth.parts, whole.parts)
    assert truth.normals is None and truth.flow_forward is None
    with pytest.raises(ValueError, match="no channel albedo; there are depth, segm"):
        ground_truth(vertices, joints, body, [camera] * len(vertices), channels=["albedo"])
