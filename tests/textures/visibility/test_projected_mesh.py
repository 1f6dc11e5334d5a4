"""Shots against the plain functions of visibility, which are held by ray casting and analysis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.textures.ray_casting import cast_rays
from tests.textures.visibility.test_visibility import meshes, rotation
from textures.visibility import buffer as plain
from textures.visibility.camera import look_at
from textures.visibility.projected_mesh import (
    OUTSIDE,
    ImagePoints,
    occluding_faces,
    project_mesh,
    projected_points,
    visible_pixels,
    write_depth,
    write_flow,
    write_normals,
    write_values,
)

TOLERANCE = 0.005


def two_cameras(rng):
    return [
        look_at(
            rng.normal((0, 0, -1), 0.3),
            rng.normal((0, 0, 4), 0.3),
            focal=rng.uniform(15, 40),
            width=32,
            height=26,
            roll=rng.normal(0, 0.2),
        )
        for _ in range(2)
    ]


def check_against_plain(vertices, moved, faces, cameras, rng):
    """Every function of a shot on one pair of frames."""
    first, second = cameras
    now, other = project_mesh(vertices, faces, first), project_mesh(moved, faces, second)
    visible, buffer = visible_pixels(now), plain.visibility(vertices, faces, first)
    covered = buffer.covered
    assert np.array_equal(np.nonzero(covered), (visible.row, visible.column))
    assert np.array_equal(buffer.face[covered], visible.face)
    assert np.array_equal(buffer.barycentric[covered], visible.barycentric)

    size = (first.height, first.width)
    depth = np.full(size, np.inf, np.float32)
    write_depth(visible, now, depth)
    np.testing.assert_allclose(depth, plain.depth(buffer, faces, vertices, first), rtol=2e-7)
    normals = np.zeros((*size, 3), np.float32)
    write_normals(visible, now, normals)
    expected = plain.normals(buffer, faces, vertices, first)
    np.testing.assert_allclose(normals, expected, atol=1e-6)
    uv, corners = rng.random((20, 2)).astype(np.float32), rng.integers(0, 20, faces.shape)
    values = np.zeros((*size, 2), np.float32)
    write_values(visible, corners.astype(np.int32), uv, values)
    np.testing.assert_allclose(values, plain.interpolate(buffer, corners, uv), atol=3e-7)
    assert values.min() >= 0 and values.max() <= 1

    points = projected_points(visible, other)
    flow = np.zeros((*size, 2), np.float32)
    write_flow(visible, points, flow)
    expected = plain.flow(buffer, faces, moved, second)
    np.testing.assert_allclose(flow, expected, rtol=1e-6, atol=1e-6)
    (hiding,) = occluding_faces(other, [points], tolerance=TOLERANCE)
    hidden = np.zeros(size, bool)
    hidden[covered] = hiding != -1
    expected = plain.flow_occlusion(buffer, faces, moved, second, tolerance=TOLERANCE)
    assert np.array_equal(hidden, expected)
    return hidden[covered]


@settings(max_examples=60, deadline=None)
@given(meshes(), st.integers(0, 2**32 - 1))
def test_a_shot_gives_what_the_plain_functions_give(mesh, seed):
    vertices, faces = mesh
    rng = np.random.default_rng(seed)
    moved = vertices + rng.normal(0, 0.3, vertices.shape)
    check_against_plain(vertices, moved, faces, two_cameras(rng), rng)


@pytest.mark.parametrize("seed", range(3))
def test_of_a_body_too(body, seed):
    rng = np.random.default_rng(seed)
    middle = body.template.mean(axis=0)
    turn = rotation(rng.normal(size=3), 1.2).astype(np.float32)
    cameras = [
        look_at(middle + np.array([1.5 + step, 0.3, 2.5]), middle, focal=220, width=160, height=120)
        for step in (0.0, 0.3)
    ]
    moved = (body.template - middle) @ turn.T + middle
    hidden = check_against_plain(body.template, moved, body.faces, cameras, rng)
    assert 0.02 < hidden.mean() < 0.9  # there was something to decide


@settings(max_examples=40, deadline=None)
@given(meshes(), st.integers(0, 2**32 - 1))
def test_hiders_agree_with_ray_casting(mesh, seed):
    vertices, faces = mesh
    rng = np.random.default_rng(seed)
    camera = two_cameras(rng)[0]
    projected = project_mesh(vertices, faces, camera)
    pixels = rng.uniform(-2, (34, 28), size=(90, 2))
    z = rng.uniform(1, 9, 90)
    z[:10], z[10:20] = np.inf, -1.0
    groups = [ImagePoints(pixels[part], z[part]) for part in (slice(0, 40), slice(40, 90))]
    found = np.concatenate(occluding_faces(projected, groups, tolerance=TOLERANCE))
    face, nearest, margin = cast_rays(vertices, faces, camera, pixels)
    outside = ~((pixels >= 0) & (pixels < (32, 26))).all(axis=1) | (z < 0)
    expected = np.where(nearest + TOLERANCE < z, face, -1)
    assert np.array_equal(found == OUTSIDE, outside)
    on_the_limit = np.isclose(nearest + TOLERANCE, z, atol=1e-6) & np.isfinite(z)
    clear = ~outside & (margin > 1e-6) & ~on_the_limit
    found, expected = found[clear], expected[clear]
    # Two faces with the same corners are one surface.
    corners = np.vstack([np.sort(faces), [-1, -1, -1]])
    assert np.array_equal(corners[found], corners[expected])
    assert occluding_faces(projected, [], tolerance=TOLERANCE) == []
