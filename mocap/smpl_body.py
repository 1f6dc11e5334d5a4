"""SMPL from the user's own file, read through `smplx`.

SMPL is licensed by its authors (https://smpl.is.tue.mpg.de); nothing of it is shipped. Official
pickles hold chumpy objects and could run code when loaded: they go through an unpickler that knows
only arrays, sparse matrices and a stand-in for chumpy.
"""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path

import numpy as np

from mocap.body import HAND_PARTS, HEAD_PART, Body, parts_of_faces
from mocap.errors import BadInput

SMPL_UV_LAYOUT = "smpl"
_NEEDED = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "f", "kintree_table")
# What an SMPL pickle may name. Everything else is refused, so no file can run code.
_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("scipy.sparse.csc", "csc_matrix"),
    ("scipy.sparse._csc", "csc_matrix"),
    ("scipy.sparse", "csc_matrix"),
    ("_codecs", "encode"),
    ("copy_reg", "_reconstructor"),
    ("copyreg", "_reconstructor"),
    ("__builtin__", "object"),
    ("builtins", "object"),
}
_RENAMED = {
    "scipy.sparse.csc": "scipy.sparse",
    "scipy.sparse._csc": "scipy.sparse",
    "copy_reg": "copyreg",
    "__builtin__": "builtins",
}


class _Chumpy:
    """Stands in for any chumpy class: it keeps the state that the pickle gives it."""

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return np.asarray(self.x, dtype=dtype)


class _ArraysOnly(pickle.Unpickler):
    """Unpickles arrays and nothing that could act."""

    def find_class(self, module: str, name: str) -> object:
        if module.split(".")[0] == "chumpy":
            return _Chumpy
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not part of a body model")
        return getattr(importlib.import_module(_RENAMED.get(module, module)), name)


def read_smpl_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Arrays of an SMPL `.npz` or `.pkl` by SMPL's names. Raises BadInput, naming the file."""
    path = Path(path)
    if not path.is_file():
        raise BadInput(
            f"{path}: no such body model. Download SMPL from https://smpl.is.tue.mpg.de (its licence "
            "applies) and give the path of the .npz or .pkl file."
        )
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                found = {name: archive[name] for name in archive.files}
        else:
            with path.open("rb") as stream:
                found = _ArraysOnly(stream, encoding="latin1").load()
    except (pickle.UnpicklingError, ValueError, EOFError, OSError, KeyError) as error:
        raise BadInput(f"{path}: not a body model that can be read safely ({error}).") from error
    missing = [name for name in _NEEDED if name not in found]
    if missing:
        raise BadInput(f"{path}: no {', '.join(missing)} in it; expected an SMPL model file.")
    dense = {k: found[k].toarray() if hasattr(found[k], "toarray") else found[k] for k in _NEEDED}
    return {name: np.asarray(array) for name, array in dense.items()}


def read_uv(path: str | Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """UVs of a Wavefront .obj: uv (T, 2) float32, faces (F, 3) and uv_faces (F, 3) int32.

    Faces of more than three corners are cut into a fan. Raises BadInput with file and line.
    """
    uv, faces, uv_faces = [], [], []
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        words = line.split()
        try:
            if words[:1] == ["vt"]:
                uv.append([float(word) for word in words[1:3]])
            elif words[:1] == ["f"]:
                corners = [word.split("/") for word in words[1:]]
                for n in range(1, len(corners) - 1):
                    triangle = (corners[0], corners[n], corners[n + 1])
                    faces.append([int(corner[0]) - 1 for corner in triangle])
                    uv_faces.append([int(corner[1]) - 1 for corner in triangle])
        except (ValueError, IndexError) as error:
            raise BadInput(
                f"{path}:{number}: {line.strip()!r} is not 'vt u v' or 'f v/vt v/vt v/vt'."
            ) from error
    if not uv or not faces:
        raise BadInput(f"{path}: no texture coordinates; expected an .obj with vt and f lines.")
    return np.array(uv, np.float32), np.array(faces, np.int32), np.array(uv_faces, np.int32)


def load_smpl_body(path: str | Path, *, uv: str | Path) -> Body:
    """SMPL from the user's model file, with UVs from the .obj that its authors publish beside it.

    Raises BadInput where a file is missing, unreadable, or the two have different meshes.
    """
    import smplx
    from smplx.utils import Struct

    arrays = read_smpl_arrays(path)
    model = smplx.SMPL(str(path), data_struct=Struct(**arrays), num_betas=10)
    coordinates, faces, uv_faces = read_uv(uv)
    if faces.max() >= model.get_num_verts():
        raise BadInput(
            f"{uv}: a mesh of {faces.max() + 1} vertices, but {path} has {model.get_num_verts()}; "
            "give the UV .obj of the same model."
        )
    weights = model.lbs_weights.numpy().astype(np.float32)
    face_parts = parts_of_faces(faces, weights)
    vertices = model.get_num_verts()
    return Body(
        name=f"smpl:{Path(path).stem}",
        uv_layout=SMPL_UV_LAYOUT,
        template=model.v_template.numpy().astype(np.float32),
        shape_directions=np.ascontiguousarray(model.shapedirs.numpy(), np.float32),
        joint_regressor=model.J_regressor.numpy().astype(np.float32),
        weights=weights,
        faces=faces,
        uv=coordinates,
        uv_faces=uv_faces,
        face_parts=face_parts,
        head_faces=face_parts == HEAD_PART,
        hand_faces=np.isin(face_parts, HAND_PARTS),
        pose_directions=np.ascontiguousarray(
            model.posedirs.numpy().T.reshape(vertices, 3, -1), np.float32
        ),
    )
