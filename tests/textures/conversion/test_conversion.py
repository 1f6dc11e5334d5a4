"""Textures in another UV layout: bodies that are laid on each other, and colours that stay in place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocap.bodies.body import JOINT_NAMES
from mocap.bodies.layout_mesh import layout_mesh
from mocap.errors import BadInput
from tests.textures.conversion.other_mesh import other_mesh
from textures.conversion import face_landmarks, library_conversion, registration
from textures.conversion.face_landmarks import FACE_FEATURES, landmark_pairs, profile_landmarks
from textures.conversion.layout_conversion import layout_conversions
from textures.conversion.library_conversion import convert_library
from textures.conversion.nearest_surface import nearest_points
from textures.conversion.outer_surface import outer_faces
from textures.conversion.registration import register
from textures.conversion.texture_import import import_textures
from textures.library import TextureEntry, read_library, write_manifest, write_texture
from textures.visibility.buffer import interpolate
from textures.visibility.uv_layout import atlas, fill_gutters

SIZE = 128
WHOLE = registration._STEPS, registration._STIFFNESS


def smooth_texture(seed: int, size: int = SIZE) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, size=(8, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def quick():
    """Few steps, for meshes that are near each other from the first."""
    patch = pytest.MonkeyPatch()
    patch.setattr(registration, "_STEPS", 10)
    patch.setattr(registration, "_STIFFNESS", (10, 2, 0.5))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def mesh(body):
    return other_mesh(body)


@pytest.fixture(scope="module")
def laid(body, mesh, quick, tmp_path_factory):
    return register(body, mesh, cache=tmp_path_factory.mktemp("cache"))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_the_nearest_point_is_that_of_a_dense_sampling(seed):
    rng = np.random.default_rng(seed)
    vertices, faces = rng.normal(size=(9, 3)), np.arange(9).reshape(3, 3)
    points = rng.normal(size=(4, 3))
    none = np.zeros((4, 3))  # without a direction only distance counts
    face, weights = nearest_points(points, none, vertices, faces)
    np.testing.assert_allclose(weights.sum(1), 1)
    assert weights.min() >= 0
    nearest = np.einsum("nk,nkd->nd", weights, vertices[faces[face]])
    distance = np.linalg.norm(nearest - points, axis=1)
    steps = np.array([(i, j, 30 - i - j) for i in range(31) for j in range(31 - i)]) / 30
    sampled = np.einsum("sk,fkd->sfd", steps, vertices[faces]).reshape(-1, 3)
    brute = np.linalg.norm(sampled[None] - points[:, None], axis=-1).min(1)
    assert (distance <= brute + 1e-9).all() and (distance >= brute - 0.3).all()


def test_a_sheets_other_side_is_not_taken():
    sheet = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0.0]])
    vertices = np.vstack([sheet, sheet + np.array([0, 0, 0.002])])
    faces = np.array([[0, 2, 1], [3, 4, 5]])  # the one looks down, the other up
    point = np.array([[0.2, 0.2, 0.0]])
    for direction, expected in ((-1.0, 0), (1.0, 1)):
        face, _ = nearest_points(point, np.array([[0, 0, direction]]), vertices, faces)
        assert face[0] == expected


def test_the_inside_of_the_mouth_is_no_outer_surface(body):
    outer = outer_faces(body.template, body.faces)
    assert 0.8 < outer.mean() < 1
    middles = body.template[body.faces].mean(axis=1)
    hidden = middles[~outer]
    neck = body.rest_joints[JOINT_NAMES.index("neck"), 1]
    assert (hidden[:, 1] > neck).mean() > 0.5  # most of it is in the head
    box = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    outside = [[0, 1, 3], [0, 2, 3], [4, 5, 7], [4, 6, 7], [0, 1, 5], [0, 4, 5]]
    outside += [[2, 3, 7], [2, 6, 7], [0, 2, 6], [0, 4, 6], [1, 3, 7], [1, 5, 7]]
    within = 0.3 * box + 0.35
    faces = np.vstack([outside, np.array(outside) + 8])
    assert outer_faces(np.vstack([box, within]), faces).tolist() == [True] * 12 + [False] * 12


def test_a_texture_turned_a_quarter_is_what_another_layout_that_is_turned_has(body, mesh, laid):
    there, back = layout_conversions(body, mesh, laid, SIZE)
    covered = atlas(body.mesh, SIZE).covered
    texture = smooth_texture(1)
    converted = there.convert(texture)
    expected = np.rot90(fill_gutters(texture, covered))
    difference = np.abs(converted.astype(int) - expected)[there.covered]
    assert difference.mean() < 8 and np.abs(converted.astype(int) - texture).mean() > 30
    returned = np.abs(back.convert(converted).astype(int) - texture)[covered]
    assert returned.mean() < 10


def test_no_colour_between_the_islands_bleeds_in(body, mesh, laid):
    there, _ = layout_conversions(body, mesh, laid, SIZE)
    texture = np.full((SIZE, SIZE, 3), (0, 255, 0), np.uint8)
    texture[atlas(body.mesh, SIZE).covered] = (180, 90, 60)
    assert (there.convert(texture) == (180, 90, 60)).all()
    assert there.convert(np.full((SIZE * 2, SIZE * 2, 3), 77, np.uint8)).shape == (SIZE, SIZE, 3)


def test_another_figure_is_met(body, quick, tmp_path):
    mesh = other_mesh(body, figure=1.0)
    laid = register(body, mesh, cache=tmp_path)
    plain = other_mesh(body)
    before = np.linalg.norm(plain.vertices - mesh.vertices, axis=1)
    error = np.linalg.norm(laid.vertices - mesh.vertices, axis=1)
    assert error.mean() < 0.5 * before.mean()
    (stored,) = tmp_path.iterdir()
    again = register(body, mesh, cache=tmp_path)
    np.testing.assert_array_equal(again.vertices, laid.vertices)
    stored.write_bytes(b"torn")
    torn = registration._cached_arrays(stored, body, mesh)
    assert torn is None


def test_features_of_a_face_are_vertices_where_a_face_has_them(body):
    pairs = landmark_pairs(body.mesh, body.mesh)
    assert pairs.shape == (2, len(FACE_FEATURES)) and (pairs[0] == pairs[1]).all()
    points = dict(zip(FACE_FEATURES, body.template[pairs[0]]))
    for name, point in points.items():
        if name.startswith("left_"):
            mirrored = points[name.replace("left_", "right_")] * (-1, 1, 1)
            assert point[0] > 0 and np.linalg.norm(point - mirrored) < 0.001, name
    nose, lip = body.template[list(profile_landmarks(body.template))]
    assert np.linalg.norm(nose - points["nose_tip"]) < 0.002
    assert np.linalg.norm(lip - points["upper_lip"]) < 0.002
    height = [
        points[n][1] for n in ("left_upper_lid", "nose_tip", "upper_lip", "lower_lip", "chin")
    ]
    assert height == sorted(height, reverse=True)


def test_eyes_and_mouth_come_to_lie_where_another_face_has_them(body, quick, tmp_path, monkeypatch):
    """A face with a lower mouth and other eyes: the truth is known at every vertex."""
    mesh = other_mesh(body)
    features = dict(zip(FACE_FEATURES, landmark_pairs(body.mesh, body.mesh)[0]))
    vertices = body.template.astype(np.float64)
    for names, move in (
        (("upper_lip", "lower_lip", "left_mouth_corner", "right_mouth_corner"), (0, -0.008, 0)),
        (("left_eye_inner", "left_eye_outer"), (0.004, 0.01, 0)),
        (("right_eye_inner", "right_eye_outer"), (-0.004, 0.01, 0)),
    ):
        middle = body.template[[features[name] for name in names]].mean(axis=0)
        near = np.exp(-(((body.template - middle) / 0.02) ** 2).sum(axis=1))
        vertices += near[:, None] * np.array(move)
    changed = replace(mesh, vertices=(1.04 * vertices + (0.1, 0.9, -0.2)).astype(np.float32))
    shown = outer_faces(body.template, body.faces)
    moved = np.zeros(len(vertices), bool)
    moved[body.faces[shown]] = True
    moved &= np.linalg.norm(vertices - body.template, axis=1) > 0.003
    known = {
        "of profiles alone": {},
        "with features": {("smpl", len(mesh.vertices)): tuple(features.values())},
    }
    errors = {}
    for case, others in known.items():
        anny = face_landmarks._KNOWN_MESHES[(body.uv_layout, len(body.template))]
        table = {(body.uv_layout, len(body.template)): anny, **others}
        monkeypatch.setattr(face_landmarks, "_KNOWN_MESHES", table)
        laid = register(body, changed, cache=tmp_path / case)
        errors[case] = np.linalg.norm(laid.vertices - changed.vertices, axis=1)[moved].mean()
    assert laid.features < 0.001 and "features of the face" in str(laid)
    assert errors["with features"] < 0.5 * errors["of profiles alone"], errors


def test_what_is_no_body_is_refused(body, quick, tmp_path):
    ball = body.template / np.linalg.norm(body.template, axis=1, keepdims=True)
    with pytest.raises(BadInput, match="T-pose"):
        register(body, replace(body.mesh, vertices=ball.astype(np.float32)), cache=tmp_path)
    assert not list(tmp_path.iterdir())


def library(folder: Path, layout: str, count: int = 2) -> Path:
    entries = []
    for number in range(count):
        write_texture(folder / f"{number}.png", smooth_texture(number))
        entries.append(
            TextureEntry(
                *(f"{number}.png", layout, SIZE, f"{number}.jpg", "", str(number), None, "train"),
                licence="CC0",
                generator="rstg",
            )
        )
    write_manifest(folder, entries)
    return folder


@pytest.fixture
def known(mesh, laid, monkeypatch):
    """The other layout's mesh and how the body lies on it, whatever file is named."""
    monkeypatch.setattr(library_conversion, "layout_mesh", lambda *_, **__: mesh)
    monkeypatch.setattr(library_conversion, "register", lambda *_: laid)


