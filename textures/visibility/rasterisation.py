"""The compiled half of visibility: triangles against pixel centres and against positions.

Kernels take the vertices as `image` (V,4) float64: column, row (pixels), planar z (metres) and
1/z, see `image_vertices`. A pixel centre or a position belongs to a triangle by the top-left rule,
so two faces that share an edge never both claim it and never both leave it out. Faces with a vertex
nearer than `NEAR` metres are dropped. Of two surfaces at the same depth the face with the lower
number wins, whatever the order in which they are met.
"""

from __future__ import annotations

import numba
import numpy as np

NEAR = 1e-3
_njit = numba.njit(cache=True, nogil=True)
# By how much 1/z inside a triangle may be above that of its nearest corner: a rounding error, with
# room to spare.
_ROUNDING = 1.0 + 1e-9


@_njit
def image_vertices(pixels, z):
    """(V,4) float64 rows of column, row, z, 1/z from `pixels` (V,2) and `z` (V,)."""
    image = np.empty((z.shape[0], 4), np.float64)
    for v in range(z.shape[0]):
        image[v, 0], image[v, 1], image[v, 2] = pixels[v, 0], pixels[v, 1], z[v]
        image[v, 3] = 1.0 / z[v] if z[v] != 0.0 else np.inf
    return image


@_njit
def _edge_line(a, b, image):
    """An edge a -> b as (x0, y0, dx, dy, whether it owns the points on it).

    The signed area of (a, b, point) is `dx * (y - y0) - dy * (x - x0)`. The vertex numbers choose
    the end that (x0, y0) is, so that both faces of an edge find the same number with opposite sign
    and no rounding error loses a point on it or counts it twice. Ownership is the top-left rule for
    positive area in a y-down image.
    """
    dx, dy = image[b, 0] - image[a, 0], image[b, 1] - image[a, 1]
    owns = dy < 0.0 or (dy == 0.0 and dx > 0.0)
    if a < b:
        return image[a, 0], image[a, 1], dx, dy, owns
    return image[b, 0], image[b, 1], dx, dy, owns


@_njit
def _area(a, b, c, image):
    """Twice the signed area in the image, positive where a, b, c turn clockwise as seen."""
    return (image[b, 0] - image[a, 0]) * (image[c, 1] - image[a, 1]) - (
        image[b, 1] - image[a, 1]
    ) * (image[c, 0] - image[a, 0])


@_njit
def _extent(a, b, c, image):
    """left, right, top, bottom of a face in pixels."""
    return (
        min(image[a, 0], image[b, 0], image[c, 0]),
        max(image[a, 0], image[b, 0], image[c, 0]),
        min(image[a, 1], image[b, 1], image[c, 1]),
        max(image[a, 1], image[b, 1], image[c, 1]),
    )


@_njit
def _centres(low, high, size):
    """First and last pixel whose centre lies in [low, high], of `size` pixels."""
    first = int(np.ceil(max(low, 0.0) - 0.5))
    last = int(np.floor(min(high, float(size)) - 0.5))
    return max(first, 0), min(last, size - 1)


@_njit
def _draw(f, a, b, c, area, image, rows, columns, visible, nearest):
    """Draw face `f`, turned to positive `area`, on the pixels of `rows` and `columns`."""
    xa, ya, dxa, dya, owns_a = _edge_line(b, c, image)
    xb, yb, dxb, dyb, owns_b = _edge_line(c, a, image)
    xc, yc, dxc, dyc, owns_c = _edge_line(a, b, image)
    ia, ib, ic = image[a, 3], image[b, 3], image[c, 3]
    for row in range(rows[0], rows[1] + 1):
        y = row + 0.5
        ra, rb, rc = dxa * (y - ya), dxb * (y - yb), dxc * (y - yc)
        for column in range(columns[0], columns[1] + 1):
            x = column + 0.5
            wa = ra - dya * (x - xa)
            wb = rb - dyb * (x - xb)
            wc = rc - dyc * (x - xc)
            if wa < 0.0 or wb < 0.0 or wc < 0.0:
                continue
            if (wa == 0.0 and not owns_a) or (wb == 0.0 and not owns_b):
                continue
            if wc == 0.0 and not owns_c:
                continue
            inverse = (wa * ia + wb * ib + wc * ic) / area
            previous = nearest[row, column]
            if inverse > previous or (inverse == previous and f < visible[row, column]):
                nearest[row, column] = inverse
                visible[row, column] = f


