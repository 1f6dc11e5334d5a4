"""Grey bodies: a library that pairs with any other, clip by clip."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.bodies.free_body import load_free_body
from mocap.errors import BadInput
from synth.standins.grey_textures import GREY, write_grey_textures
from tests.synth.cli.running import succeed
from textures.library import SPLITS, read_library, read_texture


def test_a_library_of_one_even_grey_has_every_split(tmp_path):
    body = load_free_body()
    succeed("standins", "grey", "--out", tmp_path / "grey")
    entries = read_library(tmp_path / "grey", body)
    assert sorted(entry.split for entry in entries) == sorted(SPLITS)
    assert len({entry.identity for entry in entries}) == len(SPLITS)  # a person is in one split
    for entry in entries:
        assert entry.stand_in
        assert np.unique(read_texture(tmp_path / "grey" / entry.file)).tolist() == [GREY]
    before = (tmp_path / "grey" / "textures.jsonl").read_bytes()
    assert write_grey_textures(tmp_path / "grey", body=body) == len(SPLITS)
    assert (tmp_path / "grey" / "textures.jsonl").read_bytes() == before
    with pytest.raises(BadInput, match="already holds something else"):
        write_grey_textures(tmp_path / "grey", body=body, size=64)