def test_a_library_goes_there_and_back(known, body, tmp_path):
    first = library(tmp_path / "a", body.uv_layout)
    done = convert_library(first, tmp_path / "b", "smpl")
    assert len(done.entries) == 2 and done.left_out == [] and 0 < done.round_trip < 10
    entries = read_library(tmp_path / "b")
    assert {entry.uv_layout for entry in entries} == {"smpl"}
    assert entries[0].licence == "CC0" and "anny-1" in entries[0].generator
    back = convert_library(tmp_path / "b", tmp_path / "c", body.uv_layout)
    assert read_library(tmp_path / "c", body) == back.entries
    covered = atlas(body.mesh, SIZE).covered
    for number in (0, 1):
        end = cv2.imread(str(tmp_path / "c" / f"{number}.png"))[..., ::-1].astype(int)
        assert np.abs(end - smooth_texture(number))[covered].mean() < 10
    before = {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}
    convert_library(first, tmp_path / "b", "smpl")
    assert {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()} == before


def test_what_the_library_lists_no_longer_goes(known, body, tmp_path):
    convert_library(library(tmp_path / "a", body.uv_layout), tmp_path / "b", "smpl")
    library(tmp_path / "a", body.uv_layout, count=1)
    done = convert_library(tmp_path / "a", tmp_path / "b", "smpl", size=64)
    assert done.removed == 1 and sorted(p.name for p in (tmp_path / "b").iterdir()) == [
        "0.png",
        "textures.jsonl",
    ]
    assert done.entries[0].size == 64
    assert cv2.imread(str(tmp_path / "b" / "0.png")).shape == (64, 64, 3)