@_njit
def nearest_faces(image, faces, height, width):
    """The nearest face at every pixel centre, (H,W) int32, -1 where there is none.

    Faces that are anticlockwise as seen (the outside of a body) are drawn first, so that most of
    the others are found to lie behind without being drawn.
    """
    visible = np.full((height, width), -1, np.int32)
    nearest = np.zeros((height, width), np.float64)  # 1/z, linear in the image
    deferred = np.empty((faces.shape[0], 5), np.int32)
    count = 0
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        if image[a, 2] <= NEAR or image[b, 2] <= NEAR or image[c, 2] <= NEAR:
            continue
        left, right, top, bottom = _extent(a, b, c, image)
        if right < 0.0 or bottom < 0.0 or left > width or top > height:
            continue
        columns, rows = _centres(left, right, width), _centres(top, bottom, height)
        if columns[0] > columns[1] or rows[0] > rows[1]:
            continue
        area = _area(a, b, c, image)
        if area < 0.0:
            _draw(f, a, c, b, -area, image, rows, columns, visible, nearest)
        elif area > 0.0:
            deferred[count, 0] = f
            deferred[count, 1], deferred[count, 2] = rows[0], rows[1]
            deferred[count, 3], deferred[count, 4] = columns[0], columns[1]
            count += 1
    for n in range(count):
        f = deferred[n, 0]
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        largest = max(image[a, 3], image[b, 3], image[c, 3]) * _ROUNDING
        rows, columns = (deferred[n, 1], deferred[n, 2]), (deferred[n, 3], deferred[n, 4])
        hidden = True
        for row in range(rows[0], rows[1] + 1):
            for column in range(columns[0], columns[1] + 1):
                hidden = hidden and largest < nearest[row, column]
        if not hidden:
            _draw(f, a, b, c, _area(a, b, c, image), image, rows, columns, visible, nearest)
    return visible


@_njit
def _position_in_face(a, b, c, image, x, y):
    """Perspective-correct weights of a point that lies in the face (a, b, c)."""
    flipped = _area(a, b, c, image) < 0.0
    if flipped:
        b, c = c, b
    xa, ya, dxa, dya, _ = _edge_line(b, c, image)
    xb, yb, dxb, dyb, _ = _edge_line(c, a, image)
    xc, yc, dxc, dyc, _ = _edge_line(a, b, image)
    wa = (dxa * (y - ya) - dya * (x - xa)) * image[a, 3]
    wb = (dxb * (y - yb) - dyb * (x - xb)) * image[b, 3]
    wc = (dxc * (y - yc) - dyc * (x - xc)) * image[c, 3]
    total = wa + wb + wc
    if flipped:
        wb, wc = wc, wb
    return wa / total, wb / total, wc / total


@_njit
def visible_positions(image, faces, visible):
    """The covered pixels of `visible` (H,W), row by row.

    Returns row, column, face (N,) int32 and barycentric position (N,3) float32.
    """
    height, width = visible.shape
    count = 0
    for row in range(height):
        for column in range(width):
            count += visible[row, column] >= 0
    rows, columns = np.empty(count, np.int32), np.empty(count, np.int32)
    face = np.empty(count, np.int32)
    barycentric = np.empty((count, 3), np.float32)
    n = 0
    for row in range(height):
        for column in range(width):
            f = visible[row, column]
            if f >= 0:
                rows[n], columns[n], face[n] = row, column, f
                barycentric[n] = _position_in_face(
                    faces[f, 0], faces[f, 1], faces[f, 2], image, column + 0.5, row + 0.5
                )
                n += 1
    return rows, columns, face, barycentric


