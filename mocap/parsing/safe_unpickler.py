"""Pickled arrays, read by an interpreter that runs nothing of the pickle.

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
import struct
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, SupportsInt

import numpy as np
from scipy import sparse

_LARGEST_MATRIX = 4_000_000  # entries of a sparse matrix made dense; SMPL-X's regressor has 576,125
_LARGEST_INTEGER = 1 << 63
_MOST_DIMENSIONS = 32
_MOST_CLASSES = 1000  # that one pickle may name; a model's names some ten
_EXPANSION = 4  # how many times the file's size the text in it may be encoded to, all together
_DEEPEST = 8  # expressions inside one another


def unpickle_safely(data: bytes) -> object:
    """What a pickle holds, its objects as stand-ins (see `dense_array`).

    Args:
        data: The whole pickle.

    Raises:
        ValueError: Where it names anything else than arrays, or announces more bytes than it has. A
            damaged pickle may end in any other error that Python's own interpreter raises.
    """
    try:
        return _SafeUnpickler(data).load()
    except pickle.UnpicklingError as error:
        raise ValueError(str(error)) from error


def dense_array(value: object, name: str, depth: int = 0) -> np.ndarray:
    """The array that an unpickled value stands for. Lists are none: they could nest for ever.

    Args:
        value: What `unpickle_safely` gave for the array, or an array.
        name: How error messages call it.
        depth: How many expressions it stands inside of.

    Raises:
        ValueError: Where it is no array, or one that cannot be evaluated here.
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


def array_from_bytes(
    raw: bytes, dtype: np.dtype, shape: tuple[int, ...], fortran: bool
) -> np.ndarray:
    """Raw bytes as an array of `shape`. Raises ValueError where their number is not its size."""
    if len(raw) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(raw)} bytes for an array of shape {shape} and type {dtype}")
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")


