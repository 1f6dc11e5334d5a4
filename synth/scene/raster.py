"""The engine "raster": textured bodies drawn from visibility, without Blender.

A body lit by harmonics needs no rays: each point's colour is its texel times the irradiance of its
normal. Under other lights it is its texel times the light that reaches it, by maps of shadows
(`synth.scene.beam_shadows`) that also say what the floor lacks. What is left of a renderer is to
average over the pixel as Cycles does. Cycles spreads its samples by a Blackman-Harris filter that
reaches 1.5 pixels; here the samples are the points of a rotated square lattice, the same in every
pixel, each weighted by that same filter.

The lattice is what makes it quick and smooth. Its basis (a, b), (-b, a) is whole-numbered, so a
turned and scaled copy of the image has one lattice point per cell and is rasterised like any image;
a a + b b points fall into a pixel, and no two of them share a column or a row, so that an upright
edge passes through as many shades of grey as there are points.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numba
import numpy as np

from mocap.bodies.mesh import Mesh
from mocap.errors import BadInput
from synth.scene.beam_shadows import ShadowCaster, with_shadow
from synth.scene.cast_shadow import shadow_patch
from synth.scene.lights.beams import Beams, light_beams
from synth.scene.lights.light import Light
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.picture import Picture, covered_box, pixel_box
from synth.scene.renderer import RenderHardware, Texture
from textures.visibility.camera import Camera
from textures.visibility.rasterisation import NEAR
from textures.visibility.shading import (
    NO_SUN,
    lit_surface_colour,
    sh_irradiance,
    surface_colour,
)
from textures.visibility.vertex_normals import normals_at

LATTICES: dict[int, tuple[int, int]] = {5: (2, 1), 10: (3, 1), 17: (4, 1), 26: (5, 1), 37: (6, 1)}
"""Samples per pixel and the lattice that has as many. Measured against 512 samples of Cycles', 5 are
nearer than 64 of them inside the body and than 16 at its edges; 17 are nearer than 64 everywhere.
"""

_FEWEST = 2
"""Samples per pixel of a picture that is one of several of a frame, as while a shutter is open."""

FILTER_WIDTH = 1.5
"""Pixels, as Cycles' default and as `synth.scene.blender` sets it. The filter itself is twice as wide: it
reaches as far as this on either side."""

_NOTHING = np.zeros((0, 0))
_NO_FACES = np.zeros((0, 0), np.int32)

_TOUCH = -1e-9
"""Barycentric weight from which a point lies in a face: rounding must open no crack between two."""

_ROUNDING = 1.0 + 1e-6
"""By how much 1/z in a face may be above that of its nearest corner: it reaches `_TOUCH` beyond it."""

_jit = numba.njit(cache=True, nogil=True)
_inlined = numba.njit(inline="always")
"""For what is called per point with many arrays: to hand those over takes longer than the work itself."""


class RasterRenderer:
    """A `synth.scene.renderer.Renderer` from visibility, without rays.

    Args:
        mesh: what is rendered.
        height: of the picture, pixels.
        width: of the picture, pixels.
        samples: per pixel; the smallest of `LATTICES` that has as many is taken.
        hardware: of no use here: one thread of the CPU and no files.

    Raises:
        BadInput: more samples than the largest lattice has.
    """

    version = "raster"

    def __init__(
        self,
        mesh: Mesh,
        *,
        height: int = 240,
        width: int = 320,
        samples: int = 5,
        hardware: RenderHardware | None = None,
    ):
        sufficient = [count for count in LATTICES if count >= samples]
        if samples < 1 or not sufficient:
            raise BadInput(
                f"{samples} samples with --engine raster: expected 1 to {max(LATTICES)}; its samples "
                "are even, and more would not show"
            )
        self.height, self.width, self._count = height, width, len(mesh.vertices)
        self._faces = np.ascontiguousarray(mesh.faces, np.int32)
        self._uv = np.ascontiguousarray(mesh.uv, np.float64)
        self._uv_faces = np.ascontiguousarray(mesh.uv_faces, np.int32)
        self._lattice = LATTICES[min(sufficient)]
        self._weights = lattice_weights(self._lattice)
        self._face_instances, self._instances = mesh.face_instances, mesh.instances
        self._textures: dict[int, np.ndarray] = {}
        self._caster = ShadowCaster(mesh)
        self._light: Light | None = None
        self._beams: Beams | None = None
        self._coefficients = np.zeros(9)
        self._ground = np.zeros(3)
        self._camera: Camera | None = None

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> RasterRenderer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def set_texture(self, texture: Texture, *, instance: int = 1) -> None:
        """Texture an instance of the mesh. Raises BadInput for a file that cannot be read."""
        if not 1 <= instance <= self._instances:
            raise ValueError(f"instance {instance}: the mesh has 1 to {self._instances}")
        if isinstance(texture, np.ndarray):
            self._textures[instance] = np.ascontiguousarray(texture)
            return
        image = cv2.imread(str(texture), cv2.IMREAD_COLOR)
        if image is None:
            raise BadInput(f"{texture}: not an image that can be read; expected a PNG or JPEG")
        self._textures[instance] = np.ascontiguousarray(image[..., ::-1])

    def set_light(self, light: Light, *, ground: Sequence[float] = (0.0, 0.0, 0.0)) -> None:
        """Light the body and the floor at `ground` (see `synth.scene.renderer.Renderer.set_light`).

        Raises BadInput for an environment picture that cannot be read.
        """
        self._light, self._ground = light, np.array(ground, np.float64)
        if isinstance(light, SphericalHarmonics):
            self._coefficients = np.array(light.coefficients, np.float64)
        self._beams = light_beams(light, self._ground) if light.floor_darkening > 0 else None

    def set_camera(self, camera: Camera) -> None:
        """Look through `camera`. Raises ValueError for another size of the image."""
        if (camera.width, camera.height) != (self.width, self.height):
            raise ValueError(
                f"camera is {camera.width}x{camera.height}, the scene {self.width}x{self.height}"
            )
        self._camera = camera

    def render(self, vertices: np.ndarray, *, seed: int = 0, samples: int | None = None) -> Picture:
        """The mesh at `vertices` (V,3) metres. `seed` is of no consequence: nothing is random.

        `samples` are those of this frame, `_FEWEST` at least; None: those of the renderer.
        """
        camera = self._camera
        if camera is None:
            raise ValueError("look through a camera before rendering")
        if len(self._textures) < self._instances:
            raise ValueError("texture the body before rendering")
        if self._light is None:
            raise ValueError("light the body before rendering")
        if vertices.shape != (self._count, 3):
            raise ValueError(f"vertices have shape {vertices.shape}, expected {(self._count, 3)}")
        rgba = np.zeros((self.height, self.width, 4), np.float32)
        pixels, z = camera.project(vertices)
        box = pixel_box(pixels, z, camera)
        face_index, nearest, image = _NO_FACES, _NOTHING, pixels
        if box is not None:
            left, top, right, bottom = box
            # The filter reaches over the frame's border, where covered_box has cut its margin off.
            rows, columns = bottom - top + 2, right - left + 2
            (a, b), weights = self._lattice, self._weights
            if samples is not None:
                (a, b), weights = _lattice_of(samples)
            image = _lattice_coordinates(pixels, left - 1.0, top - 1.0, columns, a, b)
            size = (b * columns + a * rows, a * columns + b * rows)
            face_index, nearest = _nearest_faces(image, z, self._faces, *size)
        normals = _visible_normals(face_index, nearest, vertices, self._faces)
        lights, shadow, shadow_box = self._shadows(vertices, normals, camera)
        if box is not None:
            of_instance = [nearest]
            if self._face_instances is not None:
                of_instance = list(
                    _split_instances(face_index, nearest, self._face_instances, self._instances)
                )
            total: np.ndarray | float = 0.0
            for instance, texture in sorted(self._textures.items()):
                total = total + _average(
                    face_index,
                    of_instance[instance - 1],
                    image,
                    z,
                    self._faces,
                    self._uv_faces,
                    self._uv,
                    normals,
                    lights,
                    texture,
                    self._coefficients,
                    np.array(NO_SUN),
                    a,
                    b,
                    weights,
                    rows,
                    columns,
                )
            rgba[top:bottom, left:right] = np.asarray(total)[1:-1, 1:-1]
        if shadow_box is None:
            return Picture(rgba, rgba[..., 3])
        body = rgba[..., 3].copy()
        left, top, right, bottom = shadow_box
        with_shadow(rgba[top:bottom, left:right], shadow)
        return Picture(rgba, body)

    def _shadows(
        self, vertices: np.ndarray, normals: np.ndarray, camera: Camera
    ) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int, int] | None]:
        """Light on the vertices (V,3), none where normals say it; the floor's shadow and its box."""
        light, beams = self._light, self._beams
        if light is None or beams is None:
            return np.zeros((0, 3)), _NOTHING, None
        patch = shadow_patch(light, vertices, self._ground)
        box = covered_box(np.vstack([vertices, patch.corners]), camera) or (0, 0, 0, 0)
        shone = self._caster.light(
            vertices, beams, normals=normals, patch=patch, camera=camera, box=box
        )
        if not isinstance(light, SphericalHarmonics):
            return shone.vertices, shone.floor, box
        lights = sh_irradiance(normals, self._coefficients) * shone.openness(light.contact)
        return np.repeat(lights[:, None], 3, axis=1), light.contact * shone.floor, box


