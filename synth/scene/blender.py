"""The engine "cycles": textured bodies before one camera, rendered by Blender's Cycles.

This is the only file that imports `bpy`, and it does so when a renderer is made, in the process that
renders. Blender keeps one global state, so a process holds one `BlenderRenderer` at a time.

Vertices, cameras and light come in our conventions (world y up, camera x right, y down, z forward;
see `textures.visibility.camera`). Blender's world is z up; the turn between the two lives here and
nowhere else. Inside Blender the mesh keeps our coordinates and its object carries the turn.

Under `SphericalHarmonics` the colour is `texture * max(E(n), 0)`, as SURREAL lights its bodies:
an emission, without shadows or bounces but those of `contact`. Under the other kinds of
`synth.scene.lights` the body is matt cloth in real light, which is traced with few rays and denoised
(Open Image Denoise). The shadow on the floor has no grain to begin with: it is that of maps
(`synth.scene.beam_shadows`), a tenth of the price of a floor that Cycles would trace.
What comes back is scene-linear and premultiplied; `synth.scene.picture.composite` lays it over a
background.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mocap.bodies.mesh import Mesh
from mocap.errors import BadInput
from synth.scene.beam_shadows import ShadowCaster, with_shadow
from synth.scene.blender_lights import BlenderLights
from synth.scene.blender_materials import OPENNESS, ClothMaterial, HarmonicsMaterial
from synth.scene.blender_passes import (
    convert_passes,
    geometry_passes,
    labelled_parts,
    write_point_cache,
)
from synth.scene.cast_shadow import shadow_patch
from synth.scene.exr import read_exr
from synth.scene.lights.beams import Beams, light_beams
from synth.scene.lights.light import Light
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.picture import Picture, covered_box
from synth.scene.renderer import RenderHardware, Texture
from synth.scene.system_libraries import require_system_libraries
from textures.visibility.camera import Camera
from textures.visibility.vertex_normals import normals_at

DEVICES = ("cpu", "cuda", "optix", "hip", "oneapi", "metal")

# Our world (y up) to Blender's (z up): a quarter turn about x.
_TO_BLENDER = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
_SENSOR_WIDTH = 32.0
_FILTER_WIDTH, _POINT = 1.5, 0.01  # pixels
_BOUNCES = 1  # of real light: off one limb onto another
_DENOISED_SAMPLES = 64
_BLENDER_SCRIPTS = re.compile(r"[/\\]bpy[/\\]\d+\.\d+[/\\]scripts")
_COMPLAINT = re.compile(r"error|failed|could not|cannot|out of memory", re.IGNORECASE)


class BlenderError(RuntimeError):
    """Blender complained or produced nothing; the message holds its words."""


def import_blender() -> Any:
    """Import and return `bpy`. Raises BadInput that says what to install when it cannot."""
    if "bpy" not in sys.modules:
        # A process started by one that has Blender inherits its search path, on which Blender put a
        # package of the same name that only works inside Blender.
        sys.path[:] = [folder for folder in sys.path if not _BLENDER_SCRIPTS.search(folder)]
    try:
        import bpy
    except ImportError as error:
        require_system_libraries()
        raise BadInput(
            f"Blender (bpy) cannot be imported: {error}; in Python 3.11: pip install 'bpy==4.5.*' "
            "(films need none with --engine raster)"
        ) from error
    return bpy


def require_device(device: str) -> None:
    """Raises BadInput unless Blender finds a device of that kind ("optix") on this machine.

    Imports Blender into this process.
    """
    if device not in DEVICES:
        raise BadInput(f"--device {device}: expected one of {', '.join(DEVICES)}")
    if device != "cpu":
        _devices(import_blender(), device.upper())


def _devices(bpy: Any, kind: str) -> list[Any]:
    """Tell Cycles to use devices of `kind`; the devices it knows, some of them of that kind."""
    with quiet():
        # Cycles is an add-on that Blender enables with its factory settings.
        if "cycles" not in bpy.context.preferences.addons:
            bpy.ops.wm.read_factory_settings(use_empty=True)
        preferences = bpy.context.preferences.addons["cycles"].preferences
        try:
            preferences.compute_device_type = kind
            devices = list(preferences.get_devices_for_type(kind))
        except (TypeError, ValueError):  # this build of Blender does not know the kind
            devices = []
    if not any(entry.type == kind for entry in devices):
        raise BadInput(
            f"--device {kind.lower()}: Blender finds no {kind} device on this machine; check the driver, "
            "or use --device cpu"
        )
    return devices


class BlenderRenderer:
    """A `synth.scene.renderer.Renderer` with Cycles.

    Args:
        mesh: what is rendered.
        height: of the picture, pixels.
        width: of the picture, pixels.
        samples: per pixel. Under `SphericalHarmonics` they serve the edges only, since that light has
            no noise; the other kinds have, which is taken out again where there are up to
            `_DENOISED_SAMPLES`.
        hardware: the device, CPU threads and scratch folder.
        floor: whether lights cast shadows on the ground.

    Raises:
        BadInput: Blender is not installed, or the device is not there.
    """

    def __init__(
        self,
        mesh: Mesh,
        *,
        height: int = 240,
        width: int = 320,
        samples: int = 4,
        hardware: RenderHardware | None = None,
        floor: bool = True,
    ):
        hardware = hardware or RenderHardware()
        self._bpy = import_blender()
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._folder = tempfile.TemporaryDirectory(
            prefix="surrealpp-", dir=hardware.scratch if hardware.scratch is not None else memory
        )
        self._out = Path(self._folder.name) / "frame.exr"
        self.height, self.width, self._count = height, width, len(mesh.vertices)
        with quiet():
            self._bpy.ops.wm.read_factory_settings(use_empty=True)
        self._scene = self._bpy.context.scene
        self._samples = samples
        self._configure(hardware.threads)
        self._choose_device(hardware.device)
        self._face_parts, instances = mesh.face_parts, mesh.instances
        self._mesh = self._build_mesh(mesh)
        self._object = self._bpy.data.objects.new("body", self._mesh)
        self._object.matrix_world = _TO_BLENDER.T.tolist()  # Blender's sequences are read by column
        self._scene.collection.objects.link(self._object)
        turn = _TO_BLENDER[:3, :3]
        self._harmonics = [HarmonicsMaterial(self._bpy, turn) for _ in range(instances)]
        self._cloths = [ClothMaterial(self._bpy) for _ in range(instances)]
        for material in self._harmonics:
            self._mesh.materials.append(material.block)
        self._images: list[Any] = [None] * instances
        self._lights = BlenderLights(self._bpy, self._scene, _TO_BLENDER, self._harmonics)
        self._light: Light | None = None
        self._beams: Beams | None = None
        self._caster, self._faces = ShadowCaster(mesh), np.ascontiguousarray(mesh.faces, np.int32)
        self._floor, self._ground = floor, np.zeros(3)
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
        """Remove the scratch folder. The renderer is of no use afterwards."""
        self._folder.cleanup()

    def __enter__(self) -> BlenderRenderer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ------------------------------------------------------------------------------- once per mesh

    def _configure(self, threads: int) -> None:
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
        cycles.samples = self._samples
        cycles.use_adaptive_sampling = cycles.use_denoising = False
        cycles.max_bounces = 0
        # Every face is an emitter; sorting 27,000 of them into a light tree each frame would take
        # four times as long as the picture.
        cycles.use_light_tree = False
        cycles.denoiser = "OPENIMAGEDENOISE"
        cycles.denoising_input_passes, cycles.denoising_prefilter = "RGB_ALBEDO_NORMAL", "NONE"
        cycles.denoising_quality = "FAST"
        self._write_plain()

    def _choose_device(self, device: str) -> None:
        if device not in DEVICES:
            raise BadInput(f"--device {device}: expected one of {', '.join(DEVICES)}")
        self._scene.cycles.device = "CPU" if device == "cpu" else "GPU"
        if device == "cpu":
            return
        kind = device.upper()
        for entry in _devices(self._bpy, kind):
            entry.use = entry.type == kind

    def _build_mesh(self, mesh: Mesh) -> Any:
        faces, corner_uv = mesh.faces, mesh.uv[mesh.uv_faces.ravel()]
        block = self._bpy.data.meshes.new("body")
        block.vertices.add(self._count)
        block.loops.add(faces.size)
        block.loops.foreach_set("vertex_index", np.ascontiguousarray(faces, np.int32).ravel())
        block.polygons.add(len(faces))
        block.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
        block.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
        if mesh.face_instances is not None:
            block.polygons.foreach_set("material_index", mesh.face_instances.astype(np.int32) - 1)
        layer = block.uv_layers.new(name="uv")
        layer.data.foreach_set("uv", np.ascontiguousarray(corner_uv, np.float32).ravel())
        block.update(calc_edges=True)
        openness = block.attributes.new(OPENNESS, "FLOAT", "POINT")
        openness.data.foreach_set("value", np.ones(self._count, np.float32))
        return block

    # ------------------------------------------------------------------------------- once per clip

    def set_texture(self, texture: Texture, *, instance: int = 1) -> None:
        """Texture an instance of the mesh. Raises BadInput for a file that cannot be read."""
        if not 1 <= instance <= len(self._images):
            raise ValueError(f"instance {instance}: the mesh has 1 to {len(self._images)}")
        image = self._load_texture(texture)
        for material in (self._harmonics[instance - 1], self._cloths[instance - 1]):
            material.set_texture(image)
        if self._images[instance - 1] is not None:
            self._bpy.data.images.remove(self._images[instance - 1])
        self._images[instance - 1] = image

    def _load_texture(self, texture: Texture) -> Any:
        """Blender's datablock of a texture."""
        data = self._bpy.data
        if isinstance(texture, np.ndarray):
            height, width = texture.shape[:2]
            image = data.images.new("texture", width, height)
            rgba = np.ones((height, width, 4), np.float32)
            rgba[..., :3] = texture[::-1] / np.float32(255)
            image.pixels.foreach_set(rgba.ravel())
            image.update()
            return image
        try:
            with quiet():
                image = data.images.load(str(Path(texture).resolve()))
        except (RuntimeError, BlenderError) as error:
            raise BadInput(f"{texture}: not an image that Blender reads ({error})") from error
        image.colorspace_settings.name = "sRGB"
        if image.size[0] == 0:
            data.images.remove(image)
            raise BadInput(f"{texture}: not an image that Blender reads; expected a PNG or JPEG")
        return image

    def set_light(self, light: Light, *, ground: Sequence[float] = (0.0, 0.0, 0.0)) -> None:
        """Light the body (see `synth.scene.renderer.Renderer.set_light`).

        Raises BadInput for an environment picture that cannot be read.
        """
        self._ground = np.array(ground, dtype=np.float64)
        real = light.casts_shadows
        shaded = light.floor_darkening > 0 and (self._floor or not real)
        self._beams = light_beams(light, self._ground) if shaded else None
        with quiet():
            self._lights.set_light(light, ground=self._ground)
            for harmonics in self._harmonics:
                harmonics.shade(self._beams is not None)
        materials: Sequence[HarmonicsMaterial | ClothMaterial] = (
            self._cloths if real else self._harmonics
        )
        for slot, material in enumerate(materials):
            self._mesh.materials[slot] = material.block
        self._scene.cycles.max_bounces = _BOUNCES if real else 0
        self._scene.cycles.use_denoising = real and self._samples <= _DENOISED_SAMPLES
        # What a frame shares with the last may stay inside Cycles; but lamps that come and go are
        # numbered by their history there, and their noise with them: each light begins anew.
        self._scene.render.use_persistent_data = False
        self._scene.render.use_persistent_data = True
        self._light = light

    def _write_plain(self) -> None:
        """Write the picture alone."""
        image = self._scene.render.image_settings
        image.file_format = "OPEN_EXR"
        image.color_mode, image.color_depth, image.exr_codec = "RGBA", "32", "NONE"

    def set_camera(self, camera: Camera) -> None:
        """Look through `camera`, K, R and t exactly.

        Raises ValueError for pixels that are not square and another size of the image.
        """
        k = camera.intrinsics
        if (camera.width, camera.height) != (self.width, self.height):
            raise ValueError(
                f"camera is {camera.width}x{camera.height}, the scene {self.width}x{self.height}"
            )
        if not np.isclose(k[0, 0], k[1, 1]) or k[0, 1] != 0:
            raise ValueError("the film camera needs square pixels and no skew")
        if self._camera is not None and self._camera.same_view(camera):
            return  # Blender would look at all that hangs on a camera again
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

    # ------------------------------------------------------------------------------ once per frame

    def render(
        self,
        vertices: np.ndarray,
        *,
        seed: int = 0,
        samples: int | None = None,
        point_sampled: bool = False,
    ) -> Picture:
        """The mesh at `vertices` (V,3) metres.

        `seed` moves the samples of each pixel, `samples` are how many (None: the renderer's).
        `point_sampled` looks at each pixel's centre only, as the ground truth does.
        """
        camera, light = self._require_ready()
        if vertices.shape != (self._count, 3):
            raise ValueError(f"vertices have shape {vertices.shape}, expected {(self._count, 3)}")
        rgba = np.zeros((self.height, self.width, 4), dtype=np.float32)
        shadow = self._shadow(vertices, camera, light)
        box = covered_box(vertices, camera)
        if box is not None:
            left, top, right, bottom = box
            # A hundred times as quick as vertices.co.
            positions = self._mesh.attributes["position"].data
            positions.foreach_set("vector", np.ascontiguousarray(vertices, np.float32).ravel())
            self._mesh.update()
            self._scene.cycles.seed = seed % 2**31
            self._scene.cycles.samples = self._samples if samples is None else samples
            self._scene.cycles.filter_width = _POINT if point_sampled else _FILTER_WIDTH
            self._trace_only(box)
            channels = self._render_file()
            if channels["A"].shape != (bottom - top, right - left):
                raise BlenderError(f"Blender rendered {channels['A'].shape} of the box {box}")
            for index, name in enumerate("RGBA"):
                rgba[top:bottom, left:right, index] = channels[name]
            rgba[rgba[..., 3] <= 0] = 0.0  # the denoiser spreads colour beyond the body
        if shadow is None:
            return Picture(rgba, rgba[..., 3])
        body = rgba[..., 3].copy()
        (left, top, right, bottom), darkness = shadow
        with_shadow(rgba[top:bottom, left:right], darkness)
        return Picture(rgba, body)

    def _trace_only(self, box: tuple[int, int, int, int]) -> None:
        """Render these pixels (left, top, right, bottom) and write no others."""
        left, top, right, bottom = box
        render = self._scene.render
        render.use_border = render.use_crop_to_border = True
        # Blender multiplies the shares by the size again and cuts the fraction off.
        render.border_min_x = (left + 0.25) / self.width
        render.border_max_x = (right + 0.25) / self.width
        render.border_min_y = (self.height - bottom + 0.25) / self.height
        render.border_max_y = (self.height - top + 0.25) / self.height

    def _require_ready(self) -> tuple[Camera, Light]:
        if self._camera is None:
            raise ValueError("look through a camera before rendering")
        if None in self._images:
            raise ValueError("texture the body before rendering")
        if self._light is None:
            raise ValueError("light the body before rendering")
        return self._camera, self._light

    def _shadow(
        self, vertices: np.ndarray, camera: Camera, light: Light
    ) -> tuple[tuple[int, int, int, int], np.ndarray] | None:
        """The shadow on the floor and the box of its pixels; None where none is thrown.

        Sets how much of the harmonics' light is left at each vertex.
        """
        is_harmonic = isinstance(light, SphericalHarmonics)
        if self._beams is None:
            return None
        patch = shadow_patch(light, vertices, self._ground)
        box = covered_box(np.vstack([vertices, patch.corners]), camera) or (0, 0, 0, 0)
        normals = None
        if is_harmonic:
            normals = normals_at(vertices, self._faces, np.ones(self._count, np.bool_))
        shone = self._caster.light(
            vertices, self._beams, normals=normals, patch=patch, camera=camera, box=box
        )
        if is_harmonic:
            self._set_openness(shone.openness(light.floor_darkening))
        return box, light.floor_darkening * shone.floor

    def _set_openness(self, openness: np.ndarray) -> None:
        values = np.ascontiguousarray(openness, np.float32)
        self._mesh.attributes[OPENNESS].data.foreach_set("value", values)

    def _render_file(self) -> dict[str, np.ndarray]:
        self._out.unlink(missing_ok=True)
        with quiet():
            self._bpy.ops.render.render(write_still=True)
        if not self._out.exists():
            raise BlenderError("Blender rendered without complaint but wrote no picture")
        return read_exr(self._out)

    def passes(self, vertices: Sequence[np.ndarray] | np.ndarray) -> list[dict[str, np.ndarray]]:
        """Blender's own passes of every frame of a deforming mesh, in our conventions: the oracle.

        Args:
            vertices: (T,V,3) metres in the world.

        Returns:
            A dictionary per frame, of one sample at each pixel's centre: `depth` (H,W) metres, inf
            background; `parts` (H,W) uint8; `normals` (H,W,3) in camera space; `flow_forward`,
            `flow_backward` (H,W,2) pixels, y down. The first frame's backward and the last frame's
            forward flow are of no use (there is no such frame).

        Raises:
            ValueError: under another light than `SphericalHarmonics`, as a floor would be in the
                passes too.
        """
        camera, light = self._require_ready()
        if not isinstance(light, SphericalHarmonics):
            raise ValueError("Blender's passes are rendered under SphericalHarmonics")
        cache = Path(self._folder.name) / "body.pc2"
        write_point_cache(cache, np.asarray(vertices))
        modifier = self._object.modifiers.new("cache", "MESH_CACHE")
        modifier.cache_format, modifier.filepath = "PC2", str(cache)
        modifier.frame_start = 0.0
        out = []
        try:
            with (
                labelled_parts(self._object, self._face_parts, self._bpy.data.materials),
                geometry_passes(self._scene, filter_width=_POINT),
            ):
                for frame in range(len(vertices)):
                    with quiet():
                        self._scene.frame_set(frame)
                    passes = self._render_file()
                    out.append(convert_passes(passes, camera, _TO_BLENDER[:3, :3]))
        finally:
            self._object.modifiers.remove(modifier)
            self._write_plain()
        return out


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Blender, and raise BlenderError for what it only says on stderr."""
    originals = os.dup(1), os.dup(2)
    null, messages = os.open(os.devnull, os.O_WRONLY), os.memfd_create("stderr")
    os.dup2(null, 1)
    os.dup2(messages, 2)
    try:
        yield
    finally:
        for target, original in zip((1, 2), originals):
            os.dup2(original, target)
            os.close(original)
        os.close(null)
        text = os.pread(messages, os.fstat(messages).st_size, 0).decode(errors="replace").strip()
        os.close(messages)
    if _COMPLAINT.search(text):
        raise BlenderError(text.splitlines()[-1] if len(text) > 400 else text)
