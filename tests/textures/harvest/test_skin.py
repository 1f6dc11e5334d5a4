"""Faces and hands have a skin's colour; what has it already, and all the rest, is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from textures.harvest.skin import CURVE, LUMA, skin_texels, with_skin
from textures.visibility.texel_geometry import texel_geometry


def plain(colour):
    return np.full((32, 32, 3), colour, np.uint8)


@pytest.mark.parametrize("cloth", [(225, 205, 60), (40, 120, 220), (30, 160, 60), (200, 20, 160)])
def test_cloth_on_a_face_becomes_skin_of_the_same_lightness(cloth):
    made = with_skin(plain(cloth), np.ones((32, 32), bool))[16, 16].astype(float)
    assert abs(made @ LUMA - np.array(cloth) @ LUMA) < 3
    assert np.linalg.norm(CURVE - made, axis=1).min() < 35
    assert made[0] > made[1] > made[2]


@pytest.mark.parametrize(
    "kept",
    [(242, 207, 186), (163, 115, 84), (87, 59, 43), (18, 15, 15), (110, 110, 112), (150, 120, 80)],
)
def test_skin_hair_and_grey_stay(kept):
    made = with_skin(plain(kept), np.ones((32, 32), bool))
    assert np.abs(made.astype(int) - kept).max() <= 3


def test_nothing_outside_is_touched():
    where = np.zeros((32, 32), bool)
    where[8:24, 8:24] = True
    made = with_skin(plain((225, 205, 60)), where)
    assert (made[~where] == (225, 205, 60)).all() and (made[16, 16] != (225, 205, 60)).any()


def test_skin_is_expected_on_hands_and_face_not_on_the_crown(body):
    geometry = texel_geometry(body.mesh, 96)
    where = skin_texels(geometry, body)
    assert (
        where[geometry.hand].all()
        and not where[geometry.covered & ~geometry.head & ~geometry.hand].any()
    )
    face = 0.1 < where[geometry.head].mean() < 0.8
    crown = np.zeros(96 * 96, bool)
    crown[geometry.surface] = geometry.position[:, 1] > geometry.position[:, 1].max() - 0.05
    assert face and not where.reshape(-1)[crown].any()
