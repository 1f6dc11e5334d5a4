"""Solids of painted places: boxes, ellipsoids and cylinders as numbers, and where rays meet them."""

from __future__ import annotations

import numba
import numpy as np

BOX, ELLIPSOID, CYLINDER = 0, 1, 2
KIND, CENTRE, HALF_SIZE, COSINE, SINE, SIDES, TOP, SCALE, TINT, SHIFT = (
    *(0, 1, 4, 7, 8),
    *(9, 10, 11, 12, 15),
)
HOLES, GLOW, CASTS = 17, 18, 19
COLUMNS = 20
"""Columns of a solid: kind, centre (3), half sizes (3), cosine and sine of its turn about the vertical,
the materials of its sides and top, by what its texture is larger, its tint (3), where its texture begins
(2), which share of it is holes (of an ellipsoid: between leaves), how brightly it shines by itself, and
whether it throws a shadow."""

FLOOR, SKY = -1, -2
"""Numbers of what is no solid."""

_LEAF = 4.5  # clumps of leaves a metre
jit_nogil = numba.njit(cache=True, nogil=True)


@jit_nogil
def _lattice(i, j, k):
    """A number in [0, 1) for a point of a lattice, always the same."""
    mixed = (i * 374761393 + j * 668265263 + k * 1442695041) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((mixed ^ (mixed >> 16)) & 0xFFFF) / 65536.0


@jit_nogil
def value_noise(x, y, z):
    """Smooth noise in space, [0, 1), with a feature about as long as 1."""
    fx, fy, fz = np.floor(x), np.floor(y), np.floor(z)
    i, j, k = int(fx), int(fy), int(fz)
    x, y, z = x - fx, y - fy, z - fz
    x, y, z = x * x * (3 - 2 * x), y * y * (3 - 2 * y), z * z * (3 - 2 * z)
    total = 0.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                share = (x if a else 1 - x) * (y if b else 1 - y) * (z if c else 1 - z)
                total += share * _lattice(i + a, j + b, k + c)
    return total


@jit_nogil
def _leaf_there(solid, x, y, z):
    """Whether a point of an ellipsoid's surface is a leaf and not a hole between leaves."""
    noise = 0.6 * value_noise(x * _LEAF, y * _LEAF, z * _LEAF)
    noise += 0.4 * value_noise(x * 13.0, y * 13.0, z * 13.0)
    return noise > 0.25 + 0.5 * solid[17]


@jit_nogil
def hit_distance(solid, ox, oy, oz, dx, dy, dz, limit):
    """How far along a ray a solid's surface lies; inf where it is missed, is farther, or begins in it."""
    px, py, pz = ox - solid[1], oy - solid[2], oz - solid[3]
    c, s = solid[7], solid[8]
    qx, qz = c * px - s * pz, s * px + c * pz
    ex, ez = c * dx - s * dz, s * dx + c * dz
    hx, hy, hz = solid[4], solid[5], solid[6]
    if solid[0] == 1.0:
        sx, sy, sz, ux, uy, uz = qx / hx, py / hy, qz / hz, ex / hx, dy / hy, ez / hz
        a = ux * ux + uy * uy + uz * uz
        b = sx * ux + sy * uy + sz * uz
        root = b * b - a * (sx * sx + sy * sy + sz * sz - 1.0)
        if root <= 0.0:
            return np.inf
        root = np.sqrt(root)
        for sign in range(-1, 2, 2):
            t = (-b + sign * root) / a
            if t >= limit or (sign > 0 and solid[17] == 0.0):
                return np.inf
            if t > 1e-4:
                if solid[17] == 0.0 or _leaf_there(solid, ox + t * dx, oy + t * dy, oz + t * dz):
                    return t
            elif solid[17] == 0.0:
                return np.inf
        return np.inf
    first, last = -np.inf, np.inf
    for axis in range(3):
        if axis == 0:
            q, e, h = py, dy, hy
        elif axis == 1:
            q, e, h = qx, ex, hx
        else:
            q, e, h = qz, ez, hz
        if axis == 1 and solid[0] == 2.0:  # a cylinder's side, in place of two pairs of planes
            sx, sz, ux, uz = qx / hx, qz / hz, ex / hx, ez / hz
            a, b = ux * ux + uz * uz, sx * ux + sz * uz
            excess = sx * sx + sz * sz - 1.0
            if a < 1e-12:  # along its axis: between its ends, or past it
                if excess > 0.0:
                    return np.inf
                break
            root = b * b - a * excess
            if root <= 0.0:
                return np.inf
            root = np.sqrt(root)
            first, last = max(first, (-b - root) / a), min(last, (-b + root) / a)
            break
        if abs(e) < 1e-12:
            if abs(q) > h:
                return np.inf
            continue
        one, two = (-h - q) / e, (h - q) / e
        first, last = max(first, min(one, two)), min(last, max(one, two))
    return first if last >= first and 1e-4 < first < limit else np.inf


