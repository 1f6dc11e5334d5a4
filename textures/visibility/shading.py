"""Rendering a texture under a light: a lookup on top of visibility.

The light is SURREAL's: nine spherical-harmonics coefficients give the irradiance of a normal
(Ramamoorthi & Hanrahan, "An efficient representation for irradiance environment maps", 2001,
equation 13), which multiplies the texture in linear light; there are no shadows. The result goes
through the "Standard" view transform (the sRGB curve, clipped) and over the background.

Axes: the nine coefficients are SURREAL's, whose world has y *down* (its camera's up is -y), so that
a negative second coefficient lights from above. Our world has y up, so a normal (x, y, z) enters
the harmonics as (x, -y, -z): a half-turn about x. Blender's films do the same.
"""

from __future__ import annotations

import numba
import numpy as np

from mocap.bodies.mesh import Mesh
from textures.visibility.buffer import VisibilityBuffer, vertex_normals
from textures.visibility.uv_layout import bilinear_rgb

# Constants of Ramamoorthi & Hanrahan's equation 13.
C1, C2, C3, C4, C5 = 0.429043, 0.511664, 0.743125, 0.886227, 0.247708

NO_SUN = (0.0, 0.0, 0.0)


@numba.njit(cache=True, nogil=True)
def _irradiance(x, y, z, c):
    y, z = -y, -z
    value = (
        C4 * c[0]
        + 2.0 * C2 * (c[1] * y + c[2] * z + c[3] * x)
        + 2.0 * C1 * (c[4] * x * y + c[5] * y * z + c[7] * x * z)
        + C3 * c[6] * z * z
        - C5 * c[6]
        + C1 * c[8] * (x * x - y * y)
    )
    return max(value, 0.0)


_STEPS = 1024
_grid = np.arange(_STEPS + 2) / _STEPS
# The sRGB curve at fine steps; between them it is straight to 5e-7, and they fit into a cache.
_LINEAR = np.where(_grid <= 0.04045, _grid / 12.92, ((_grid + 0.055) / 1.055) ** 2.4)


@numba.njit(cache=True, nogil=True)
def _decode(value):
    """sRGB in [0, 1] to linear light."""
    position = min(max(value, 0.0), 1.0) * _STEPS
    step = int(position)
    return _LINEAR[step] + (position - step) * (_LINEAR[step + 1] - _LINEAR[step])


@numba.njit(cache=True, nogil=True)
def srgb_byte(value):
    """`to_bytes` of `linear_to_srgb` of one number, for compiled loops."""
    value = min(max(value, 0.0), 1.0)
    encoded = value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return np.uint8(encoded * 255.0 + 0.5)


@numba.njit(inline="always")
def surface_colour(
    f, wa, wb, wc, side, faces, uv_faces, uv, normals, texture, scale, coefficients, sun
):
    """Linear red, green and blue of the point of face `f` at the weights `wa`, `wb` and `wc`.

    `side` is -1 where the face is seen from behind, else 1; `scale` takes the texture to [0,
    1]; the rest as in `radiance`. It is inlined, and in single numbers throughout: handing over the
    arrays and keeping the colour in one takes as long as all the rest.
    """
    a, b, c = uv_faces[f, 0], uv_faces[f, 1], uv_faces[f, 2]
    u = wa * uv[a, 0] + wb * uv[b, 0] + wc * uv[c, 0]
    v = wa * uv[a, 1] + wb * uv[b, 1] + wc * uv[c, 1]
    a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
    x = wa * normals[a, 0] + wb * normals[b, 0] + wc * normals[c, 0]
    y = wa * normals[a, 1] + wb * normals[b, 1] + wc * normals[c, 1]
    z = wa * normals[a, 2] + wb * normals[b, 2] + wc * normals[c, 2]
    length = np.sqrt(x * x + y * y + z * z)
    if length > 0.0:
        length = side / length
    x, y, z = x * length, y * length, z * length
    light = _irradiance(x, y, z, coefficients)
    light += max(0.0, x * sun[0] + y * sun[1] + z * sun[2])
    red, green, blue = bilinear_rgb(texture, u, v)
    return (
        light * _decode(red * scale),
        light * _decode(green * scale),
        light * _decode(blue * scale),
    )


@numba.njit(inline="always")
def lit_surface_colour(f, wa, wb, wc, faces, uv_faces, uv, lights, texture, scale):
    """As `surface_colour`, in the light (V,3) that falls on the vertices, linear RGB."""
    a, b, c = uv_faces[f, 0], uv_faces[f, 1], uv_faces[f, 2]
    u = wa * uv[a, 0] + wb * uv[b, 0] + wc * uv[c, 0]
    v = wa * uv[a, 1] + wb * uv[b, 1] + wc * uv[c, 1]
    a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
    red, green, blue = bilinear_rgb(texture, u, v)
    return (
        (wa * lights[a, 0] + wb * lights[b, 0] + wc * lights[c, 0]) * _decode(red * scale),
        (wa * lights[a, 1] + wb * lights[b, 1] + wc * lights[c, 1]) * _decode(green * scale),
        (wa * lights[a, 2] + wb * lights[b, 2] + wc * lights[c, 2]) * _decode(blue * scale),
    )


