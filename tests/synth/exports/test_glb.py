"""Binary glTF, read back by another reader: geometry, skin, texture and motion are the body's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mocap.bodies.body import JOINT_NAMES, PARENTS
from mocap.bodies.skinning import Skinning, skin
from mocap.motion import Motion
from synth.exports.glb import glb_bytes, joint_rotations
from synth.exports.skinned_model import skinned_model, skinning_error
from tests.synth.exports.glb_reader import Glb
from textures.visibility.uv_layout import sample_texture


def turning_motion(frames: int = 20, fps: float = 24.0) -> Motion:
    """Every joint turns, the pelvis several times round, along a path."""
    rng = np.random.default_rng(5)
    pose = np.cumsum(rng.normal(0, 0.12, (frames, 72)), axis=0).astype(np.float32)
    pose[:, 1] = np.linspace(0, 9, frames)
    path = np.cumsum(rng.normal(0, 0.05, (frames, 3)), axis=0).astype(np.float32)
    return Motion(pose, path, fps, "01", "01", "turn", "made")


@pytest.fixture(scope="module")
def motion() -> Motion:
    return turning_motion()


@pytest.fixture(scope="module")
def texture() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def model(body):
    return skinned_model(body)


@pytest.fixture(scope="module")
def glb(model, texture, motion) -> Glb:
    return Glb(glb_bytes(model, texture, motion, title="somebody", copyright_line="CC0"))


def test_joints_follow_the_motion_as_our_skinning_does(glb, body, motion):
    nodes = glb.document["nodes"]
    joints = glb.document["skins"][0]["joints"]
    assert [nodes[number]["name"] for number in joints] == list(JOINT_NAMES)
    for number, parent in enumerate(PARENTS):
        assert parent < 0 or joints[number] in nodes[joints[parent]]["children"]
    _, ours = skin(
        Skinning(body),
        pose=motion.pose,
        betas=np.zeros(10),
        translation=motion.translation,
    )
    theirs = np.stack([glb.node_matrices(k)[joints, :3, 3] for k in range(len(motion))])
    assert np.abs(theirs - ours).max() < 1e-5
    times = glb.array(glb.document["animations"][0]["samplers"][0]["input"])
    np.testing.assert_allclose(times, np.arange(len(motion)) / motion.fps, rtol=1e-6)


def test_the_skin_moves_as_ours_within_the_stated_error(glb, model, body, motion):
    _, stated = skinning_error(model, body, motion)
    vertices, _ = skin(
        Skinning(body), pose=motion.pose, betas=np.zeros(10), translation=motion.translation
    )
    reduced = (body.weights > 0).sum(1) > 4
    faces, largest = glb.faces(), 0.0
    whole = np.repeat(~reduced[body.faces][..., None], 3, -1)
    for frame in range(len(motion)):
        difference = glb.skinned_vertices(frame)[faces] - vertices[frame][body.faces]
        assert np.abs(difference[whole[..., 0]]).max() < 2e-5
        largest = max(largest, float(np.linalg.norm(difference, axis=-1).max()))
    assert abs(largest - stated) < 1e-4 and stated > 0
    assert model.reduced == reduced.sum() > 0 and 0 < model.largest_loss < 0.1


def test_weights_are_shares_of_at_most_four_joints(glb):
    weights, joints = glb.attribute("WEIGHTS_0"), glb.attribute("JOINTS_0")
    assert weights.shape[1] == 4 and joints.max() < len(JOINT_NAMES)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    assert weights.min() >= 0 and not joints[weights == 0].any()


def test_inverse_bind_matrices_undo_the_rest_pose(glb):
    skin_entry = glb.document["skins"][0]
    binds = glb.array(skin_entry["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    rest = glb.node_matrices()[skin_entry["joints"]]
    np.testing.assert_allclose(rest @ binds, np.tile(np.eye(4), (24, 1, 1)), atol=1e-6)


def test_a_viewer_that_counts_v_downwards_sees_our_colours(glb, body, texture):
    view = glb.document["images"][0]["bufferView"]
    picture = cv2.imdecode(np.frombuffer(glb.view(view), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(picture, texture)
    u, v = glb.attribute("TEXCOORD_0")[glb.faces()].mean(axis=1).T
    size = len(picture)
    columns, rows = (u * size).astype(int) % size, (v * size).astype(int) % size
    middles = body.uv[body.uv_faces].mean(axis=1)
    centres = np.stack([(columns + 0.5) / size, 1 - (rows + 0.5) / size], 1)
    assert np.abs(centres - middles).max() < 1 / size
    np.testing.assert_array_equal(picture[rows, columns], sample_texture(texture, centres))


def test_faces_normals_and_terms_are_written(glb, body):
    positions, normals = glb.attribute("POSITION"), glb.attribute("NORMAL")
    np.testing.assert_array_equal(positions[glb.faces()], body.template[body.faces])
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    corners = positions[glb.faces()]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((flat * normals[glb.faces()].mean(1)).sum(1) > 0).mean() > 0.99
    assert glb.document["asset"]["copyright"] == "CC0"
    assert glb.document["images"][0]["name"] == "somebody"


def test_a_body_without_motion_has_no_animation(model, texture):
    assert "animations" not in Glb(glb_bytes(model, texture)).document


def test_quaternions_never_jump_to_their_negatives():
    pose = np.zeros((200, 72), np.float32)
    pose[:, 1] = np.linspace(0, 14, 200)
    quaternions = joint_rotations(pose)
    assert (quaternions[1:] * quaternions[:-1]).sum(-1).min() > 0.9


def test_the_same_input_gives_the_same_bytes(model, texture, motion):
    assert glb_bytes(model, texture, motion) == glb_bytes(model, texture, motion)
