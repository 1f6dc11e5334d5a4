"""The free body is SMPL-shaped, upright, and its betas span an adult population."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.body import JOINT_NAMES, PARENTS
from mocap.free_body import joint_of_bone, load_free_body, shortest_rotation
from mocap.skinning import Skinning, skin


def joint(body, name):
    return body.rest_joints[JOINT_NAMES.index(name)]


def test_weights_are_a_partition_of_unity(body):
    assert (body.weights >= 0).all()
    np.testing.assert_allclose(body.weights.sum(1), 1, atol=1e-6)


def test_it_stands_in_the_t_pose_facing_z_with_its_left_to_x(body):
    for side, sign in (("left", 1), ("right", -1)):
        shoulder, wrist = joint(body, f"{side}_shoulder"), joint(body, f"{side}_wrist")
        arm = (wrist - shoulder) / np.linalg.norm(wrist - shoulder)
        np.testing.assert_allclose(arm, (sign, 0, 0), atol=5e-3)
        assert joint(body, f"{side}_foot")[2] > joint(body, f"{side}_ankle")[2] + 0.05
    assert joint(body, "head")[1] > joint(body, "neck")[1] > joint(body, "pelvis")[1]
    nose = body.template[body.template[:, 1] > joint(body, "head")[1]][:, 2].argmax()
    assert body.template[body.template[:, 1] > joint(body, "head")[1]][nose, 2] > 0.1


def test_both_soles_are_at_the_same_height(body):
    feet = body.template[:, 1] < body.template[:, 1].min() + 0.02
    left, right = (
        body.template[feet & (body.template[:, 0] > 0)],
        body.template[feet & (body.template[:, 0] < 0)],
    )
    assert abs(left[:, 1].min() - right[:, 1].min()) < 2e-3


def test_joints_mirror(body):
    for index, name in enumerate(JOINT_NAMES):
        if name.startswith("left_"):
            twin = body.rest_joints[JOINT_NAMES.index(name.replace("left_", "right_"))]
            np.testing.assert_allclose(body.rest_joints[index] * (-1, 1, 1), twin, atol=3e-3)


def test_faces_look_outwards(body):
    """A closed surface seen from outside has positive volume by the divergence theorem."""
    a, b, c = (body.template[body.faces[:, k]].astype(float) for k in range(3))
    volume = np.einsum("fi,fi->", a, np.cross(b, c)) / 6
    assert 0.04 < volume < 0.12  # cubic metres of an adult


def test_uv_charts_are_not_mirrored(body):
    q = body.uv[body.uv_faces]
    u, v = q[:, 1] - q[:, 0], q[:, 2] - q[:, 0]
    assert (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0] > 0).all()


def test_population_has_adult_heights(body):
    betas = np.random.default_rng(0).normal(size=(300, 10))
    zeros = np.zeros((300, 3))
    vertices, _ = skin(Skinning(body), pose=np.zeros((300, 72)), betas=betas, translation=zeros)
    heights = np.ptp(vertices[:, :, 1], axis=1)
    assert 1.60 < heights.mean() < 1.76
    assert 0.05 < heights.std() < 0.13
    assert heights.min() > 1.3 and heights.max() < 2.1


def test_every_part_is_present_and_on_its_side(body):
    assert set(np.unique(body.face_parts)) == set(range(1, 25))
    centres = body.template[body.faces].mean(1)
    for index, name in enumerate(JOINT_NAMES):
        x = centres[body.face_parts == index + 1][:, 0].mean()
        if name.startswith("left_"):
            assert x > 0
        elif name.startswith("right_"):
            assert x < 0


@pytest.mark.parametrize(
    ("bone", "name"),
    [
        ("upperarm02.R", "right_shoulder"),
        ("toe1-2.L", "left_foot"),
        ("spine04", "spine1"),
        ("levator03.L", "head"),
        ("metacarpal2.R", "right_wrist"),
        ("pelvis.L", "pelvis"),
    ],
)
def test_bones_go_to_their_joint(bone, name):
    assert JOINT_NAMES[joint_of_bone(bone)] == name


def test_shortest_rotation_reaches_its_target():
    source = np.random.default_rng(1).normal(size=(50, 3))
    rotation = shortest_rotation(source, np.array([0.2, -0.9, 0.1]))
    turned = np.einsum("nij,nj->ni", rotation, source / np.linalg.norm(source, axis=1)[:, None])
    target = np.array([0.2, -0.9, 0.1]) / np.linalg.norm([0.2, -0.9, 0.1])
    np.testing.assert_allclose(turned, np.tile(target, (50, 1)), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(rotation), 1, atol=1e-9)


def test_cache_gives_back_the_same_body(body, tmp_path, monkeypatch):
    monkeypatch.setattr("mocap.free_body.build_free_body", lambda: body)
    load_free_body(tmp_path)
    again = load_free_body(tmp_path)
    for name, array in vars(body).items():
        if isinstance(array, np.ndarray):
            np.testing.assert_array_equal(array, getattr(again, name))
    assert len(list(tmp_path.iterdir())) == 1
    assert PARENTS[0] == -1
