"""Ground truth made visible: one picture of all channels of a frame."""

from __future__ import annotations

import cv2
import numpy as np

from mocap.bodies.body import PARENTS
from synth.scene.dressed_figure import CARRIED_PART
from synth.scene.occluders import OCCLUDER_PART

_LABELS = 27  # background, SURREAL's 24, occluders and carried things
_HUES = (np.arange(_LABELS) * 67) % 180
_LEFT = (1, 4, 7, 10, 13, 16, 18, 20, 22)


def depth_picture(depth: np.ndarray, near: float, far: float) -> np.ndarray:
    """Depth (H, W) metres, inf on background, as RGB: near is bright, background black."""
    on_body = np.isfinite(depth)
    scaled = np.zeros(depth.shape, np.uint8)
    span = max(far - near, 1e-6)
    scaled[on_body] = np.clip(255 - 215 * (depth[on_body] - near) / span, 40, 255).astype(np.uint8)
    return cv2.cvtColor(scaled, cv2.COLOR_GRAY2RGB)


def parts_picture(parts: np.ndarray) -> np.ndarray:
    """Part labels (H, W) uint8 as RGB: a hue for each of SURREAL's, occluders grey, background black."""
    hsv = np.zeros((_LABELS, 1, 3), np.uint8)
    hsv[1:, 0, 0] = _HUES[1:]
    hsv[1:, 0, 1:] = 190, 235
    palette = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).reshape(_LABELS, 3)
    palette[0], palette[OCCLUDER_PART], palette[CARRIED_PART] = 0, 150, 230
    return palette[parts]


def instances_picture(instances: np.ndarray) -> np.ndarray:
    """Instances (H, W) uint8 as RGB, a colour for each, background black."""
    hsv = np.zeros((256, 1, 3), np.uint8)
    hsv[1:, 0, 0] = (np.arange(255) * 53) % 180
    hsv[1:, 0, 1:] = 170, 240
    palette = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).reshape(256, 3)
    palette[0] = 0
    return palette[instances]


def joined_joints(count: int) -> list[tuple[int, int]]:
    """Which of `count` joints, 24 of each person, are joined by bones: child and parent."""
    return [
        (first + joint, first + parent)
        for first in range(0, count, len(PARENTS))
        for joint, parent in enumerate(PARENTS)
        if parent >= 0
    ]


def normals_picture(normals: np.ndarray) -> np.ndarray:
    """Camera-space normals (H, W, 3) as RGB: right is red, up is green, towards the camera blue."""
    on_body = (normals != 0).any(axis=-1)
    picture = ((normals * (1, -1, -1) + 1) * 127.5).clip(0, 255).astype(np.uint8)
    picture[~on_body] = 0
    return picture


def flow_picture(flow: np.ndarray, longest: float) -> np.ndarray:
    """Flow (H, W, 2) pixels as RGB: hue is the direction, brightness the length."""
    length = np.hypot(flow[..., 0], flow[..., 1])
    angle = np.arctan2(flow[..., 1], flow[..., 0])
    picture = np.zeros((*length.shape, 3), np.uint8)
    picture[..., 0] = ((angle / (2 * np.pi)) % 1 * 180).astype(np.uint8)
    picture[..., 1] = 220
    picture[..., 2] = np.clip(255 * length / max(longest, 1e-6), 0, 255).astype(np.uint8)
    return cv2.cvtColor(picture, cv2.COLOR_HSV2RGB)


def with_joints(rgb: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """The frame with the projected joints (24P, 2) of P people and the bones between; left is orange."""
    picture = rgb.copy()
    shift = 4
    points = np.round((joints - 0.5) * 2**shift).astype(int)
    for joint, parent in joined_joints(len(points)):
        ends = tuple(points[joint]), tuple(points[parent])
        cv2.line(picture, *ends, (255, 255, 255), 1, cv2.LINE_AA, shift)
    for joint, point in enumerate(points):
        left = joint % len(PARENTS) in _LEFT
        colour = (255, 140, 0) if left else (0, 160, 255)
        cv2.circle(picture, tuple(point), 2 << shift, colour, -1, cv2.LINE_AA, shift)
    return picture


def body_window(mask: np.ndarray, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of a window of the picture's proportions around all that moves.

    mask (T, H, W) bool; shape (H, W). The whole picture where nothing shows.
    """
    height, width = shape
    rows, columns = np.flatnonzero(mask.any((0, 2))), np.flatnonzero(mask.any((0, 1)))
    if not len(rows):
        return slice(0, height), slice(0, width)
    tall = 1.15 * max(rows[-1] + 1 - rows[0], (columns[-1] + 1 - columns[0]) * height / width)
    tall = int(min(height, np.ceil(tall)))
    wide = min(width, round(tall * width / height))
    top = int(np.clip((rows[0] + rows[-1] + 1 - tall) // 2, 0, height - tall))
    left = int(np.clip((columns[0] + columns[-1] + 1 - wide) // 2, 0, width - wide))
    return slice(top, top + tall), slice(left, left + wide)


def mosaic(
    rgb: np.ndarray,
    *,
    window: tuple[slice, slice],
    joints: np.ndarray,
    depth: np.ndarray,
    parts: np.ndarray,
    normals: np.ndarray,
    forward_flow: np.ndarray,
    backward_flow: np.ndarray,
    near: float,
    far: float,
    longest_flow: float,
) -> np.ndarray:
    """One frame with all its channels as one RGB picture (2 H, 4 W, 3) uint8.

    The whole frame, then every channel enlarged to a part of it: RGB, projected joints, depth; parts,
    normals, forward and backward flow.

    Args:
        rgb: (H, W, 3) uint8.
        window: rows and columns of the part that is enlarged (see `body_window`).
        joints: (24P, 2) pixels.
        depth: (H, W) metres, inf on background.
        parts: (H, W) uint8, SURREAL's labels and 25.
        normals: (H, W, 3) unit vectors in camera space.
        forward_flow: (H, W, 2) pixels.
        backward_flow: (H, W, 2) pixels.
        near: depth shown brightest, metres.
        far: depth shown darkest, metres.
        longest_flow: length of flow shown brightest, pixels.
    """
    height, width = rgb.shape[:2]
    scale = height / (window[0].stop - window[0].start)

    def enlarged(channel: np.ndarray, method: int = cv2.INTER_NEAREST) -> np.ndarray:
        return cv2.resize(
            np.ascontiguousarray(channel[window]), (width, height), interpolation=method
        )

    closer = enlarged(rgb, cv2.INTER_LINEAR)
    enlarged_joints = (joints - (window[1].start, window[0].start)) * scale
    top_row = [
        rgb,
        closer,
        with_joints(closer, enlarged_joints),
        enlarged(depth_picture(depth, near, far)),
    ]
    bottom_row = [
        parts_picture(parts),
        normals_picture(normals),
        flow_picture(forward_flow, longest_flow),
        flow_picture(backward_flow, longest_flow),
    ]
    return np.vstack([np.hstack(top_row), np.hstack([enlarged(channel) for channel in bottom_row])])