def blackman_harris(offset: np.ndarray, width: float = FILTER_WIDTH) -> np.ndarray:
    """Cycles' pixel filter at `offset` pixels from the centre, along one axis; 0 from `width` on.

    Harris, "On the use of windows for harmonic analysis", 1978.
    """
    offset = np.asarray(offset, np.float64)
    phase = np.pi * (offset / width + 1)
    value = 0.35875 - 0.48829 * np.cos(phase) + 0.14128 * np.cos(2 * phase)
    value -= 0.01168 * np.cos(3 * phase)
    return np.where(np.abs(offset) < width, value, 0.0)


def lattice_weights(lattice: tuple[int, int]) -> np.ndarray:
    """Weights along one axis of a lattice point for three pixels.

    Args:
        lattice: the basis (a, b), with N = a a + b b points per pixel.

    Returns:
        (2 N, 3) float64: for the pixel before the point's, the point's and the one after. The first
        index is 2 N times the point's position in its pixel, which is a whole number. The weights of
        all points for one pixel, x times y, sum to 1.
    """
    a, b = lattice
    count = a * a + b * b
    position = np.arange(2 * count) / (2 * count)
    weights = blackman_harris(position[:, None] - np.array([-0.5, 0.5, 1.5]))
    # The points around one pixel: every lattice point within reach of it.
    reach = range(-3 * (a + b), 3 * (a + b))
    total = 0.0
    for i in reach:
        for j in reach:
            x, y = _position(i, j, a, b, 0)
            column, row = x // (2 * count), y // (2 * count)
            if abs(column) <= 1 and abs(row) <= 1:
                total += weights[x % (2 * count), 1 - column] * weights[y % (2 * count), 1 - row]
    return weights / np.sqrt(total)


