"""SMPL's family in the one body format: joints merged, UVs placed, what is left out said."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.bodies.body import JOINT_NAMES
from mocap.bodies.loading import describe, heights, load_body
from mocap.bodies.smpl_body import load_smpl_body, read_uv, uv_of_faces
from mocap.errors import BadInput
from tests.mocap.bodies.contents import contents
from tests.mocap.smpl_like import FINGERS, chosen_vertices, official_pickle, smpl_arrays, write_obj

COUNT = 6890


@pytest.fixture(scope="module", params=["SMPL", "SMPL-H", "SMPL-X"])
def model(request, body):
    return request.param, smpl_arrays(body, request.param)


@pytest.fixture
def loaded(model, tmp_path):
    np.savez(tmp_path / "model.npz", **model[1])
    return load_smpl_body(tmp_path / "model.npz", uv=write_obj(tmp_path / "uv.obj", model[1]["f"]))


def test_it_is_a_body_of_24_joints(model, loaded, body):
    kind, arrays = model
    assert loaded.name == f"{kind.replace('-', '').lower()}:model"
    assert loaded.weights.shape == (COUNT, 24) and loaded.joint_regressor.shape == (24, COUNT)
    assert loaded.pose_directions.shape == (COUNT, 3, 207)
    assert loaded.shape_directions.shape == (COUNT, 3, 10)
    np.testing.assert_allclose(loaded.weights.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(loaded.joint_regressor.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(loaded.faces, arrays["f"])
    assert not loaded.pose_directions[:, :, 189:].any() or kind == "SMPL"


def test_fingers_jaw_and_eyes_go_where_they_hang(model, loaded, body):
    """The invented files share out the free body's hand and head weights; merging gathers them."""
    kind, _ = model
    np.testing.assert_allclose(loaded.weights, body.weights[chosen_vertices(body)], atol=1e-6)
    parts = loaded.face_parts
    assert set(np.unique(parts)) == set(range(1, 25))
    assert loaded.head_faces.any() and loaded.hand_faces.any()
    if kind != "SMPL":
        assert any("finger" in note for note in loaded.notes)
        assert any("of 16" in note for note in loaded.notes)
    if kind == "SMPL-X":
        assert any("jaw" in note for note in loaded.notes)
    assert bool(loaded.notes) == (kind != "SMPL")


def test_uvs_follow_their_vertices(loaded):
    """The .obj gives vertex n the UV (0.618 n, 0.414 n); its layout bears the model's name."""
    numbers = loaded.faces.ravel()
    expected = np.stack([numbers * 0.618 % 1, numbers * 0.414 % 1], 1)
    np.testing.assert_allclose(loaded.uv[loaded.uv_faces.ravel()], expected, atol=1e-5)
    assert loaded.uv_layout == ("smplx" if loaded.name.startswith("smplx") else "smpl")


def test_an_official_pickle_makes_the_same_body(body, tmp_path):
    arrays = smpl_arrays(body)
    np.savez(tmp_path / "model.npz", **arrays)
    (tmp_path / "model.pkl").write_bytes(official_pickle(arrays))
    clean, official = (load_body(tmp_path / f"model.{suffix}") for suffix in ("npz", "pkl"))
    for name, array in contents(clean).items():
        np.testing.assert_array_equal(array, contents(official)[name], err_msg=name)


def test_another_release_of_a_model_is_another_build(body, tmp_path):
    arrays = smpl_arrays(body)
    np.savez(tmp_path / "model.npz", **arrays)
    first = load_body(tmp_path / "model.npz")
    np.savez(tmp_path / "model.npz", **arrays | {"v_template": arrays["v_template"] + 0.001})
    second = load_body(tmp_path / "model.npz")
    assert first.name == second.name and first.build != second.build


def test_a_hand_turns_about_the_root_of_its_middle_finger(body, tmp_path):
    arrays = smpl_arrays(body, "SMPL-X")
    np.savez(tmp_path / "model.npz", **arrays)
    joints = load_body(tmp_path / "model.npz").rest_joints
    own = arrays["J_regressor"] @ arrays["v_template"]
    for name, first in zip(("left_hand", "right_hand"), FINGERS["SMPL-X"]):
        np.testing.assert_allclose(joints[JOINT_NAMES.index(name)], own[first + 3], atol=1e-5)


def test_uvs_in_the_file_are_used(body, tmp_path):
    arrays = smpl_arrays(body, "SMPL-X")
    uv = np.random.default_rng(0).random((COUNT, 2))
    np.savez(tmp_path / "model.npz", **arrays, vt=uv, ft=arrays["f"])
    loaded = load_body(tmp_path / "model.npz")
    np.testing.assert_allclose(loaded.uv[loaded.uv_faces], uv[arrays["f"]], atol=1e-6)
    assert loaded.uv_layout == "smplx"


def test_without_uvs_no_texture_fits(body, tmp_path):
    from textures.visibility.uv_layout import check_layout

    np.savez(tmp_path / "model.npz", **smpl_arrays(body))
    loaded = load_body(tmp_path / "model.npz")
    assert loaded.uv_layout == "none" and any("no UVs" in note for note in loaded.notes)
    with pytest.raises(BadInput, match="none"):
        check_layout("smpl", loaded.mesh)


