"""Reader of the OpenEXR files that Blender writes for us: one part, scan lines, no compression.

Blender keeps a rendered frame to itself; the quickest way out that loses nothing is an uncompressed
float EXR in a memory-backed folder, which is a header and plain rows of numbers. Layers arrive as
channel names such as `ViewLayer.Depth.Z`.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

MAGIC = 20000630
_PIXEL_TYPES = {0: "<u4", 1: "<f2", 2: "<f4"}
_TILED, _DEEP, _MULTI_PART = 0x200, 0x800, 0x1000


def read_exr(path: Path | str) -> dict[str, np.ndarray]:
    """Channels of an OpenEXR file by name.

    Returns:
        (H,W) float32 or uint32 per channel over the display window, zero outside the data.

    Raises:
        ValueError: a file of another kind (compressed, tiled, deep, several parts, sub-sampled).
    """
    data = Path(path).read_bytes()
    magic, version = struct.unpack_from("<ii", data, 0)
    if magic != MAGIC:
        raise ValueError(f"{path}: not an OpenEXR file")
    if version & (_TILED | _DEEP | _MULTI_PART):
        raise ValueError(
            f"{path}: tiled, deep or multi-part OpenEXR; expected single-part scan lines"
        )
    header, position = _header(data, 8)
    if header["compression"][0] != 0:
        raise ValueError(f"{path}: compressed OpenEXR; expected codec NONE")
    channels = _channels(header["channels"])
    left, top, right, bottom = struct.unpack("<4i", header["dataWindow"])
    view_left, view_top, view_right, view_bottom = struct.unpack("<4i", header["displayWindow"])
    width, rows = right - left + 1, bottom - top + 1

    names, types = [], []
    for name, kind, x_sampling, y_sampling in channels:
        if kind not in _PIXEL_TYPES or (x_sampling, y_sampling) != (1, 1):
            raise ValueError(f"{path}: channel {name} is sub-sampled or of an unknown type")
        names.append(name)
        types.append((name, _PIXEL_TYPES[kind], (width,)))
    line = np.dtype([("y", "<i4"), ("size", "<i4"), *types])
    first = position + 8 * rows  # the table of line offsets comes first
    lines = np.frombuffer(data, dtype=line, count=rows, offset=first)
    if (lines["size"] != line.itemsize - 8).any() or (
        lines["y"] != np.arange(top, bottom + 1)
    ).any():
        raise ValueError(f"{path}: scan lines of an unexpected size or order")

    shape = (view_bottom - view_top + 1, view_right - view_left + 1)
    out = {}
    for name in names:
        values = lines[name]
        values = values if values.dtype == np.uint32 else values.astype(np.float32, copy=False)
        if values.shape == shape:
            out[name] = values
            continue
        whole = np.zeros(shape, dtype=values.dtype)
        whole[top - view_top : bottom - view_top + 1, left - view_left : right - view_left + 1] = (
            values
        )
        out[name] = whole
    return out


def _text(data: bytes, position: int) -> tuple[str, int]:
    end = data.index(b"\0", position)
    return data[position:end].decode("latin-1"), end + 1


def _header(data: bytes, position: int) -> tuple[dict[str, bytes], int]:
    """Attribute values by name, and where the header ends."""
    attributes = {}
    while data[position] != 0:
        name, position = _text(data, position)
        _, position = _text(data, position)
        (size,) = struct.unpack_from("<i", data, position)
        attributes[name] = data[position + 4 : position + 4 + size]
        position += 4 + size
    return attributes, position + 1


def _channels(data: bytes) -> list[tuple[str, int, int, int]]:
    """(name, pixel type, x sampling, y sampling) of each channel, in file order."""
    out, position = [], 0
    while data[position] != 0:
        name, position = _text(data, position)
        kind, _, x_sampling, y_sampling = struct.unpack_from("<4i", data, position)
        out.append((name, kind, x_sampling, y_sampling))
        position += 16
    return out