@_njit
def rasterise(pixels, z, faces, height, width):
    """Nearest face and barycentric position at every pixel centre.

    `pixels` (V,2) and `z` (V,) float64 are projected vertices; equal `z` gives affine weights
    (as for a texture atlas). Returns face (H,W) int32 and barycentric (H,W,3) float32.
    """
    image = image_vertices(pixels, z)
    visible = nearest_faces(image, faces, height, width)
    weights = np.zeros((height, width, 3), np.float32)
    rows, columns, _, barycentric = visible_positions(image, faces, visible)
    for n in range(rows.shape[0]):
        weights[rows[n], columns[n]] = barycentric[n]
    return visible, weights


@_njit
def _side(line, x, y):
    """Signed area of an `_edge_line` and a point, -1 where the point is not on the inner side."""
    value = line[2] * (y - line[1]) - line[3] * (x - line[0])
    return -1.0 if value < 0.0 or (value == 0.0 and not line[4]) else value


OUTSIDE = -2  # in place of a face: the position is not in the image


@_njit
def surfaces_before(image, faces, positions, limits, height, width):
    """The first surface at each position of the image, of those that come before its limit.

    `positions` (N,2) float64 pixels, `limits` (N,) float64 metres; inf asks for any surface.
    Returns face (N,) int32, -1 where there is none and OUTSIDE for a position outside the image, and
    its 1/z (N,) float64, else 0. Faces that lie beyond every limit of a pixel are passed over unseen,
    and that is nearly all of them where the limits are close before the surface. (A face that
    reaches across a limit may be reported although it lies beyond the limit at the position.)
    """
    count = positions.shape[0]
    hit, nearest = np.full(count, OUTSIDE, np.int32), np.zeros(count, np.float64)
    first = np.full((height, width), -1, np.int32)  # a pixel's positions, chained by `following`
    following = np.empty(count, np.int32)
    farthest = np.full((height, width), -np.inf)
    for n in range(count):
        x, y = positions[n, 0], positions[n, 1]
        if x >= 0.0 and y >= 0.0 and x < width and y < height:
            row, column = int(y), int(x)
            hit[n] = -1
            following[n] = first[row, column]
            first[row, column] = n
            farthest[row, column] = max(farthest[row, column], limits[n])
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        near = min(image[a, 2], image[b, 2], image[c, 2])
        if near <= NEAR:
            continue
        left, right, top, bottom = _extent(a, b, c, image)
        if right < 0.0 or bottom < 0.0 or left >= width or top >= height:
            continue
        near /= _ROUNDING
        rows = (int(max(top, 0.0)), int(min(bottom, height - 1.0)) + 1)
        columns = (int(max(left, 0.0)), int(min(right, width - 1.0)) + 1)
        needed = False
        for row in range(rows[0], rows[1]):
            for column in range(columns[0], columns[1]):
                needed = needed or near < farthest[row, column]
        if not needed:
            continue
        area = _area(a, b, c, image)
        if area < 0.0:
            b, c, area = c, b, -area
        if not area > 0.0:
            continue
        ia, ib, ic = image[a, 3], image[b, 3], image[c, 3]
        edge_a, edge_b = _edge_line(b, c, image), _edge_line(c, a, image)
        edge_c = _edge_line(a, b, image)
        for row in range(rows[0], rows[1]):
            for column in range(columns[0], columns[1]):
                if near >= farthest[row, column]:
                    continue
                n = first[row, column]
                while n >= 0:
                    x, y = positions[n, 0], positions[n, 1]
                    if near < limits[n] and left <= x <= right and top <= y <= bottom:
                        wa, wb = _side(edge_a, x, y), _side(edge_b, x, y)
                        wc = _side(edge_c, x, y)
                        if min(wa, wb, wc) >= 0.0:
                            inverse = (wa * ia + wb * ib + wc * ic) / area
                            if inverse > nearest[n]:
                                nearest[n], hit[n] = inverse, f
                    n = following[n]
    return hit, nearest
