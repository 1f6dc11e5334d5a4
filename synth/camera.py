"""Film cameras: SURREAL's, with a proper rotation and the whole clip in frame.

SURREAL (Varol et al., CVPR 2017) films with a level camera, f = 600 pixels on 320x240, at a
distance N(8, 1) m from where the person starts, from a uniformly random side; people walk out of
its frames. Ours draws the same numbers and then obeys one policy, which is recorded with each clip:

1. The camera slides in its image plane until the box around the whole clip is centred.
2. Where that box is larger than the frame, the camera steps back until it fits. Where it would have
to
   go beyond ``far`` metres, other sides are drawn, and the side that needs the least distance is
   taken.
3. The person is then moved off the centre by a random part of the room that is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull

from textures.camera import Camera, intrinsic_matrix

POLICY = "surreal-distance-and-side; level; whole clip in frame; steps back when needed"


@dataclass(frozen=True)
class FilmFormat:
    """Image size in pixels and the distribution of cameras. The defaults are SURREAL's."""

    width: int = 320
    height: int = 240
    focal: float = 600.0
    distance_mean: float = 8.0
    distance_spread: float = 1.0
    near: float = 4.0  # metres; nearer draws are raised to it
    far: float = 12.0  # metres; beyond it other sides are tried
    border: int = 6  # pixels kept free around the body
    flesh: float = 0.22  # metres of body around a joint (head top, hands, feet)
    sides: int = 8  # how many sides may be drawn


@dataclass(frozen=True)
class FilmCamera:
    """A camera and how it came about: ``yaw`` in radians (0: the camera stands at +z of the person,
    pi/2: at +x), the distance in metres that was drawn and the one that was needed."""

    camera: Camera
    yaw: float
    distance_drawn: float
    distance: float


def place_camera(
    joints: np.ndarray, rng: np.random.Generator, film: FilmFormat | None = None
) -> FilmCamera:
    """A camera that sees all of ``joints`` (T,24,3), world metres, throughout the clip.

    Raises ValueError for joints that are not finite.
    """
    film = film or FilmFormat()
    points = np.asarray(joints, dtype=np.float64).reshape(-1, 3)
    if not np.isfinite(points).all():
        raise ValueError("joints hold values that are not finite")
    drawn = max(film.near, float(rng.normal(film.distance_mean, film.distance_spread)))
    tries = []
    for _ in range(film.sides):
        yaw = float(rng.uniform(0.0, 2 * np.pi))
        distance, camera = _step_back(points, yaw, drawn, film)
        tries.append((distance, yaw, camera))
        if distance <= max(film.far, drawn):
            break
    distance, yaw, camera = min(tries, key=lambda entry: entry[0])
    camera = _off_centre(points, camera, rng.uniform(-0.45, 0.45, size=2), film)
    return FilmCamera(camera, yaw, drawn, distance)


def flesh_box(
    points: np.ndarray, camera: Camera, flesh: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Lowest and highest pixel (2,) of ``points`` (N,3) with ``flesh`` metres around each, and the
    least depth."""
    pixels, z = camera.project(points)
    if z.min() <= flesh:
        return np.full(2, -np.inf), np.full(2, np.inf), float(z.min())
    reach = (camera.intrinsics[0, 0] * flesh / (z - flesh))[:, None]
    return (pixels - reach).min(axis=0), (pixels + reach).max(axis=0), float(z.min())


def _looking(position: np.ndarray, yaw: float, film: FilmFormat) -> Camera:
    """A level camera at ``position`` that looks against the direction ``yaw``."""
    rotation = np.array(
        [
            [np.cos(yaw), 0.0, -np.sin(yaw)],
            [0.0, -1.0, 0.0],
            [-np.sin(yaw), 0.0, -np.cos(yaw)],
        ]
    )
    intrinsics = intrinsic_matrix(film.focal, (film.width / 2, film.height / 2))
    return Camera(intrinsics, rotation, -rotation @ position, film.width, film.height)


def _slid(camera: Camera, pixels: np.ndarray, depth: float) -> Camera:
    """``camera`` moved in its image plane so that a point at ``depth`` moves by ``pixels`` (2,)."""
    step = np.append(pixels * depth / camera.intrinsics[0, 0], 0.0)
    translation = camera.translation + step
    return Camera(camera.intrinsics, camera.rotation, translation, camera.width, camera.height)


def _centred(points: np.ndarray, yaw: float, distance: float, film: FilmFormat) -> Camera:
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    towards_camera = np.array([np.sin(yaw), 0.0, np.cos(yaw)])
    camera = _looking(middle + distance * towards_camera, yaw, film)
    for _ in range(20):
        low, high, _ = flesh_box(points, camera, film.flesh)
        off = np.array([film.width, film.height]) / 2 - (low + high) / 2
        if not np.isfinite(off).all() or np.abs(off).max() < 0.5:
            break
        camera = _slid(camera, off, distance)
    return camera


def _fits(points: np.ndarray, camera: Camera, film: FilmFormat) -> bool:
    low, high, nearest = flesh_box(points, camera, film.flesh)
    room = np.array([film.width, film.height]) - film.border
    return bool(nearest > 1.0 and (low >= film.border).all() and (high <= room).all())


def _step_back(
    points: np.ndarray, yaw: float, distance: float, film: FilmFormat
) -> tuple[float, Camera]:
    """About the least distance from ``distance`` on at which everything fits, and the camera there."""
    room = np.array([film.width, film.height]) - 2 * film.border
    outer = points[ConvexHull(points).vertices] if _is_solid(points) else points
    while True:
        camera = _centred(outer, yaw, distance, film)
        if _fits(outer, camera, film) and _fits(points, camera, film):
            return distance, camera
        low, high, _ = flesh_box(outer, camera, film.flesh)
        excess = np.nan_to_num((high - low) / room, posinf=1.5).max()
        distance *= max(1.01, min(excess, 1.5) ** 0.8)


def _is_solid(points: np.ndarray) -> bool:
    """Whether the points span a volume, so that they have a convex hull."""
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return len(points) > 4 and bool(spread[-1] > 1e-6 * max(spread[0], 1e-9))


def _off_centre(points: np.ndarray, camera: Camera, share: np.ndarray, film: FilmFormat) -> Camera:
    """Move the person by ``share`` (2,) of the room left in each direction, as far as it still
    fits.
    """
    low, high, nearest = flesh_box(points, camera, film.flesh)
    room = np.array([film.width, film.height]) - 2 * film.border - (high - low)
    for _ in range(8):
        moved = _slid(camera, share * room, nearest)
        if _fits(points, moved, film):
            return moved
        share = share / 2
    return camera
