"""The light on painted places, pixel by pixel: what a surface's colour becomes on its way to a camera.

What each face of a solid shows in a pixel is shaded once: by the light of its direction, by lamps nearby,
by sun or lamp where no solid stands before it, by how near other surfaces are, by what is mirrored in a
floor, and by the air before the camera.
"""

from __future__ import annotations

import numpy as np

from synth.scene.places.painted_solids import (
    hit_distance,
    jit_nogil,
    outside_distance,
    surface_point,
    value_noise,
)

TEXELS = 256  # of a material's side
LEVELS = 7
SAMPLES = 2  # along either side of a pixel
_OCCLUDED_WITHIN = 0.5  # metres


@jit_nogil
def texel_colour(textures, material, u, v, footprint):
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
        x = abs((u * 0.5) % 1.0 * 2.0 - 1.0) * side - 0.5
        y = abs((v * 0.5) % 1.0 * 2.0 - 1.0) * side - 0.5
        x0, y0 = int(np.floor(x)), int(np.floor(y))
        for j in range(2):
            for i in range(2):
                share = x - x0 if i == 1 else 1.0 - (x - x0)
                share *= y - y0 if j == 1 else 1.0 - (y - y0)
                column, row = min(max(x0 + i, 0), side - 1), min(max(y0 + j, 0), side - 1)
                colour = textures[material, begin + row * side + column]
                red += weight * share * colour[0]
                green += weight * share * colour[1]
                blue += weight * share * colour[2]
    return red, green, blue


@jit_nogil
def sky_colour(way, size, sky, clouds, sun, out):
    """Write what the sky shows in a direction: clearer above, clouds, and a glow about the sun."""
    up = way[1] / size
    lift = max(up, 0.0) ** 0.5
    cover = 0.0
    if up > 0.0:
        far = 1.0 / (up + 0.12)
        side = clouds.shape[0]
        x = (way[0] / size * far * 0.11 + 7.3) % 1.0 * side
        y = (way[2] / size * far * 0.11 + 3.1) % 1.0 * side
        i, j = int(x) % side, int(y) % side
        right, lower = (i + 1) % side, (j + 1) % side
        a, b = x - int(x), y - int(y)
        cover = (clouds[j, i] * (1 - a) + clouds[j, right] * a) * (1 - b)
        cover += (clouds[lower, i] * (1 - a) + clouds[lower, right] * a) * b
        cover *= min(up * 6.0, 1.0)
    glow = max((way[0] * sun[0] + way[1] * sun[1] + way[2] * sun[2]) / size, 0.0) ** 12
    for c in range(3):
        clear = sky[1, c] + (sky[0, c] - sky[1, c]) * lift
        out[c] = clear + (sky[2, c] - clear) * cover + 0.5 * glow * sun[3 + c]


@jit_nogil
def _neighbour_openness(solids, neighbours, first, last, x, y, z):
    """How much light other solids leave to a point that stands off a solid's surface."""
    open_share = 1.0
    for index in range(first, last):
        away = outside_distance(solids[neighbours[index]], x, y, z)
        if away < _OCCLUDED_WITHIN:
            near = 1.0 - away / _OCCLUDED_WITHIN
            open_share *= 1.0 - 0.5 * near * near
    return open_share


@jit_nogil
def _floor_openness(solids, x, z, level):
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