@numba.njit(cache=True, nogil=True)
def _shade(
    face, barycentric, faces, uv_faces, uv, normals, facing, texture, scale, coefficients, sun, out
):
    """Linear colour of each covered pixel, into `out` (H,W,3)."""
    for i in range(face.shape[0]):
        for j in range(face.shape[1]):
            f = face[i, j]
            if f < 0:
                continue
            wa, wb, wc = barycentric[i, j, 0], barycentric[i, j, 1], barycentric[i, j, 2]
            out[i, j, 0], out[i, j, 1], out[i, j, 2] = surface_colour(
                f, wa, wb, wc, facing[f], faces, uv_faces, uv, normals,
                texture, scale, coefficients, sun,
            )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _facing(faces, vertices, position):
    """+1 for faces turned to the camera, -1 for those seen from behind."""
    out = np.ones(faces.shape[0], np.float64)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = (
            vertices[b, 0] - vertices[a, 0],
            vertices[b, 1] - vertices[a, 1],
            vertices[b, 2] - vertices[a, 2],
        )
        vx, vy, vz = (
            vertices[c, 0] - vertices[a, 0],
            vertices[c, 1] - vertices[a, 1],
            vertices[c, 2] - vertices[a, 2],
        )
        alignment = (
            (uy * vz - uz * vy) * (position[0] - vertices[a, 0])
            + (uz * vx - ux * vz) * (position[1] - vertices[a, 1])
            + (ux * vy - uy * vx) * (position[2] - vertices[a, 2])
        )
        if alignment < 0.0:
            out[f] = -1.0
    return out


def sh_irradiance(normals: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Irradiance of unit WORLD normals (..., 3) under 9 coefficients: (...) float64, at least 0."""
    n = np.asarray(normals, dtype=np.float64)
    x, y, z = n[..., 0], -n[..., 1], -n[..., 2]
    c = np.asarray(coefficients, dtype=np.float64)
    value = (
        C4 * c[0]
        + 2 * C2 * (c[1] * y + c[2] * z + c[3] * x)
        + 2 * C1 * (c[4] * x * y + c[5] * y * z + c[7] * x * z)
        + (C3 * z**2 - C5) * c[6]
        + C1 * c[8] * (x**2 - y**2)
    )
    return np.maximum(value, 0.0)


def srgb_to_linear(values: np.ndarray) -> np.ndarray:
    """sRGB-encoded values in [0, 1] to linear light."""
    values = np.asarray(values)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(values: np.ndarray) -> np.ndarray:
    """Linear light to sRGB-encoded values, clipped to [0, 1] (Blender's "Standard" view)."""
    values = np.clip(values, 0.0, 1.0)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


def to_bytes(values: np.ndarray) -> np.ndarray:
    """Values in [0, 1] to uint8, rounded."""
    return (np.clip(values, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def radiance(
    buffer: VisibilityBuffer,
    mesh: Mesh,
    vertices: np.ndarray,
    texture: np.ndarray,
    *,
    position: np.ndarray,
    coefficients: np.ndarray,
    sun: np.ndarray | tuple[float, float, float] = NO_SUN,
) -> np.ndarray:
    """Linear colour of the mesh at each pixel.

    Args:
        buffer: what each pixel sees.
        mesh: faces and UVs.
        vertices: (V,3) metres, in the world.
        texture: (S,S,3) RGB, uint8 or float in [0, 1], sRGB-encoded.
        position: (3,) of the camera in the world, which turns the normals of faces seen from behind.
        coefficients: (9,) spherical harmonics of the light.
        sun: (3,) direction towards a directional light times its strength (0: none).

    Returns:
        (H,W,3) float32, 0 on background.
    """
    vertices = np.ascontiguousarray(vertices, dtype=np.float64)
    out = np.zeros((*buffer.face.shape, 3), dtype=np.float32)
    _shade(
        buffer.face,
        buffer.barycentric,
        mesh.faces,
        mesh.uv_faces,
        mesh.uv,
        vertex_normals(vertices, mesh.faces),
        _facing(mesh.faces, vertices, np.asarray(position, dtype=np.float64)),
        np.ascontiguousarray(texture),
        1 / 255.0 if texture.dtype == np.uint8 else 1.0,
        np.asarray(coefficients, dtype=np.float64),
        np.asarray(sun, dtype=np.float64),
        out,
    )
    return out


def render_textured(
    buffer: VisibilityBuffer,
    mesh: Mesh,
    vertices: np.ndarray,
    texture: np.ndarray,
    *,
    position: np.ndarray,
    coefficients: np.ndarray,
    background: np.ndarray,
    sun: np.ndarray | tuple[float, float, float] = NO_SUN,
) -> tuple[np.ndarray, np.ndarray]:
    """The textured, lit mesh over a background, one sample per pixel.

    Args:
        buffer: what each pixel sees.
        mesh: faces and UVs.
        vertices: (V,3) metres, in the world.
        texture: (S,S,3) RGB, uint8 or float in [0, 1], sRGB-encoded.
        position: (3,) of the camera in the world.
        coefficients: (9,) spherical harmonics of the light.
        background: (H,W,3) RGB uint8.
        sun: (3,) direction towards a directional light times its strength (0: none).

    Returns:
        RGB uint8 (H,W,3) and mask (H,W) bool, which is exactly the buffer's.
    """
    colour = radiance(
        buffer,
        mesh,
        vertices,
        texture,
        position=position,
        coefficients=coefficients,
        sun=sun,
    )
    covered = buffer.covered
    image = np.array(background, dtype=np.uint8)
    image[covered] = to_bytes(linear_to_srgb(colour[covered]))
    return image, covered


def composite_srgb(colour: np.ndarray, alpha: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Blend a rendered picture over a photograph as sRGB values; the films blend in linear light.

    Args:
        colour: (H,W,3) linear RGB, premultiplied by `alpha`; it is encoded before blending.
        alpha: (H,W) in [0, 1].
        background: (H,W,3) RGB uint8.

    Returns:
        (H,W,3) RGB uint8.
    """
    alpha = alpha[..., None].astype(np.float32)
    encoded = linear_to_srgb(colour / np.maximum(alpha, 1e-6))
    return to_bytes(encoded * alpha + background.astype(np.float32) / 255.0 * (1 - alpha))
