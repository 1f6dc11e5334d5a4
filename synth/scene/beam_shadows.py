"""Maps of the shadows that beams of light throw: on the body itself, and on the floor.

For each beam the mesh is drawn as the beam sees it, into a map of depths. A vertex that lies behind
what the map holds is in shadow, and so is a point of the floor. Nothing is random, so neither has
grain and a film does not flicker.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numba
import numpy as np

from mocap.bodies.mesh import Mesh
from synth.scene.cast_shadow import FloorPatch
from synth.scene.lights.beams import LUMINANCE, Beams
from textures.visibility.camera import Camera

_LARGEST_MAP = 320  # texels along a side; a beam that needs more gets coarser ones
_LIFT = 1.5  # texels by which a vertex is moved off its surface, lest it shade itself
_COARSE = 0.018  # metres: maps of such texels and greater ones are thrown by the coarse mesh
_CELL = 0.04
_ROUGHNESS = np.float32(0.5)  # of cloth, as `synth.scene.blender_materials` has it
_EVEN_SHARE = np.float32(np.pi / (np.pi + (np.pi / 2 - 2 / 3) * 0.5))
_TALL = 2.0  # metres from which a body throws its shadow at most, as far as its blur goes

_jit = numba.njit(cache=True, nogil=True, error_model="numpy")


@dataclass(frozen=True)
class BeamLight:
    """What the beams of a light do to a frame.

    vertices: (V,3) float64, linear RGB that white cloth would show at each vertex.
    unshadowed: (V,) float64, its luminance if nothing threw shadows.
    floor: (h,w) float32, the share of the floor's light that the body takes at each pixel of a box.
    """

    vertices: np.ndarray
    unshadowed: np.ndarray
    floor: np.ndarray

    def openness(self, strength: float) -> np.ndarray:
        """How much of the light is left at each vertex (V,) where shadows have this `strength`."""
        bright = self.vertices @ LUMINANCE
        share = np.divide(bright, self.unshadowed, out=np.ones_like(bright), where=bright > 0)
        share[(bright <= 0) & (self.unshadowed > 0)] = 0.0
        return 1 - strength * (1 - share)


class ShadowCaster:
    """A mesh that throws shadows.

    Wide beams are thrown by a coarser mesh, of one vertex for each cell of `_CELL` metres, which their
    maps could not tell from the whole.
    """

    def __init__(self, mesh: Mesh):
        self._faces = np.ascontiguousarray(mesh.faces, np.int32)
        cells = np.floor(np.asarray(mesh.vertices, np.float64) / _CELL).astype(np.int64)
        _, self._chosen, cell = np.unique(cells, axis=0, return_index=True, return_inverse=True)
        coarse = cell.reshape(-1)[self._faces]
        a, b, c = coarse.T
        coarse = coarse[(a != b) & (b != c) & (c != a)]
        unique_faces = np.unique(np.sort(coarse, axis=1), axis=0, return_index=True)[1]
        self._coarse_faces = np.ascontiguousarray(coarse[np.sort(unique_faces)], np.int32)

    def light(
        self,
        vertices: np.ndarray,
        beams: Beams,
        *,
        normals: np.ndarray | None,
        patch: FloorPatch,
        camera: Camera,
        box: tuple[int, int, int, int],
    ) -> BeamLight:
        """Light and shadow of a frame.

        Args:
            vertices: (V,3) metres in the world.
            beams: of the light.
            normals: (V,3) unit, 0 where a vertex is not asked about; None: none is.
            patch: the part of the floor that shadows are looked for on.
            camera: what looks at it.
            box: left, top, right, bottom of the pixels that are asked about.
        """
        vertices = np.ascontiguousarray(vertices, np.float32)
        if normals is None:
            normals = np.zeros((0, 3))
        normals = np.ascontiguousarray(normals, np.float32)
        lit, unshadowed = np.zeros((len(normals), 3)), np.zeros(len(normals))
        points, fade = patch.seen_from(camera, box)
        due, lacking = np.zeros(fade.shape, np.float32), np.zeros(fade.shape, np.float32)
        sharp = beams.texels < _COARSE
        for group, step in ((sharp, 1), (~sharp, 2)):
            if not group.any():
                continue
            casters = (vertices, self._faces) if step == 1 else self._coarse(vertices)
            cells = np.s_[::step, ::step]
            visible = fade[cells] > 0
            light, open_light, point_due, point_lacking = _beam_light(
                *casters,
                vertices,
                normals,
                *_arrays(beams.selected(group)),
                np.ascontiguousarray(points[cells][visible], np.float32),
                camera.position.astype(np.float32),
            )
            lit += light
            unshadowed += open_light
            for total, values in ((due, point_due), (lacking, point_lacking)):
                layer = np.zeros(visible.shape, np.float32)
                layer[visible] = values
                total += layer if step == 1 else _enlarged(layer, fade.shape)
        floor = np.divide(lacking, due, out=np.zeros_like(due), where=due > 0) * fade
        return BeamLight(lit, unshadowed, floor)

    def _coarse(self, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.ascontiguousarray(vertices[self._chosen]), self._coarse_faces


def _enlarged(layer: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Every second pixel's values at each of them."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32) / 2
    return cv2.remap(layer, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def with_shadow(rgba: np.ndarray, shadow: np.ndarray) -> None:
    """Lay a body's picture (h,w,4), premultiplied, over a `shadow` (h,w) on the floor, in place."""
    alpha = rgba[..., 3]
    alpha += (1 - alpha) * shadow