@cache
def _lattice_of(samples: int) -> tuple[tuple[int, int], np.ndarray]:
    """The lattice of one of a frame's several pictures, and its weights."""
    lattices = {_FEWEST: (1, 1), **LATTICES}
    fitting = [count for count in lattices if count >= samples]
    lattice = lattices[min(fitting, default=max(lattices))]
    return lattice, lattice_weights(lattice)


@_jit
def _position(i, j, a, b, columns):
    """Where lattice point (i, j) lies in the image, in 1 / (2 N) pixels: two whole numbers.

    `columns` is the image's width; the lattice's rows are counted from its top right corner.
    """
    u, v = 2 * i + 1, 2 * (j - b * columns) + 1
    return a * u - b * v, b * u + a * v


@_jit
def _lattice_coordinates(pixels, left, top, columns, a, b):
    """Pixels (V,2) as lattice coordinates: the inverse of `_position`."""
    out = np.empty_like(pixels)
    for n in range(pixels.shape[0]):
        x, y = pixels[n, 0] - left, pixels[n, 1] - top
        out[n, 0] = a * x + b * y
        out[n, 1] = a * y - b * x + b * columns
    return out


@_jit
def _draw(number, a, b, c, image, inverse, box, face_index, nearest):
    """Draw the face (a, b, c) on the lattice points of `box`.

    `box`: first and last row, first and last column.
    """
    xa, ya, xb, yb = image[a, 0], image[a, 1], image[b, 0], image[b, 1]
    xc, yc = image[c, 0], image[c, 1]
    share = 1.0 / ((xb - xa) * (yc - ya) - (yb - ya) * (xc - xa))
    # Barycentric weight of each corner and 1/z, linear in the lattice: value, step, step.
    stepa, rowa = (yb - yc) * share, (xc - xb) * share
    stepb, rowb = (yc - ya) * share, (xa - xc) * share
    stepc, rowc = (ya - yb) * share, (xb - xa) * share
    ia, ib, ic = inverse[a], inverse[b], inverse[c]
    for row in range(box[0], box[1] + 1):
        y = row + 0.5
        x = box[2] + 0.5
        wa = (x - xb) * stepa + (y - yb) * rowa
        wb = (x - xc) * stepb + (y - yc) * rowb
        wc = (x - xa) * stepc + (y - ya) * rowc
        for column in range(box[2], box[3] + 1):
            if wa >= _TOUCH and wb >= _TOUCH and wc >= _TOUCH:
                inverse_z = wa * ia + wb * ib + wc * ic
                if inverse_z > nearest[row, column]:
                    nearest[row, column] = inverse_z
                    face_index[row, column] = number
            wa += stepa
            wb += stepb
            wc += stepc


