"""MATLAB 5 files: what scipy wrote is read as scipy reads it, and damage never gets through."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from synth.clips.mat_arrays import mat_arrays

NUMBERS = st.one_of(
    *(
        hnp.arrays(np.dtype(kind), hnp.array_shapes(min_dims=2, max_dims=4, min_side=0, max_side=4))
        for kind in ("f4", "f8", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")
    )
)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), max_size=20)
NAMES = st.from_regex(r"[a-z][A-Za-z0-9_]{0,40}", fullmatch=True)


def cells(texts: list[str]) -> np.ndarray:
    out = np.empty((1, len(texts)), object)
    out[0, :] = texts
    return out


VALUES = st.one_of(NUMBERS, TEXT, st.lists(TEXT, max_size=4).map(cells))


def saved(values: dict, compressed: bool) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, values, do_compression=compressed, long_field_names=True)
    return file.getvalue()


def assert_same(found, expected) -> None:
    assert found.dtype.kind == expected.dtype.kind and found.shape == expected.shape
    if expected.dtype == object:
        for a, b in zip(found.ravel(), expected.ravel()):
            assert_same(a, b)
    else:
        assert found.dtype == expected.dtype
        assert found.tobytes() == expected.tobytes()


@given(values=st.dictionaries(NAMES, VALUES, max_size=5), compressed=st.booleans())
@settings(max_examples=150, deadline=None)
def test_files_are_read_as_scipy_reads_them(values, compressed):
    data = saved(values, compressed)
    expected = {
        name: value
        for name, value in scipy.io.loadmat(io.BytesIO(data)).items()
        if not name.startswith("__")
    }
    found = mat_arrays(data)
    assert set(found) == set(expected) == set(values)
    for name, value in expected.items():
        assert_same(found[name], value)
    for name in values:
        only = mat_arrays(data, [name, "of no variable"])
        assert set(only) == {name}
        assert_same(only[name], expected[name])


def element(kind: int, data: bytes, order: str) -> bytes:
    if 0 < len(data) <= 4:
        return struct.pack(f"{order}I", len(data) << 16 | kind) + data.ljust(4, b"\0")
    return struct.pack(f"{order}2I", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(name: str, kind: int, shape: tuple, stored: int, data: bytes, order: str) -> bytes:
    content = element(6, struct.pack(f"{order}2I", kind, 0), order)
    content += element(5, struct.pack(f"{order}{len(shape)}i", *shape), order)
    content += element(1, name.encode(), order) + element(stored, data, order)
    return struct.pack(f"{order}2I", 14, len(content)) + content


@pytest.mark.parametrize("order", "<>")
def test_matlabs_own_ways_of_storing(order):
    """Doubles that are whole numbers are stored as bytes, texts as 16-bit codes, in either order."""
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(f"{order}2H", 0x0100, 0x4D49)
    doubles = matrix("clipNo", 6, (1, 3), 2, bytes([1, 2, 255]), order)
    singles = matrix("camLoc", 7, (3, 1), 7, struct.pack(f"{order}3f", 1.5, -2, 0), order)
    codes = struct.pack(f"{order}3H", *map(ord, "cm\u00fc"))
    text = matrix("source", 4, (1, 3), 4, codes, order)
    found = mat_arrays(header + doubles + singles + text)
    assert found["clipNo"].dtype == np.float64 and found["clipNo"].tolist() == [[1, 2, 255]]
    assert found["camLoc"].dtype == np.float32 and found["camLoc"].T.tolist() == [[1.5, -2, 0]]
    assert found["source"].tolist() == ["cm\u00fc"]
    assert scipy.io.loadmat(io.BytesIO(header + singles))["camLoc"].tolist() == [[1.5], [-2], [0]]


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_damage_is_a_value_error_and_never_another(data):
    values = {
        "a": np.arange(12, dtype=np.float32).reshape(3, 4),
        "b": cells(["x", "yz"]),
        "c": "ab",
    }
    content = bytearray(saved(values, data.draw(st.booleans())))
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        for _ in range(data.draw(st.integers(1, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = mat_arrays(bytes(content))
    except ValueError:
        return
    assert all(isinstance(value, np.ndarray) for value in found.values())


def test_deflated_variables_have_a_checksum():
    data = bytearray(saved({"depth_1": np.random.default_rng(0).random((9, 9))}, True))
    data[-20] ^= 1
    with pytest.raises(ValueError, match=r"incorrect data check|invalid"):
        mat_arrays(bytes(data))


def test_sizes_are_not_believed_before_the_data_is_seen():
    order = "<"
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<2H", 0x0100, 0x4D49)
    huge = (2**31 - 1, 2**31 - 1, 2**31 - 1)
    with pytest.raises(ValueError, match="8 bytes for"):
        mat_arrays(header + matrix("a", 6, huge, 9, bytes(8), order))
    with pytest.raises(ValueError, match="cells in"):
        mat_arrays(header + matrix("a", 1, huge, 9, bytes(8), order))
    with pytest.raises(ValueError, match="a struct"):
        mat_arrays(saved({"s": {"field": 1}}, True))
    with pytest.raises(ValueError, match="complex numbers"):
        mat_arrays(saved({"z": np.array([[1j]])}, False))
    with pytest.raises(ValueError, match="no header"):
        mat_arrays(b"\x89HDF\r\n\x1a\n" + bytes(200))  # MATLAB 7.3
