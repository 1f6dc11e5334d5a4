"""Rotations as unit quaternions (x, y, z, w), compiled: the arithmetic under capture and retargeting.

Order as scipy's. The functions on tuples of floats are for other compiled code, which inlines them;
those on arrays are for everybody. `product(p, q)` turns by q first.
"""

from __future__ import annotations

import math

import numba
import numpy as np

# The products of a frame are few and scalar; joining a multiplication to an addition is all that is
# taken from strict IEEE arithmetic.
COMPILED = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
INLINED = COMPILED | {"forceinline": True}


def _arc_series(degree: int = 14) -> tuple[float, ...]:
    """Coefficients in 1 - 2w, highest first, of 2 acos(w) / sqrt(1 - w^2) over w in [0, 1].

    That is what the vector part of a quaternion is multiplied by to give the axis-angle vector. It has
    no singularity nearer than w = -1, so that the polynomial is exact to 1e-10, far below what single
    precision keeps of a pose.
    """

    def ratio(x: np.ndarray) -> np.ndarray:
        sine = np.sqrt((1 + x) / 4)  # of a quarter of the angle, where x = 1 - 2w
        return 2 * np.arcsin(sine) / (sine * np.sqrt(1 - sine * sine))

    fitted = np.polynomial.chebyshev.chebinterpolate(ratio, degree)
    return tuple(float(c) for c in np.polynomial.chebyshev.cheb2poly(fitted)[::-1])


_ARC = _arc_series()


@numba.njit(**INLINED)
def load(array, t, j):
    """Quaternion `array[t, j]` of (T, J, 4)."""
    return array[t, j, 0], array[t, j, 1], array[t, j, 2], array[t, j, 3]


@numba.njit(**INLINED)
def store(array, t, j, q):
    array[t, j, 0], array[t, j, 1], array[t, j, 2], array[t, j, 3] = q


@numba.njit(**INLINED)
def vector(array, i):
    """Vector `array[i]` of (N, 3)."""
    return array[i, 0], array[i, 1], array[i, 2]


@numba.njit(**INLINED)
def product(p, q):
    a, b, c, d = p
    x, y, z, w = q
    return (
        d * x + a * w + b * z - c * y,
        d * y - a * z + b * w + c * x,
        d * z + a * y - b * x + c * w,
        d * w - a * x - b * y - c * z,
    )


@numba.njit(**INLINED)
def inverse(q):
    return -q[0], -q[1], -q[2], q[3]


@numba.njit(**INLINED)
def rotate(q, v):
    """A vector, turned."""
    x, y, z, w = q
    a = 2 * (y * v[2] - z * v[1])
    b = 2 * (z * v[0] - x * v[2])
    c = 2 * (x * v[1] - y * v[0])
    return (
        v[0] + w * a + y * c - z * b,
        v[1] + w * b + z * a - x * c,
        v[2] + w * c + x * b - y * a,
    )


@numba.njit(**INLINED)
def vertical_row(q):
    """What a turned vector's height is made of: the second row of the rotation matrix."""
    x, y, z, w = q
    return 2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)


@numba.njit(**INLINED)
def forward_axis(q):
    """Where +z is turned: the last column of the rotation matrix."""
    x, y, z, w = q
    return 2 * (x * z + y * w), 2 * (y * z - x * w), 1 - 2 * (x * x + y * y)


@numba.njit(**INLINED)
def side_axis(q):
    """Where +x is turned: the first column of the rotation matrix."""
    x, y, z, w = q
    return 1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)


@numba.njit(**INLINED)
def normalised(q):
    x, y, z, w = q
    f = 1 / math.sqrt(x * x + y * y + z * z + w * w)
    return x * f, y * f, z * f, w * f


@numba.njit(**INLINED)
def about_x(angle):
    return math.sin(angle / 2), 0.0, 0.0, math.cos(angle / 2)


@numba.njit(**INLINED)
def arc_factor(w):
    """What to multiply the vector part by to give the rotation vector."""
    x = 1 - 2 * abs(w)
    f = 0.0
    for coefficient in _ARC:
        f = f * x + coefficient
    return -f if w < 0 else f


@numba.njit(**INLINED)
def rotation_vector(q):
    """Axis times angle, at most pi."""
    f = arc_factor(q[3])
    return q[0] * f, q[1] * f, q[2] * f


@numba.njit(**INLINED)
def from_vector(v):
    """The turn about `v` by its length."""
    angle = math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    f = math.sin(angle / 2) / angle if angle > 1e-9 else 0.5
    return v[0] * f, v[1] * f, v[2] * f, math.cos(angle / 2)


@numba.njit(**INLINED)
def slerp(p, q, share):
    """At a share of the least arc from `p` to `q`."""
    v = rotation_vector(product(inverse(p), q))
    return product(p, from_vector((share * v[0], share * v[1], share * v[2])))


