"""Which textures of an earlier harvest are kept: those of the same crop, weights, size and layout."""

from __future__ import annotations

from dataclasses import replace

import pytest

from textures.harvest.reuse import reasons_to_make
from textures.library import TextureEntry

ENTRY = TextureEntry(
    file="a.png",
    uv_layout="free",
    size=256,
    source="a.jpg",
    source_sha256="0" * 64,
    identity="7",
    camera="c1",
    split="train",
    scores={"reid_cosine": 0.5},
    generator="fit-1+rstg-1",
    scorer="reid-1",
)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"source_sha256": "1" * 64}, "the crop changed"),
        ({"generator": "fit-1+rstg-2"}, "the weights changed"),
        ({"scorer": "reid-2"}, "the weights that score changed"),
        ({"size": 512}, "the size changed"),
        ({"uv_layout": "smpl"}, "the UV layout changed"),
    ],
)
def test_a_texture_that_would_come_out_otherwise_is_made_again(tmp_path, change, reason):
    (tmp_path / "a.png").touch()
    assert reasons_to_make(ENTRY, replace(ENTRY, **change), tmp_path) == [reason]


@pytest.mark.parametrize(
    "change",
    [{"scores": {}}, {"identity": "8"}, {"split": "test"}, {"camera": None}, {"licence": "mine"}],
)
def test_a_texture_is_kept_whatever_else_its_line_says(tmp_path, change):
    (tmp_path / "a.png").touch()
    assert reasons_to_make(ENTRY, replace(ENTRY, **change), tmp_path) == []


def test_a_texture_that_is_not_there_is_made(tmp_path):
    assert reasons_to_make(None, ENTRY, tmp_path) == ["new"]
    assert reasons_to_make(ENTRY, ENTRY, tmp_path) == ["the PNG was gone"]