@jit_nogil
def first_surfaces(rays, origin, solids, boxes, level):
    """How far along each ray the first surface lies, and its solid's number."""
    height, width = rays.shape[:2]
    depth = np.full((height, width), np.inf)
    number = np.full((height, width), -2, np.int32)
    for row in range(height):
        for column in range(width):
            fall = rays[row, column, 1]
            if fall < 0.0 and origin[1] > level:
                depth[row, column] = (level - origin[1]) / fall
                number[row, column] = -1
    for n in range(len(solids)):
        for row in range(boxes[n, 0], boxes[n, 1]):
            for column in range(boxes[n, 2], boxes[n, 3]):
                way, limit = rays[row, column], depth[row, column]
                t = hit_distance(
                    solids[n], origin[0], origin[1], origin[2], way[0], way[1], way[2], limit
                )
                if t < limit:
                    depth[row, column] = t
                    number[row, column] = n
    return depth, number


@jit_nogil
def surface_point(solid, x, y, z):
    """What a point of a solid's surface is: its normal (3), u and v in metres, and its material."""
    px, py, pz = x - solid[1], y - solid[2], z - solid[3]
    qx, qz = solid[7] * px - solid[8] * pz, solid[8] * px + solid[7] * pz
    a, b, c = qx / solid[4], py / solid[5], qz / solid[6]
    lx, ly, lz = 0.0, 0.0, 0.0
    material = int(solid[9])
    flat = solid[0] == 0.0
    if solid[0] == 1.0 or (solid[0] == 2.0 and abs(b) < 0.9999):
        lx, lz = a / solid[4], c / solid[6]
        ly = b / solid[5] if solid[0] == 1.0 else 0.0
        long = np.sqrt(lx * lx + ly * ly + lz * lz)
        lx, ly, lz = lx / long, ly / long, lz / long
        u, v = np.arctan2(a, c) * solid[4], py
    elif not flat or (abs(b) >= abs(a) and abs(b) >= abs(c)):
        ly = 1.0 if b > 0 else -1.0
        u, v, material = qx, qz, int(solid[10])
    elif abs(a) >= abs(c):
        lx = 1.0 if a > 0 else -1.0
        u, v = qz, py - solid[5]
    else:
        lz = 1.0 if c > 0 else -1.0
        u, v = qx, py - solid[5]
    nx, nz = solid[7] * lx + solid[8] * lz, solid[7] * lz - solid[8] * lx
    return nx, ly, nz, u + solid[15], v + solid[16], material


@jit_nogil
def outside_distance(solid, x, y, z):
    """About how many metres a point lies from a solid, 0 in it."""
    px, py, pz = x - solid[1], y - solid[2], z - solid[3]
    qx = max(abs(solid[7] * px - solid[8] * pz) - solid[4], 0.0)
    qz = max(abs(solid[8] * px + solid[7] * pz) - solid[6], 0.0)
    qy = max(abs(py) - solid[5], 0.0)
    return np.sqrt(qx * qx + qy * qy + qz * qz)