class _StandIn:
    """Anything that a pickle names: it keeps its arguments and its state, and does nothing."""

    made_by: ClassVar[str] = ""
    arguments: tuple[object, ...]
    state: object

    def __new__(cls, *arguments: object) -> _StandIn:
        self = object.__new__(cls)
        self.arguments, self.state = arguments, None
        return self

    def __init__(self, *arguments: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Reconstruct(_StandIn):
    """copy_reg._reconstructor(class, object, None): an instance, its state still to come."""

    def __call__(self, kind: object, *arguments: object) -> object:
        if not (isinstance(kind, type) and issubclass(kind, _StandIn)):
            raise ValueError("an object of no known class")
        return kind()


class _Encode(_StandIn):
    """_codecs.encode(text, 'latin1'): how protocol 2 spells bytes.

    A few bytes of a pickle may encode a text over and over: `budget`, one number in a list, is how many
    bytes may still be made.
    """

    budget: list[int]

    def __call__(self, text: object, encoding: object = "latin1") -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise ValueError("bytes in an encoding other than latin1")
        self.budget[0] -= len(text)
        if self.budget[0] < 0:
            raise ValueError(f"text encoded to more than {_EXPANSION} times the file's size")
        return text.encode("latin1")


class _Dtype(_StandIn):
    """numpy.dtype('f8', 0, 1), its byte order in the state."""

    def resolved(self) -> np.dtype:
        spec = self.arguments[0] if self.arguments else None
        if not isinstance(spec, str) or not re.fullmatch(
            r"[<>|=]?[bhilqfduBHILQSUO?]\d{0,4}", spec
        ):
            raise ValueError("an array of a type that no body model has")
        dtype = np.dtype(spec)
        order = self.state[1] if isinstance(self.state, tuple) and len(self.state) > 1 else "="
        if order == "<":
            return dtype.newbyteorder("<")
        return dtype.newbyteorder(">") if order == ">" else dtype


class _Array(_StandIn):
    """numpy's _reconstruct(ndarray, (0,), 'b'), its content in the state."""

    def resolved(self) -> object:
        if not isinstance(self.state, tuple | list):
            raise ValueError("an array without content")
        _, shape, dtype, fortran, raw = self.state
        return _from_raw(raw, dtype, shape, bool(fortran))


class _Buffer(_StandIn):
    """numpy's _frombuffer(bytes, dtype, shape, order), as protocol 5 has it."""

    def resolved(self) -> object:
        raw, dtype, shape, order = self.arguments
        if not isinstance(raw, bytes | bytearray):
            raise ValueError("an array whose content is not bytes")
        return _from_raw(bytes(raw), dtype, shape, order == "F")


class _Number(_StandIn):
    """numpy's scalar(dtype, bytes)."""

    def resolved(self) -> object:
        return _from_raw(self.arguments[1], self.arguments[0], (), False)


def _from_raw(raw: object, dtype: object, shape: object, fortran: bool) -> object:
    if not isinstance(dtype, _Dtype):
        raise ValueError("an array without a type")
    element = dtype.resolved()
    if (
        not isinstance(shape, tuple)
        or len(shape) > _MOST_DIMENSIONS
        or not all(isinstance(n, int) and 0 <= n < _LARGEST_INTEGER for n in shape)
    ):
        raise ValueError("an array whose shape is not whole numbers")
    if element.hasobject:
        # np.savez wraps what is no array: one object in an array of no dimensions.
        if shape == () and isinstance(raw, list) and len(raw) == 1:
            return raw[0]
        raise ValueError("an array of objects")
    raw = raw.encode("latin1") if isinstance(raw, str) else raw  # Python 2's strings
    if not isinstance(raw, bytes):
        raise ValueError("an array whose content is not bytes")
    return array_from_bytes(raw, element, shape, fortran)


class _Sparse(_StandIn):
    """A scipy matrix; `made_by` ends with its class."""

    def resolved(self) -> np.ndarray:
        state = self.state
        if not isinstance(state, dict):
            raise ValueError(f"{self.made_by} without content")
        shape = state["_shape"] if "_shape" in state else state["shape"]
        rows, columns = (int(n) for n in shape)
        limit = _LARGEST_MATRIX
        if not (0 <= rows <= limit and 0 <= columns <= limit and rows * columns <= limit):
            raise ValueError(f"a sparse matrix of more than {limit:,} entries")
        make = sparse.csr_matrix if "csr" in self.made_by else sparse.csc_matrix
        parts = tuple(dense_array(state[name], name) for name in ("data", "indices", "indptr"))
        matrix = make(parts, shape=(rows, columns))
        matrix.check_format(full_check=True)  # toarray itself trusts its indices
        return matrix.toarray()


class _Chumpy(_StandIn):
    """A chumpy object; `made_by` is its class."""

    def resolved(self, depth: int) -> np.ndarray:
        if not isinstance(self.state, dict):
            raise ValueError(f"{self.made_by} without content")
        kind, state = self.made_by.rpartition(".")[2], self.state
        if kind == "Ch":
            return dense_array(state["x"], "x", depth)
        if kind not in ("Select", "Reshape", "reshape", "transpose"):
            raise ValueError(
                f"{self.made_by} is not evaluated here; save the model's arrays with np.array(...) "
                "where chumpy is installed"
            )
        inner = dense_array(state["a"], "a", depth)
        if kind == "transpose":
            return np.transpose(inner, _integers(state.get("axes")))
        if kind == "Select":
            chosen = inner.ravel()[dense_array(state["idxs"], "idxs", depth).ravel()]
            shape = _integers(state.get("preferred_shape"))
            return chosen if shape is None else chosen.reshape(shape)
        shape = _integers(state["newshape"])
        if shape is None:
            raise ValueError(f"{self.made_by} without a shape")
        return inner.reshape(shape)


def _integers(numbers: object) -> tuple[int, ...] | None:
    """A shape or axes as pickled: a number, some numbers or None."""
    if numbers is None:
        return None
    if isinstance(numbers, int):
        return (numbers,)
    if not isinstance(numbers, Iterable):
        raise ValueError("a shape that is not whole numbers")
    return tuple(_integer(number) for number in numbers)


def _integer(number: object) -> int:
    value = number.resolved() if isinstance(number, _Number) else number
    if not isinstance(value, SupportsInt):
        raise ValueError("a shape that is not whole numbers")
    return int(value)


_CLASSES: dict[str, type[_StandIn]] = {
    "numpy.ndarray": _StandIn,
    "numpy.dtype": _Dtype,
    "_reconstruct": _Array,
    "_frombuffer": _Buffer,
    "scalar": _Number,
}
_FUNCTIONS: dict[str, type[_Encode | _Reconstruct]] = {
    "_codecs.encode": _Encode,
    "copy_reg._reconstructor": _Reconstruct,
    "copyreg._reconstructor": _Reconstruct,
}
_CONTAINERS = {
    f"{module}.{name}"
    for module in ("__builtin__", "builtins")
    for name in ("object", "set", "frozenset", "bytearray")
} | {"collections.OrderedDict", "collections.defaultdict"}
_NUMPY_MODULES = {
    f"numpy.{core}.{module}" for core in ("core", "_core") for module in ("multiarray", "numeric")
}
_SPARSE = re.compile(r"scipy\.sparse(\._?(csc|csr))?")


def _with_plain_keys(opcode: bytes, keys: slice) -> Callable[..., None]:
    """The interpreter's own function for an opcode, which first looks at the keys on its stack.

    The hash of a tuple in a tuple in a tuple... can take for ever, and large integers can be chosen so
    that all have the same.
    """
    load: Callable[..., None] = pickle._Unpickler.dispatch[opcode[0]]

    def load_checked(unpickler: Any) -> None:  # typeshed leaves out the interpreter's stack
        for key in unpickler.stack[keys]:
            plain = isinstance(key, str | int | float | bytes | None)
            if not plain or (isinstance(key, int) and abs(key) >= _LARGEST_INTEGER):
                raise ValueError("a dictionary or set whose keys are not plain")
        load(unpickler)

    return load_checked


class _WholeReads:
    """A pickle as a file that refuses to be read beyond its end, before anything is allocated."""

    def __init__(self, data: bytes) -> None:
        self._stream, self._size = io.BytesIO(data), len(data)
        self.readline = self._stream.readline

    def read(self, count: int) -> bytes:
        remaining = self._size - self._stream.tell()
        if count > remaining:
            raise ValueError(f"{count} bytes announced where {remaining} remain")
        return self._stream.read(count)


def _load_bytearray8(unpickler: Any) -> None:
    """Python's own function allocates what the file announces before it reads."""
    (count,) = struct.unpack("<Q", unpickler.read(8))
    unpickler.append(bytearray(unpickler.read(count)))


class _SafeUnpickler(pickle._Unpickler):
    """Python's own pickle interpreter with every class a stand-in.

    The one written in Python: the one in C takes memory for whatever number of notes (PUT) a file
    claims to keep.
    """

    dispatch: ClassVar[dict[int, Callable[[pickle.Unpickler], None]]] = {
        **pickle._Unpickler.dispatch,
        pickle.SETITEM[0]: _with_plain_keys(pickle.SETITEM, slice(-2, -1)),
        pickle.SETITEMS[0]: _with_plain_keys(pickle.SETITEMS, slice(None, None, 2)),
        pickle.DICT[0]: _with_plain_keys(pickle.DICT, slice(None, None, 2)),
        pickle.ADDITEMS[0]: _with_plain_keys(pickle.ADDITEMS, slice(None)),
        pickle.FROZENSET[0]: _with_plain_keys(pickle.FROZENSET, slice(None)),
        pickle.BYTEARRAY8[0]: _load_bytearray8,
    }

    def __init__(self, data: bytes) -> None:
        super().__init__(_WholeReads(data), encoding="latin1")
        self._budget = [_EXPANSION * len(data)]
        self._classes: dict[str, type[_StandIn]] = {}

    def _stand_in(self, kind: type[_StandIn], full: str) -> type[_StandIn]:
        if full not in self._classes:
            if len(self._classes) == _MOST_CLASSES:
                raise ValueError(f"more than {_MOST_CLASSES} names of classes")
            self._classes[full] = type(kind.__name__, (kind,), {"made_by": full})
        return self._classes[full]

    def find_class(self, module: str, name: str) -> Callable[..., object]:
        full = f"{module}.{name}"
        if module in _NUMPY_MODULES and name in ("_reconstruct", "_frombuffer", "scalar"):
            return _CLASSES[name]
        if full in _CLASSES:
            return _CLASSES[full]
        if full in _FUNCTIONS:  # one of its own: a pickle may give it a state
            function = _FUNCTIONS[full]()
            if isinstance(function, _Encode):
                function.budget = self._budget
            return function
        if full in _CONTAINERS:
            return self._stand_in(_StandIn, full)
        if _SPARSE.fullmatch(module) and re.fullmatch(r"cs[cr]_(matrix|array)", name):
            return self._stand_in(_Sparse, full)
        if module.split(".")[0] == "chumpy":
            return self._stand_in(_Chumpy, full)
        raise ValueError(f"{full} is not part of a body model")