@jit_nogil
def _beam_share(solids, number, x, y, z, sun):
    """Which share of the sun, or of a lamp as wide as it is, reaches a point beside the solids."""
    rays = 1 if sun[6] == 0.0 else 4
    share = 0.0
    for ray in range(rays):
        dx, dy, dz = sun[0], sun[1], sun[2]
        if rays > 1:  # the corners of a lamp
            side = sun[6] * (1.0 if ray % 2 else -1.0)
            rise = sun[6] * (1.0 if ray // 2 else -1.0)
            dx, dz, dy = dx - side * sun[2], dz + side * sun[0], max(dy + rise, 0.05)
        free = 1.0
        for n in range(len(solids)):
            if n == number or solids[n, 19] == 0.0:
                continue
            # Most solids are passed by far: their spheres tell it at a tenth of the price.
            px, py, pz = solids[n, 1] - x, solids[n, 2] - y, solids[n, 3] - z
            ray_share = (px * dx + py * dy + pz * dz) / (dx * dx + dy * dy + dz * dz)
            px, py, pz = px - ray_share * dx, py - ray_share * dy, pz - ray_share * dz
            radius = solids[n, 4] ** 2 + solids[n, 5] ** 2 + solids[n, 6] ** 2
            if px * px + py * py + pz * pz > radius:
                continue
            if hit_distance(solids[n], x, y, z, dx, dy, dz, 200.0) < 200.0:
                free = 0.0
                break
        share += free
    return share / rays


@jit_nogil
def _light_on(nx, ny, nz, x, y, z, light, lamps, out):
    """Write what a white surface shows by the light of its direction and by the lamps nearby."""
    for c in range(3):
        out[c] = light[0 if nx > 0 else 1, c] * nx * nx + light[2 if ny > 0 else 3, c] * ny * ny
        out[c] += light[4 if nz > 0 else 5, c] * nz * nz
    for n in range(len(lamps)):
        px, py, pz = lamps[n, 0] - x, lamps[n, 1] - y, lamps[n, 2] - z
        square = px * px + py * py + pz * pz
        facing = (nx * px + ny * py + nz * pz) / np.sqrt(square + 1e-6)
        reach = lamps[n, 6] * lamps[n, 6]
        share = max(0.35 + 0.65 * facing, 0.0) * reach / (reach + square)
        for c in range(3):
            out[c] += lamps[n, 3 + c] * share


@jit_nogil
def _mirrored(
    solids, textures, extents, light, lamps, x, y, z, way, size, pixel, lit, out
):  # fmt: skip
    """Write what a floor mirrors at a point, less the farther above it; the share that is mirrored."""
    best, number = np.inf, -1
    for n in range(len(solids)):
        t = hit_distance(solids[n], x, y + 1e-3, z, way[0], -way[1], way[2], best)
        if t < best:
            best, number = t, n
    if number < 0:
        return 0.0
    s = solids[number]
    hx, hy, hz = x + best * way[0], y - best * way[1], z + best * way[2]
    nx, ny, nz, u, v, material = surface_point(s, hx, hy, hz)
    extent = extents[material] * s[11]
    blur = (pixel * 3.0 + 0.04) * best * size / extent
    red, green, blue = texel_colour(textures, material, u / extent, v / extent, blur)
    _light_on(nx, ny, nz, hx, hy, hz, light, lamps, lit)
    out[0] = red * s[12] * (lit[0] + s[18])
    out[1] = green * s[13] * (lit[1] + s[18])
    out[2] = blue * s[14] * (lit[2] + s[18])
    grazing = 1.0 - min(abs(way[1]) / size, 1.0)
    return 0.25 + 0.75 * grazing**4


@jit_nogil
def shade(
    rays, origin, depth, solid, solids, starts, neighbours, textures, extents, floor, bands, light,
    lamps, sun, sky, clouds, haze, pixel,
):  # fmt: skip
    """The light of every pixel, (H,W,3), of `SAMPLES` by `SAMPLES` rays each."""
    height, width = depth.shape[0] // SAMPLES, depth.shape[1] // SAMPLES
    out = np.zeros((height, width, 3), np.float32)
    colours, keys = np.empty((SAMPLES * SAMPLES, 3)), np.empty(SAMPLES * SAMPLES, np.int64)
    for row in range(height):
        for column in range(width):
            count = 0
            for sample in range(SAMPLES * SAMPLES):
                i, j = row * SAMPLES + sample // SAMPLES, column * SAMPLES + sample % SAMPLES
                number, t, way = solid[i, j], depth[i, j], rays[i, j]
                face = 0
                if number >= 0:
                    nx, ny, nz, _, _, _ = surface_point(
                        solids[number],
                        origin[0] + t * way[0], origin[1] + t * way[1], origin[2] + t * way[2],
                    )  # fmt: skip
                    if solids[number, 0] == 0.0:
                        face = int(2.0 + ny + 4.0 * nx + 11.0 * nz) + 20
                key, match = number * 64 + face, -1
                for k in range(count):
                    if keys[k] == key:
                        match = k
                        break
                if match < 0:
                    match = count
                    keys[count] = key
                    _shade_point(
                        number, t, way, origin, solids, starts, neighbours, textures, extents, floor,
                        bands, light, lamps, sun, sky, clouds, haze, pixel, colours[count],
                    )  # fmt: skip
                    count += 1
                for c in range(3):
                    out[row, column, c] += colours[match, c] / (SAMPLES * SAMPLES)
    return out


@jit_nogil
def _shade_point(
    number, t, way, origin, solids, starts, neighbours, textures, extents, floor, bands, light, lamps,
    sun, sky, clouds, haze, pixel, out,
):  # fmt: skip
    """Write the light that comes from a point along a ray."""
    size = np.sqrt(way[0] ** 2 + way[1] ** 2 + way[2] ** 2)
    if number == -2:
        sky_colour(way, size, sky, clouds, sun, out)
        return
    x, y, z = origin[0] + t * way[0], origin[1] + t * way[1], origin[2] + t * way[2]
    tint, lit, mirrored = np.ones(3), np.empty(3), np.empty(3)
    scale, glow, leafy = 1.0, 0.0, False
    if number == -1:
        nx, ny, nz = 0.0, 1.0, 0.0
        px, pz = x - floor[3], z - floor[4]
        u, v = floor[1] * px - floor[2] * pz, floor[2] * px + floor[1] * pz
        material = int(floor[5])
        for b in range(len(bands)):
            edge = v + 0.25 * (value_noise(x * 1.7, 0.5, z * 1.7) - 0.5) * bands[b, 3]
            if bands[b, 0] <= edge < bands[b, 1]:
                material = int(bands[b, 2])
        openness = _floor_openness(solids, x, z, floor[0])
    else:
        s = solids[number]
        nx, ny, nz, u, v, material = surface_point(s, x, y, z)
        scale, glow, leafy = s[11], s[18], s[17] > 0.0
        tint[0], tint[1], tint[2] = s[12], s[13], s[14]
        openness = _neighbour_openness(
            solids, neighbours, starts[number], starts[number + 1],
            x + 0.2 * nx, y + 0.2 * ny, z + 0.2 * nz,
        )  # fmt: skip
        if ny < 0.5:
            openness *= 1.0 - 0.45 * np.exp(-max(y - floor[0], 0.0) / 0.35)
    facing = max(-(nx * way[0] + ny * way[1] + nz * way[2]) / size, 0.1)
    extent = extents[material] * scale
    footprint = t * size * pixel / np.sqrt(facing) / extent
    red, green, blue = texel_colour(textures, material, u / extent, v / extent, footprint)
    # Stains as large as a wall and as small as a hand, of the place and not of the material.
    stain = 0.34 * (value_noise(x * 0.45, y * 0.45, z * 0.45) - 0.5)
    stain += 0.14 * (value_noise(x * 1.6, y * 1.6, z * 1.6) - 0.5)
    stain += 0.07 * (value_noise(x * 6.0, y * 6.0, z * 6.0) - 0.5)
    if leafy:  # every leaf looks elsewhere, and those deeper in the crown are darker
        stain += 1.0 * (value_noise(x * 7.0, y * 7.0, z * 7.0) - 0.45)
        nx += 1.2 * (value_noise(x * 9.0, y * 9.0, z * 9.0 + 40.0) - 0.5)
        ny += 1.2 * (value_noise(x * 9.0, y * 9.0 + 40.0, z * 9.0) - 0.5)
        long = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-6
        nx, ny, nz = nx / long, ny / long, nz / long
    stain = max(1.0 + (0.4 * stain if number == -1 else stain), 0.15)
    _light_on(nx, ny, nz, x, y, z, light, lamps, lit)
    reach = nx * sun[0] + ny * sun[1] + nz * sun[2]
    beam = 0.0
    if sun[3] + sun[4] + sun[5] > 0.0 and reach > 0.0:
        beam = reach * _beam_share(solids, number, x + 2e-3 * nx, y + 2e-3 * ny, z + 2e-3 * nz, sun)
    tint[0], tint[1], tint[2] = tint[0] * red, tint[1] * green, tint[2] * blue
    for c in range(3):
        out[c] = tint[c] * ((lit[c] * openness + sun[3 + c] * beam) * stain + glow)
    if number == -1 and floor[6] > 0.0:
        share = floor[6] * stain * _mirrored(
            solids, textures, extents, light, lamps, x, y, z, way, size, pixel, lit, mirrored
        )  # fmt: skip
        for c in range(3):
            out[c] += (mirrored[c] - out[c]) * min(share, 1.0) if share > 0.0 else 0.0
    clear = np.exp(-t * size / haze)
    for c in range(3):
        out[c] = out[c] * clear + sky[1, c] * (1.0 - clear)
