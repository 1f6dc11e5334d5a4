"""What a camera sees of a painted place: boxes, ellipsoids, a floor and a sky, ray by ray.

Every solid is drawn into the rectangle of samples that may show it, the nearest stays. A sample is then
shaded by the light of its direction, by the sun where no solid stands before it, by how close to the
floor and to other solids it is, and by the air between it and the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from synth.scene.places.background_geometry import pixel_rays
from textures.visibility.camera import Camera

BOX, ELLIPSOID = 0, 1
KIND, CENTRE, HALF_SIZE, COSINE, SINE, SIDES, TOP, SCALE, TINT, SHIFT = (
    0,
    1,
    4,
    7,
    8,
    9,
    10,
    11,
    12,
    15,
)
COLUMNS = 17
"""Columns of a solid: kind, centre (3), half sizes (3), cosine and sine of its turn about the vertical,
the materials of its sides and top, by what its texture is larger, its tint (3), where its texture begins
(2)."""

TEXELS = 256  # of a material's side
LEVELS = 7
_SAMPLES = 2  # along either side of a pixel
_FLOOR, _SKY = -1, -2
_NEAR = 0.05  # metres
_jit = numba.njit(cache=True, nogil=True)


@dataclass(frozen=True, kw_only=True)
class TracedPlace:
    """A painted place as numbers, in the world.

    solids: (N, COLUMNS). textures: (M,T,3) float32 linear, the pyramids of the materials, level after
    level. extents: (M,) metres that a texture covers. floor: (6,) the floor's height, cosine and sine of
    its turn, where its middle lies (x, z), its material. bands: (B,3) of the floor, across its axis:
    from, to, material. light: (6,3) what white surfaces show that face +x, -x, +y, -y, +z, -z. sun: (6,)
    towards it, and its colour; black: none. sky: (3,3) its colour at the zenith, at the horizon, and
    that of its clouds. clouds: (S,S) in [0, 1]. haze: metres in which the air hides two thirds.
    """

    solids: np.ndarray
    textures: np.ndarray
    extents: np.ndarray
    floor: np.ndarray
    bands: np.ndarray
    light: np.ndarray
    sun: np.ndarray
    sky: np.ndarray
    clouds: np.ndarray
    haze: float

    def picture(self, camera: Camera) -> np.ndarray:
        """What a camera sees, (H,W,3) float32 linear RGB."""
        fine = camera.scaled(_SAMPLES)
        rays, depth, solid = self._trace(fine)
        samples = _shade(
            rays, camera.position, depth, solid, self.solids, self.textures, self.extents,
            self.floor, self.bands, self.light, self.sun, self.sky, self.clouds, self.haze,
            1.0 / fine.intrinsics[0, 0],
        )  # fmt: skip
        shape = (camera.height, _SAMPLES, camera.width, _SAMPLES, 3)
        picture: np.ndarray = samples.reshape(shape).mean(axis=(1, 3), dtype=np.float64)
        return picture.astype(np.float32)

    def points(self, camera: Camera) -> np.ndarray:
        """See `BackgroundGeometry.points`; the sky is infinitely far away."""
        rays, depth, solid = self._trace(camera)
        points = np.concatenate([rays, np.zeros((*depth.shape, 1))], axis=-1)
        near = solid != _SKY
        points[near, :3] = camera.position + depth[near][:, None] * rays[near]
        points[near, 3] = 1.0
        return points

    def _trace(self, camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rays (H,W,3), how far along them the first surface lies (H,W), and which solid it is (H,W)."""
        rays = pixel_rays(camera)
        boxes = np.array([_covered(solid, camera) for solid in self.solids]).reshape(-1, 4)
        depth, solid = _first_surfaces(rays, camera.position, self.solids, boxes, self.floor[0])
        return rays, depth, solid


def _covered(solid: np.ndarray, camera: Camera) -> tuple[int, int, int, int]:
    """First and last row and column that may show a solid, exclusive."""
    signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    x, y, z = (signs * solid[HALF_SIZE : HALF_SIZE + 3]).T
    cosine, sine = solid[COSINE], solid[SINE]
    corners = np.stack([cosine * x + sine * z, y, cosine * z - sine * x], axis=1)
    pixels, depth = camera.project(corners + solid[CENTRE : CENTRE + 3])
    if depth.max() <= _NEAR:
        return 0, 0, 0, 0
    if depth.min() <= _NEAR:
        return 0, camera.height, 0, camera.width
    low, high = np.floor(pixels.min(axis=0)), np.ceil(pixels.max(axis=0))
    left, right = np.clip([low[0], high[0]], 0, camera.width)
    top, bottom = np.clip([low[1], high[1]], 0, camera.height)
    return int(top), int(bottom), int(left), int(right)


