"""A body turning on the spot, its parts coloured: what a model file holds, seen in seconds.

No Blender: the visibility buffer says which part each pixel sees, spherical harmonics light it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mocap.bodies.body import Body
from mocap.errors import BadInput
from mocap.files import atomic_write
from synth.clips.clip import write_video
from synth.pictures.channel_mosaic import parts_picture
from textures.harvest.contact_sheet import captioned
from textures.library import write_image
from textures.visibility.buffer import interpolate, parts, vertex_normals, visibility
from textures.visibility.camera import Camera, look_at
from textures.visibility.shading import linear_to_srgb, sh_irradiance, srgb_to_linear, to_bytes

# From above and a little from the left of the camera, in SURREAL's nine coefficients.
_LIGHT = np.array([0.85, -0.25, 0.30, -0.15, 0.0, 0.0, 0.0, 0.0, 0.0])
_GREY = 235
_DISTANCE = 8.0  # metres
_FRAMES, _FPS = 72, 24.0
_SHEET_DEGREES = (0, 60, 120, 180, 240, 300)
SUFFIXES = (".mp4", ".png")


def turned(vertices: np.ndarray, degrees: float) -> np.ndarray:
    """Points (V, 3) turned about the vertical through the origin, to the body's left."""
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    return vertices @ np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])


def framing_camera(vertices: np.ndarray, size: int) -> Camera:
    """A camera before the body (it looks at its face) that keeps it in a square picture all round."""
    low, high = vertices[:, 1].min(), vertices[:, 1].max()
    reach = max(np.hypot(vertices[:, 0], vertices[:, 2]).max(), (high - low) / 2)
    middle = np.array([0.0, (low + high) / 2, 0.0])
    before = middle + np.array([0.0, 0.0, _DISTANCE])
    focal = 0.47 * size * (_DISTANCE - reach) / reach
    return look_at(before, middle, focal=focal, width=size, height=size)


def parts_view(body: Body, vertices: np.ndarray, camera: Camera) -> np.ndarray:
    """RGB uint8 picture of a posed body, each of SURREAL's parts in its colour, two samples a side."""
    large = camera.scaled(2)
    buffer = visibility(vertices, body.faces, large)
    normals = interpolate(buffer, body.faces, vertex_normals(vertices, body.faces))
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    colour = srgb_to_linear(parts_picture(parts(buffer, body.face_parts)) / 255.0)
    lit = to_bytes(linear_to_srgb(colour * sh_irradiance(normals, _LIGHT)[..., None]))
    lit[~buffer.covered] = _GREY
    return cv2.resize(lit, (camera.width, camera.height), interpolation=cv2.INTER_AREA)


def turntable(body: Body, degrees: Sequence[float], *, size: int = 480) -> np.ndarray:
    """(T, size, size, 3) RGB uint8: the mean shape at rest, turned by each angle (0 faces us)."""
    vertices = body.template - body.rest_joints[0] * np.array([1.0, 0.0, 1.0])
    camera = framing_camera(vertices, size)
    return np.stack([parts_view(body, turned(vertices, angle), camera) for angle in degrees])


def write_turntable(body: Body, path: str | Path, *, size: int = 480) -> None:
    """Write the turntable whole: a film (.mp4, once round) or a sheet of six views (.png).

    Raises BadInput for another suffix.
    """
    path = Path(path)
    check_suffix(path)
    with atomic_write(path) as temporary:
        if path.suffix == ".mp4":
            angles = (np.arange(_FRAMES) * (360 / _FRAMES)).tolist()
            write_video(temporary, turntable(body, angles, size=size), _FPS)
        else:
            views = [
                captioned(view, f"turned by {angle:g} degrees")
                for angle, view in zip(_SHEET_DEGREES, turntable(body, _SHEET_DEGREES, size=size))
            ]
            sheet = np.vstack([np.hstack(views[:3]), np.hstack(views[3:])])
            write_image(temporary, sheet)


def check_suffix(path: Path) -> None:
    """Raise BadInput unless a turntable can be written under this name."""
    if path.suffix not in SUFFIXES:
        raise BadInput(f"{path}: a turntable is a {' or a '.join(SUFFIXES)} file.")
