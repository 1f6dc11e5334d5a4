"""Pickled arrays, read by an interpreter that cannot act.

A pickle is a program that names classes and calls them. Here every class is a stand-in that only keeps
what it is given, so that no file can run code; the arrays are taken out afterwards. Read are numpy's
arrays (as Python 2 and 3 write them), scipy's sparse matrices and, since official SMPL files hold them,
chumpy's objects, without chumpy: of its expressions `Ch`, `Select`, `reshape` and `transpose`.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from typing import ClassVar

import numpy as np
from scipy import sparse

_LARGEST_MATRIX = 100_000_000  # entries of a sparse matrix made dense
_DEEPEST = 8  # expressions inside one another


def unpickled(data: bytes) -> object:
    """What a pickle holds, its objects as stand-ins (see `dense`).

    Raises ValueError where it names anything else than arrays, and whatever a damaged file ends in.
    """
    try:
        return _Interpreter(io.BytesIO(data), encoding="latin1").load()
    except pickle.UnpicklingError as error:
        raise ValueError(str(error)) from error


def dense(value: object, name: str, depth: int = 0) -> np.ndarray:
    """The array that a file holds under a name. Raises ValueError where it is none.

    Lists are not read as arrays: they could nest for ever.
    """
    if depth > _DEEPEST:
        raise ValueError(f"{name}: chumpy expressions nested too deep")
    while isinstance(value, _Array | _Buffer | _Sparse | _Chumpy):
        depth += 1
        if depth > _DEEPEST + 1:
            raise ValueError(f"{name}: objects nested too deep")
        value = value.resolved(depth) if isinstance(value, _Chumpy) else value.resolved()
    if not isinstance(value, np.ndarray):
        raise ValueError(f"{name} is a {type(value).__name__}, not an array")
    return value


def shaped(raw: bytes, dtype: np.dtype, shape: tuple[int, ...], fortran: bool) -> np.ndarray:
    """Raw bytes as an array, whose size must be just right."""
    if len(raw) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(raw)} bytes for an array of shape {shape} and type {dtype}")
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")


class _StandIn:
    """Anything that a pickle names: it keeps what it is given and can do nothing."""

    made_by = ""

    def __new__(cls, *given: object) -> _StandIn:
        self = object.__new__(cls)
        self.given, self.state = given, None
        return self

    def __init__(self, *given: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Reconstructor(_StandIn):
    """copy_reg._reconstructor(class, object, None): an instance, its state still to come."""

    def __new__(cls, made: object, *given: object) -> object:
        if not (isinstance(made, type) and issubclass(made, _StandIn)):
            raise ValueError("an object of no known class")
        return made()


class _Bytes(_StandIn):
    """_codecs.encode(text, 'latin1'): how protocol 2 spells bytes."""

    def __new__(cls, text: object, encoding: object = "latin1") -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise ValueError("bytes in an encoding other than latin1")
        return text.encode("latin1")


class _Dtype(_StandIn):
    """numpy.dtype('f8', 0, 1), its byte order in the state."""

    def resolved(self) -> np.dtype:
        spec = self.given[0] if self.given else None
        if not isinstance(spec, str) or not re.fullmatch(
            r"[<>|=]?[bhilqfduBHILQSUO?]\d{0,4}", spec
        ):
            raise ValueError("an array of a type that no body model has")
        dtype = np.dtype(spec)
        order = self.state[1] if isinstance(self.state, tuple) and len(self.state) > 1 else "="
        return dtype.newbyteorder(order) if order in ("<", ">") else dtype


class _Array(_StandIn):
    """numpy's _reconstruct(ndarray, (0,), 'b'), its content in the state."""

    def resolved(self) -> object:
        _, shape, dtype, fortran, raw = self.state
        return _from_raw(raw, dtype, shape, bool(fortran))


class _Buffer(_StandIn):
    """numpy's _frombuffer(bytes, dtype, shape, order), as protocol 5 has it."""

    def resolved(self) -> object:
        raw, dtype, shape, order = self.given
        return _from_raw(bytes(raw), dtype, shape, order == "F")


class _Number(_StandIn):
    """numpy's scalar(dtype, bytes)."""

    def resolved(self) -> object:
        return _from_raw(self.given[1], self.given[0], (), False)


def _from_raw(raw: object, dtype: object, shape: object, fortran: bool) -> object:
    dtype = dtype.resolved()
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise ValueError("an array whose shape is not whole numbers")
    if dtype.hasobject:
        # np.savez wraps what is no array: one object in an array of no dimensions.
        if shape == () and isinstance(raw, list) and len(raw) == 1:
            return raw[0]
        raise ValueError("an array of objects")
    raw = raw.encode("latin1") if isinstance(raw, str) else raw  # Python 2's strings
    if not isinstance(raw, bytes):
        raise ValueError("an array whose content is not bytes")
    return shaped(raw, dtype, shape, fortran)


