"""SMPL, SMPL-H and SMPL-X model files, read without trusting them.

The files are the user's own (https://smpl.is.tue.mpg.de, https://mano.is.tue.mpg.de,
https://smpl-x.is.tue.mpg.de; their licences apply); nothing of them is shipped. Official pickles were
written by Python 2 and hold chumpy objects; some `.npz` have pickled members. Both go through
`mocap.parsing.safe_unpickler`, and everything is checked before it is used.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mocap.bodies.body import JOINT_NAMES, PARENTS
from mocap.errors import BadInput
from mocap.parsing.array_files import ArrayFile
from mocap.parsing.safe_unpickler import dense_array, unpickle_safely

_REQUIRED = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "f", "kintree_table")
_OPTIONAL = ("vt", "ft")  # UVs, in SMPL-X's own files
_LARGEST_FILE = 2 << 30  # bytes; the largest official file is a quarter of it
# Bytes of arrays in an .npz once unpacked: one, SMPL-X's largest has half of it; all together.
_LARGEST_ARRAY, _LARGEST_MODEL = 1 << 28, 1 << 29
_INDICES = ("f", "ft", "kintree_table")
_LARGEST_NUMBER = 1e6
BETAS = 10


def _hand(wrist: int, first: int) -> tuple[int, ...]:
    """Parents of a hand's 15 joints: five fingers of three, numbered from `first`."""
    return tuple(wrist if n % 3 == 0 else first + n - 1 for n in range(15))


BODY_JOINTS = JOINT_NAMES.index("left_hand")  # the 22 joints that all three models share
_LEFT, _RIGHT = JOINT_NAMES.index("left_wrist"), JOINT_NAMES.index("right_wrist")
_HEAD = JOINT_NAMES.index("head")
HIERARCHIES: dict[str, tuple[int, ...]] = {
    "SMPL": PARENTS,
    "SMPL-H": (*PARENTS[:BODY_JOINTS], *_hand(_LEFT, 22), *_hand(_RIGHT, 37)),
    "SMPL-X": (*PARENTS[:BODY_JOINTS], *(_HEAD,) * 3, *_hand(_LEFT, 25), *_hand(_RIGHT, 40)),
}
"""Parent of each joint of each model; SMPL-X has jaw and eyes before its hands."""


@dataclass(frozen=True, kw_only=True)
class SmplFile:
    """What a model file holds, checked, float32 and int32.

    Attributes:
        path: of the file.
        kind: "SMPL", "SMPL-H" or "SMPL-X" (24, 52 or 55 joints J).
        template: (V, 3).
        shape_directions: (V, 3, N), N at least 10.
        pose_directions: (V, 3, 9 (J - 1)).
        joint_regressor: (J, V).
        weights: (V, J).
        faces: (F, 3).
        uv: (T, 2), or None where the file has none.
        uv_faces: (F, 3), or None where the file has none.
    """

    path: Path
    kind: str
    template: np.ndarray
    shape_directions: np.ndarray
    pose_directions: np.ndarray
    joint_regressor: np.ndarray
    weights: np.ndarray
    faces: np.ndarray
    uv: np.ndarray | None = None
    uv_faces: np.ndarray | None = None


def read_smpl_file(path: str | Path) -> SmplFile:
    """Read and check a model file. Raises BadInput with the file, what was found, what to do."""
    path = Path(path)
    arrays = read_smpl_arrays(path)
    joints = arrays["kintree_table"].shape[-1] if arrays["kintree_table"].ndim else 0
    kinds = {len(parents): kind for kind, parents in HIERARCHIES.items()}
    if joints not in kinds:
        raise BadInput(
            f"{path}: a model of {joints} joints; expected SMPL (24), SMPL-H (52) or SMPL-X (55)."
        )
    kind, vertices = kinds[joints], len(arrays["v_template"])
    expected = {
        "v_template": (vertices, 3),
        "shapedirs": (vertices, 3, None),
        "posedirs": (vertices, 3, 9 * (joints - 1)),
        "J_regressor": (joints, vertices),
        "weights": (vertices, joints),
        "f": (None, 3),
        "kintree_table": (2, joints),
        "vt": (None, 2),
        "ft": (len(arrays["f"]), 3),
    }
    for name, array in arrays.items():
        _check_shape(path, name, array, expected[name])
    if arrays["shapedirs"].shape[2] < BETAS:
        raise BadInput(
            f"{path}: {arrays['shapedirs'].shape[2]} shape directions, needed are {BETAS}; take the "
            "model's full file."
        )
    if tuple(arrays["kintree_table"][0, 1:].astype(int)) != HIERARCHIES[kind][1:]:
        raise BadInput(f"{path}: its kintree_table is not {kind}'s; joints are in another order.")
    _check_indices(path, "f", arrays["f"], vertices)
    uv = uv_faces = None
    if "vt" in arrays and "ft" in arrays:
        _check_indices(path, "ft", arrays["ft"], len(arrays["vt"]))
        uv, uv_faces = arrays["vt"].astype(np.float32), arrays["ft"].astype(np.int32)
    totals = arrays["weights"].sum(1)
    if np.abs(totals - 1).max() > 1e-3 or arrays["weights"].min() < -1e-6:
        raise BadInput(f"{path}: its skinning weights are not shares that sum to 1 at each vertex.")
    return SmplFile(
        path=path,
        kind=kind,
        template=arrays["v_template"].astype(np.float32),
        shape_directions=arrays["shapedirs"].astype(np.float32),
        pose_directions=arrays["posedirs"].astype(np.float32),
        joint_regressor=arrays["J_regressor"].astype(np.float32),
        weights=arrays["weights"].astype(np.float32),
        faces=arrays["f"].astype(np.int32),
        uv=uv,
        uv_faces=uv_faces,
    )


