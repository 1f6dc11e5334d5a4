"""Inputs that the tests of several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from mocap.bodies.body import Body
from mocap.bodies.loading import load_body
from mocap.bodies.smpl_files import HIERARCHIES
from tests.synth.small_film_set import write_inputs


class ModelFiles(NamedTuple):
    """A body model in SMPL's format, the UVs of its faces, and the body that they make."""

    file: Path
    uv: Path
    body: Body


@pytest.fixture(scope="session")
def model(body, tmp_path_factory) -> ModelFiles:
    """The whole free body as a user's model: closed, so that its films pass their checks."""
    folder = tmp_path_factory.mktemp("model")
    parents = [4294967295, *HIERARCHIES["SMPL"][1:]]
    np.savez(
        folder / "model.npz",
        v_template=body.template,
        shapedirs=body.shape_directions,
        posedirs=np.zeros((len(body.template), 3, 207)),
        J_regressor=body.joint_regressor,
        weights=body.weights,
        f=body.faces.astype(np.uint32),
        kintree_table=np.array([parents, range(24)], np.uint32),
    )
    lines = [f"v {x} {y} {z}" for x, y, z in body.template]
    lines += [f"vt {u} {v}" for u, v in body.uv]
    for corners, uv_corners in zip(body.faces + 1, body.uv_faces + 1, strict=True):
        lines.append("f " + " ".join(f"{v}/{t}" for v, t in zip(corners, uv_corners)))
    (folder / "model.obj").write_text("\n".join(lines))
    file, uv = folder / "model.npz", folder / "model.obj"
    return ModelFiles(file, uv, load_body(file, uv=uv))


@pytest.fixture(scope="module")
def inputs(body, tmp_path_factory) -> Path:
    """A folder with two motions and two textures."""
    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder, body)
    return folder
