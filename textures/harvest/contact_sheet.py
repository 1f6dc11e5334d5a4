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
CAPTION = 20  # pixels: height of a line of text
COLUMNS = {
    **{"photograph": 0.004, "texture": 0.128, "fitted body": 0.376},
    **{"front": 0.5, "right side": 0.624, "back": 0.748, "left side": 0.872},
}
"""Titles of a row's pictures, and where they begin, in shares of its width."""
_FONT, _LETTERS = cv2.FONT_HERSHEY_SIMPLEX, 0.42


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

    Crop, texture, body at the fitted pose over the dimmed crop, and turned by 0, 90, 180, 270 degrees.
    Every row is as wide: a crop lies whole in a cell half as wide as high, however wide it is itself.
    """
    scale = min(height / crop.shape[0], height / 2 / crop.shape[1])
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
    return np.hstack(
        [centred(large, height // 2, height), square, centred(fitted, height // 2, height), *views]
    )


def stacked(rows: list[np.ndarray], columns: int = 1) -> np.ndarray:
    """Rows of one width under one another, in `columns` columns, under what their pictures are."""
    cells = [cv2.copyMakeBorder(r, 0, 4, 0, 8, 0, value=(255,) * 3) for r in rows]
    while len(cells) % columns:
        cells.append(np.full_like(cells[0], 255))
    length = len(cells) // columns
    head = column_titles(cells[0].shape[1])
    return np.hstack(
        [np.vstack([head, *cells[k * length : (k + 1) * length]]) for k in range(columns)]
    )


def column_titles(width: int) -> np.ndarray:
    """What the pictures of a row are, above them: (CAPTION,width,3)."""
    title = captioned(np.empty((0, width, 3), np.uint8), "")
    for text, start in COLUMNS.items():
        _write(title, text, round(start * width))
    return title


def captioned(picture: np.ndarray, text: str) -> np.ndarray:
    """A picture (h,w,3) uint8 RGB with a line of text above it, shortened where it would be wider."""
    head = np.full((CAPTION, picture.shape[1], 3), 255, np.uint8)
    words = text.encode("ascii", "replace").decode()
    while len(words) > 1 and _text_width(words) > picture.shape[1] - 8:
        words = words[:-4].rstrip(".") + "..." if len(words) > 4 else words[:-1]
    _write(head, words, 4)
    return np.vstack([head, picture])


def _text_width(text: str) -> int:
    return int(cv2.getTextSize(text, _FONT, _LETTERS, 1)[0][0])


def _write(head: np.ndarray, text: str, left: int) -> None:
    cv2.putText(head, text, (left, CAPTION - 6), _FONT, _LETTERS, (30, 30, 30), 1, cv2.LINE_AA)


def centred(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """The picture (h,w,3) in the middle of a grey one of this size, which is no smaller."""
    columns, lines = width - image.shape[1], height - image.shape[0]
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