def read_smpl_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Arrays of an SMPL `.npz` or `.pkl` under SMPL's own names, dense, as stored.

    Only what a body needs is taken (and UVs, where there are any). Raises BadInput, naming the file.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(
            f"{path}: no such body model. Download SMPL from https://smpl.is.tue.mpg.de (its licence "
            "applies) and give the path of the .npz or .pkl file."
        )
    if path.stat().st_size > _LARGEST_FILE:
        raise BadInput(f"{path}: {path.stat().st_size >> 20} MiB; no body model is that large.")
    try:
        with path.open("rb") as stream:
            zipped = stream.read(4) == b"PK\x03\x04"
        members = _npz_members(path) if zipped else unpickle_safely(path.read_bytes())
        if not isinstance(members, dict):
            raise ValueError(f"it holds a {type(members).__name__}, not a dictionary")
        missing = [name for name in _REQUIRED if name not in members]
        if missing:
            raise BadInput(f"{path}: no {', '.join(missing)} in it; expected an SMPL model file.")
        names = [*_REQUIRED, *(name for name in _OPTIONAL if name in members)]
        return {name: dense_array(members[name], name) for name in names}
    except BadInput:
        raise
    except _FAILURES as error:
        raise BadInput(
            f"{path}: not a body model that can be read safely ({_brief(error)})."
        ) from error


_FAILURES = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, AssertionError),
    *(MemoryError, NotImplementedError, RuntimeError),
)
"""What reading a damaged or hostile file can end in."""


def _brief(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]


def _check_shape(path: Path, name: str, array: np.ndarray, shape: tuple[int | None, ...]) -> None:
    fits = array.ndim == len(shape) and all(
        size in (None, actual) for size, actual in zip(shape, array.shape)
    )
    kinds = "iu" if name in _INDICES else "fiu"
    if not fits or array.dtype.kind not in kinds or not array.size:
        expected = ", ".join("any" if n is None else str(n) for n in shape)
        raise BadInput(
            f"{path}: {name} is {array.dtype} of shape {array.shape}; expected "
            f"{'indices' if name in _INDICES else 'numbers'} ({expected})."
        )
    if name not in _INDICES and not (np.abs(array) < _LARGEST_NUMBER).all():
        raise BadInput(
            f"{path}: {name} holds values that are not finite or no body's; the file is damaged."
        )


def _check_indices(path: Path, name: str, array: np.ndarray, count: int) -> None:
    if array.min() < 0 or array.max() >= count:
        raise BadInput(f"{path}: {name} points to {int(array.max())}, but there are {count}.")


def _npz_members(path: Path) -> dict[str, object]:
    """The wanted members of an .npz; pickled ones go through the same interpreter as a .pkl.

    Their sizes are read from the archive's directory and their headers before any is unpacked.
    """
    members: dict[str, object] = {}
    remaining = _LARGEST_MODEL
    with ArrayFile(path) as file:
        for name in (*_REQUIRED, *_OPTIONAL):
            if name not in file:
                continue
            limit = min(_LARGEST_ARRAY, remaining)
            pickled = file.read_pickled(name, limit=limit)
            if pickled is None:
                members[name] = array = file.read(name, limit=limit)
                remaining -= array.nbytes
            else:
                members[name] = unpickle_safely(pickled)
                remaining -= len(pickled)
    return members
