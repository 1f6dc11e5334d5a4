"""Wavefront OBJ: a body in one pose, its material (.mtl) and its texture (.png) beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mocap.bodies.mesh import Mesh
from mocap.files import atomic_write
from textures.library import write_texture
from textures.visibility.vertex_normals import vertex_normals


def write_wavefront(
    path: Path,
    mesh: Mesh,
    vertices: np.ndarray,
    texture: np.ndarray,
    *,
    source: Path,
    comments: tuple[str, ...],
) -> list[Path]:
    """Write a posed mesh as .obj, .mtl and .png of one stem, the .obj last.

    Args:
        path: of the .obj.
        mesh: its faces and UVs.
        vertices: (V, 3) metres, y up.
        texture: (S, S, 3) RGB uint8.
        source: the file of the texture, which is left as it is where it has the picture's name.
        comments: lines at the head of the .obj.

    Returns:
        The files that were written.
    """
    picture, material = path.with_suffix(".png"), path.with_suffix(".mtl")
    if not (picture.is_file() and picture.samefile(source)):
        write_texture(picture, texture)
    with atomic_write(material) as temporary:
        temporary.write_text(
            f"newmtl body\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {picture.name}\n",
            encoding="utf-8",
        )
    normals = vertex_normals(vertices, mesh.faces)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    lines = [f"# {comment}" for comment in comments]
    lines += [f"mtllib {material.name}", "o body"]
    lines += ["v " + " ".join(f"{x:.6f}" for x in row) for row in vertices.tolist()]
    lines += ["vt " + " ".join(f"{x:.7f}" for x in row) for row in mesh.uv.tolist()]
    lines += ["vn " + " ".join(f"{x:.5f}" for x in row) for row in normals.tolist()]
    lines += ["usemtl body", "s 1"]
    corners = np.stack([mesh.faces, mesh.uv_faces, mesh.faces], axis=-1) + 1
    lines += [
        "f " + " ".join("/".join(map(str, corner)) for corner in face) for face in corners.tolist()
    ]
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [path, material, picture]
