"""The Blender room: one dressed body before one camera, rendered with Cycles.

This is the only file that imports ``bpy``, and it does so when a scene is made, in the process that
renders. Blender keeps one global state, so a process holds one ``FilmScene`` at a time.

Vertices, cameras and light come in our conventions (world y up, camera x right, y down, z forward;
see ``textures.camera``). Blender's world is z up; the turn between the two lives here and nowhere
else. Inside Blender the mesh keeps our coordinates and its object carries the turn, so "object
space" there is our world.

The colour is ``texture * max(E(n), 0)``: spherical-harmonics irradiance E of the world normal n, as
SURREAL lights its bodies, built from ordinary shader nodes into an emission (no shadows, no
bounces). What comes back is scene-linear and premultiplied; ``composite`` lays it over a
background.
"""

from __future__ import annotations

import os
import re
import struct
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mocap.errors import BadInput
from synth.exr import read_exr
from synth.system_libraries import require_system_libraries
from textures.camera import Camera
from textures.shading import linear_to_srgb, sh_irradiance, srgb_to_linear, to_bytes

DEVICES = ("cpu", "cuda", "optix", "hip", "oneapi", "metal")

_LINEAR = srgb_to_linear(np.arange(256) / 255.0).astype(np.float32)
# Our world (y up) to Blender's (z up): a quarter turn about x.
_TO_BLENDER = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
_SENSOR_WIDTH = 32.0
_FILTER_WIDTH, _POINT = 1.5, 0.01  # pixels
_BORDER_MARGIN = 3  # pixels around the body: Cycles' filter reaches 1.5
_BLENDERS_OWN = re.compile(r"[/\\]bpy[/\\]\d+\.\d+[/\\]scripts")
_COMPLAINT = re.compile(r"error|failed|could not|cannot|out of memory", re.IGNORECASE)


class BlenderError(RuntimeError):
    """Blender complained or produced nothing; the message holds its own words."""


def import_blender() -> Any:
    """Import and return ``bpy``. Raises BadInput that says what to install when it cannot."""
    if "bpy" not in sys.modules:
        # A process started by one that has Blender inherits its search path, on which Blender put a
        # package of the same name that only works inside Blender.
        sys.path[:] = [folder for folder in sys.path if not _BLENDERS_OWN.search(folder)]
    try:
        import bpy
    except ImportError as error:
        require_system_libraries()
        raise BadInput(
            f"Blender (bpy) cannot be imported: {error}; in Python 3.11: pip install 'bpy==4.5.*'"
        ) from error
    return bpy