class _Sparse(_StandIn):
    """A scipy matrix; `made_by` ends with its class."""

    def resolved(self) -> np.ndarray:
        state = self.state
        shape = state["_shape"] if "_shape" in state else state["shape"]
        rows, columns = (int(n) for n in shape)
        if rows < 0 or columns < 0 or rows * columns > _LARGEST_MATRIX:
            raise ValueError(f"a sparse matrix of {rows} x {columns}")
        make = sparse.csr_matrix if "csr" in self.made_by else sparse.csc_matrix
        parts = tuple(dense(state[name], name) for name in ("data", "indices", "indptr"))
        matrix = make(parts, shape=(rows, columns))
        matrix.check_format(full_check=True)  # toarray itself trusts its indices
        return matrix.toarray()


class _Chumpy(_StandIn):
    """A chumpy object; `made_by` is its class."""

    def resolved(self, depth: int) -> np.ndarray:
        if not isinstance(self.state, dict):
            raise ValueError(f"{self.made_by} without content")
        what, state = self.made_by.rpartition(".")[2], self.state
        if what == "Ch":
            return dense(state["x"], "x", depth)
        if what not in ("Select", "Reshape", "reshape", "transpose"):
            raise ValueError(
                f"{self.made_by} is not evaluated here; save the model's arrays with np.array(...) "
                "where chumpy is installed"
            )
        inner = dense(state["a"], "a", depth)
        if what == "transpose":
            return np.transpose(inner, _whole(state.get("axes")))
        if what == "Select":
            chosen = inner.ravel()[dense(state["idxs"], "idxs", depth).ravel()]
            shape = _whole(state.get("preferred_shape"))
            return chosen if shape is None else chosen.reshape(shape)
        return inner.reshape(_whole(state["newshape"]))


def _whole(numbers: object) -> tuple[int, ...] | None:
    """A shape or axes as pickled: a number, some numbers or None."""
    if numbers is None or isinstance(numbers, int):
        return numbers if numbers is None else (numbers,)
    values = (n.resolved() if isinstance(n, _Number) else n for n in numbers)
    return tuple(int(n) for n in values)


_KNOWN: dict[str, type[_StandIn]] = {
    "numpy.ndarray": _StandIn,
    "numpy.dtype": _Dtype,
    "_reconstruct": _Array,
    "_frombuffer": _Buffer,
    "scalar": _Number,
    "_codecs.encode": _Bytes,
    "copy_reg._reconstructor": _Reconstructor,
    "copyreg._reconstructor": _Reconstructor,
}
_INERT = {
    f"{module}.{name}"
    for module in ("__builtin__", "builtins")
    for name in ("object", "set", "frozenset", "bytearray")
} | {"collections.OrderedDict", "collections.defaultdict"}
_NUMPY_MODULES = {
    f"numpy.{core}.{module}" for core in ("core", "_core") for module in ("multiarray", "numeric")
}
_SPARSE = re.compile(r"scipy\.sparse(\._?(csc|csr))?")


class _Interpreter(pickle._Unpickler):
    """Python's own pickle interpreter with every class a stand-in.

    The one written in Python: the one in C takes memory for whatever number of notes (PUT) a file
    claims to keep.
    """

    dispatch: ClassVar[dict] = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> type[_StandIn]:
        full = f"{module}.{name}"
        if module in _NUMPY_MODULES and name in ("_reconstruct", "_frombuffer", "scalar"):
            return _KNOWN[name]
        if full in _KNOWN:
            return _KNOWN[full]
        if full in _INERT:
            return type("_Inert", (_StandIn,), {"made_by": full})
        if _SPARSE.fullmatch(module) and re.fullmatch(r"cs[cr]_(matrix|array)", name):
            return type("_Sparse", (_Sparse,), {"made_by": full})
        if module.split(".")[0] == "chumpy":
            return type("_Chumpy", (_Chumpy,), {"made_by": full})
        raise ValueError(f"{full} is not part of a body model")

    def _plain_keys(self, keys: list[object]) -> None:
        # The hash of a tuple in a tuple in a tuple... can take for ever.
        if not all(isinstance(key, str | int | float | bytes | None) for key in keys):
            raise ValueError("a dictionary or set whose keys are not plain")

    def load_setitem(self) -> None:
        self._plain_keys(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self) -> None:
        self._plain_keys(self.stack[::2])
        super().load_setitems()

    def load_dict(self) -> None:
        self._plain_keys(self.stack[::2])
        super().load_dict()

    def load_additems(self) -> None:
        self._plain_keys(self.stack)
        super().load_additems()

    def load_frozenset(self) -> None:
        self._plain_keys(self.stack)
        super().load_frozenset()

    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.DICT[0]] = load_dict
    dispatch[pickle.ADDITEMS[0]] = load_additems
    dispatch[pickle.FROZENSET[0]] = load_frozenset
