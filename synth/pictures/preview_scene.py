"""The stage of a preview: a floor with a metre grid, and a camera that keeps the person in frame."""

from __future__ import annotations

import cv2
import numba
import numpy as np
from scipy.ndimage import gaussian_filter1d

from mocap.bodies.body import JOINT_NAMES, Body
from textures.visibility.buffer import NEAR
from textures.visibility.camera import Camera, intrinsic_matrix

VIEWS = {"front": 0.0, "side": 90.0, "three-quarter": 35.0, "follow": 35.0}
"""View -> degrees from straight ahead of the person to the camera, towards the person's left."""

LINE = 0.012  # metres, half a grid line's width
SUN = np.array([-0.35, 1.0, 0.2])  # direction towards it, for the shadow
_FOCAL = 1.8  # in image heights
_PITCH = np.radians(11.0)
_ROOM = (0.94, 0.86)  # of the image's width and height; the caption has the rest
_STANDING_COSTS = 1.25  # a still camera may be so much farther away than one that tracks
_TRACKING, _TURNING = 0.5, 0.7  # seconds over which the camera's path and heading are smooth
_FLOOR, _HAZE = (206.0, 210.0, 214.0), (176.0, 184.0, 194.0)
_LINES, _AXES = (150.0, 156.0, 164.0), (92.0, 100.0, 112.0)
_SHADE = 0.62


def headings(joints: np.ndarray) -> np.ndarray:
    """Where the person's front points on the floor, (T, 2) x and z, longer where it is surer.

    `joints` (T, 24, 3) world metres. From the lines through hips and shoulders.
    """

    def across(name: str) -> np.ndarray:
        left, right = (JOINT_NAMES.index(f"{side}_{name}") for side in ("left", "right"))
        return joints[:, left] - joints[:, right]

    line = across("hip") + across("shoulder")
    return np.stack([-line[:, 2], line[:, 0]], axis=1)  # line x up, seen from above


def flesh_of(body: Body) -> np.ndarray:
    """How far the skin reaches beyond each joint, (24,) metres: of the vertices nearest to it."""
    distance = np.linalg.norm(body.template[:, None] - body.rest_joints, axis=-1)
    nearest = distance.argmin(axis=1)
    flesh = np.zeros(len(JOINT_NAMES))
    np.maximum.at(flesh, nearest, distance.min(axis=1))
    return flesh


def camera_path(
    joints: np.ndarray, flesh: np.ndarray, *, view: str, fps: float, width: int, height: int
) -> list[Camera]:
    """A camera for each frame, all at one distance, that sees the whole body in every frame.

    `joints` (T, 24, 3) world metres, `flesh` (24,) metres of body around each; `view` one of
    VIEWS: "front", "side" and "three-quarter" keep their direction, given by where the person faces on
    the whole, and stand still where the motion stays about its place; "follow" goes along and turns
    with the person.
    """
    facing = headings(joints)
    if view == "follow":
        facing = _smooth(facing, _TURNING * fps)
    else:
        mean = facing.mean(axis=0)
        sure = np.linalg.norm(mean) > 0.15 * np.linalg.norm(facing, axis=1).mean()
        facing = np.broadcast_to(mean if sure else facing[0], facing.shape)
    yaw = np.arctan2(facing[:, 0], facing[:, 1]) + np.radians(VIEWS[view])
    rotations = _looking(yaw)
    low, high = joints.min(axis=1), joints.max(axis=1)
    tracked = _smooth((low + high) / 2, _TRACKING * fps)
    midpoint = np.broadcast_to((low.min(axis=0) + high.max(axis=0)) / 2, tracked.shape)
    wide = np.array([width, height]) * _ROOM / (2 * _FOCAL * height)  # tangents of the half angles
    target, distance = tracked, _distance(joints, flesh, tracked, rotations, wide)
    if view != "follow":
        standing = _distance(joints, flesh, midpoint, rotations, wide)
        if standing <= _STANDING_COSTS * distance:
            target, distance = midpoint, standing
    intrinsics = intrinsic_matrix(_FOCAL * height, (width / 2, height / 2))
    cameras = []
    for rotation, point in zip(rotations, target, strict=True):
        position = point - distance * rotation[2]
        cameras.append(
            Camera(
                intrinsics=intrinsics,
                rotation=rotation,
                translation=-rotation @ position,
                width=width,
                height=height,
            )
        )
    return cameras


