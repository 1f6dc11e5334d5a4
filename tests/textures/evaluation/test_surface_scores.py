"""Scores of a texture by itself: flat is perfect, a seam and an odd half are found."""

from __future__ import annotations

import numpy as np
import pytest

from textures.evaluation.surface_scores import asymmetry, seam_difference, surface_texels
from textures.evaluation.texture_sets import Painting
from textures.visibility.buffer import interpolate


@pytest.fixture(scope="module")
def texels(body):
    return surface_texels(body.mesh, 96)


def painting(colours):
    return Painting(colours, np.ones(colours.shape[:2], bool))


def by_position(body, texels, colour_of):
    """A texture whose colour follows from the template's points (S,S,3)."""
    position = interpolate(texels.geometry.texels, body.mesh.faces, body.mesh.vertices)
    return painting(colour_of(position).astype(np.uint8))


def test_a_flat_texture_has_neither_seams_nor_sides(texels):
    flat = painting(np.full((96, 96, 3), 90, np.uint8))
    assert seam_difference(flat, texels) == 0 and asymmetry(flat, texels) == 0


def test_a_texture_by_position_is_whole_and_islands_of_different_colours_are_not(body, texels):
    smooth = by_position(body, texels, lambda p: 120 + 60 * np.sin(2 * p))
    patched = smooth.colours.copy()
    flat = patched.reshape(-1, 3)
    flat[texels.seams.border[::2]] = (250, 30, 30)
    assert seam_difference(smooth, texels) < 3
    assert seam_difference(painting(patched), texels) > seam_difference(smooth, texels) + 5


def test_one_half_painted_otherwise_is_asymmetric(body, texels):
    even = by_position(body, texels, lambda p: 120 + 60 * np.sin(3 * np.abs(p)))
    odd = by_position(
        body, texels, lambda p: np.where(p[..., :1] > 0, (200, 40, 40), (40, 40, 200))
    )
    assert asymmetry(even, texels) < 2 < 50 < asymmetry(odd, texels)


def test_nothing_painted_has_no_score(texels):
    empty = Painting(np.zeros((96, 96, 3), np.uint8), np.zeros((96, 96), bool))
    assert np.isnan(seam_difference(empty, texels)) and np.isnan(asymmetry(empty, texels))
