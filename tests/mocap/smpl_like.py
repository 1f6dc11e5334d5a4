"""Files in SMPL's, SMPL-H's and SMPL-X's formats, made of the free body's numbers.

No licensed model is needed: the formats are theirs, the numbers ours or invented. `smplx` insists on
SMPL's 6,890 vertices, so that many of the free body's are taken, from all over it.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
import types
from contextlib import contextmanager
from typing import ClassVar

import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.smpl_files import HIERARCHIES

VERTICES = 6890
FINGERS = {"SMPL": (), "SMPL-H": (22, 37), "SMPL-X": (25, 40)}


def chosen_vertices(body: Body) -> np.ndarray:
    """Which of the free body's vertices the files have, (6890,) in their order."""
    return np.random.default_rng(8).permutation(len(body.template))[:VERTICES]


def smpl_arrays(body: Body, kind: str = "SMPL") -> dict:
    """A model of a kind under SMPL's names, with invented pose corrections and finger shares."""
    rng = np.random.default_rng(3)
    chosen, vertices = chosen_vertices(body), VERTICES
    place = np.full(len(body.template), -1)
    place[chosen] = np.arange(vertices)
    faces = place[body.faces]
    parents = HIERARCHIES[kind]
    joints = len(parents)
    weights = np.zeros((vertices, joints))
    regressor = rng.random((joints, vertices)) * (rng.random((joints, vertices)) < 0.01) + 1e-9
    if kind == "SMPL":
        weights[:] = body.weights[chosen]
        regressor[:] = np.abs(body.joint_regressor[:, chosen]) + 1e-9
    else:
        weights[:, :22] = body.weights[chosen, :22]
        regressor[:22] = np.abs(body.joint_regressor[:22, chosen]) + 1e-9
        for side, first in enumerate(FINGERS[kind]):
            shares = rng.dirichlet(np.ones(15), size=vertices)
            weights[:, first : first + 15] = body.weights[chosen][:, [22 + side]] * shares
    if kind == "SMPL-X":
        shares = rng.dirichlet(np.ones(4), size=vertices) * weights[:, [15]]
        weights[:, [15, 22, 23, 24]] = shares
    directions = [body.shape_directions[chosen]]
    if kind != "SMPL":
        directions.append(rng.normal(scale=0.002, size=(vertices, 3, 6)))  # SMPL-H has 16
    return {
        "v_template": body.template[chosen].astype(np.float64),
        "shapedirs": np.concatenate(directions, -1).astype(np.float64),
        "posedirs": rng.normal(scale=0.01, size=(vertices, 3, 9 * (joints - 1))),
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "weights": weights / weights.sum(1, keepdims=True),
        "f": faces[(faces >= 0).all(1)].astype(np.uint32),
        "kintree_table": np.array([[4294967295, *parents[1:]], range(joints)], np.uint32),
    }


def small_arrays() -> dict:
    """A nonsense model of 12 vertices that is formally SMPL's, for tests of reading only."""
    rng = np.random.default_rng(0)
    weights = rng.random((12, 24))
    return {
        "v_template": rng.normal(size=(12, 3)),
        "shapedirs": rng.normal(size=(12, 3, 10)),
        "posedirs": rng.normal(size=(12, 3, 207)),
        "J_regressor": rng.random((24, 12)),
        "weights": weights / weights.sum(1, keepdims=True),
        "f": rng.integers(0, 12, (9, 3)).astype(np.uint32),
        "kintree_table": np.array([[4294967295, *HIERARCHIES["SMPL"][1:]], range(24)], np.uint32),
    }


def write_obj(path, faces):
    """An .obj whose UVs need no seams: one `vt` a vertex, at an irrational place."""
    count = int(faces.max()) + 1
    lines = [f"v {n} 0 0" for n in range(count)]
    lines += [f"vt {n * 0.618 % 1:.6f} {n * 0.414 % 1:.6f}" for n in range(count)]
    lines += ["f " + " ".join(f"{v + 1}/{v + 1}" for v in face) for face in faces]
    path.write_text("\n".join(lines))
    return path


class Python2Pickler(pickle._Pickler):
    """Protocol 2 with strings and arrays' bytes as Python 2 wrote them (BINSTRING)."""

    dispatch: ClassVar[dict] = dict(pickle._Pickler.dispatch)

    def _binstring(self, raw: bytes, original: object) -> None:
        self.write(pickle.BINSTRING + struct.pack("<i", len(raw)) + raw)
        self.memoize(original)

    def save_bytes(self, value):
        self._binstring(value, value)

    def save_str(self, value):
        self._binstring(value.encode("latin1"), value)

    dispatch[bytes] = save_bytes
    dispatch[str] = save_str


@contextmanager
def fake_chumpy():
    """Modules by chumpy's names, with classes that pickle to what chumpy's pickle to."""
    classes = {}
    for module, name in (("ch", "Ch"), ("reordering", "Select"), ("reordering", "transpose")):
        made = type(name, (), {"__module__": f"chumpy.{module}", "__getstate__": _state_of_chumpy})
        classes[name] = made
        holder = sys.modules.setdefault(f"chumpy.{module}", types.ModuleType(f"chumpy.{module}"))
        setattr(holder, name, made)
    sys.modules["chumpy"] = types.ModuleType("chumpy")
    try:
        yield types.SimpleNamespace(**classes)
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "chumpy"]:
            del sys.modules[name]


def _state_of_chumpy(self):
    kept = {"_dirty_vars": {"x"}, "_itr": None, "_make_dense": False, "_depends_on_deps": {}}
    return kept | self.__dict__


def official_pickle(arrays: dict, *, protocol: int = 2) -> bytes:
    """The arrays as an official SMPL file has them: Python 2, chumpy, a scipy sparse regressor."""
    from scipy.sparse import csc_matrix

    with fake_chumpy() as chumpy:

        def ch(array):
            made = chumpy.Ch()
            made.x = array
            return made

        wide = np.concatenate([arrays["shapedirs"], np.ones((len(arrays["v_template"]), 3, 2))], -1)
        select = chumpy.Select()
        select.a, select.preferred_shape = ch(wide), arrays["shapedirs"].shape
        select.idxs = np.arange(wide.size).reshape(wide.shape)[..., :-2].ravel()
        turned = chumpy.transpose()
        turned.a, turned.axes = ch(np.ascontiguousarray(arrays["weights"].T)), None
        content = {
            **arrays,
            "shapedirs": select,
            "posedirs": ch(arrays["posedirs"]),
            "v_template": ch(arrays["v_template"]),
            "weights": turned,
            "J_regressor": csc_matrix(arrays["J_regressor"]),
            "bs_type": "lrotmin",
            "pose_training_info": {"gender": "n", "ages": [1, 2.5, None], "n": np.float64(3)},
        }
        if protocol == 2:
            stream = io.BytesIO()
            Python2Pickler(stream, protocol=2).dump(content)
            data = stream.getvalue()
        else:
            data = pickle.dumps(content, protocol=protocol)
    return data.replace(b"cscipy.sparse._csc\n", b"cscipy.sparse.csc\n")
