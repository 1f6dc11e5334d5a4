"""Alignment: a gain and an offset per channel are removed exactly, and nothing is turned round."""

from __future__ import annotations

import numpy as np
import pytest

from textures.evaluation.alignment import aligned, colour_line


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(40, 120, (40, 20, 3)).astype(np.uint8)


@pytest.mark.parametrize("gains", [(1, 1, 1), (2, 2, 2), (1, 2, 1), (0.5, 1.5, 2)])
@pytest.mark.parametrize("offset", [0, 12])
def test_a_gain_and_an_offset_are_removed_exactly(picture, gains, offset):
    even = picture // 2 * 2
    photograph = (even * np.array(gains) + offset).astype(np.uint8)
    mask = np.zeros(even.shape[:2], bool)
    mask[5:30, 3:15] = True
    line = colour_line(even, photograph, mask)
    assert np.allclose(line[0], gains) and np.allclose(line[1], offset)
    assert np.array_equal(aligned(even, photograph, mask)[mask], photograph[mask])


def test_pixels_off_the_mask_do_not_count(picture):
    mask = np.zeros(picture.shape[:2], bool)
    mask[10:20] = True
    photograph = np.where(mask[..., None], picture, np.uint8(250))
    assert np.array_equal(aligned(picture, photograph, mask)[mask], picture[mask])


def test_bright_is_not_turned_into_dark(picture):
    mask = np.ones(picture.shape[:2], bool)
    result = aligned(picture, 255 - picture, mask)
    assert np.ptp(result.reshape(-1, 3), axis=0).max() == 0
    flat = np.full_like(picture, 100)
    assert np.abs(aligned(flat, picture, mask).mean((0, 1)) - picture.mean((0, 1))).max() <= 0.5