def _arrays(beams: Beams) -> tuple[np.ndarray, ...]:
    return (
        beams.sources.astype(np.float32),
        beams.axes.astype(np.float32),
        beams.colours.astype(np.float32),
        (beams.colours @ LUMINANCE).astype(np.float32),
        beams.texels.astype(np.float32),
        beams.angles.astype(np.float32),
    )


@_jit
def _beam_light(
    casters, faces, vertices, normals, sources, axes, colours, luminance, texels, angles, points, eye,
):  # fmt: skip
    """Light on vertices (V,3), the same unshadowed (V,), and what points are due and lack (P,).

    `casters` (N,3) and `faces` throw the shadows; lights are of `vertices`, as many as `normals`.
    """
    lit = np.zeros((normals.shape[0], 3), np.float64)
    unshadowed = np.zeros(normals.shape[0], np.float64)
    lacking = np.zeros(points.shape[0], np.float32)
    due = np.zeros(points.shape[0], np.float32)
    middle = np.zeros(3, np.float32)
    for d in range(3):
        middle[d] = (casters[:, d].min() + casters[:, d].max()) / np.float32(2)
    projected = np.empty((casters.shape[0], 3), np.float32)
    depths = np.empty((_LARGEST_MAP, _LARGEST_MAP), np.float32)
    sums = np.zeros((_LARGEST_MAP + 1, _LARGEST_MAP + 1, 2), np.float32)
    frame = np.empty((3, 3), np.float32)
    for n in range(sources.shape[0]):
        is_point = sources[n, 3] > 0
        if normals.shape[0] == 0 and not is_point and sources[n, 1] <= 0:
            continue  # light from below reaches no floor
        if luminance[n] <= 0:
            continue
        distance = _look_along(sources[n], middle, frame)
        for v in range(casters.shape[0]):
            u, w, z = _beam_coordinates(casters[v], sources[n], is_point, frame, distance)
            projected[v, 0], projected[v, 1], projected[v, 2] = u, w, z
        left, top = projected[:, 0].min(), projected[:, 1].min()
        span = max(projected[:, 0].max() - left, projected[:, 1].max() - top)
        texel = max(texels[n], span / (_LARGEST_MAP - 4))
        left, top = left - 2 * texel, top - 2 * texel
        size = min(int(span / texel) + 5, _LARGEST_MAP)
        depths[:size, :size] = np.inf
        for v in range(casters.shape[0]):
            projected[v, 0] = (projected[v, 0] - left) / texel
            projected[v, 1] = (projected[v, 1] - top) / texel
        _draw_depths(projected, faces, depths, size)
        lift = _LIFT * texel
        for v in range(normals.shape[0]):
            nx, ny, nz = normals[v, 0], normals[v, 1], normals[v, 2]
            if nx == 0 and ny == 0 and nz == 0:
                continue
            share = _received(vertices[v], sources[n], is_point, axes[n], nx, ny, nz)
            if share <= 0:
                continue
            x = vertices[v, 0] + lift * nx
            y = vertices[v, 1] + lift * ny
            z = vertices[v, 2] + lift * nz
            visible = 1 - _covered(
                x, y, z, sources[n], is_point, frame, distance, left, top, texel, depths, size
            )
            share *= _roughness_share(vertices[v], sources[n], is_point, eye, nx, ny, nz)
            unshadowed[v] += share * luminance[n]
            for c in range(3):
                lit[v, c] += share * visible * colours[n, c]
        if points.shape[0] > 0:
            _sum_up(depths, sums, size)
        for p in range(points.shape[0]):
            share = _received(
                points[p], sources[n], is_point, axes[n],
                np.float32(0), np.float32(1), np.float32(0),
            )  # fmt: skip
            if share <= 0:
                continue
            u, w, depth = _beam_coordinates(points[p], sources[n], is_point, frame, distance)
            covered = _covered_softly(
                (u - left) / texel, (w - top) / texel, depth, angles[n], texel, sums, size
            )
            due[p] += share * luminance[n]
            lacking[p] += share * luminance[n] * covered
    return lit, unshadowed, due, lacking