@_jit
def _nearest_faces(image, z, faces, height, width):
    """The nearest face at each lattice point and its 1/z (0: none), (H,W) int32 and float64.

    A face seen from behind is given as its number's complement. Points on an edge go to both faces;
    the first keeps them. Faces that turn their outside to the camera are drawn first, so that most of
    the others are found to lie behind without being drawn.
    """
    face_index = np.empty((height, width), np.int32)
    nearest = np.zeros((height, width), np.float64)
    inverse = 1.0 / np.maximum(z, NEAR)
    waiting = np.empty((faces.shape[0], 5), np.int32)
    count = 0
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        if z[a] <= NEAR or z[b] <= NEAR or z[c] <= NEAR:
            continue
        xa, ya, xb, yb = image[a, 0], image[a, 1], image[b, 0], image[b, 1]
        xc, yc = image[c, 0], image[c, 1]
        first_column = max(int(np.ceil(min(xa, xb, xc) - 0.5)), 0)
        last_column = min(int(np.floor(max(xa, xb, xc) - 0.5)), width - 1)
        first_row = max(int(np.ceil(min(ya, yb, yc) - 0.5)), 0)
        last_row = min(int(np.floor(max(ya, yb, yc) - 0.5)), height - 1)
        if first_column > last_column or first_row > last_row:
            continue
        # The image's y runs down, so a face that turns the other way in it faces the camera.
        area = (xb - xa) * (yc - ya) - (yb - ya) * (xc - xa)
        if area < 0.0:
            box = (first_row, last_row, first_column, last_column)
            _draw(f, a, b, c, image, inverse, box, face_index, nearest)
        elif area > 0.0:
            waiting[count, 0] = f
            waiting[count, 1], waiting[count, 2] = first_row, last_row
            waiting[count, 3], waiting[count, 4] = first_column, last_column
            count += 1
    for n in range(count):
        f = waiting[n, 0]
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        nearest_corner = max(inverse[a], inverse[b], inverse[c]) * _ROUNDING
        box = (waiting[n, 1], waiting[n, 2], waiting[n, 3], waiting[n, 4])
        hidden = True
        for row in range(box[0], box[1] + 1):
            for column in range(box[2], box[3] + 1):
                hidden = hidden and nearest_corner < nearest[row, column]
        if not hidden:
            _draw(~f, a, b, c, image, inverse, box, face_index, nearest)
    return face_index, nearest


