"""Pictures of textured bodies: at the fitted pose, and standing, turned around."""

from __future__ import annotations

import cv2
import numpy as np

from mocap.bodies.body import JOINT_NAMES, Body
from mocap.bodies.skinning import Skinning, skin
from textures.harvest.crop_folder import SHEET_STEM
from textures.visibility.buffer import visibility
from textures.visibility.camera import Camera, look_at
from textures.visibility.shading import render_textured

SOFT_LIGHT = np.array([0.98, -0.12, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
GREY = 208
CONTACT_SHEET = f"{SHEET_STEM}.png"


def standing_pose(turn: float = 0.0) -> np.ndarray:
    """(72,) axis-angle: standing with the arms down, turned by `turn` radians about the vertical."""
    pose = np.zeros((24, 3), np.float32)
    pose[0, 1] = turn
    pose[JOINT_NAMES.index("left_shoulder"), 2] = -1.25
    pose[JOINT_NAMES.index("right_shoulder"), 2] = 1.25
    return pose.reshape(72)


def turned_views(
    body: Body,
    skinning: Skinning,
    texture: np.ndarray,
    *,
    degrees: tuple[int, ...] = (0, 90, 180, 270),
    betas: np.ndarray | None = None,
    height: int = 256,
    width: int = 128,
) -> list[np.ndarray]:
    """RGB pictures of the standing body under a soft light, turned by each angle.

    At 0 degrees it faces the camera.
    """
    betas = np.zeros(10, np.float32) if betas is None else betas
    poses = np.stack([standing_pose(np.deg2rad(d)) for d in degrees])
    vertices, _ = skin(skinning, pose=poses, betas=betas, translation=np.zeros((len(degrees), 3)))
    middle = (vertices[0].max(0) + vertices[0].min(0)) / 2
    tall = float(np.ptp(vertices[0][:, 1]))
    camera = look_at(
        middle + np.array((0.0, 0.05, 6.0)),
        middle,
        focal=0.94 * 6.0 / tall * height,
        width=width,
        height=height,
    )
    return [lit_body(body, posed, texture, camera) for posed in vertices]


def lit_body(
    body: Body,
    vertices: np.ndarray,
    texture: np.ndarray,
    camera: Camera,
    background: np.ndarray | None = None,
) -> np.ndarray:
    """RGB uint8 picture of a posed, textured body under the sheet's soft light.

    Each pixel has two samples along its side.
    """
    large = camera.scaled(2)
    if background is None:
        background = np.full((camera.height, camera.width, 3), GREY, np.uint8)
    scene = cv2.resize(background, (large.width, large.height), interpolation=cv2.INTER_LINEAR)
    image, _ = render_textured(
        visibility(vertices, body.faces, large),
        body.mesh,
        vertices,
        texture,
        position=large.position,
        coefficients=SOFT_LIGHT,
        background=scene,
    )
    return cv2.resize(image, (camera.width, camera.height), interpolation=cv2.INTER_AREA)


def sheet_row(
    body: Body,
    skinning: Skinning,
    crop: np.ndarray,
    texture: np.ndarray,
    vertices: np.ndarray,
    camera: Camera,
    betas: np.ndarray,
    *,
    height: int = 256,
) -> np.ndarray:
    """One crop's row of a contact sheet.

    Crop, texture, body at the fitted pose over the dimmed crop, and turned by 0, 90, 180, 270 degrees. A
    crop is as high as the row, or as wide as that where it is wider than high.
    """
    scale = height / max(crop.shape[:2])
    width, tall = (max(1, round(side * scale)) for side in (crop.shape[1], crop.shape[0]))
    large = cv2.resize(crop, (width, tall), interpolation=cv2.INTER_CUBIC)
    scaled = Camera(
        intrinsics=np.diag([width / camera.width, tall / camera.height, 1.0]) @ camera.intrinsics,
        rotation=camera.rotation,
        translation=camera.translation,
        width=width,
        height=tall,
    )
    dimmed = (0.35 * large + 0.65 * GREY).astype(np.uint8)
    fitted = lit_body(body, vertices, texture, scaled, dimmed)
    square = cv2.resize(texture, (height, height), interpolation=cv2.INTER_AREA)
    views = turned_views(body, skinning, texture, betas=betas, height=height, width=height // 2)
    return np.hstack([_padded(large, height), square, _padded(fitted, height), *views])


def stacked(rows: list[np.ndarray], columns: int = 1) -> np.ndarray:
    """Rows under one another, in `columns` columns, with thin lines between."""
    width = max(row.shape[1] for row in rows)
    cells = [
        cv2.copyMakeBorder(r, 0, 4, 0, width - r.shape[1] + 8, 0, value=(255,) * 3) for r in rows
    ]
    while len(cells) % columns:
        cells.append(np.full_like(cells[0], 255))
    length = len(cells) // columns
    return np.hstack([np.vstack(cells[k * length : (k + 1) * length]) for k in range(columns)])


def _padded(image: np.ndarray, height: int) -> np.ndarray:
    """The picture in the middle of `height` rows and of at least half as many columns."""
    columns, lines = max(0, height // 2 - image.shape[1]), height - image.shape[0]
    top, left = lines // 2, columns // 2
    return cv2.copyMakeBorder(
        image,
        top,
        lines - top,
        left,
        columns - left,
        cv2.BORDER_CONSTANT,
        value=(GREY,) * 3,
    )
