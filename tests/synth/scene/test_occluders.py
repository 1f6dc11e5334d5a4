"""Boxes, poles and plants: solid, on the floor, through nobody, before the camera."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from synth.scene.occluders import (
    OCCLUDER_KINDS,
    OCCLUDER_PART,
    Occluder,
    OccluderDraw,
    occluder_mesh,
    occluder_path,
    occluder_texture,
    place_occluders,
    posed_occluder,
)
from synth.scene.placement import floor_discs
from textures.visibility.camera import look_at
from textures.visibility.vertex_normals import vertex_normals


def thing(kind: str, **changes) -> Occluder:
    made = Occluder(
        kind=kind, seed=5, size=(0.6, 1.2, 0.5), turn=0.4, start=(-1.0, 2.0), end=(1.0, 3.0)
    )
    return dataclasses.replace(made, **changes)


@pytest.mark.parametrize("kind", OCCLUDER_KINDS)
def test_a_mesh_stands_on_the_floor_with_labels_and_uvs(kind):
    mesh = occluder_mesh(thing(kind))
    assert mesh.vertices[:, 1].min() == 0 and 0.9 <= mesh.vertices[:, 1].max() <= 1.2 + 1e-6
    assert np.abs(mesh.vertices[:, [0, 2]]).max() <= 0.6
    assert (mesh.face_parts == OCCLUDER_PART).all()
    assert mesh.uv.min() >= 0 and mesh.uv.max() <= 1 and mesh.faces.max() < len(mesh.vertices)
    picture = occluder_texture(thing(kind))
    assert picture.dtype == np.uint8 and picture.std() > 3


def test_sides_look_outwards_and_are_flat():
    for kind in ("box", "pole"):
        mesh = occluder_mesh(thing(kind))
        corners = mesh.vertices[mesh.faces].astype(float)
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        assert ((corners.mean(axis=1) - [0, 0.6, 0]) * normals).sum(axis=1).min() > 0
    box = occluder_mesh(thing("box"))
    smooth = vertex_normals(box.vertices, box.faces)
    np.testing.assert_allclose(np.abs(smooth).max(axis=1), 1, atol=1e-6)  # each along an axis


def test_the_way_is_even_and_an_end_that_is_not_real_repeats():
    occluder = thing("box")
    mesh, moved = posed_occluder(occluder, 6, ends=(True, True))
    assert moved.shape == (8, len(mesh.vertices), 3) and moved.dtype == np.float32
    middle = (moved.max(axis=1) + moved.min(axis=1))[:, [0, 2]] / 2
    np.testing.assert_allclose(middle, np.linspace((-1, 2), (1, 3), 8), atol=1e-6)
    _, ended = posed_occluder(occluder, 6, ends=(False, False))
    np.testing.assert_array_equal(ended[0], ended[1])
    np.testing.assert_array_equal(ended[-1], ended[-2])
    np.testing.assert_array_equal(ended[1:-1], moved[1:-1])


def test_they_are_placed_before_people_and_through_nobody():
    rng = np.random.default_rng(2)
    joints = rng.normal(0, 0.3, (12, 48, 3)) + np.array([0, 1, 0])
    joints[:, 24:, 0] += 2
    camera = look_at(np.array([0.0, 1, 9]), np.array([1.0, 1, 0]), focal=600, width=320, height=240)
    draws = [OccluderDraw(kind=kind, seed=n) for n, kind in enumerate(OCCLUDER_KINDS * 2)]
    placed = place_occluders(draws, joints, [camera] * 12, flesh=0.22)
    assert placed == place_occluders(draws, joints, [camera] * 12, flesh=0.22)
    assert len(placed) == 6 and any(o.start != o.end for o in placed)
    people = floor_discs(joints)
    paths = [occluder_path(occluder, 12) for occluder in placed]
    for occluder, path in zip(placed, paths):
        radius = np.hypot(occluder.size[0], occluder.size[2]) / 2
        apart = np.linalg.norm(people.middle - path[:, None], axis=-1) - people.radius
        assert apart.min() > radius
        z = path[:, 1]
        assert (z > 0).all() and (z < 5.5).all()  # between the camera and people, nearer to these
    for a in range(len(placed)):
        for b in range(a):
            apart = np.linalg.norm(paths[a] - paths[b], axis=1).min()
            assert apart > (placed[a].size[0] + placed[b].size[0]) / 2


def test_one_without_room_is_left_out():
    joints = np.zeros((2, 24, 3)) + np.array([0, 1, 0])
    joints[:, 0, 0], joints[:, 1, 0] = -8, 8  # somebody as wide as the place
    camera = look_at(np.array([0.0, 1, 3]), np.array([0.0, 1, 0]), focal=600, width=320, height=240)
    draws = [OccluderDraw(kind="box", seed=0)]
    assert place_occluders(draws, joints, [camera] * 2, flesh=0.22) == ()
