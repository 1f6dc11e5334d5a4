"""MAT files of ours are what any reader of MATLAB 5 files reads, whatever the arrays hold."""

from __future__ import annotations

import zlib

import numpy as np
import scipy.io
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from synth.clips.mat_files import _deflated, write_mat

KINDS = st.sampled_from([np.uint8, np.int32, np.float32, np.float64, np.uint16])


@st.composite
def channels(draw):
    """A background and, in some of its columns, something else."""
    dtype = draw(KINDS)
    shape = (draw(st.integers(1, 120)), draw(st.integers(1, 160)))
    out = np.full(
        shape, draw(st.sampled_from([0, 1, 1e10 if dtype in (np.float32, float) else 7])), dtype
    )
    for _ in range(draw(st.integers(0, 3))):
        column = draw(st.integers(0, shape[1] - 1))
        width = draw(st.integers(1, 30))
        part = out[:, column : column + width]
        part[...] = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 200, part.shape)
    return out


@given(channels())
def test_arrays_come_back_bit_for_bit(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("mat") / "a.mat"
    write_mat(path, {"first_1": values, "text": "words", "cells": np.array([["a", "b"]], object)})
    back = scipy.io.loadmat(path)
    assert back["first_1"].dtype == values.dtype and np.array_equal(back["first_1"], values)
    assert back["text"][0] == "words" and back["cells"][0, 1][0] == "b"


@given(hnp.arrays(np.uint8, st.integers(0, 20000), elements=st.sampled_from([0, 0, 0, 5])))
def test_the_stream_is_one_that_zlib_inflates(values):
    data = values.tobytes()
    packed = _deflated(memoryview(data), values)
    inflater = zlib.decompressobj()
    assert inflater.decompress(packed) + inflater.flush() == data
    assert inflater.eof and not inflater.unused_data


def test_background_costs_next_to_nothing():
    values = np.zeros((240, 320, 3), np.float32)
    values[60:180, 140:180] = np.random.default_rng(0).random((120, 40, 3))
    body = values[60:180, 140:180].nbytes
    packed = len(_deflated(memoryview(values.tobytes(order="F")), values))
    assert packed < 1.1 * body
