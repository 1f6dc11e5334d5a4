"""Clothing read back: bare and covered limbs, colours, and labels that are none."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.errors import BadInput
from textures.evaluation.attributes import (
    FOREARMS,
    LOWER_COLOURS,
    SHINS,
    SKIN,
    TROUSERS,
    UPPER_COLOURS,
    read_clothing,
    read_clothing_labels,
    standing_body,
    texture_clothing,
)
from textures.evaluation.texture_sets import Painting
from textures.visibility.buffer import parts
from textures.visibility.uv_layout import atlas, fill_gutters

TONES = ((232, 189, 161), (122, 84, 62))
CLOTHS = {
    "red": (170, 30, 40),
    "blue": (40, 60, 140),
    "black": (25, 25, 28),
    "white": (215, 215, 215),
}


@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize("cloth", CLOTHS)
@pytest.mark.parametrize("bare_arms", [False, True])
@pytest.mark.parametrize("bare_legs", [False, True])
def test_sleeves_trousers_and_colours_are_read(body, tone, cloth, bare_arms, bare_legs):
    texels = atlas(body.mesh, 96)
    labels = parts(texels, body.face_parts)
    colours = np.full((96, 96, 3), CLOTHS[cloth], np.uint8)
    lower = "black" if cloth == "blue" else "blue"
    colours[np.isin(labels, (*TROUSERS, *SHINS))] = CLOTHS[lower]
    colours[np.isin(labels, SKIN)] = tone
    if bare_arms:
        colours[np.isin(labels, FOREARMS)] = tone
    if bare_legs:
        colours[np.isin(labels, SHINS)] = tone
    colours = fill_gutters(colours, texels.covered)
    painting = Painting(colours, np.ones((96, 96), bool))
    clothing = texture_clothing(painting, standing_body(body))
    assert (clothing.short_sleeves, clothing.short_trousers) == (bare_arms, bare_legs)
    assert (clothing.upper, clothing.lower) == (cloth, lower)


def test_what_is_not_seen_is_not_read(body):
    unpainted = Painting(np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), bool))
    clothing = read_clothing(np.zeros((0, 3)), np.zeros(0, np.uint8))
    assert texture_clothing(unpainted, standing_body(body)) == clothing
    assert clothing.short_sleeves is None and clothing.upper is None


HEADER = ",".join(
    [
        "identity",
        "up",
        "down",
        *(f"up{n}" for n in UPPER_COLOURS),
        *(f"down{n}" for n in LOWER_COLOURS),
    ]
)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("0001," + ",".join("1" * 18) + ",", "None"),
        ("0001," + ",".join("1" * 18) + ",3", "'3'"),
        (",".join(["", *"1" * 19]), "identity ''"),
        ("\n".join([",".join(["0001", *"1" * 19])] * 2), "line 3: identity '0001'"),
    ],
)
def test_damaged_labels_are_refused_with_their_line(tmp_path, row, reason):
    path = tmp_path / "attributes.csv"
    path.write_text(f"{HEADER}\n{row}\n")
    with pytest.raises(BadInput, match=r"attributes\.csv, line [23]: ") as error:
        read_clothing_labels(path)
    if reason != "None":
        assert reason in str(error.value)


def test_labels_are_read(tmp_path):
    path = tmp_path / "attributes.csv"
    values = ["2", "1", *("2" if n == "red" else "1" for n in UPPER_COLOURS), *"1" * 9]
    path.write_text(f"{HEADER}\n0001,{','.join(values)}\n")
    label = read_clothing_labels(path)["0001"]
    assert label.short_sleeves and not label.short_trousers
    assert label.upper == {"red"} and not label.lower
