"""Our skinning against `smplx`, for SMPL and for SMPL-H and SMPL-X brought to 24 joints."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from mocap.bodies.body import JOINT_NAMES
from mocap.bodies.skinning import Skinning, rotation_matrices, skin
from mocap.bodies.smpl_body import load_smpl_body
from mocap.bodies.smpl_files import HIERARCHIES
from tests.mocap.smpl_like import FINGERS, smpl_arrays

POSES = 200


def random_people(rng, *, hands: bool):
    """Pose (200, 72), betas (200, 10), translation (200, 3); without `hands` those are straight."""
    pose = torch.tensor(rng.normal(scale=0.5, size=(POSES, 72)), dtype=torch.float32)
    if not hands:
        pose[:, 66:] = 0
    betas = torch.tensor(rng.normal(size=(POSES, 10)), dtype=torch.float32)
    return pose, betas, torch.tensor(rng.normal(size=(POSES, 3)), dtype=torch.float32)


def errors(ours, theirs):
    return (ours - theirs).norm(dim=-1)


@pytest.mark.needs("smplx")
def test_equal_to_smplx_posed_and_shaped(body, tmp_path):
    import smplx
    from smplx.utils import Struct

    arrays = smpl_arrays(body)
    np.savez(tmp_path / "model.npz", **arrays)
    ours = Skinning(load_smpl_body(tmp_path / "model.npz"))
    theirs = smplx.SMPL("", data_struct=Struct(**arrays), batch_size=POSES, num_betas=10)
    pose, betas, translation = random_people(np.random.default_rng(0), hands=True)
    with torch.no_grad():
        vertices, joints = ours(pose, betas, translation)
        expected = theirs(
            betas=betas, body_pose=pose[:, 3:], global_orient=pose[:, :3], transl=translation
        )
    off = errors(vertices, expected.vertices)
    print(f"vertices against smplx: mean {off.mean():.1e} m, max {off.max():.1e} m")
    assert off.max() < 1e-5
    assert errors(joints, expected.joints[:, :24]).max() < 1e-5


@pytest.mark.slow
@pytest.mark.needs("smplx")
@pytest.mark.parametrize("kind", ["SMPL-H", "SMPL-X"])
def test_merged_models_equal_smplx_with_straight_fingers(kind, body, tmp_path):
    """All 52 or 55 joints under smplx's own skinning, fingers, jaw and eyes at rest, against our 24."""
    from smplx.lbs import lbs

    arrays = smpl_arrays(body, kind)
    np.savez(tmp_path / "model.npz", **arrays)
    merged = load_smpl_body(tmp_path / "model.npz")
    pose, betas, translation = random_people(np.random.default_rng(1), hands=False)
    full = torch.zeros(POSES, 3 * len(HIERARCHIES[kind]))
    full[:, :66] = pose[:, :66]
    tensor = {k: torch.tensor(v, dtype=torch.float32) for k, v in arrays.items() if k != "f"}
    with torch.no_grad():
        vertices, joints = Skinning(merged)(pose, betas, translation)
        expected, expected_joints = lbs(
            betas,
            full,
            tensor["v_template"],
            tensor["shapedirs"][..., :10],
            tensor["posedirs"].reshape(-1, full.shape[1] * 3 - 9).T,
            tensor["J_regressor"],
            torch.tensor((-1, *HIERARCHIES[kind][1:])),
            tensor["weights"],
        )
    off = errors(vertices, expected + translation[:, None])
    print(f"vertices against smplx: mean {off.mean():.1e} m, max {off.max():.1e} m")
    assert off.max() < 1e-5
    kept = [*range(22), *(first + 3 for first in FINGERS[kind])]  # a hand sits at its middle finger
    assert errors(joints, expected_joints[:, kept] + translation[:, None]).max() < 1e-5


def test_rotations_agree_with_scipy_and_have_gradients_at_zero():
    from scipy.spatial.transform import Rotation

    vectors = np.random.default_rng(0).normal(scale=2, size=(100, 3))
    vectors[0], vectors[1] = 0, (1e-6, 0, 0)
    ours = rotation_matrices(torch.tensor(vectors))
    np.testing.assert_allclose(ours, Rotation.from_rotvec(vectors).as_matrix(), atol=1e-12)
    zero = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    rotation_matrices(zero)[0, 2, 1].backward()
    np.testing.assert_allclose(zero.grad, [[1, 0, 0]], atol=1e-12)


@pytest.mark.parametrize("corrected", [False, True])
def test_gradients_match_finite_differences(body, corrected):
    rng = np.random.default_rng(0)
    few = rng.choice(len(body.template), 20, replace=False)
    corrections = rng.normal(scale=0.01, size=(20, 3, 207)).astype(np.float32)
    small = dataclasses.replace(
        body,
        mesh=dataclasses.replace(body.mesh, vertices=body.template[few]),
        shape_directions=body.shape_directions[few],
        joint_regressor=np.eye(24, 20, dtype=np.float32),
        weights=body.weights[few],
        pose_directions=corrections if corrected else None,
    )
    skinning = Skinning(small).double()
    inputs = [torch.randn(2, n, dtype=torch.float64, requires_grad=True) for n in (72, 10, 3)]
    assert torch.autograd.gradcheck(lambda *x: skinning(*x)[0].sum(1), inputs, atol=1e-5)


def test_a_body_comes_out_the_same_in_any_batch(body):
    """Batches are blended some bodies at a time; none may notice."""
    rng = np.random.default_rng(2)
    skinning = Skinning(body)
    pose, betas = rng.normal(scale=0.4, size=(70, 72)), rng.normal(size=(70, 10))
    translation = rng.normal(size=(70, 3))
    vertices, joints = skin(skinning, pose=pose, betas=betas, translation=translation)
    for n in (0, 63, 64, 69):
        alone, its_joints = skin(
            skinning, pose=pose[[n]], betas=betas[n], translation=translation[[n]]
        )
        np.testing.assert_allclose(vertices[n], alone[0], atol=2e-6)
        np.testing.assert_allclose(joints[n], its_joints[0], atol=2e-6)


def test_joints_follow_the_textbook_chain(body):
    """One joint at a time, 4 x 4 matrices, float64: SMPL's equation 3."""
    from scipy.spatial.transform import Rotation

    from mocap.bodies.body import PARENTS

    rng = np.random.default_rng(4)
    pose = rng.normal(size=(24, 3))
    _, joints = skin(
        Skinning(body), pose=pose.reshape(1, 72), betas=np.zeros(10), translation=np.zeros((1, 3))
    )
    rest = body.rest_joints.astype(float)
    chain = []
    for joint, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3] = Rotation.from_rotvec(pose[joint]).as_matrix()
        local[:3, 3] = rest[joint] - (rest[parent] if parent >= 0 else 0)
        chain.append(local if parent < 0 else chain[parent] @ local)
    np.testing.assert_allclose(joints[0], np.stack(chain)[:, :3, 3], atol=3e-6)
    assert len(chain) == len(JOINT_NAMES)


def test_turning_the_root_turns_the_whole_body(body):
    skinning = Skinning(body)
    pose = np.zeros((1, 72), np.float32)
    pose[0, 1] = np.pi / 2  # a quarter turn to the left: the face looks along +x
    vertices, joints = skin(skinning, pose=pose, betas=np.zeros(10), translation=np.zeros((1, 3)))
    about = body.template - joints[0, 0]
    expected = np.stack([about[:, 2], about[:, 1], -about[:, 0]], 1) + joints[0, 0]
    np.testing.assert_allclose(vertices[0], expected, atol=1e-5)