@numba.njit(**INLINED)
def midpoint(p, q):
    """In the middle of the least arc from `p` to `q`."""
    x, y, z, w = q
    if p[0] * x + p[1] * y + p[2] * z + p[3] * w < 0:
        x, y, z, w = -x, -y, -z, -w
    return normalised((p[0] + x, p[1] + y, p[2] + z, p[3] + w))


@numba.njit(**INLINED)
def arc(start, end):
    """The least turn from the direction of `start` to that of `end`, vectors of any length.

    Opposite directions have no least arc; an axis across `start` is then taken.
    """
    a, b, c = start
    x, y, z = end
    length = math.sqrt((a * a + b * b + c * c) * (x * x + y * y + z * z))
    if length < 1e-24:
        return 0.0, 0.0, 0.0, 1.0
    w = length + a * x + b * y + c * z
    if w < 1e-12 * length:
        if abs(a) <= abs(b) and abs(a) <= abs(c):
            return normalised((0.0, c, -b, 0.0))
        if abs(b) <= abs(c):
            return normalised((-c, 0.0, a, 0.0))
        return normalised((b, -a, 0.0, 0.0))
    return normalised((b * z - c * y, c * x - a * z, a * y - b * x, w))


@numba.njit(**INLINED)
def plain_arc(start, end):
    """`arc` without branches, and a number above 0 where it is right: the directions are not opposite."""
    a, b, c = start
    x, y, z = end
    length = math.sqrt((a * a + b * b + c * c) * (x * x + y * y + z * z))
    w = length + a * x + b * y + c * z
    i, j, k = b * z - c * y, c * x - a * z, a * y - b * x
    f = 1 / math.sqrt(i * i + j * j + k * k + w * w)
    return (i * f, j * f, k * f, w * f), w - 1e-12 * length if length >= 1e-24 else 0.0


@numba.njit(**COMPILED)
def matrices_to_quaternions(rotations):
    """Quaternions (T, J, 4) of rotations (T, J, 3, 3)."""
    out = np.empty((*rotations.shape[:2], 4))
    for t in range(out.shape[0]):
        for j in range(out.shape[1]):
            m = rotations[t, j]
            x, y, z = m[0, 0], m[1, 1], m[2, 2]
            # By the largest of the four, as the others may be lost in rounding.
            if x + y + z > max(x, y, z):
                q = (m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], 1 + x + y + z)
            elif x >= y and x >= z:
                q = (1 + x - y - z, m[0, 1] + m[1, 0], m[0, 2] + m[2, 0], m[2, 1] - m[1, 2])
            elif y >= z:
                q = (m[0, 1] + m[1, 0], 1 - x + y - z, m[1, 2] + m[2, 1], m[0, 2] - m[2, 0])
            else:
                q = (m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], 1 - x - y + z, m[1, 0] - m[0, 1])
            store(out, t, j, normalised(q))
    return out


@numba.njit(**COMPILED)
def quaternions_to_matrices(quaternions):
    """Rotations (T, J, 3, 3) of quaternions (T, J, 4)."""
    out = np.empty((*quaternions.shape[:2], 3, 3))
    for t in range(out.shape[0]):
        for j in range(out.shape[1]):
            x, y, z, w = load(quaternions, t, j)
            m = out[t, j]
            m[0, 0], m[0, 1], m[0, 2] = (
                1 - 2 * (y * y + z * z),
                2 * (x * y - z * w),
                2 * (x * z + y * w),
            )
            m[1, 0], m[1, 1], m[1, 2] = (
                2 * (x * y + z * w),
                1 - 2 * (x * x + z * z),
                2 * (y * z - x * w),
            )
            m[2, 0], m[2, 1], m[2, 2] = (
                2 * (x * z - y * w),
                2 * (y * z + x * w),
                1 - 2 * (x * x + y * y),
            )
    return out


@numba.njit(**COMPILED)
def arcs(starts, ends):
    """Least rotations (N, 4) from vectors `starts` (N, 3) to `ends` (N, 3)."""
    out = np.empty((len(starts), 1, 4))
    for i in range(len(starts)):
        store(out, i, 0, arc(vector(starts, i), vector(ends, i)))
    return out[:, 0]


@numba.njit(**COMPILED)
def rotated_by(quaternions, rotations):
    """Quaternions (T, J, 4), each turned first by its joint's own of `rotations` (J, 4)."""
    out = np.empty(quaternions.shape)
    for t in range(out.shape[0]):
        for j in range(out.shape[1]):
            rotation = rotations[j, 0], rotations[j, 1], rotations[j, 2], rotations[j, 3]
            store(out, t, j, product(load(quaternions, t, j), rotation))
    return out


@numba.njit(**COMPILED)
def midpoints(first, second):
    """In the middle of the arcs from `first` (T, 4) to `second` (T, 4)."""
    out = np.empty((len(first), 1, 4))
    for t in range(len(first)):
        p = first[t, 0], first[t, 1], first[t, 2], first[t, 3]
        store(out, t, 0, midpoint(p, (second[t, 0], second[t, 1], second[t, 2], second[t, 3])))
    return out[:, 0]
