"""The crop's fine structure lands on the texels that look at it, to a fraction of a pixel."""

from __future__ import annotations

import numpy as np
import pytest

from textures.harvest.detail import with_detail
from textures.visibility.texel_geometry import VISIBLE

SIDE = 64


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("line", [20, 33, 41])
def test_a_line_of_the_crop_stays_where_it_is(axis, line):
    """Texels that look at the middles of the crop's pixels, one each: nothing may move."""
    crop = np.full((SIDE, SIDE, 3), 100, np.uint8)
    crop[(slice(None),) * axis + (line,)] = 200
    texture = np.full((SIDE, SIDE, 3), 120, np.uint8)
    y, x = np.mgrid[:SIDE, :SIDE]
    positions = np.stack([(x + 0.5) / SIDE, (y + 0.5) / SIDE], axis=-1).astype(np.float32)
    result = with_detail(
        *(texture, crop, positions, np.full((SIDE, SIDE), VISIBLE, np.uint8)),
        spared=np.zeros((SIDE, SIDE), bool),
        blur=8,
    )
    profile = result[16:-16, 16:-16, 0].astype(float).mean(axis=1 - axis)
    added = profile - 120
    assert int(added.argmax()) == line - 16 and added.max() > 40
    near = line - 16 + np.array([-1, 1])
    assert abs(np.diff(added[near])[0]) < 1.5  # alike on either side of it
    assert np.abs(added[near]).max() < 0.3 * added.max()