class FilmScene:
    """A textured mesh of fixed topology, one camera and one light.

    ``faces`` (F,3) int32 index vertices, ``uv_faces`` (F,3) index ``uv`` (T,2), (0,0) at the
    bottom-left of the texture image. Use ``dress``, ``light`` and ``look`` once a clip and
    ``render`` once a frame. ``samples`` per pixel serve the edges only, the light itself has no
    noise. ``threads`` 0 means all cores. Raises BadInput when the device asked for is not there.
    """

    def __init__(
        self,
        *,
        faces: np.ndarray,
        uv: np.ndarray,
        uv_faces: np.ndarray,
        vertex_count: int,
        width: int = 320,
        height: int = 240,
        samples: int = 4,
        device: str = "cpu",
        threads: int = 0,
        scratch: Path | str | None = None,
    ):
        self._bpy = import_blender()
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._folder = tempfile.TemporaryDirectory(
            prefix="surrealpp-", dir=scratch if scratch is not None else memory
        )
        self._out = Path(self._folder.name) / "frame.exr"
        self.width, self.height, self._count = width, height, vertex_count
        with quiet():
            self._bpy.ops.wm.read_factory_settings(use_empty=True)
        self._scene = self._bpy.context.scene
        self._settings(samples, threads)
        self._choose_device(device)
        self._mesh = self._build_mesh(faces, uv, uv_faces)
        self._object = self._bpy.data.objects.new("body", self._mesh)
        self._object.matrix_world = _TO_BLENDER.T.tolist()  # Blender's sequences are read by column
        self._scene.collection.objects.link(self._object)
        self._material()
        self._camera: Camera | None = None
        lens = self._bpy.data.cameras.new("camera")
        self._camera_object = self._bpy.data.objects.new("camera", lens)
        self._scene.collection.objects.link(self._camera_object)
        self._scene.camera = self._camera_object

    @property
    def version(self) -> str:
        """Blender's version, as "4.5.15 LTS"."""
        return self._bpy.app.version_string

    def close(self) -> None:
        """Remove the scratch folder. The scene is of no use afterwards."""
        self._folder.cleanup()

    def __enter__(self) -> FilmScene:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ------------------------------------------------------------------------------- once a scene

    def _settings(self, samples: int, threads: int) -> None:
        scene = self._scene
        scene.render.engine = "CYCLES"
        scene.render.resolution_x, scene.render.resolution_y = self.width, self.height
        scene.render.resolution_percentage = 100
        scene.render.film_transparent = True
        scene.render.use_compositing = scene.render.use_sequencer = False
        scene.render.use_motion_blur = False
        scene.render.threads_mode = "FIXED" if threads else "AUTO"
        if threads:
            scene.render.threads = threads
        scene.render.filepath = str(self._out)
        scene.render.use_file_extension = False
        scene.view_settings.view_transform = "Standard"
        scene.view_settings.look = "None"
        scene.world = None
        cycles = scene.cycles
        cycles.samples = samples
        cycles.use_adaptive_sampling = cycles.use_denoising = False
        cycles.max_bounces = 0
        # Every face is an emitter; sorting 27,000 of them into a light tree each frame would take
        # four times as long as the picture.
        cycles.use_light_tree = False
        image = scene.render.image_settings
        image.file_format, image.color_mode = "OPEN_EXR", "RGBA"
        image.color_depth, image.exr_codec = "32", "NONE"

    def _choose_device(self, device: str) -> None:
        if device not in DEVICES:
            raise BadInput(f"--device {device}: expected one of {', '.join(DEVICES)}")
        self._scene.cycles.device = "CPU" if device == "cpu" else "GPU"
        if device == "cpu":
            return
        kind = device.upper()
        preferences = self._bpy.context.preferences.addons["cycles"].preferences
        with quiet():
            try:
                preferences.compute_device_type = kind
                found = list(preferences.get_devices_for_type(kind))
            except (TypeError, ValueError):  # this build of Blender does not know the kind
                found = []
        if not any(entry.type == kind for entry in found):
            raise BadInput(
                f"--device {device}: Blender finds no {kind} device on this machine; check the "
                "driver, or use --device cpu"
            )
        for entry in found:
            entry.use = entry.type == kind

    def _build_mesh(self, faces: np.ndarray, uv: np.ndarray, uv_faces: np.ndarray) -> Any:
        mesh = self._bpy.data.meshes.new("body")
        mesh.vertices.add(self._count)
        mesh.loops.add(faces.size)
        mesh.loops.foreach_set("vertex_index", np.ascontiguousarray(faces, np.int32).ravel())
        mesh.polygons.add(len(faces))
        mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
        mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
        layer = mesh.uv_layers.new(name="uv")
        layer.data.foreach_set("uv", np.ascontiguousarray(uv[uv_faces.ravel()], np.float32).ravel())
        mesh.update(calc_edges=True)
        return mesh

    def _material(self) -> None:
        material = self._bpy.data.materials.new("cloth")
        material.use_nodes = True
        material.cycles.emission_sampling = "NONE"
        tree = material.node_tree
        tree.nodes.clear()
        link = tree.links.new

        def vector(operation: str, *values: Any) -> Any:
            """A vector-math node; sockets are linked, constants are set."""
            node = tree.nodes.new("ShaderNodeVectorMath")
            node.operation = operation
            for socket, value in zip(node.inputs, values, strict=False):
                link(value, socket)
            return node

        geometry = tree.nodes.new("ShaderNodeNewGeometry")
        turn = tree.nodes.new("ShaderNodeVectorTransform")
        turn.vector_type, turn.convert_from, turn.convert_to = "NORMAL", "WORLD", "OBJECT"
        link(geometry.outputs["Normal"], turn.inputs[0])
        normal = vector("NORMALIZE", turn.outputs[0]).outputs[0]
        # E(n) = n . (A n + b)
        self._light_rows = [vector("DOT_PRODUCT", normal) for _ in range(3)]
        product = tree.nodes.new("ShaderNodeCombineXYZ")
        for socket, row in zip(product.inputs, self._light_rows):
            link(row.outputs["Value"], socket)
        self._light_linear = vector("ADD", product.outputs[0])
        whole = vector("DOT_PRODUCT", self._light_linear.outputs[0], normal)
        positive = tree.nodes.new("ShaderNodeMath")
        positive.operation = "MAXIMUM"
        link(whole.outputs["Value"], positive.inputs[0])
        positive.inputs[1].default_value = 0.0

        self._texture = tree.nodes.new("ShaderNodeTexImage")
        self._texture.interpolation, self._texture.extension = "Linear", "REPEAT"
        lit = vector("SCALE", self._texture.outputs["Color"])
        link(positive.outputs[0], lit.inputs["Scale"])
        emission = tree.nodes.new("ShaderNodeEmission")
        link(lit.outputs[0], emission.inputs["Color"])
        output = tree.nodes.new("ShaderNodeOutputMaterial")
        link(emission.outputs[0], output.inputs["Surface"])
        self._mesh.materials.append(material)

    # -------------------------------------------------------------------------------- once a clip

    def dress(self, texture: Path | str) -> None:
        """Wear a texture image (sRGB file). Raises BadInput when it cannot be read as an image."""
        data = self._bpy.data
        worn = self._texture.image
        try:
            with quiet():
                image = data.images.load(str(Path(texture).resolve()))
        except (RuntimeError, BlenderError) as error:
            raise BadInput(f"{texture}: not an image that Blender reads ({error})") from error
        image.colorspace_settings.name = "sRGB"
        if image.size[0] == 0:
            data.images.remove(image)
            raise BadInput(f"{texture}: not an image that Blender reads; expected a PNG or JPEG")
        self._texture.image = image
        if worn is not None:
            data.images.remove(worn)

    def light(self, coefficients: np.ndarray) -> None:
        """Light with SURREAL's nine spherical-harmonics coefficients (9,), as ``textures.shading``
        does.
        """
        quadratic, linear = irradiance_form(coefficients)
        for node, row in zip(self._light_rows, quadratic):
            node.inputs[1].default_value = tuple(row)
        self._light_linear.inputs[1].default_value = tuple(linear)

    def look(self, camera: Camera) -> None:
        """Look through ``camera``, K, R and t exactly. Raises ValueError for pixels that are not
        square.
        """
        k = camera.intrinsics
        if (camera.width, camera.height) != (self.width, self.height):
            raise ValueError(
                f"camera is {camera.width}x{camera.height}, the scene {self.width}x{self.height}"
            )
        if not np.isclose(k[0, 0], k[1, 1]) or k[0, 1] != 0:
            raise ValueError("the film camera needs square pixels and no skew")
        lens = self._camera_object.data
        lens.sensor_fit, lens.sensor_width = "HORIZONTAL", _SENSOR_WIDTH
        lens.lens = k[0, 0] * _SENSOR_WIDTH / self.width
        lens.shift_x = (self.width / 2 - k[0, 2]) / self.width
        lens.shift_y = (k[1, 2] - self.height / 2) / self.width
        lens.clip_start, lens.clip_end = 0.01, 1000.0
        pose = np.eye(4)
        pose[:3, :3] = camera.rotation.T @ np.diag([1.0, -1.0, -1.0])
        pose[:3, 3] = camera.position
        self._camera_object.matrix_world = (_TO_BLENDER @ pose).T.tolist()
        self._camera = camera

    # ------------------------------------------------------------------------------- once a frame

    def render(
        self, vertices: np.ndarray, *, seed: int = 0, point_sampled: bool = False
    ) -> np.ndarray:
        """Picture of the mesh at ``vertices`` (V,3) metres: (H,W,4) float32, linear, premultiplied.

        ``point_sampled`` looks at each pixel's centre only, as the ground truth does.
        """
        if self._camera is None:
            raise ValueError("look through a camera before rendering")
        if self._texture.image is None:
            raise ValueError("dress the body before rendering")
        if vertices.shape != (self._count, 3):
            raise ValueError(f"vertices have shape {vertices.shape}, expected {(self._count, 3)}")
        box = covered_box(vertices, self._camera)
        picture = np.zeros((self.height, self.width, 4), dtype=np.float32)
        if box is None:
            return picture
        left, top, right, bottom = box
        self._mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
        self._mesh.update()
        self._scene.cycles.seed = seed % 2**31
        self._scene.cycles.filter_width = _POINT if point_sampled else _FILTER_WIDTH
        render = self._scene.render
        render.use_border, render.use_crop_to_border = True, False
        render.border_min_x, render.border_max_x = left / self.width, right / self.width
        render.border_min_y = 1 - bottom / self.height
        render.border_max_y = 1 - top / self.height
        channels = self._render_file()
        for index, name in enumerate("RGBA"):
            picture[top:bottom, left:right, index] = channels[name][top:bottom, left:right]
        return picture

    def _render_file(self) -> dict[str, np.ndarray]:
        self._out.unlink(missing_ok=True)
        with quiet():
            self._bpy.ops.render.render(write_still=True)
        if not self._out.exists():
            raise BlenderError("Blender rendered without complaint but wrote no picture")
        return read_exr(self._out)

    # ---------------------------------------------------------------- Blender's own ground truth

    def passes(
        self, vertices: Sequence[np.ndarray] | np.ndarray, face_parts: np.ndarray
    ) -> list[dict[str, np.ndarray]]:
        """Blender's own passes of every frame of a deforming mesh, in our conventions: the oracle.

        ``vertices`` (T,V,3), ``face_parts`` (F,) 1..24. One sample at each pixel's centre. A list
        of T dictionaries: ``depth`` (H,W) metres, inf background; ``parts`` (H,W) uint8;
        ``normals`` (H,W,3) in camera space; ``flow_forward``, ``flow_backward`` (H,W,2) pixels, y
        down. The first frame's backward and the last frame's forward flow are of no use (there is
        no such frame).
        """
        if self._camera is None:
            raise ValueError("look through a camera before rendering")
        vertices = np.ascontiguousarray(vertices, dtype=np.float32)
        cache = Path(self._folder.name) / "body.pc2"
        header = struct.pack("<12siiffi", b"POINTCACHE2\0", 1, self._count, 0.0, 1.0, len(vertices))
        cache.write_bytes(header + vertices.tobytes())

        scene, layer = self._scene, self._scene.view_layers[0]
        modifier = self._object.modifiers.new("cache", "MESH_CACHE")
        modifier.cache_format, modifier.filepath = "PC2", str(cache)
        modifier.frame_start = 0.0
        cloth = self._mesh.materials[0]
        for part in range(25):
            labelled = cloth.copy()
            labelled.pass_index = part
            self._mesh.materials.append(labelled)
        self._mesh.polygons.foreach_set("material_index", face_parts.astype(np.int32) + 1)
        self._mesh.update()
        for name in ("z", "vector", "normal", "material_index"):
            setattr(layer, f"use_pass_{name}", True)
        samples = scene.cycles.samples
        scene.cycles.samples, scene.cycles.filter_width = 1, _POINT
        scene.render.use_border = False
        scene.render.image_settings.file_format = "OPEN_EXR_MULTILAYER"
        scene.render.image_settings.color_depth = "32"
        scene.render.image_settings.exr_codec = "NONE"
        try:
            out = []
            for frame in range(len(vertices)):
                with quiet():
                    scene.frame_set(frame)
                out.append(self._our_conventions(self._render_file()))
            return out
        finally:
            scene.render.image_settings.file_format = "OPEN_EXR"
            scene.render.image_settings.color_mode = "RGBA"
            scene.cycles.samples = samples
            for name in ("z", "vector", "normal", "material_index"):
                setattr(layer, f"use_pass_{name}", False)
            self._mesh.polygons.foreach_set("material_index", np.zeros(len(face_parts), np.int32))
            for _ in range(25):
                self._bpy.data.materials.remove(self._mesh.materials.pop())
            self._object.modifiers.remove(modifier)

    def _our_conventions(self, channels: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        passes = {name.split(".", 1)[1]: value for name, value in channels.items()}
        z = passes["Depth.Z"]
        seen = z < 1e9
        normal = np.stack([passes[f"Normal.{axis}"] for axis in "XYZ"], axis=-1)
        # Blender's world -> ours -> camera. Blender's vector pass: X, Y from the previous frame to
        # this one negated, Z, W from this frame to the next negated, y up.
        normal = normal @ _TO_BLENDER[:3, :3] @ self._camera.rotation.T
        return {
            "depth": np.where(seen, z, np.inf).astype(np.float32),
            "parts": passes["IndexMA.X"].astype(np.uint8),
            "normals": (normal * seen[..., None]).astype(np.float32),
            "flow_backward": np.stack([passes["Vector.X"], -passes["Vector.Y"]], axis=-1),
            "flow_forward": np.stack([-passes["Vector.Z"], passes["Vector.W"]], axis=-1),
        }


def covered_box(vertices: np.ndarray, camera: Camera) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom (exclusive) of the pixels that may show the mesh; None when none
    does.
    """
    pixels, z = camera.project(vertices)
    if (z <= 0).any():  # beside or behind the camera: the projection bounds nothing
        return (0, 0, camera.width, camera.height) if (z > 0).any() else None
    low = np.floor(pixels.min(axis=0)).astype(int) - _BORDER_MARGIN
    high = np.ceil(pixels.max(axis=0)).astype(int) + _BORDER_MARGIN
    left, top = np.maximum(low, 0)
    right, bottom = np.minimum(high, (camera.width, camera.height))
    if left >= right or top >= bottom:
        return None
    return int(left), int(top), int(right), int(bottom)


def irradiance_form(coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A (3,3), b (3,) with ``sh_irradiance(n, coefficients) = max(n.A n + b.n, 0)`` for unit n.

    Read off the function itself, which is linear in its coefficients before the cut at 0, so that
    Blender's light cannot drift from the one used elsewhere. The constant hides in A, since x x + y
    y + z z = 1.
    """
    grid = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    normals = grid[np.abs(grid).sum(axis=1) > 0]
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    x, y, z = normals.T
    terms = np.stack([x * x, y * y, z * z, x * y, x * z, y * z, x, y, z], axis=1)
    coefficients = np.asarray(coefficients, dtype=np.float64)
    flood = np.eye(9)[0] * 100 * (1 + np.abs(coefficients).sum())  # lifts everything above 0
    values = sh_irradiance(normals, coefficients + flood) - sh_irradiance(normals, flood)
    xx, yy, zz, xy, xz, yz, *linear = np.linalg.lstsq(terms, values, rcond=None)[0]
    quadratic = np.array([[xx, xy / 2, xz / 2], [xy / 2, yy, yz / 2], [xz / 2, yz / 2, zz]])
    return quadratic, np.array(linear)


def composite(picture: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Premultiplied linear ``picture`` (H,W,4) over sRGB ``background`` (H,W,3) uint8: uint8 sRGB.

    Edges are mixed in linear light, as in a lens, and encoded as Blender's Standard view does.
    Pixels that the body does not touch keep the background's exact values.
    """
    touched = picture[..., 3] > 0
    body = picture[touched]
    behind = _LINEAR[background[touched]]
    out = background.copy()
    out[touched] = to_bytes(linear_to_srgb(body[:, :3] + (1 - body[:, 3:]) * behind))
    return out


@contextmanager
def quiet() -> Iterator[None]:
    """Send Blender's chatter to nowhere, and raise BlenderError for what it only says on stderr."""
    kept = os.dup(1), os.dup(2)
    with open(os.devnull, "wb") as nowhere, tempfile.TemporaryFile() as said:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            for target, original in zip((1, 2), kept):
                os.dup2(original, target)
                os.close(original)
            said.seek(0)
            text = said.read().decode(errors="replace").strip()
    if _COMPLAINT.search(text):
        raise BlenderError(text.splitlines()[-1] if len(text) > 400 else text)