def test_damaged_textures_are_named_and_left_out(known, body, tmp_path):
    first = library(tmp_path / "a", body.uv_layout)
    (first / "0.png").write_bytes(b"torn")
    lines: list[str] = []
    done = convert_library(first, tmp_path / "b", "smpl", report=lines.append)
    assert len(done.entries) == 1 and "0.png" in done.left_out[0] and "0.png" in lines[0]


def test_conversions_that_cannot_be_are_refused_at_once(body, tmp_path):
    first = library(tmp_path / "a", body.uv_layout)
    other = library(tmp_path / "s", "smpl")
    for source, out, layout, text in [
        (first, first, "smpl", "is the library itself"),
        (first, tmp_path / "b", body.uv_layout, "already"),
        (first, tmp_path / "b", "smpl", "--uv FILE.obj"),
        (other, tmp_path / "b", "smplx", "there is no way"),
        (first, other, "smpl", "not converted"),
        (first, first / "0.png", "smpl", "is a file"),
        (tmp_path / "none", tmp_path / "b", "smpl", "no such file"),
    ]:
        with pytest.raises(BadInput, match=text):
            convert_library(source, out, layout)
    mixed = [*read_library(first), replace(read_library(other)[0], file="1.png")]
    write_manifest(first, mixed)
    with pytest.raises(BadInput, match="expected one"):
        convert_library(first, tmp_path / "b", "smpl")
    assert not (tmp_path / "b").exists()


def test_a_folder_of_textures_becomes_a_library(tmp_path):
    folder = tmp_path / "found"
    for name in ("male/one.png", "male/two.png", "female/one.png"):
        write_texture(folder / name, smooth_texture(len(name)))
    cv2.imwrite(str(folder / "wide.png"), np.zeros((32, 64, 3), np.uint8))
    (folder / "torn.jpg").write_bytes(b"torn")
    cv2.imwrite(str(folder / "dot.png"), np.zeros((4, 4, 3), np.uint8))
    lines: list[str] = []
    done = import_textures(folder, tmp_path / "a", "smpl", "CC-BY-4.0", report=lines.append)
    assert len(done.left_out) == 3 and len(lines) == 3
    entries = read_library(tmp_path / "a")
    assert [entry.identity for entry in entries] == ["female_one", "male_one", "male_two"]
    assert {entry.licence for entry in entries} == {"CC-BY-4.0"}
    assert {entry.uv_layout for entry in entries} == {"smpl"}
    assert sorted(entry.split for entry in entries) == ["test", "train", "val"]
    np.testing.assert_array_equal(
        cv2.imread(str(tmp_path / "a" / "male_two.png"))[..., ::-1],
        smooth_texture(len("male/two.png")),
    )
    (folder / "male" / "two.png").unlink()
    again = import_textures(folder, tmp_path / "a", "smpl", "CC-BY-4.0", size=32)
    assert len(again.entries) == 2 and {entry.size for entry in again.entries} == {32}
    assert not (tmp_path / "a" / "male_two.png").exists()


