"""The background of every frame of a film: a plate that is infinitely far away.

A still camera sees the plate itself, as in SURREAL. One that turns sees other parts of it: the plate
is then wider than the picture, wrapped on a cylinder about the person, and each frame looks its pixels'
directions up in it. Nothing in it has depth or flow labels: it is the background.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mocap.errors import BadInput
from synth.scene.backgrounds import load_photograph, paint_background
from textures.visibility.camera import Camera


def plate_directions(camera: Camera, first: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel of `camera` looks on a cylinder about the `first` camera.

    Returns:
        Angle (H,W), radians to the right of the first camera's axis, and how far below it (H,W) at
        distance 1.
    """
    rows, columns = np.mgrid[: camera.height, : camera.width]
    pixels = np.stack([columns + 0.5, rows + 0.5, np.ones(rows.shape)], axis=-1)
    turn = first.rotation @ camera.rotation.T @ np.linalg.inv(camera.intrinsics)
    rays = pixels @ turn.T
    return np.arctan2(rays[..., 0], rays[..., 2]), rays[..., 1] / np.hypot(
        rays[..., 0], rays[..., 2]
    )


def backdrops(
    background: Mapping[str, Any], cameras: Sequence[Camera], *, folder: Path | None
) -> list[np.ndarray]:
    """The background of each frame, (H,W,3) RGB uint8.

    Args:
        background: of a row of the plan.
        cameras: of the frames; those that do not turn share one picture.
        folder: where photographs lie.

    Raises:
        BadInput: a photograph that cannot be read.
    """
    first = cameras[0]
    if all(np.array_equal(camera.rotation, first.rotation) for camera in cameras):
        picture = _plate(background, folder, height=first.height, width=first.width)
        return [picture] * len(cameras)
    directions = [plate_directions(camera, first) for camera in cameras]
    focal = first.intrinsics[0, 0]
    across = np.array([[angle.min(), angle.max()] for angle, _ in directions]) * focal
    downward = np.array([[drop.min(), drop.max()] for _, drop in directions]) * focal
    left, top = np.floor([across.min() - 2, downward.min() - 2])
    right, bottom = np.ceil([across.max() + 2, downward.max() + 2])
    plate = _plate(background, folder, height=int(bottom - top), width=int(right - left))
    frames = []
    for angle, drop in directions:
        x = (angle * focal - left - 0.5).astype(np.float32)
        y = (drop * focal - top - 0.5).astype(np.float32)
        frames.append(cv2.remap(plate, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101))
    return frames


def _plate(
    background: Mapping[str, Any], folder: Path | None, *, height: int, width: int
) -> np.ndarray:
    if "photograph" not in background:
        rng = np.random.default_rng(background["painted"])
        return paint_background(rng, height=height, width=width)
    name = background["photograph"]
    if folder is None:
        raise BadInput(
            f"{name}: a photograph of the plan, but no folder of them; give --backgrounds"
        )
    return load_photograph(Path(folder) / name, height=height, width=width)