@_jit
def _hit(solid, ox, oy, oz, dx, dy, dz):
    """How far along a ray a solid's surface lies; inf where it is missed or the ray begins in it."""
    px, py, pz = ox - solid[1], oy - solid[2], oz - solid[3]
    c, s = solid[7], solid[8]
    qx, qz = c * px - s * pz, s * px + c * pz
    ex, ez = c * dx - s * dz, s * dx + c * dz
    hx, hy, hz = solid[4], solid[5], solid[6]
    if solid[0] == 1.0:
        qx, py, qz, ex, dy, ez = qx / hx, py / hy, qz / hz, ex / hx, dy / hy, ez / hz
        a = ex * ex + dy * dy + ez * ez
        b = qx * ex + py * dy + qz * ez
        root = b * b - a * (qx * qx + py * py + qz * qz - 1.0)
        if root <= 0.0:
            return np.inf
        near = (-b - np.sqrt(root)) / a
        return near if near > 1e-4 else np.inf
    first, last = -np.inf, np.inf
    for axis in range(3):
        if axis == 0:
            q, e, h = qx, ex, hx
        elif axis == 1:
            q, e, h = py, dy, hy
        else:
            q, e, h = qz, ez, hz
        if abs(e) < 1e-12:
            if abs(q) > h:
                return np.inf
            continue
        one, two = (-h - q) / e, (h - q) / e
        first, last = max(first, min(one, two)), min(last, max(one, two))
    return first if last >= first and first > 1e-4 else np.inf


@_jit
def _first_surfaces(rays, origin, solids, boxes, level):
    """How far along each ray the first surface lies, and its solid's number."""
    height, width = rays.shape[:2]
    depth = np.full((height, width), np.inf)
    number = np.full((height, width), _SKY, np.int32)
    for row in range(height):
        for column in range(width):
            fall = rays[row, column, 1]
            if fall < 0.0 and origin[1] > level:
                depth[row, column] = (level - origin[1]) / fall
                number[row, column] = _FLOOR
    for n in range(len(solids)):
        for row in range(boxes[n, 0], boxes[n, 1]):
            for column in range(boxes[n, 2], boxes[n, 3]):
                way = rays[row, column]
                t = _hit(solids[n], origin[0], origin[1], origin[2], way[0], way[1], way[2])
                if t < depth[row, column]:
                    depth[row, column] = t
                    number[row, column] = n
    return depth, number


@_jit
def _texel(textures, material, u, v, footprint):
    """The colour of a material at (u, v), by its extent, mirrored beyond it, over a footprint."""
    level = np.log2(max(footprint * TEXELS, 1.0))
    level = min(max(level, 0.0), LEVELS - 1.001)
    red, green, blue = 0.0, 0.0, 0.0
    for k in range(2):
        mip = int(level) + k
        weight = level - int(level) if k == 1 else 1.0 - (level - int(level))
        side, begin = TEXELS, 0
        for _ in range(mip):
            begin += side * side
            side //= 2
        x, y = (
            abs((u * 0.5) % 1.0 * 2.0 - 1.0) * side - 0.5,
            abs((v * 0.5) % 1.0 * 2.0 - 1.0) * side - 0.5,
        )
        x0, y0 = int(np.floor(x)), int(np.floor(y))
        for j in range(2):
            for i in range(2):
                share = (x - x0 if i == 1 else 1.0 - (x - x0)) * (
                    y - y0 if j == 1 else 1.0 - (y - y0)
                )
                column, row = min(max(x0 + i, 0), side - 1), min(max(y0 + j, 0), side - 1)
                colour = textures[material, begin + row * side + column]
                red += weight * share * colour[0]
                green += weight * share * colour[1]
                blue += weight * share * colour[2]
    return red, green, blue


