"""Landmarks: where they lie on a body, and what becomes of them in a mirror."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mocap.bodies.body import JOINT_NAMES
from mocap.bodies.skinning import Skinning, rotation_matrices, skin
from textures.evidence.landmarks import (
    BONE_ENDS,
    BONE_STARTS,
    BONES,
    INDEX,
    LANDMARKS,
    MIRRORED,
    MIRRORED_BONES,
    MIRRORED_JOINTS,
    MIRRORED_SIGNS,
    landmark_points,
    posed_landmarks,
)


@pytest.fixture(scope="module")
def skinning(body):
    return Skinning(body)


def posed(body, skinning, pose, betas=None):
    betas = torch.zeros(len(pose), 10) if betas is None else betas
    rotations = rotation_matrices(torch.as_tensor(pose, dtype=torch.float32).view(-1, 24, 3))
    return posed_landmarks(skinning, landmark_points(body), rotations, betas).numpy()


def test_they_lie_where_their_names_say(body, skinning):
    standing = posed(body, skinning, np.zeros((1, 72)))[0]
    height = {name: standing[INDEX[name], 1] for name in LANDMARKS}
    assert max(height, key=height.get) == "head_top"
    for side, sign in (("left", 1), ("right", -1)):
        crest, hip = standing[INDEX[f"{side}_iliac_crest"]], standing[INDEX[f"{side}_hip"]]
        assert 0.03 < crest[1] - hip[1] < 0.08 and sign * (crest[0] - hip[0]) > 0.03
        acromion, shoulder = (standing[INDEX[f"{side}_{n}"]] for n in ("acromion", "shoulder"))
        assert 0.02 < acromion[1] - shoulder[1] < 0.12
        ankle, heel = standing[INDEX[f"{side}_ankle"]], standing[INDEX[f"{side}_heel"]]
        assert 0.06 < ankle[1] - heel[1] < 0.12
        heel, toe = standing[INDEX[f"{side}_heel"]], standing[INDEX[f"{side}_toe"]]
        assert toe[2] - heel[2] > 0.15  # the body looks along +z
        assert sign * standing[INDEX[f"{side}_ear"], 0] > 0.05
    assert standing[INDEX["nose"], 2] > standing[INDEX["left_ear"], 2] + 0.05


def test_landmarks_move_with_the_posed_body(body, skinning):
    rng = np.random.default_rng(3)
    pose = rng.normal(0, 0.4, (4, 72)).astype(np.float32)
    betas = rng.normal(0, 1, (4, 10)).astype(np.float32)
    vertices, joints = skin(skinning, pose=pose, betas=betas, translation=np.zeros((4, 3)))
    landmarks = posed(body, skinning, pose, torch.from_numpy(betas)) + joints[:, :1]
    limits = {"ear": 0.06, "acromion": 0.09, "iliac_crest": 0.05, "ankle": 0.07}  # metres
    for name, points in zip(LANDMARKS, landmarks.transpose(1, 0, 2)):
        if name in JOINT_NAMES and not name.endswith("_ankle"):
            nearest = np.linalg.norm(joints[:, JOINT_NAMES.index(name)] - points, axis=-1)
        else:
            nearest = np.linalg.norm(vertices - points[:, None], axis=-1).min(1)
        assert nearest.max() < limits.get(name.partition("_")[2], 1e-4), name


def test_the_ankle_is_on_the_shank_whatever_the_foot_does(body, skinning):
    rng = np.random.default_rng(5)
    pose = rng.normal(0, 0.4, (4, 72)).astype(np.float32)
    landmarks = posed(body, skinning, pose)
    turned = pose.reshape(4, 24, 3).copy()
    turned[:, [JOINT_NAMES.index(f"{side}_ankle") for side in ("left", "right")]] += 0.5
    moved = posed(body, skinning, turned.reshape(4, 72))
    for side in ("left", "right"):
        ankle, knee = INDEX[f"{side}_ankle"], INDEX[f"{side}_knee"]
        np.testing.assert_allclose(moved[:, ankle], landmarks[:, ankle], atol=1e-6)
        _, joints = skin(skinning, pose=pose, betas=np.zeros((4, 10)), translation=np.zeros((4, 3)))
        joint = joints[:, JOINT_NAMES.index(f"{side}_ankle")] - joints[:, 0]
        along = landmarks[:, knee] - joint
        share = ((landmarks[:, ankle] - joint) * along).sum(1) / (along**2).sum(1)
        np.testing.assert_allclose(joint + share[:, None] * along, landmarks[:, ankle], atol=1e-4)
        assert (share > 0.03).all() and (share < 0.15).all()


def test_a_mirrored_person_has_mirrored_landmarks_and_bones(body, skinning):
    rng = np.random.default_rng(4)
    pose = rng.normal(0, 0.3, (6, 24, 3)).astype(np.float32)
    mirrored = pose[:, MIRRORED_JOINTS] * np.array([1, -1, -1], np.float32)
    here, there = posed(body, skinning, pose), posed(body, skinning, mirrored)
    expected = here[:, MIRRORED] * [-1, 1, 1]
    assert (
        np.abs(there - expected).max() < 0.02
    )  # the free body's sides differ by a few millimetres
    bones = [points[:, BONE_ENDS] - points[:, BONE_STARTS] for points in (here, there)]
    turned = bones[0][:, MIRRORED_BONES] * np.array(MIRRORED_SIGNS)
    assert np.abs(bones[1] - turned).max() < 0.03


def test_mirroring_twice_changes_nothing():
    assert [MIRRORED[index] for index in MIRRORED] == list(range(len(LANDMARKS)))
    assert [MIRRORED_BONES[index] for index in MIRRORED_BONES] == list(range(len(BONES)))
