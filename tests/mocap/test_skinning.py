"""Our skinning against `smplx`, and the safe reading of SMPL files."""

from __future__ import annotations

import dataclasses
import os
import pickle

import numpy as np
import pytest
import torch

from mocap.body import PARENTS, Body
from mocap.errors import BadInput
from mocap.skinning import Skinning, rotation_matrices, skin
from mocap.smpl_body import load_smpl_body, read_smpl_arrays


@pytest.fixture(scope="module")
def smpl_format(body: Body) -> dict[str, np.ndarray]:
    """An SMPL-format file with the free body's own numbers and invented pose corrections.

    `smplx` insists on SMPL's 6,890 vertices and 10 betas, so it gets the first 6,890 vertices.
    """
    count = 6890
    rng = np.random.default_rng(3)
    regressor = body.joint_regressor[:, :count] + 1e-9
    return {
        "v_template": body.template[:count].astype(np.float64),
        "shapedirs": body.shape_directions[:count].astype(np.float64),
        "posedirs": rng.normal(scale=0.01, size=(count, 3, 207)),
        "J_regressor": (regressor / regressor.sum(1, keepdims=True)).astype(np.float64),
        "weights": body.weights[:count].astype(np.float64),
        "f": body.faces[(body.faces < count).all(1)].astype(np.uint32),
        "kintree_table": np.array([[4294967295, *PARENTS[1:]], range(24)], np.uint32),
    }


def write_obj(path, arrays):
    lines = ["vt 0.1 0.2", "vt 0.3 0.2", "vt 0.3 0.4"]
    lines += ["f " + " ".join(f"{v + 1}/{n + 1}" for n, v in enumerate(f)) for f in arrays["f"]]
    path.write_text("\n".join(lines))
    return path


def test_equal_to_smplx_posed_and_shaped(smpl_format, tmp_path):
    import smplx
    from smplx.utils import Struct

    np.savez(tmp_path / "model.npz", **smpl_format)
    ours = Skinning(
        load_smpl_body(tmp_path / "model.npz", uv=write_obj(tmp_path / "uv.obj", smpl_format))
    )
    theirs = smplx.SMPL("", data_struct=Struct(**smpl_format), batch_size=200, num_betas=10)
    rng = np.random.default_rng(0)
    pose = torch.tensor(rng.normal(scale=0.5, size=(200, 72)), dtype=torch.float32)
    betas = torch.tensor(rng.normal(size=(200, 10)), dtype=torch.float32)
    translation = torch.tensor(rng.normal(size=(200, 3)), dtype=torch.float32)
    with torch.no_grad():
        vertices, joints = ours(pose, betas, translation)
        expected = theirs(
            betas=betas, body_pose=pose[:, 3:], global_orient=pose[:, :3], transl=translation
        )
    assert (vertices - expected.vertices).norm(dim=-1).max() < 1e-5
    assert (joints - expected.joints[:, :24]).norm(dim=-1).max() < 1e-5


def test_rotations_agree_with_scipy_and_have_gradients_at_zero():
    from scipy.spatial.transform import Rotation

    vectors = np.random.default_rng(0).normal(scale=2, size=(100, 3))
    vectors[0], vectors[1] = 0, (1e-6, 0, 0)
    ours = rotation_matrices(torch.tensor(vectors))
    np.testing.assert_allclose(ours, Rotation.from_rotvec(vectors).as_matrix(), atol=1e-12)
    zero = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    rotation_matrices(zero)[0, 2, 1].backward()
    np.testing.assert_allclose(zero.grad, [[1, 0, 0]], atol=1e-12)


def test_gradients_match_finite_differences(body):
    few = np.random.default_rng(0).choice(len(body.template), 50, replace=False)
    small = dataclasses.replace(
        body,
        template=body.template[few],
        shape_directions=body.shape_directions[few],
        joint_regressor=np.eye(24, 50, dtype=np.float32),
        weights=body.weights[few],
    )
    skinning = Skinning(small).double()
    inputs = [torch.randn(2, n, dtype=torch.float64, requires_grad=True) for n in (72, 10, 3)]
    assert torch.autograd.gradcheck(lambda *x: skinning(*x)[0].sum(1), inputs, atol=1e-5)


def test_turning_the_root_turns_the_whole_body(body):
    skinning = Skinning(body)
    pose = np.zeros((1, 72), np.float32)
    pose[0, 1] = np.pi / 2  # a quarter turn to the left: the face looks along +x
    vertices, joints = skin(skinning, pose=pose, betas=np.zeros(10), translation=np.zeros((1, 3)))
    about = body.template - joints[0, 0]
    expected = np.stack([about[:, 2], about[:, 1], -about[:, 0]], 1) + joints[0, 0]
    np.testing.assert_allclose(vertices[0], expected, atol=1e-5)


class _Sly:
    def __reduce__(self):
        return os.system, ("touch /tmp/a-body-file-ran-code",)


def test_a_pickle_cannot_run_code(tmp_path):
    sly = tmp_path / "sly.pkl"
    sly.write_bytes(pickle.dumps({"v_template": _Sly()}))
    with pytest.raises(BadInput, match=r"sly\.pkl.*system"):
        read_smpl_arrays(sly)
    assert not os.path.exists("/tmp/a-body-file-ran-code")


def test_a_pickle_of_arrays_reads_as_the_npz(smpl_format, tmp_path):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(smpl_format, protocol=2))
    for name, array in read_smpl_arrays(tmp_path / "model.pkl").items():
        np.testing.assert_array_equal(array, smpl_format[name])


@pytest.mark.parametrize("content", [b"", b"nonsense", pickle.dumps({"f": 1})])
def test_a_file_that_is_no_body_is_refused_by_name(content, tmp_path):
    (tmp_path / "broken.pkl").write_bytes(content)
    with pytest.raises(BadInput, match=r"broken\.pkl"):
        read_smpl_arrays(tmp_path / "broken.pkl")