@_jit
def _shade(
    rays, origin, depth, solid, solids, textures, extents, floor, bands, light, sun, sky, clouds,
    haze, pixel,
):  # fmt: skip
    height, width = depth.shape
    out = np.empty((height, width, 3), np.float32)
    air, tint = np.empty(3), np.empty(3)
    sunny = sun[3] + sun[4] + sun[5] > 0.0
    for row in range(height):
        for column in range(width):
            way = rays[row, column]
            size = np.sqrt(way[0] ** 2 + way[1] ** 2 + way[2] ** 2)
            up = way[1] / size
            lift = max(up, 0.0) ** 0.5
            cover = 0.0
            if up > 0.0:
                far = 1.0 / (up + 0.12)
                side = clouds.shape[0]
                i = int((way[0] / size * far * 0.11 + 7.3) % 1.0 * side) % side
                j = int((way[2] / size * far * 0.11 + 3.1) % 1.0 * side) % side
                cover = clouds[j, i] * min(up * 6.0, 1.0)
            for c in range(3):
                clear = sky[1, c] + (sky[0, c] - sky[1, c]) * lift
                air[c] = clear + (sky[2, c] - clear) * cover
            number = solid[row, column]
            if number == _SKY:
                for c in range(3):
                    out[row, column, c] = air[c]
                continue
            t = depth[row, column]
            x, y, z = origin[0] + t * way[0], origin[1] + t * way[1], origin[2] + t * way[2]
            tint[:] = 1.0
            crease = 1.0
            if number == _FLOOR:
                nx, ny, nz = 0.0, 1.0, 0.0
                px, pz = x - floor[3], z - floor[4]
                u, v = floor[1] * px - floor[2] * pz, floor[2] * px + floor[1] * pz
                material = int(floor[5])
                for b in range(len(bands)):
                    if bands[b, 0] <= v < bands[b, 1]:
                        material = int(bands[b, 2])
                scale = 1.0
            else:
                s = solids[number]
                px, py, pz = x - s[1], y - s[2], z - s[3]
                qx, qz = s[7] * px - s[8] * pz, s[8] * px + s[7] * pz
                a, b, c = qx / s[4], py / s[5], qz / s[6]
                lx, ly, lz = 0.0, 0.0, 0.0
                material, scale = int(s[9]), s[11]
                if s[0] == 1.0:
                    lx, ly, lz = a / s[4], b / s[5], c / s[6]
                    long = np.sqrt(lx * lx + ly * ly + lz * lz)
                    lx, ly, lz = lx / long, ly / long, lz / long
                    u, v = np.arctan2(a, c) * s[4], py
                elif abs(b) >= abs(a) and abs(b) >= abs(c):
                    ly = 1.0 if b > 0 else -1.0
                    u, v, material = qx, qz, int(s[10])
                elif abs(a) >= abs(c):
                    lx = 1.0 if a > 0 else -1.0
                    u, v = qz, py - s[5]
                else:
                    lz = 1.0 if c > 0 else -1.0
                    u, v = qx, py - s[5]
                nx, ny, nz = s[7] * lx + s[8] * lz, ly, s[7] * lz - s[8] * lx
                u, v = u + s[15], v + s[16]
                tint[0], tint[1], tint[2] = s[12], s[13], s[14]
                if ny < 0.5:
                    crease -= 0.45 * np.exp(-max(y - floor[0], 0.0) / 0.35)
            facing = max(-(nx * way[0] + ny * way[1] + nz * way[2]) / size, 0.1)
            extent = extents[material] * scale
            footprint = t * size * pixel / np.sqrt(facing) / extent
            red, green, blue = _texel(textures, material, u / extent, v / extent, footprint)
            if number == _FLOOR:
                crease *= _contact(solids, x, z, floor[0])
            lit = 1.0
            reach = nx * sun[0] + ny * sun[1] + nz * sun[2]
            if sunny and reach > 0.0:
                for n in range(len(solids)):
                    start_x, start_y, start_z = x + 1e-3 * nx, y + 1e-3 * ny, z + 1e-3 * nz
                    reached = _hit(solids[n], start_x, start_y, start_z, sun[0], sun[1], sun[2])
                    if n != number and reached < 200.0:
                        lit = 0.0
                        break
            clear = np.exp(-t * size / haze)
            for c in range(3):
                faced = (
                    light[0 if nx > 0 else 1, c] * nx * nx + light[2 if ny > 0 else 3, c] * ny * ny
                )
                faced += light[4 if nz > 0 else 5, c] * nz * nz
                faced = faced * crease + (sun[3 + c] * reach * lit if reach > 0.0 else 0.0)
                base = red if c == 0 else (green if c == 1 else blue)
                out[row, column, c] = base * tint[c] * faced * clear + sky[1, c] * (1.0 - clear)
    return out


@_jit
def _contact(solids, x, z, level):
    """How much of the sky reaches a point of the floor beside the solids that stand on it."""
    open_share = 1.0
    for n in range(len(solids)):
        s = solids[n]
        if s[2] - s[5] > level + 0.3:
            continue
        px, pz = x - s[1], z - s[3]
        qx, qz = abs(s[7] * px - s[8] * pz) - s[4], abs(s[8] * px + s[7] * pz) - s[6]
        if s[0] == 1.0:
            qx, qz = qx + 0.3 * s[4], qz + 0.3 * s[6]
        away = np.sqrt(max(qx, 0.0) ** 2 + max(qz, 0.0) ** 2)
        reach = 0.12 + 0.3 * min(2.0 * s[5], 2.5)
        if away < 4.0 * reach:
            open_share *= 1.0 - 0.5 * np.exp(-away / reach)
    return open_share