@_jit
def _look_along(source, middle, frame):
    """Set the rows of `frame`: across, across, and the way of the light; the distance of a point."""
    away = np.empty(3, np.float32)
    for d in range(3):
        away[d] = middle[d] - source[d] if source[3] > 0 else -source[d]
    distance = np.sqrt(away[0] ** 2 + away[1] ** 2 + away[2] ** 2)
    for d in range(3):
        frame[2, d] = away[d] / distance
    # Across: the axis that is least along the beam, made upright on it.
    smallest = 0
    for d in range(1, 3):
        if abs(frame[2, d]) < abs(frame[2, smallest]):
            smallest = d
    for d in range(3):
        frame[0, d] = (1 if d == smallest else 0) - frame[2, smallest] * frame[2, d]
    length = np.sqrt(frame[0, 0] ** 2 + frame[0, 1] ** 2 + frame[0, 2] ** 2)
    for d in range(3):
        frame[0, d] /= length
    frame[1, 0] = frame[2, 1] * frame[0, 2] - frame[2, 2] * frame[0, 1]
    frame[1, 1] = frame[2, 2] * frame[0, 0] - frame[2, 0] * frame[0, 2]
    frame[1, 2] = frame[2, 0] * frame[0, 1] - frame[2, 1] * frame[0, 0]
    return np.float32(distance)


@_jit
def _beam_coordinates(point, source, is_point, frame, distance):
    """Where a beam sees a point: two metres across (at `distance` from a lamp), and how far along."""
    x, y, z = point[0], point[1], point[2]
    if is_point:
        x, y, z = x - source[0], y - source[1], z - source[2]
    u = x * frame[0, 0] + y * frame[0, 1] + z * frame[0, 2]
    w = x * frame[1, 0] + y * frame[1, 1] + z * frame[1, 2]
    depth = x * frame[2, 0] + y * frame[2, 1] + z * frame[2, 2]
    if is_point:
        scale = distance / max(depth, np.float32(0.05))
        u, w = u * scale, w * scale
    return u, w, depth


@_jit
def _received(point, source, is_point, axis, nx, ny, nz):
    """The cosine at a surface, times what distance and the lamp's own cosine leave of its light."""
    if not is_point:
        return source[0] * nx + source[1] * ny + source[2] * nz
    x, y, z = source[0] - point[0], source[1] - point[1], source[2] - point[2]
    square = x * x + y * y + z * z
    length = np.sqrt(square)
    leaving = -(x * axis[0] + y * axis[1] + z * axis[2]) / length
    if leaving <= 0:
        return np.float32(0)
    return (x * nx + y * ny + z * nz) / length * leaving / square


@_jit
def _roughness_share(point, source, is_point, eye, nx, ny, nz):
    """How bright rough cloth looks to `eye` against an even one.

    By Oren and Nayar's law in Fujii's form, as in Cycles.
    """
    lx, ly, lz = source[0], source[1], source[2]
    if is_point:
        lx, ly, lz = lx - point[0], ly - point[1], lz - point[2]
        length = np.sqrt(lx * lx + ly * ly + lz * lz)
        lx, ly, lz = lx / length, ly / length, lz / length
    vx, vy, vz = eye[0] - point[0], eye[1] - point[1], eye[2] - point[2]
    length = np.sqrt(vx * vx + vy * vy + vz * vz)
    vx, vy, vz = vx / length, vy / length, vz / length
    to_light = lx * nx + ly * ny + lz * nz
    to_eye = max(vx * nx + vy * ny + vz * nz, np.float32(0.0))
    excess = lx * vx + ly * vy + lz * vz - to_light * to_eye
    if excess > 0:
        excess /= max(to_light, to_eye) + np.float32(1e-6)
    return _EVEN_SHARE * (1 + _ROUGHNESS * excess)


@_jit
def _covered(x, y, z, source, is_point, frame, distance, left, top, texel, depths, size):
    """How much of a point lies behind what a beam's map holds: in [0, 1], over four texels."""
    if is_point:
        x, y, z = x - source[0], y - source[1], z - source[2]
    u = x * frame[0, 0] + y * frame[0, 1] + z * frame[0, 2]
    w = x * frame[1, 0] + y * frame[1, 1] + z * frame[1, 2]
    depth = x * frame[2, 0] + y * frame[2, 1] + z * frame[2, 2]
    if is_point:
        scale = distance / max(depth, np.float32(0.05))
        u, w = u * scale, w * scale
    u, w = (u - left) / texel - np.float32(0.5), (w - top) / texel - np.float32(0.5)
    column, row = int(np.floor(u)), int(np.floor(w))
    if column < 0 or row < 0 or column + 1 >= size or row + 1 >= size:
        return np.float32(0)
    u, w = u - column, w - row
    covered = np.float32(0)
    if depths[row, column] < depth:
        covered += (1 - u) * (1 - w)
    if depths[row, column + 1] < depth:
        covered += u * (1 - w)
    if depths[row + 1, column] < depth:
        covered += (1 - u) * w
    if depths[row + 1, column + 1] < depth:
        covered += u * w
    return covered


