"""Points on a surface: drawn by area, evenly within a face, and moving with the mesh."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from textures.visibility.surface_points import draw_surface_points

# Two triangles, the second three times as large, and one without area.
VERTICES = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 0, 0], [8, 0, 0], [5, 1, 0]], float)
FACES = np.array([[0, 1, 2], [3, 4, 5], [3, 4, 4]], np.int32)


def test_area_decides_and_a_face_is_filled_evenly():
    points = draw_surface_points(VERTICES, FACES, 8000, np.random.default_rng(0))
    counts = np.bincount(points.faces, minlength=3)
    assert counts[2] == 0
    assert chisquare(counts[:2], [2000, 6000]).pvalue > 1e-3
    weights = points.barycentric
    assert weights.dtype == np.float32 and (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    # Cut at the middles of its sides, a triangle is four equal ones.
    quarter = np.where((weights > 0.5).any(axis=1), weights.argmax(axis=1), 3)
    assert chisquare(np.bincount(quarter, minlength=4)).pvalue > 1e-3


def test_points_move_with_the_mesh():
    points = draw_surface_points(VERTICES, FACES, 50, np.random.default_rng(1))
    places = points.positions(VERTICES, FACES)
    assert (places[:, 2] == 0).all() and (places[:, :2] >= -1e-6).all()
    in_first = (points.faces == 0) == (places[:, 0] <= 1.0 + 1e-6)
    assert in_first.all()
    shear = np.array([[1, 0.5, 0], [0, 2, 0], [0.3, 0, 1]])
    moved = points.positions(VERTICES @ shear.T + 1, FACES)
    np.testing.assert_allclose(moved, places @ shear.T + 1, atol=1e-6)


def test_the_seed_decides():
    one, same, other = (
        draw_surface_points(VERTICES, FACES, 20, np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    assert np.array_equal(one.faces, same.faces)
    assert np.array_equal(one.barycentric, same.barycentric)
    assert not np.array_equal(one.barycentric, other.barycentric)
    assert draw_surface_points(VERTICES, FACES, 0, np.random.default_rng(0)).faces.shape == (0,)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="no area"):
        draw_surface_points(VERTICES, FACES[2:], 5, np.random.default_rng(0))
    with pytest.raises(ValueError, match="-1 surface points"):
        draw_surface_points(VERTICES, FACES, -1, np.random.default_rng(0))
