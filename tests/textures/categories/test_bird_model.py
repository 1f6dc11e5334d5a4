"""The bird: a closed mesh whose texture has no overlaps, and CUB's parts where a bird has them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from mocap.errors import BadInput
from textures.categories.birds.anatomy import BirdMeasures
from textures.categories.birds.model import KEYPOINTS, UV_LAYOUT, bird_model, bird_vertices
from textures.visibility.uv_layout import atlas, check_layout, mirrored_texels

MODEL = bird_model()
MESH = MODEL.mesh
SHAPES = [np.zeros(7), *(np.eye(7) * 1.5), *(np.eye(7) * -1.5)]


def directed_edges(faces):
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def test_every_edge_joins_two_faces_that_run_along_it_in_opposite_directions():
    edges = directed_edges(MESH.faces)
    assert len(np.unique(edges, axis=0)) == len(edges)
    assert {tuple(e) for e in edges} == {tuple(e[::-1]) for e in edges}


def test_it_is_five_closed_surfaces_of_the_kind_of_a_sphere():
    edges = len(directed_edges(MESH.faces)) // 2
    assert len(MESH.vertices) - edges + len(MESH.faces) == 2 * 5
    assert len(np.unique(MESH.faces)) == len(MESH.vertices)


@pytest.mark.parametrize("shape", SHAPES)
def test_faces_look_outwards_and_none_collapses_in_any_shape(shape):
    vertices = MODEL.vertices(shape).astype(np.float64)
    a, b, c = (vertices[MESH.faces[:, k]] for k in range(3))
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    assert areas.min() > 1e-9
    volume = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6
    assert 5e-5 < volume < 3e-4  # 50 to 300 cubic centimetres


def test_texture_coordinates_lie_in_the_texture_and_no_face_is_mirrored_or_covers_another():
    assert MESH.uv.min() >= 0 and MESH.uv.max() <= 1
    corners = MESH.uv[MESH.uv_faces].astype(np.float64)
    areas = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2
    assert areas.min() > 0
    # Faces that lay on each other would have more area together than the texels that show one.
    assert atlas(MESH, 512).covered.mean() == pytest.approx(areas.sum(), abs=0.01)


def test_seams_are_few():
    """Of the edges, those that a texture is cut along: one line for each of the five tubes, and poles."""
    pairs = np.sort(np.stack([directed_edges(MESH.faces)], 0)[0], 1)
    corners = np.sort(directed_edges(MESH.uv_faces), 1)
    sides = {}
    for pair, corner in zip(map(tuple, pairs), map(tuple, corners)):
        sides.setdefault(pair, set()).add(corner)
    assert np.mean([len(corner) > 1 for corner in sides.values()]) < 0.08


def test_left_and_right_are_mirror_images():
    for shape in SHAPES:
        vertices = MODEL.vertices(shape)
        assert cKDTree(vertices).query(vertices * (-1, 1, 1))[0].max() < 1e-6
        points = MODEL.keypoints(shape)
        assert np.abs(points[list(MODEL.sides)] * (-1, 1, 1) - points).max() < 1e-4
    twins = mirrored_texels(MESH, 64)
    wing = {number: MESH.face_parts[atlas(MESH, 64).face] == number for number in (5, 6)}
    covered = atlas(MESH, 64).covered
    right = wing[6].ravel()[twins[wing[5] & covered]]
    assert right.mean() > 0.95  # the left wing's texels have theirs on the right one


def test_the_parts_lie_where_a_bird_has_them():
    at = dict(zip(KEYPOINTS, MODEL.keypoints()))
    assert at["beak"][2] == max(point[2] for point in at.values())
    assert at["tail"][2] == min(point[2] for point in at.values())
    assert at["crown"][1] == max(point[1] for point in at.values())
    assert at["throat"][1] < at["left eye"][1] < at["crown"][1]
    assert at["belly"][2] < at["breast"][2] < at["throat"][2] < at["beak"][2]
    assert at["back"][2] < at["nape"][2] < at["crown"][2] < at["forehead"][2]
    assert at["back"][1] > at["left wing"][1] > at["left leg"][1]
    for part in ("eye", "wing", "leg"):
        assert at[f"left {part}"][0] > 0.004 and at[f"right {part}"][0] < -0.004
    normals = dict(zip(KEYPOINTS, MODEL.keypoint_normals()))
    assert normals["crown"][1] > 0.8 and normals["belly"][1] < -0.8 and normals["back"][1] > 0.8
    assert normals["left wing"][0] > 0.6 and normals["right wing"][0] < -0.6


@pytest.mark.parametrize("name", [field for field in vars(BirdMeasures())])
def test_a_shape_is_what_its_measure_says(name):
    """The linear directions against the parametric bird itself."""
    number = list(vars(BirdMeasures())).index(name)
    exact = bird_vertices(BirdMeasures(**{name: 0.5}))
    linear = MODEL.vertices(np.eye(7)[number] * 0.5)
    moved = np.linalg.norm(exact - bird_vertices(BirdMeasures()), axis=1).max()
    assert moved > 0.0005
    assert np.linalg.norm(exact - linear, axis=1).max() < 0.3 * moved + 2e-6


def test_textures_of_people_are_refused_on_birds_and_the_other_way_round(body):
    with pytest.raises(BadInput, match=f"anny-1.*'{UV_LAYOUT}'"):
        check_layout(body.uv_layout, MESH)
    with pytest.raises(BadInput, match=f"'{UV_LAYOUT}'.*anny-1"):
        check_layout(UV_LAYOUT, body.mesh)
