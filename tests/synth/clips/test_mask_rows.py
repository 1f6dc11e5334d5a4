"""A channel against a mask, against plain counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.clips.mask_rows import disagreements, mask_rows


@settings(deadline=None)  # the first example compiles
@given(
    seed=st.integers(0, 2**32 - 1),
    width=st.integers(1, 9),
    covered=st.floats(0, 1),
    kind=st.sampled_from(["bool", "uint8", "int32", "int64", "float32", "float64"]),
    channels=st.sampled_from([None, 1, 2, 3]),
    faults=st.integers(0, 3),
)
def test_pixels_are_counted_as_one_by_one(seed, width, covered, kind, channels, faults):
    rng = np.random.default_rng(seed)
    mask = rng.random((2, 4, width)) < covered
    mask &= rng.random((2, 4, 1)) < 0.7  # some rows show nothing
    size = mask.shape if channels is None else (*mask.shape, channels)
    channel = rng.integers(0, 3, size).astype(kind)
    channel[~mask] = 0
    for _ in range(faults):
        channel[tuple(rng.integers(n) for n in size)] = rng.integers(0, 2)
    there = (channel.reshape(*mask.shape, -1) != 0).any(axis=-1)
    expected = (there < mask).sum(), (there > mask).sum()
    assert disagreements(channel, mask_rows(mask)) == expected


@pytest.mark.parametrize(("background", "value"), [(np.inf, 3.0), (0, -0.0), (0, np.nan), (-1, 0)])
def test_what_is_background_holds_nothing(background, value):
    mask = np.zeros((1, 3, 5), bool)
    mask[0, 1, 1:4] = True
    channel = np.full(mask.shape, background, np.float32)
    assert disagreements(channel, mask_rows(mask), background=background) == (3, 0)
    channel[0, 0, 0] = value
    beside = int(value != background)
    assert disagreements(channel, mask_rows(mask), background=background) == (3, beside)


def test_a_channel_of_another_size_is_nowhere_on_the_mask():
    mask = np.ones((2, 3, 4), bool)
    assert disagreements(np.ones((1, 3, 4)), mask_rows(mask)) == (24, 0)