@_jit
def _split_instances(face_index, nearest, face_instances, count):
    """`nearest` of each instance where it is the one that is seen, 0 elsewhere: (count,H,W) float64."""
    out = np.zeros((count, *nearest.shape), np.float64)
    for row in range(nearest.shape[0]):
        for column in range(nearest.shape[1]):
            if nearest[row, column] > 0.0:
                f = face_index[row, column]
                f = ~f if f < 0 else f
                out[face_instances[f] - 1, row, column] = nearest[row, column]
    return out


@_jit
def _visible_normals(face_index, nearest, vertices, faces):
    """Normals (V,3) of the vertices of faces that are seen, the others 0."""
    needed = np.zeros(vertices.shape[0], np.bool_)
    for row in range(face_index.shape[0]):
        for column in range(face_index.shape[1]):
            if nearest[row, column] > 0.0:
                f = face_index[row, column]
                f = ~f if f < 0 else f
                for k in range(3):
                    needed[faces[f, k]] = True
    return normals_at(vertices, faces, needed)


@_jit
def _average(
    face_index, nearest, image, z, faces, uv_faces, uv, normals, lights, texture, coefficients, sun,
    a, b, weights, rows, columns,
):  # fmt: skip
    """Shade each lattice point and spread it over the pixels around it: (rows, columns, 4)."""
    total = np.zeros((rows + 2, columns + 2, 4), np.float64)
    period = weights.shape[0]
    for j in range(face_index.shape[0]):
        for i in range(face_index.shape[1]):
            if nearest[j, i] == 0.0:
                continue
            px, py = _position(i, j, a, b, columns)
            column, row = px // period, py // period
            if column < 0 or column >= columns or row < 0 or row >= rows:
                continue
            f, side = face_index[j, i], 1.0
            if f < 0:
                f, side = ~f, -1.0
            wa, wb, wc = _weights_in_face(
                faces[f, 0], faces[f, 1], faces[f, 2], image, z, i + 0.5, j + 0.5
            )
            if lights.shape[0] > 0:
                red, green, blue = lit_surface_colour(
                    f, wa, wb, wc, faces, uv_faces, uv, lights, texture, 1 / 255.0
                )
            else:
                red, green, blue = surface_colour(
                    f, wa, wb, wc, side, faces, uv_faces, uv, normals,
                    texture, 1 / 255.0, coefficients, sun,
                )  # fmt: skip
            # Every number by itself: a view of the pixel would be counted in and out nine times.
            for dy in range(3):
                upright = weights[py - row * period, dy]
                if upright == 0.0:
                    continue
                for dx in range(3):
                    weight = upright * weights[px - column * period, dx]
                    if weight == 0.0:
                        continue
                    total[row + dy, column + dx, 0] += weight * red
                    total[row + dy, column + dx, 1] += weight * green
                    total[row + dy, column + dx, 2] += weight * blue
                    total[row + dy, column + dx, 3] += weight
    return total[1:-1, 1:-1]


@_inlined
def _weights_in_face(a, b, c, image, z, x, y):
    """Perspective-correct weights of the corners `a`, `b`, `c` at the lattice position (x, y)."""
    xa, ya, xb, yb = image[a, 0], image[a, 1], image[b, 0], image[b, 1]
    xc, yc = image[c, 0], image[c, 1]
    wa = ((xc - xb) * (y - yb) - (yc - yb) * (x - xb)) / z[a]
    wb = ((xa - xc) * (y - yc) - (ya - yc) * (x - xc)) / z[b]
    wc = ((xb - xa) * (y - ya) - (yb - ya) * (x - xa)) / z[c]
    total = wa + wb + wc
    return wa / total, wb / total, wc / total