def test_imports_that_cannot_be_are_refused(body, tmp_path):
    folder = tmp_path / "found"
    write_texture(folder / "one.png", smooth_texture(1))
    others = library(tmp_path / "lib", body.uv_layout)
    for source, out, layout, licence, text in [
        (folder, tmp_path / "a", "smpl", " ", "--licence"),
        (folder, tmp_path / "a", "uv", "CC0", "--uv-layout uv"),
        (tmp_path / "none", tmp_path / "a", "smpl", "CC0", "no such folder"),
        (folder, folder, "smpl", "CC0", "lies in"),
        (folder, folder / "a", "smpl", "CC0", "lies in"),
        (folder, others, "smpl", "CC0", "not imported"),
    ]:
        with pytest.raises(BadInput, match=text):
            import_textures(source, out, layout, licence)
    (folder / "one.png").write_bytes(b"torn")
    with pytest.raises(BadInput, match="none of its 1 pictures"):
        import_textures(folder, tmp_path / "a", "smpl", "CC0")
    assert not (tmp_path / "a").exists()


def test_meshes_of_layouts_are_read_or_refused(body, tmp_path):
    assert layout_mesh("anny-1").uv_layout == body.uv_layout
    path = tmp_path / "a.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nf 1/1 2/1 3/1\n")
    with pytest.raises(BadInput, match="3 vertices, expected the 6,890"):
        layout_mesh("smpl", uv=path)
    path.write_text("v 0 0 zero\nvt 0 0\nf 1/1 1/1 1/1\n")
    with pytest.raises(BadInput, match=r"a\.obj:1"):
        layout_mesh("smpl", uv=path)


def test_smpls_published_layout_there_and_back(shared_data, body, monkeypatch):
    """Real UVs: what the surfaces are apart, and what a texture loses on the way there and back."""
    for name, value in zip(("_STEPS", "_STIFFNESS"), WHOLE):  # its result is kept in the cache
        monkeypatch.setattr(registration, name, value)
    uv = shared_data / "smpl_uv" / "SMPL_male_default_resolution.obj"
    mesh = layout_mesh("smpl", uv=uv)
    assert (mesh.vertices.shape, mesh.uv.shape) == ((6890, 3), (7576, 2))
    laid = register(body, mesh)
    # Metres. 1.1, 3.2 and, on average over the features of the face, 0.5 mm were measured.
    assert laid.mean < 0.0015 and laid.percentile_95 < 0.004 and laid.features < 0.001
    points = dict(zip(FACE_FEATURES, mesh.vertices[landmark_pairs(body.mesh, mesh)[1]]))
    nose, lip = mesh.vertices[list(profile_landmarks(mesh.vertices))]
    assert np.linalg.norm(nose - points["nose_tip"]) < 0.003
    assert np.linalg.norm(lip - points["upper_lip"]) < 0.006
    for name, point in points.items():
        if name.startswith("left_"):  # the published mesh is not quite symmetric
            mirrored = points[name.replace("left_", "right_")] * (-1, 1, 1) + (0.0118, 0, 0)
            assert np.linalg.norm(point - mirrored) < 0.006, name
    there, back = layout_conversions(body, mesh, laid, 256)
    texture = smooth_texture(3, 256)
    returned = back.convert(there.convert(texture)).astype(int)
    covered = atlas(body.mesh, 256).covered
    assert np.abs(returned - texture)[covered].mean() < 10
    # Left stays left and the front stays in front, but for texels between the two bodies' middles.
    for axis in (0, 2):
        sides = []
        for figure in (body.mesh, mesh):
            texels = atlas(figure, 256)
            middle = figure.vertices[:, axis].mean()
            position = interpolate(texels, figure.faces, figure.vertices)[..., axis] - middle
            sides.append((texels.covered, position))
        painted = np.where((sides[0][1] > 0)[..., None], np.uint8(255), np.uint8(0))
        converted = there.convert(np.repeat(painted, 3, axis=-1))[..., 0] > 127
        clear = sides[1][0] & (np.abs(sides[1][1]) > 0.05)
        assert (converted == (sides[1][1] > 0))[clear].mean() > 0.95
