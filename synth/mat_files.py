"""MATLAB 5 files as SURREAL's, with the same bytes for the same arrays."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from scipy.io.matlab import MatReadError

from mocap.errors import BadInput

_HEADER = b"MATLAB 5.0 MAT-file, written by surrealpp".ljust(116)
_HEADER_SIZE, _COMPRESSED = 128, 15  # bytes; miCOMPRESSED
_DAMAGE = (
    MatReadError,
    zlib.error,
    struct.error,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    TypeError,
    ValueError,
)


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
    """A variable's bytes as a zlib stream: a third of the time that scipy's own setting takes, for a
    few per cent in size.

    Channels are mostly background. Where that is 0, run lengths are all there is to find; where it is
    another number (depth), only a search for repeats sees it.
    """
    empty = isinstance(value, np.ndarray) and value.size and value.flat[0] == 0
    strategy = zlib.Z_RLE if empty else zlib.Z_DEFAULT_STRATEGY
    stream = zlib.compressobj(6 if empty else 1, zlib.DEFLATED, 15, 9, strategy)
    return stream.compress(element) + stream.flush()


def read_mat(
    path: str | os.PathLike[str], names: Sequence[str] | None = None, *, advice: str
) -> dict[str, Any]:
    """The variables of a file, or those of ``names`` that it holds.

    Raises BadInput, which ends with ``advice``, when it cannot be read as a MATLAB 5 file.
    """
    path = Path(path)
    try:
        # The file is opened here: by a name scipy would also try the name with ".mat" behind it.
        with path.open("rb") as file:
            return scipy.io.loadmat(file, variable_names=names)
    except _DAMAGE as error:
        reason = ascii(str(error) or type(error).__name__)[1:-1][:120]
        raise BadInput(f"{path}: not a MAT file that can be read ({reason}); {advice}") from error


def numbered(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Frames as SURREAL names them: ``name_1`` to ``name_T``."""
    return {f"{name}_{number}": value for number, value in enumerate(values, 1)}


def stacked(
    path: Path, values: Mapping[str, Any], name: str, *, dtype: type, axes: int, advice: str
) -> np.ndarray:
    """``name_1`` to ``name_T`` of a file as one array (T, ...) of ``dtype`` with ``axes`` axes.

    Raises BadInput where there is none, one is missing between others, or they differ in shape or
    type.
    """
    frames = []
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
    """A 1xT cell that holds ``text`` in every place."""
    out = np.empty((1, count), dtype=object)
    out[:] = text
    return out


def text_of(value: Any) -> str:
    """A char variable as text; scipy reads an empty one as no text at all."""
    value = np.asarray(value)
    return str(value.ravel()[0]) if value.size else ""
