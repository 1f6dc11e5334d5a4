"""Arrays in a pickled dictionary, read as those of a .npz are; nothing of the pickle is run."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from mocap.errors import BadInput
from mocap.parsing.array_files import ArrayFile, ArrayHeader
from mocap.parsing.safe_unpickler import dense_array, unpickle_safely

_LARGEST_PICKLE = 1 << 29  # bytes; half a million poses of SMPL-X are less
# What reading a damaged or hostile pickle can end in.
_DAMAGE = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, AssertionError),
    *(EOFError, MemoryError, NotImplementedError, RuntimeError),
)


class PickledArrays(ArrayFile):
    """The arrays and numbers of a pickled dictionary, with the methods of an `ArrayFile`.

    Those of a dictionary inside of it have both names, with a dot between.

    Raises BadInput, naming the file, where it is no such pickle.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        try:
            size = self.path.stat().st_size
            if size > _LARGEST_PICKLE:
                raise BadInput(
                    f"{self.path}: found a pickle of {size:,} bytes, expected at most "
                    f"{_LARGEST_PICKLE:,}; cut the motion into shorter ones"
                )
            content = unpickle_safely(self.path.read_bytes())
        except BadInput:
            raise
        except OSError as error:
            raise BadInput(
                f"{self.path}: cannot be read ({error.strerror or error}); check the path"
            ) from error
        except _DAMAGE as error:
            reason = ascii(str(error) or type(error).__name__)[1:-1][:120]
            raise BadInput(
                f"{self.path}: no pickle of arrays ({reason}), expected a dictionary of plain arrays; "
                "fetch it again, or save its arrays with numpy.savez"
            ) from error
        if not isinstance(content, dict):
            raise BadInput(
                f"{self.path}: found a {type(content).__name__.strip('_')}, expected a dictionary of "
                "arrays; save the arrays with numpy.savez"
            )
        self._content = {name: value for name, value in content.items() if isinstance(name, str)}
        for outer, inner in tuple(self._content.items()):
            if isinstance(inner, dict):  # as networks that estimate poses return them
                named = ((name, value) for name, value in inner.items() if isinstance(name, str))
                self._content |= {f"{outer}.{name}": value for name, value in named}
        self.names = tuple(self._content)

    def __contains__(self, name: str) -> bool:
        return name in self._content

    def close(self) -> None:
        """Nothing is open."""

    def header(self, name: str) -> ArrayHeader:
        """Type and shape of an array."""
        values = self.read(name)
        return ArrayHeader(values.dtype, values.shape, False)

    def read(self, name: str, *, limit: int = _LARGEST_PICKLE) -> np.ndarray:
        """A whole array, or a number as an array of no dimensions."""
        if name not in self:
            raise BadInput(f"{self.path}: no array '{name}', expected one; use a file that has it")
        value = self._content[name]
        try:
            if isinstance(value, bool | int | float):
                return np.array(value, dtype=np.float64)
            values = dense_array(value, name)
        except _DAMAGE as error:
            reason = ascii(str(error) or type(error).__name__)[1:-1][:120]
            raise self.fail(name, f"no plain array ({reason})", "numbers") from error
        self._check_size(name, values.nbytes, limit)
        if values.dtype.kind == "U":
            self._check_text(name, values.ravel())
        return values

    def read_rows(self, name: str, columns: int) -> np.ndarray:
        """The first `columns` numbers of every row of an array (T, ...), as float32 (T, columns)."""
        values = self.read(name)
        width = math.prod(values.shape[1:])
        if values.dtype.kind not in "fiu" or values.ndim < 2 or width < columns:
            actual = f"{values.dtype} values of shape {values.shape}"
            raise self.fail(name, actual, f"rows of at least {columns} numbers")
        with np.errstate(over="ignore", invalid="ignore"):
            return values.reshape(len(values), -1)[:, :columns].astype(np.float32)


def open_arrays(path: Path | str) -> ArrayFile:
    """The arrays of a .npz, .npy or .pkl file, for a `with` block.

    Raises:
        BadInput: Where the file cannot be read.
    """
    return PickledArrays(path) if Path(path).suffix.lower() == ".pkl" else ArrayFile(path)
