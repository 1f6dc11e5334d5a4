"""Clothes of films: what goes together, fabrics of their own, the same bytes of the same draw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocap.bodies.skinning import Skinning, skin
from synth.garments.clothing import (
    BOTTOMS,
    CLOTHES,
    TOPS,
    ClothesDraw,
    fitting_pieces,
    make_clothes,
)
from synth.garments.garment import SWATCH, dressed_body
from synth.garments.wardrobe_forms import prepare_forms

SIZE = 64


@pytest.fixture(scope="module")
def forms(body):
    return prepare_forms(body)


@pytest.fixture(scope="module")
def shaped(body):
    vertices, _ = skin(
        Skinning(body), pose=np.zeros((1, 72)), betas=np.ones(10), translation=np.zeros((1, 3))
    )
    return vertices[0].astype(np.float64)


@given(st.lists(st.sampled_from(CLOTHES), unique=True))
def test_one_top_one_bottom_and_no_bottom_under_a_dress(pieces):
    chosen = set(fitting_pieces(pieces))
    assert chosen <= set(pieces) and len(chosen & set(TOPS)) <= 1
    assert len(chosen & {*BOTTOMS, "dress"}) <= 1
    assert not chosen >= {"coat", "skirt"}
    assert set(pieces) - chosen <= {*TOPS, *BOTTOMS}
    if pieces:
        assert pieces[0] in chosen
    assert fitting_pieces(sorted(chosen)) == tuple(sorted(chosen))


@pytest.mark.parametrize("piece", CLOTHES)
def test_each_piece_is_made_alone_and_again(body, forms, shaped, piece):
    draw = ClothesDraw(pieces=(piece,), seed=4, swing=True)
    garments = make_clothes(forms, shaped, draw)
    again = make_clothes(forms, shaped, draw)
    assert garments
    for one, other in zip(garments, again, strict=True):
        np.testing.assert_array_equal(one.vertices, other.vertices)
        assert one.colour == other.colour and np.isfinite(one.vertices).all()
        np.testing.assert_allclose(one.weights.sum(axis=1), 1, atol=1e-4)
    assert any(g.carried for g in garments) == (piece in ("backpack", "bag"))
    assert all((g.colour is None) == (piece == "hair") for g in garments)
    height = 1.2 * np.ptp(shaped[:, 1])
    for garment in garments:
        assert np.abs(garment.vertices - shaped.mean(axis=0)).max() < height


def test_fabrics_are_shaded_from_below_the_texture_and_labelled_as_the_body_beneath(
    body, forms, shaped
):
    draw = ClothesDraw(pieces=("coat", "hair", "trousers", "backpack"), seed=1, swing=False)
    dressed = dressed_body(body, make_clothes(forms, shaped, draw), SIZE)
    picture = dressed.texture_with_swatches(np.full((SIZE, SIZE, 3), 255, np.uint8))
    assert picture.shape == (SIZE + SWATCH, SIZE, 3)
    first = len(body.faces)
    rows = (1 - dressed.shaded_mesh.uv[dressed.shaded_mesh.uv_faces][..., 1]) * (SIZE + SWATCH)
    for garment in dressed.garments:
        faces = slice(first, first + len(garment.faces))
        first += len(garment.faces)
        below = rows[faces] > SIZE
        assert below.all() if garment.colour is not None else not below.any()
        parts = dressed.mesh.face_parts[faces]
        assert (parts == 0).all() if garment.carried else (parts > 0).all()
        if not garment.carried:
            uv = dressed.mesh.uv[dressed.mesh.uv_faces[faces]]
            np.testing.assert_array_equal(uv, garment.uv[garment.uv_faces])
    assert first == len(dressed.mesh.faces)
    colours = [g.colour for g in dressed.garments if g.colour is not None]
    for number, colour in enumerate(colours):  # its own colour, lighter and darker
        left, right = (n * SIZE // len(colours) for n in (number, number + 1))
        swatch = picture[SIZE + 3, left:right] / 255
        ratio = swatch.mean(axis=0) / np.maximum(colour, 0.02)
        assert ((ratio > 0.6) & (ratio < 1.25)).all()


def test_soles_are_those_of_the_shoes():
    assert ClothesDraw(pieces=("hat",), seed=3, swing=True).sole == 0
    assert 0.01 <= ClothesDraw(pieces=("shoes",), seed=3, swing=True).sole <= 0.03