def test_the_uvs_of_another_mesh_are_refused(body, tmp_path):
    arrays = smpl_arrays(body)
    np.savez(tmp_path / "model.npz", **arrays)
    other = write_obj(tmp_path / "other.obj", arrays["f"][:, [0, 1, 2]] // 2 * 2 % COUNT)
    with pytest.raises(BadInput, match=r"other\.obj: another mesh than .*model\.npz"):
        load_body(tmp_path / "model.npz", uv=other)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("v 0 0 0\nvt 0 0\nf 1/1 1/1 x/1", r":3: "),
        ("v 0 0 0\nvt 0\nf 1/1 1/1 1/1", r":2: "),
        ("v 0 0 0\nvt 0 0\nf 1//1 1//1 1//1", r":3: "),
        ("v 0 0 0\nvt 0 0\nf 1/1 1/1", r":3: "),
        ("v 0 0 0\nvt 0 0\nf 1/2 1/1 1/1", "beyond the 1 vt"),
        ("v 0 0 0\nvt nan 0\nf 1/1 1/1 1/1", "not finite"),
        ("v 0 0 0\nf 1 1 1", r":2: "),
        ("", "no texture coordinates"),
    ],
)
def test_a_bad_obj_is_refused_with_its_line(text, reason, tmp_path):
    (tmp_path / "bad.obj").write_text(text)
    with pytest.raises(BadInput, match=rf"bad\.obj.*{reason}|bad\.obj{reason}"):
        read_uv(tmp_path / "bad.obj")


def test_numbers_from_the_end_are_understood(tmp_path):
    (tmp_path / "a.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nf -3/-2/1 2/2 -1/-1"
    )
    assert read_uv(tmp_path / "a.obj").polygons == (((0, 0), (1, 1), (2, 1)),)


@pytest.mark.needs("smplx")
def test_smpls_own_uv_layout(shared_data):
    """The published layout: SMPL's vertex order, 13,776 triangles however its quads are cut."""
    from smplx.vertex_ids import vertex_ids

    path = shared_data / "smpl_uv" / "SMPL_male_default_resolution.obj"
    mesh = read_uv(path)
    assert mesh.uv.shape == (7576, 2)
    one, other = [], []
    for corners in mesh.polygons:
        v = [vertex for vertex, _ in corners]
        one += [v] if len(v) == 3 else [[v[0], v[1], v[2]], [v[0], v[2], v[3]]]
        other += [v] if len(v) == 3 else [[v[1], v[2], v[3]], [v[1], v[3], v[0]]]
    pairs = {pair for corners in mesh.polygons for pair in corners}
    for faces in (np.array(one), np.array(other)):
        assert faces.shape == (13776, 3) and faces.max() == COUNT - 1
        uv_faces = uv_of_faces(mesh, faces, "SMPL")
        assert set(zip(faces.ravel().tolist(), uv_faces.ravel().tolist())) <= pairs
    lines = path.read_text().splitlines()
    points = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], float)
    named = {name: points[number] for name, number in vertex_ids["smplh"].items()}
    assert named["lthumb"][0] > 0 > named["rthumb"][0]  # SMPL's own left is +x
    assert named["lthumb"][2] > named["lpinky"][2]  # palms down
    assert named["nose"][2] > max(named["lear"][2], named["rear"][2])


def test_the_door(body, tmp_path):
    assert load_body().name == "free" and load_body(gender="neutral").name == "free"
    with pytest.raises(BadInput, match="model file they belong to"):
        load_body(uv=tmp_path / "uv.obj")
    with pytest.raises(BadInput, match="one gender"):
        load_body(tmp_path / "model.npz", gender="male")


def test_the_description_says_what_is_there(body, loaded):
    text = describe(loaded)
    low, high = heights(loaded, beta=0, values=(-2, 2))
    assert loaded.name in text and f"{low:.3f} m" in text and f"{high:.3f} m" in text
    assert all(name in text for name in JOINT_NAMES)
    assert all(f"note: {note}" in text for note in loaded.notes)
    assert "no face has the part" not in describe(body)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda v: 100 * v, r"1\d\d(\.\d)? tall, as if in centimetres.*posedirs by 0\.01"),
        (lambda v: 1000 * v, r"tall, as if in millimetres.*by 0\.001"),
        (lambda v: v @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]), r"stands along z"),
        (lambda v: v * np.array([1, -1, -1]), r"stands along -y, expected \+y"),
    ],
)
def test_a_model_in_other_units_or_lying_down_is_refused(body, change, reason, tmp_path):
    arrays = smpl_arrays(body)
    np.savez(tmp_path / "model.npz", **arrays | {"v_template": change(arrays["v_template"])})
    with pytest.raises(BadInput, match=rf"model\.npz: the body .*{reason}"):
        load_smpl_body(tmp_path / "model.npz")