def _looking(yaw: np.ndarray) -> np.ndarray:
    """Rotations (T, 3, 3) of cameras that stand at `yaw` (0: +z, pi/2: +x), pitched down a little."""
    sine, cosine = np.sin(yaw), np.cos(yaw)
    zero = np.zeros_like(sine)
    right = np.stack([cosine, zero, -sine], axis=1)
    forward = np.stack([-sine * np.cos(_PITCH), zero - np.sin(_PITCH), -cosine * np.cos(_PITCH)], 1)
    return np.stack([right, np.cross(forward, right), forward], axis=1)


def _distance(
    joints: np.ndarray,
    flesh: np.ndarray,
    target: np.ndarray,
    rotations: np.ndarray,
    wide: np.ndarray,
) -> float:
    """Least distance from the targets (T, 3) at which the body is inside every frame."""
    in_camera = np.einsum("tij,tnj->tni", rotations, joints - target[:, None])
    # A ball of radius r at (x, z) is inside the edge of tangent w when |x| + r sqrt(1 + w^2) <= w z.
    needed = (
        np.abs(in_camera[..., :2]) + flesh[:, None] * np.sqrt(1 + wide**2)
    ) / wide - in_camera[..., 2:]
    return float(max(needed.max(), 2.0))


def _smooth(values: np.ndarray, frames: float) -> np.ndarray:
    return gaussian_filter1d(values, max(frames, 1e-3), axis=0, mode="nearest")


@numba.njit(cache=True, nogil=True)
def _cover(distance, width):
    """Share of a pixel `width` metres wide, `distance` from the nearest grid line, on that line."""
    half_width = 0.5 * width
    overlap = min(LINE, distance + half_width) - max(-LINE, distance - half_width)
    return max(overlap, 0.0) / max(width, 1e-9)


@numba.njit(cache=True, nogil=True)
def _paint_floor(rays, position, image, floor, haze, lines, axes):
    """Floor y = 0 with lines at whole metres; a pixel's ray (dx, dy, dz) = rays @ (col, row, 1).

    The camera is not rolled: a row of pixels is a line on the floor, at one distance ahead.
    """
    rows, columns = image.shape[:2]
    blend, plain = np.empty((3, 3)), np.empty(3, np.uint8)
    for i in range(rows):
        dy = rays[1, 1] * (i + 0.5) + rays[1, 2]
        if dy > -1e-4 or position[1] <= 0.0:
            for j in range(columns):
                for c in range(3):
                    image[i, j, c] = np.uint8(haze[c] + 0.5)
            continue
        far = -position[1] / dy
        clear = np.exp(-((far / 20.0) ** 2))
        for c in range(3):
            blend[0, c] = haze[c] + clear * (floor[c] - haze[c]) + 0.5
            plain[c] = np.uint8(blend[0, c])
            blend[1, c] = clear * (lines[c] - floor[c])
            blend[2, c] = clear * (axes[c] - lines[c])
        dx = rays[0, 0] * 0.5 + rays[0, 1] * (i + 0.5) + rays[0, 2]
        dz = rays[2, 0] * 0.5 + rays[2, 1] * (i + 0.5) + rays[2, 2]
        step_x, step_z = far * rays[0, 0], far * rays[2, 0]  # metres from a pixel to the next
        tilt = rays[1, 1] / dy
        for j in range(columns):
            away_x, away_z = far * (dx + j * rays[0, 0]), far * (dz + j * rays[2, 0])
            x, z = position[0] + away_x, position[2] + away_z
            near_x, near_z = np.floor(x + 0.5), np.floor(z + 0.5)
            # How many metres of the floor a pixel spans: to the next column, and to the next row.
            span_x = abs(step_x) + abs(far * rays[0, 1] - away_x * tilt)
            span_z = abs(step_z) + abs(far * rays[2, 1] - away_z * tilt)
            if 2 * abs(x - near_x) > 2 * LINE + span_x and 2 * abs(z - near_z) > 2 * LINE + span_z:
                for c in range(3):
                    image[i, j, c] = plain[c]
                continue
            on_x, on_z = _cover(x - near_x, span_x), _cover(z - near_z, span_z)
            line = on_x + on_z - on_x * on_z
            axis = max(on_x if near_x == 0.0 else 0.0, on_z if near_z == 0.0 else 0.0)
            for c in range(3):
                image[i, j, c] = np.uint8(blend[0, c] + line * blend[1, c] + axis * blend[2, c])