@_jit
def _sum_up(depths, sums, size):
    """Sums over all texels before each, of what is covered and of its depths."""
    for row in range(size):
        covered, total = np.float32(0), np.float32(0)
        for column in range(size):
            if depths[row, column] < np.inf:
                covered += np.float32(1)
                total += depths[row, column]
            sums[row + 1, column + 1, 0] = sums[row, column + 1, 0] + covered
            sums[row + 1, column + 1, 1] = sums[row, column + 1, 1] + total


@_jit
def _sum_before(sums, x, y, size, channel):
    """The sum before (x, y), texels, between whose corners it is bilinear."""
    x = min(max(x, np.float32(0)), np.float32(size))
    y = min(max(y, np.float32(0)), np.float32(size))
    column, row = min(int(x), size - 1), min(int(y), size - 1)
    x, y = x - column, y - row
    upper = (1 - x) * sums[row, column, channel] + x * sums[row, column + 1, channel]
    lower = (1 - x) * sums[row + 1, column, channel] + x * sums[row + 1, column + 1, channel]
    return (1 - y) * upper + y * lower


@_jit
def _sum_within(sums, u, w, radius, size, channel):
    """The sum in the square about (u, w) whose side is twice `radius`."""
    return (
        _sum_before(sums, u + radius, w + radius, size, channel)
        - _sum_before(sums, u - radius, w + radius, size, channel)
        - _sum_before(sums, u + radius, w - radius, size, channel)
        + _sum_before(sums, u - radius, w - radius, size, channel)
    )


@_jit
def _covered_softly(u, w, depth, angle, texel, sums, size):
    """How much of a beam as wide as `angle` the body hides from a point of the floor, in [0, 1].

    The shadow is blurred by as much as the beam spreads between the body and the floor; how far that is
    says the mean depth of the body about there (Fernando, "Percentage-closer soft shadows", 2005).
    """
    radius = np.float32(1.0)
    reach = max(radius, np.float32(0.5) * angle * _TALL / texel)
    if u < -reach or w < -reach or u > size + reach or w > size + reach:
        return np.float32(0)
    count = _sum_within(sums, u, w, reach, size, 0)
    if count < np.float32(0.05):
        return np.float32(0)
    gap = depth - _sum_within(sums, u, w, reach, size, 1) / count
    radius = max(radius, np.float32(0.5) * angle * min(gap, np.float32(_TALL)) / texel)
    share = _sum_within(sums, u, w, radius, size, 0) / (4 * radius * radius)
    return min(max(share, np.float32(0)), np.float32(1))


@_jit
def _draw_depths(projected, faces, depths, size):
    """The least depth at each texel's middle of the faces at `projected` (V,3), texels and metres."""
    radius = np.float32(0.5)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        xa, ya, xb, yb = projected[a, 0], projected[a, 1], projected[b, 0], projected[b, 1]
        xc, yc = projected[c, 0], projected[c, 1]
        first_column = max(int(np.ceil(min(xa, xb, xc) - radius)), 0)
        last_column = min(int(np.floor(max(xa, xb, xc) - radius)), size - 1)
        if first_column > last_column:
            continue
        first_row = max(int(np.ceil(min(ya, yb, yc) - radius)), 0)
        last_row = min(int(np.floor(max(ya, yb, yc) - radius)), size - 1)
        if first_row > last_row:
            continue
        area = (xb - xa) * (yc - ya) - (yb - ya) * (xc - xa)
        if area == 0:
            continue
        za, zb, zc = projected[a, 2], projected[b, 2], projected[c, 2]
        for row in range(first_row, last_row + 1):
            y = row + radius
            for column in range(first_column, last_column + 1):
                x = column + radius
                wb = ((x - xa) * (yc - ya) - (y - ya) * (xc - xa)) / area
                wc = ((xb - xa) * (y - ya) - (yb - ya) * (x - xa)) / area
                wa = 1 - wb - wc
                if wa < -1e-5 or wb < -1e-5 or wc < -1e-5:
                    continue
                depth = wa * za + wb * zb + wc * zc
                if depth < depths[row, column]:
                    depths[row, column] = depth
