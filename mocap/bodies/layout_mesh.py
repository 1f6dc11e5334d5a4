"""A mesh that has a UV layout, from what a user has of it: a body model, or an .obj alone.

SMPL's UVs are published as an .obj that also holds a body in the T-pose. Where a texture lies on the
surface needs no more than that: no skeleton, no licensed model.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from mocap.bodies.free_body import UV_LAYOUT, load_free_body
from mocap.bodies.mesh import Mesh
from mocap.bodies.smpl_body import SMPL_UV_LAYOUT, UV_LAYOUTS, load_smpl_body, read_uv
from mocap.errors import BadInput

OBJ_VERTICES = {SMPL_UV_LAYOUT: 6890, UV_LAYOUTS["SMPL-X"]: 10475}
"""Vertices of the meshes that have each layout."""

LAYOUTS = (UV_LAYOUT, *OBJ_VERTICES)
"""UV layouts that textures may have."""

_HEIGHTS = (0.4, 2.6)  # metres


def layout_mesh(layout: str, *, model: Path | None = None, uv: Path | None = None) -> Mesh:
    """A T-posed mesh with a UV layout.

    Args:
        layout: one of `LAYOUTS`.
        model: a model file of SMPL, SMPL-H or SMPL-X.
        uv: its .obj; alone, the .obj is the mesh.

    Returns:
        The mesh: metres, y up, facing +z. One of an .obj alone has no parts: they are 0.

    Raises:
        BadInput: a file cannot be used, is of another layout, or none is given for a layout that is not
            the free body's.
    """
    if layout == UV_LAYOUT:
        return load_free_body().mesh
    if model is None and uv is None:
        raise BadInput(
            f"UV layout {layout}: which mesh has it? Give --uv FILE.obj, the UV map published beside the "
            "model (Meshcapade's holds a body in the T-pose and is enough), or --body FILE with --uv"
        )
    mesh = (
        load_smpl_body(model, uv=uv).mesh if model is not None else _obj_mesh(Path(str(uv)), layout)
    )
    if mesh.uv_layout != layout:
        raise BadInput(
            f"{model}: its UV layout is {mesh.uv_layout}, expected {layout}; give the model that has "
            "it, with --uv FILE.obj"
        )
    return mesh


def _obj_mesh(path: Path, layout: str) -> Mesh:
    uv = read_uv(path)
    vertices = _obj_vertices(path)
    expected = OBJ_VERTICES[layout]
    if len(vertices) != expected:
        raise BadInput(
            f"{path}: {len(vertices):,} vertices, expected the {expected:,} of {layout}; give the UV "
            "map of that model"
        )
    faces, uv_faces = [], []
    for corners in uv.polygons:
        for second, third in pairwise(corners[1:]):
            triangle = (corners[0], second, third)
            faces.append([vertex for vertex, _ in triangle])
            uv_faces.append([coordinate for _, coordinate in triangle])
    if max(map(max, faces)) >= len(vertices):
        raise BadInput(f"{path}: a face points beyond the {len(vertices):,} v lines.")
    _refuse_other_frames(path, vertices)
    return Mesh(
        name=f"{layout}:{path.stem}",
        uv_layout=layout,
        vertices=vertices,
        faces=np.array(faces, np.int32),
        uv=uv.uv,
        uv_faces=np.array(uv_faces, np.int32),
        face_parts=np.zeros(len(faces), np.uint8),
    )


def _obj_vertices(path: Path) -> np.ndarray:
    """The v lines of an .obj, (V, 3) float32. Raises BadInput with file and line."""
    rows = []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        words = line.split()
        if words[:1] == ["v"]:
            try:
                row = [float(word) for word in words[1:4]]
                if len(row) != 3 or not np.isfinite(row).all():
                    raise ValueError
            except ValueError:
                raise BadInput(
                    f"{path}:{number}: {line.strip()[:80]!r} is not 'v x y z'."
                ) from None
            rows.append(row)
    return np.array(rows, np.float32).reshape(-1, 3)


def _refuse_other_frames(path: Path, vertices: np.ndarray) -> None:
    """Raise BadInput unless the mesh is in metres and stands along y with its arms along x."""
    width, height, depth = np.ptp(vertices, axis=0).tolist()
    if not (_HEIGHTS[0] <= height <= _HEIGHTS[1] and depth < 0.5 * height < width):
        raise BadInput(
            f"{path}: {width:.3g} wide, {height:.3g} high and {depth:.3g} deep, expected a body in the "
            "T-pose in metres, y up, its arms along x"
        )
