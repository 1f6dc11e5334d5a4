"""NumPy's .npz archives with the same bytes for the same arrays, deflated as suits each array.

`numpy.load` reads them. `numpy.savez` cannot write them: it stamps the time of day on every
member and knows one way to deflate. Prediction residuals are noise with runs of zeros; looking for
longer repeats in them takes five times as long and makes them no smaller. Format: PKWARE's
APPNOTE.TXT, 4.3.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from mocap.errors import BadInput
from mocap.parsing.array_files import ArrayFile

_VERSION, _DEFLATED = 20, 8
_DATE = (1980 - 1980) << 9 | 1 << 5 | 1  # the format's first day
_MAX_SIZE = 2**32 - 1


def write_archive(
    path: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray],
    *,
    residuals: Collection[str] = (),
) -> None:
    """Write `arrays` as `path`; those named in `residuals` are deflated as runs of bytes.

    Raises ValueError for Python objects and for more than 4 GiB.
    """
    out, entries = io.BytesIO(), []
    for name, array in arrays.items():
        data = io.BytesIO()
        np.lib.format.write_array(data, np.asarray(array), allow_pickle=False)
        plain = data.getbuffer()
        strategy = zlib.Z_RLE if name in residuals else zlib.Z_DEFAULT_STRATEGY
        deflate = zlib.compressobj(6, zlib.DEFLATED, -15, 9, strategy)
        packed = deflate.compress(plain) + deflate.flush()
        member, start = f"{name}.npy".encode("ascii"), out.tell()
        if max(start + len(packed), len(plain)) > _MAX_SIZE - 2**16:
            raise ValueError(f"{path}: more than 4 GiB of {name}; make shorter clips")
        facts = struct.pack(
            *("<5H3I2H", _VERSION, 0, _DEFLATED, 0, _DATE),
            *(zlib.crc32(plain), len(packed), len(plain), len(member), 0),
        )
        out.write(b"PK\x03\x04" + facts + member)
        out.write(packed)
        end = struct.pack("<3H2I", 0, 0, 0, 0, start)
        entries.append(b"PK\x01\x02" + struct.pack("<H", _VERSION) + facts + end + member)
    start, directory = out.tell(), b"".join(entries)
    out.write(directory)
    counts = (0, 0, len(entries), len(entries), len(directory), start, 0)
    out.write(b"PK\x05\x06" + struct.pack("<4H2IH", *counts))
    Path(path).write_bytes(out.getbuffer())


class Archive:
    """The arrays of an archive, each of which must have the type and shape that is expected.

    Every method raises BadInput, which names the file and ends with `advice`.
    """

    def __init__(self, path: Path, *, advice: str) -> None:
        self.path, self._advice = path, advice
        try:
            with ArrayFile(path) as file:
                self._arrays = {name: file.read(name) for name in file.names}
        except BadInput as error:  # its advice is for files that come from elsewhere
            raise BadInput(f"{str(error).rpartition(';')[0]}; {self._advice}") from error

    def get(self, name: str, dtype: type, shape: tuple[int | None, ...]) -> np.ndarray:
        """An array; None in `shape` stands for any length."""
        if name not in self._arrays:
            raise self.fail(f"no array {name}", "one")
        array = self._arrays[name]
        fits = array.ndim == len(shape) and all(
            expected is None or length == expected for length, expected in zip(array.shape, shape)
        )
        if array.dtype != dtype or not fits:
            size = "x".join("?" if n is None else str(n) for n in shape) or "one number"
            raise self.fail(
                f"{name} of {array.dtype} {'x'.join(map(str, array.shape))}",
                f"{np.dtype(dtype)} {size}",
            )
        return array

    def positive(self, name: str) -> float:
        """A single float64 above 0."""
        number = float(self.get(name, np.float64, ()))
        if not (np.isfinite(number) and number > 0):
            raise self.fail(f"{name} {number}", "a positive number")
        return number

    def fail(self, actual: str, expected: str) -> BadInput:
        """What to raise where the archive holds something else than expected."""
        return BadInput(f"{self.path}: {actual}, expected {expected}; {self._advice}")
