"""Arrays of MATLAB 5 files, decoded without trust.

`scipy.io.loadmat` ends the process on some damaged files, believes sizes before it has seen the
data, and decodes every variable to find one. Here a size must agree with what follows it before
anything is allocated, checksums are compared, and variables that are not asked for are passed over.
What comes back is as scipy's: numbers in the class they were saved as, texts as arrays of rows,
cells as object arrays. Format: MathWorks, "MAT-File Format", Level 5.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Collection
from typing import Any

import numpy as np

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
_STORED |= {12: "i8", 13: "u8"}
_TEXT = {16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _CHAR = 1, 4
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4"}
_CLASSES |= {14: "i8", 15: "u8"}
_OTHER_CLASSES = {
    2: "a struct",
    3: "an object",
    5: "a sparse matrix",
    16: "a function",
    17: "opaque",
}
_COMPLEX = 0x0800
_DEEPEST = 8  # cells in cells
_START = 1024  # bytes that surely hold a variable's name
_MOST_EXPANSION = 1040  # deflate makes at most 1032 bytes of one


def mat_arrays(data: bytes | memoryview, names: Collection[str] | None = None) -> dict[str, Any]:
    """The variables of a MATLAB 5 file's bytes, or those of `names` that it holds.

    Raises ValueError where the file is damaged, or a variable holds neither numbers, text nor cells.
    """
    data = memoryview(data)
    if len(data) < _HEADER:
        raise ValueError(f"{len(data)} bytes, too few for a header")
    order = {b"IM": "<", b"MI": ">"}.get(bytes(data[126:128]))
    if order is None or struct.unpack(f"{order}H", data[124:126])[0] >> 8 != 1:
        raise ValueError("no header of a MATLAB 5 file")
    out: dict[str, Any] = {}
    offset = _HEADER
    while offset < len(data):
        kind, content, offset = _element(data, offset, order, padded=False)
        if kind == _COMPRESSED:
            matrix = _matrix_of(content, order, names)
        elif kind == _MATRIX:
            matrix = content
        else:
            raise ValueError(f"an element of type {kind} in place of a variable")
        if matrix is None:
            continue
        name, value = _variable(matrix, order, names, 0)
        if value is not None:
            if name in out:
                raise ValueError(f"the variable {name:.60} twice")
            out[name] = value
    return out


def _element(
    data: memoryview, offset: int, order: str, *, padded: bool = True
) -> tuple[int, memoryview, int]:
    """Type and content of the element at `offset`, and where the next one starts."""
    if offset + 8 > len(data):
        raise ValueError("cut short")
    kind, size = struct.unpack_from(f"{order}2I", data, offset)
    if kind >> 16:  # up to four bytes lie in the tag itself
        kind, size = kind & 0xFFFF, kind >> 16
        if size > 4:
            raise ValueError("a short element that is not short")
        return kind, data[offset + 4 : offset + 4 + size], offset + 8
    if offset + 8 + size > len(data):
        raise ValueError("cut short")
    after = offset + 8 + size
    if padded or kind != _COMPRESSED:
        after = min(after + -size % 8, len(data))
    return kind, data[offset + 8 : offset + 8 + size], after


def _matrix_of(packed: memoryview, order: str, names: Collection[str] | None) -> memoryview | None:
    """The content of the matrix that is deflated in `packed`; None for one not in `names`."""
    try:
        inflate = zlib.decompressobj()
        start = inflate.decompress(packed, _START)
        if len(start) < 8:
            raise ValueError("cut short")
        kind, size = struct.unpack_from(f"{order}2I", start)
        if kind != _MATRIX or size > len(packed) * _MOST_EXPANSION + _START:
            raise ValueError(f"{size} bytes of type {kind} claimed of {len(packed)} deflated")
        if names is not None and _name(memoryview(start)[8:], order)[0] not in names:
            return None
        tail = inflate.decompress(inflate.unconsumed_tail, 8 + size)
        whole = start + tail + inflate.flush()
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not inflate.eof or len(whole) != 8 + size:
        raise ValueError(f"{len(whole)} bytes of {8 + size}")
    return memoryview(whole)[8:]


def _name(content: memoryview, order: str) -> tuple[str, int, tuple[int, ...], int]:
    """Name, flags, shape of a matrix, and where its values start."""
    kind, flags, offset = _element(content, 0, order)
    if kind != 6 or len(flags) != 8:
        raise ValueError("a variable without flags")
    kind, dims, offset = _element(content, offset, order)
    if kind != 5 or len(dims) % 4 or not 8 <= len(dims) <= 32:
        raise ValueError("a variable without dimensions")
    shape = struct.unpack(f"{order}{len(dims) // 4}i", dims)
    if min(shape) < 0:
        raise ValueError(f"a shape of {shape}")
    kind, name, offset = _element(content, offset, order)
    if kind not in (1, 2, 16):
        raise ValueError("a variable without a name")
    return bytes(name).decode("latin-1"), struct.unpack_from(f"{order}I", flags)[0], shape, offset


def _variable(
    content: memoryview, order: str, names: Collection[str] | None, depth: int
) -> tuple[str, Any]:
    """Name and value of a matrix; None for one not in `names`."""
    name, flags, shape, offset = _name(content, order)
    if names is not None and name not in names:
        return name, None
    kind, count = flags & 0xFF, math.prod(shape)
    if kind in _OTHER_CLASSES or flags & _COMPLEX:
        description = _OTHER_CLASSES.get(kind, "complex numbers")
        raise ValueError(f"{name:.60} is {description}, not numbers, text or cells")
    if kind == _CELL:
        if depth == _DEEPEST or count > len(content):
            raise ValueError(f"{count} cells in {len(content)} bytes")
        cells = np.empty(count, dtype=object)
        for number in range(count):
            inner, value, offset = _element(content, offset, order)
            if inner != _MATRIX:
                raise ValueError(f"an element of type {inner} in place of a cell")
            cells[number] = _variable(value, order, None, depth + 1)[1] if len(value) else None
        return name, cells.reshape(shape, order="F")
    stored, values, _ = _element(content, offset, order)
    if kind == _CHAR:
        return name, _text(stored, values, shape, order)
    if kind not in _CLASSES or stored not in _STORED:
        raise ValueError(f"{name:.60}: class {kind} in elements of type {stored}")
    dtype = np.dtype(order + _STORED[stored])
    if len(values) != count * dtype.itemsize:
        raise ValueError(f"{name:.60}: {len(values)} bytes for {shape} of {dtype.name}")
    array = np.frombuffer(values, dtype).reshape(shape, order="F")
    return name, array.astype(_CLASSES[kind], order="K", copy=True)


def _text(stored: int, values: memoryview, shape: tuple[int, ...], order: str) -> np.ndarray:
    """A char matrix as its rows."""
    if stored in _TEXT:
        encoding = _TEXT[stored] + ("" if stored == 16 else "-le" if order == "<" else "-be")
        text = bytes(values).decode(encoding)
    elif stored in (1, 2, 3, 4):
        codes = np.frombuffer(values, order + ("u1" if stored < 3 else "u2"))
        text = "".join(map(chr, codes.tolist()))
    else:
        raise ValueError(f"text in elements of type {stored}")
    if not math.prod(shape):
        return np.array([], "<U1")
    if len(shape) != 2 or len(text) != math.prod(shape):
        raise ValueError(f"{len(text)} characters for {shape}")
    rows = ["".join(text[row :: shape[0]]) for row in range(shape[0])]
    return np.array(rows, f"<U{shape[1]}")
