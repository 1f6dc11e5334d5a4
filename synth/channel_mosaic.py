"""Ground truth made visible: one picture of all channels of a frame."""

from __future__ import annotations

import cv2
import numpy as np

from mocap.body import PARENTS

_HUES = (np.arange(25) * 67) % 180


def depth_picture(depth: np.ndarray, near: float, far: float) -> np.ndarray:
    """Depth (H, W) metres, inf on background, as RGB: near is bright, background black."""
    seen = np.isfinite(depth)
    scaled = np.zeros(depth.shape, np.uint8)
    span = max(far - near, 1e-6)
    scaled[seen] = np.clip(255 - 215 * (depth[seen] - near) / span, 40, 255).astype(np.uint8)
    return cv2.cvtColor(scaled, cv2.COLOR_GRAY2RGB)


def parts_picture(parts: np.ndarray) -> np.ndarray:
    """SURREAL's part labels (H, W) uint8 as RGB, a hue a part, background black."""
    palette = np.zeros((25, 1, 3), np.uint8)
    palette[1:, 0, 0] = _HUES[1:]
    palette[1:, 0, 1:] = 190, 235
    palette = cv2.cvtColor(palette, cv2.COLOR_HSV2RGB).reshape(25, 3)
    palette[0] = 0
    return palette[parts]


def normals_picture(normals: np.ndarray) -> np.ndarray:
    """Camera-space normals (H, W, 3) as RGB: right is red, up is green, towards the camera blue."""
    seen = (normals != 0).any(axis=-1)
    picture = ((normals * (1, -1, -1) + 1) * 127.5).clip(0, 255).astype(np.uint8)
    picture[~seen] = 0
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
    """The frame with its 24 projected joints (24, 2) and the bones between; left is orange."""
    picture = rgb.copy()
    shift = 4
    points = np.round((joints - 0.5) * 2**shift).astype(int)
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            ends = tuple(points[joint]), tuple(points[parent])
            cv2.line(picture, *ends, (255, 255, 255), 1, cv2.LINE_AA, shift)
    for joint, point in enumerate(points):
        left = joint in (1, 4, 7, 10, 13, 16, 18, 20, 22)
        colour = (255, 140, 0) if left else (0, 160, 255)
        cv2.circle(picture, tuple(point), 2 << shift, colour, -1, cv2.LINE_AA, shift)
    return picture


def mosaic(
    rgb: np.ndarray,
    *,
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
    """All channels of one frame as one RGB picture, (2 H, 3 W, 3) uint8."""
    above = [with_joints(rgb, joints), depth_picture(depth, near, far), parts_picture(parts)]
    below = [
        normals_picture(normals),
        flow_picture(forward_flow, longest_flow),
        flow_picture(backward_flow, longest_flow),
    ]
    return np.vstack([np.hstack(above), np.hstack(below)])
