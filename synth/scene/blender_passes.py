"""Blender's own ground truth, in our conventions: the oracle that `textures.visibility` is tested by.

Takes a scene that holds a body and a camera; imports no `bpy` itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from textures.visibility.camera import Camera

_PASSES = ("z", "vector", "normal", "material_index")


def write_point_cache(path: Path, vertices: np.ndarray) -> None:
    """Write a deforming mesh, (T,V,3) float32, as Blender's MeshCache modifier reads it (PC2)."""
    frames, count = vertices.shape[:2]
    header = struct.pack("<12siiffi", b"POINTCACHE2\0", 1, count, 0.0, 1.0, frames)
    path.write_bytes(header + np.ascontiguousarray(vertices, "<f4").tobytes())


@contextmanager
def labelled_parts(body: Any, face_parts: np.ndarray, blocks: Any) -> Iterator[None]:
    """While open, each face of Blender's object `body` has its part, from 1, as pass index.

    `blocks` is Blender's collection of materials, from which the copies are removed again.
    """
    mesh = body.data
    materials, cloth = mesh.materials, mesh.materials[0]
    before = np.empty(len(face_parts), np.int32)
    mesh.polygons.foreach_get("material_index", before)
    first, labels = len(materials), int(face_parts.max()) + 1
    for label in range(labels):
        labelled = cloth.copy()
        labelled.pass_index = label
        materials.append(labelled)
    mesh.polygons.foreach_set("material_index", face_parts.astype(np.int32) + first)
    mesh.update()
    try:
        yield
    finally:
        mesh.polygons.foreach_set("material_index", before)
        for _ in range(labels):
            blocks.remove(materials.pop())


@contextmanager
def geometry_passes(scene: Any, *, filter_width: float) -> Iterator[None]:
    """While open, the scene renders depth, vectors, normals and material numbers, one sample."""
    layer = scene.view_layers[0]
    cycles, image = scene.cycles, scene.render.image_settings
    before = (cycles.samples, cycles.filter_width, image.file_format, image.color_depth)
    border = scene.render.use_border
    for name in _PASSES:
        setattr(layer, f"use_pass_{name}", True)
    cycles.samples, cycles.filter_width = 1, filter_width
    scene.render.use_border = False
    image.file_format, image.color_depth, image.exr_codec = "OPEN_EXR_MULTILAYER", "32", "NONE"
    try:
        yield
    finally:
        for name in _PASSES:
            setattr(layer, f"use_pass_{name}", False)
        cycles.samples, cycles.filter_width, image.file_format, image.color_depth = before
        scene.render.use_border = border


def convert_passes(
    channels: dict[str, np.ndarray], camera: Camera, to_blender: np.ndarray
) -> dict[str, np.ndarray]:
    """Blender's passes as `BlenderRenderer.passes` promises them.

    Args:
        channels: of an EXR file by name, as `ViewLayer.Depth.Z`.
        camera: of the frame.
        to_blender: (3,3) turns our world into Blender's.
    """
    passes = {name.split(".", 1)[1]: value for name, value in channels.items()}
    z = passes["Depth.Z"]
    visible = z < 1e9
    normal = np.stack([passes[f"Normal.{axis}"] for axis in "XYZ"], axis=-1)
    normal = normal @ to_blender @ camera.rotation.T
    # Blender's vector pass: X, Y from the previous frame to this one negated, Z, W from this frame
    # to the next negated, y up.
    return {
        "depth": np.where(visible, z, np.inf).astype(np.float32),
        "parts": passes["IndexMA.X"].astype(np.uint8),
        "normals": (normal * visible[..., None]).astype(np.float32),
        "flow_backward": np.stack([passes["Vector.X"], -passes["Vector.Y"]], axis=-1),
        "flow_forward": np.stack([-passes["Vector.Z"], passes["Vector.W"]], axis=-1),
    }
