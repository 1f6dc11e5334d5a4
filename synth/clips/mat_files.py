"""MATLAB 5 files as SURREAL's, with the same bytes for the same arrays."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Collection, Mapping
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from mocap.errors import BadInput
from synth.clips.mat_arrays import mat_arrays

_HEADER = b"MATLAB 5.0 MAT-file, written by surrealpp".ljust(116)
_HEADER_SIZE, _COMPRESSED = 128, 15  # bytes; miCOMPRESSED
_PAGE = 4096  # bytes


def write_mat(path: str | os.PathLike[str], values: Mapping[str, Any]) -> None:
    """Write arrays, texts and cells (object arrays) under their names, deflated."""
    with open(path, "wb") as file:
        for number, (name, value) in enumerate(values.items()):
            whole = io.BytesIO()
            scipy.io.savemat(whole, {name: value}, do_compression=False, long_field_names=True)
            data = whole.getbuffer()
            if number == 0:  # the header holds the time of day: not in ours
                file.write(_HEADER + bytes(data[len(_HEADER) : _HEADER_SIZE]))
            packed = _deflated(data[_HEADER_SIZE:], value)
            file.write(struct.pack("<II", _COMPRESSED, len(packed)) + packed)


def _deflated(element: memoryview, value: Any) -> bytes:
    """A variable's bytes as a zlib stream, several times as fast as scipy makes one.

    Channels are mostly background. Pages of nothing else are deflated once and remembered by how many
    they are; a full flush at each seam makes the pieces one stream. In between, where the background is
    0, run lengths are all there is to find; where it is another number (depth), repeats are looked for.
    """
    level, strategy = 6, zlib.Z_DEFAULT_STRATEGY
    pieces: list[tuple[int, int, bool]] = [(0, len(element), False)]  # start, end, background alone
    pattern = b""
    if isinstance(value, np.ndarray) and value.dtype.kind in "iuf" and value.size:
        pattern = (value.flat[0].tobytes() * 8)[:8]
        level, strategy = (1, strategy) if any(pattern) else (6, zlib.Z_RLE)
        pieces = _pieces(element, pattern)
    out = [b"\x78\x9c"]
    for start, end, empty in pieces:
        if empty:
            out.append(_constant(pattern, end - start))
        else:
            stream = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
            out += [stream.compress(element[start:end]), stream.flush(zlib.Z_FULL_FLUSH)]
    out.append(b"\x03\x00" + struct.pack(">I", zlib.adler32(element)))  # an empty last block
    return b"".join(out)


def _pieces(element: memoryview, pattern: bytes) -> list[tuple[int, int, bool]]:
    """Where runs of pages that repeat `pattern` (8 bytes) begin and end, and what lies between."""
    count = len(element) // _PAGE
    pages = np.frombuffer(element, np.uint64, count * _PAGE // 8).reshape(count, _PAGE // 8)
    empty = (pages == np.frombuffer(pattern, np.uint64)).all(axis=1)
    seams = (np.flatnonzero(np.diff(empty)) + 1).tolist()
    bounds = [0, *seams, count]
    pieces = [(a * _PAGE, b * _PAGE, bool(empty[a])) for a, b in pairwise(bounds) if b > a]
    return [*pieces, (count * _PAGE, len(element), False)]


@lru_cache(maxsize=4096)
def _constant(pattern: bytes, size: int) -> bytes:
    """`size` bytes of a repeated pattern, deflated up to a full flush."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return stream.compress(pattern * (size // len(pattern))) + stream.flush(zlib.Z_FULL_FLUSH)


def read_mat(
    path: str | os.PathLike[str], names: Collection[str] | None = None, *, advice: str
) -> dict[str, Any]:
    """The variables of a file, or those of `names` that it holds, as `mat_arrays` decodes them.

    Raises BadInput, which ends with `advice`, when it cannot be read as a MATLAB 5 file.
    """
    path = Path(path)
    try:
        return mat_arrays(path.read_bytes(), names)
    except (OSError, ValueError) as error:
        reason = ascii(str(error))[1:-1][:120]
        raise BadInput(f"{path}: not a MAT file that can be read ({reason}); {advice}") from error


def numbered(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Frames as SURREAL names them: `name_1` to `name_T`."""
    return {f"{name}_{number}": value for number, value in enumerate(values, 1)}


def stacked(
    path: Path, values: Mapping[str, Any], name: str, *, dtype: type, axes: int, advice: str
) -> np.ndarray:
    """`name_1` to `name_T` of a file as one array (T, ...) of `dtype` with `axes` axes.

    Raises BadInput where there is none, one is missing between others, or they differ in shape or
    type.
    """
    frames: list[np.ndarray] = []
    while f"{name}_{len(frames) + 1}" in values:
        frames.append(values[f"{name}_{len(frames) + 1}"])
    count = sum(key.startswith(f"{name}_") and key[len(name) + 1 :].isdigit() for key in values)
    if not frames or count != len(frames):
        raise BadInput(
            f"{path}: {count} variables {name}_N but no {name}_{len(frames) + 1}, expected one for "
            f"every frame; {advice}"
        )
    for number, frame in enumerate(frames, 1):
        if frame.shape != frames[0].shape or frame.ndim != axes - 1 or frame.dtype != dtype:
            raise BadInput(
                f"{path}: {name}_{number} is {frame.dtype} {frame.shape}, expected "
                f"{np.dtype(dtype)} with {axes - 1} axes, as in every frame; {advice}"
            )
    return np.stack(frames)


def cell(text: str, count: int) -> np.ndarray:
    """A 1xT cell that holds `text` in every frame."""
    out = np.empty((1, count), dtype=object)
    out[:] = text
    return out


def text_of(value: Any) -> str:
    """A char variable as text; scipy reads an empty one as no text at all."""
    value = np.asarray(value)
    return str(value.ravel()[0]) if value.size else ""