def floor_picture(camera: Camera) -> np.ndarray:
    """RGB uint8 (H, W, 3) of the empty floor y = 0, a line each metre, x = 0 and z = 0 darker.

    The camera must not be rolled.
    """
    image = np.empty((camera.height, camera.width, 3), np.uint8)
    rays = camera.rotation.T @ np.linalg.inv(camera.intrinsics)
    colours = [np.array(colour) for colour in (_FLOOR, _HAZE, _LINES, _AXES)]
    _paint_floor(np.ascontiguousarray(rays), camera.position, image, *colours)
    return image


def on_floor(points: np.ndarray) -> np.ndarray:
    """Where the shadows of points (..., 3) fall on the floor, float64; below it, the points' own."""
    points = np.asarray(points, dtype=np.float64)
    height_above = np.maximum(points[..., 1:2], 0.0)
    shadow = points - height_above * (SUN / SUN[1])
    shadow[..., 1] = 0.0
    return shadow


@numba.njit(cache=True, nogil=True)
def fill_mesh(pixels, z, faces, mask):
    """Set `mask` (H, W) uint8 to 255 at pixel centres inside any face: the outline, no depth."""
    height, width = mask.shape
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        if z[a] <= NEAR or z[b] <= NEAR or z[c] <= NEAR:
            continue
        a_x, a_y, b_x, b_y = pixels[a, 0], pixels[a, 1], pixels[b, 0], pixels[b, 1]
        c_x, c_y = pixels[c, 0], pixels[c, 1]
        if (b_x - a_x) * (c_y - a_y) - (b_y - a_y) * (c_x - a_x) <= 0.0:
            continue  # of a closed surface the faces turned this way cover the outline
        top, bottom = min(a_y, b_y, c_y), max(a_y, b_y, c_y)
        first, last = max(int(np.ceil(top - 0.5)), 0), min(int(np.floor(bottom - 0.5)), height - 1)
        left, right = min(a_x, b_x, c_x), max(a_x, b_x, c_x)
        start, stop = max(int(np.ceil(left - 0.5)), 0), min(int(np.floor(right - 0.5)), width - 1)
        for i in range(first, last + 1):
            y = i + 0.5
            for j in range(start, stop + 1):
                x = j + 0.5
                if (
                    (b_x - a_x) * (y - a_y) - (b_y - a_y) * (x - a_x) >= 0.0
                    and (c_x - b_x) * (y - b_y) - (c_y - b_y) * (x - b_x) >= 0.0
                    and (a_x - c_x) * (y - c_y) - (a_y - c_y) * (x - c_x) >= 0.0
                ):
                    mask[i, j] = 255


def darken(image: np.ndarray, mask: np.ndarray) -> None:
    """Lay a shadow on `image` in place; `mask` uint8, 255 in the shadow, may be smaller."""
    height, width = image.shape[:2]
    if mask.shape != (height, width):
        mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
    x, y, w, h = cv2.boundingRect(mask)
    box = (slice(y, y + h), slice(x, x + w))
    shade = 256 - np.round((1 - _SHADE) / 255 * 256 * mask[box]).astype(np.uint16)
    image[box] = (image[box] * shade[..., None]) >> 8
