"""A texture seen from all round: a body in it turns on the spot, as a film, a GIF or a row of stills."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from mocap.bodies.body import JOINT_NAMES, Body
from mocap.bodies.skinning import Skinning, skin
from mocap.errors import BadInput
from mocap.files import atomic_write
from synth.clips.video_files import write_video
from synth.pictures.turntable import framing_camera, turned
from textures.harvest.contact_sheet import captioned
from textures.library import write_image
from textures.visibility.buffer import visibility
from textures.visibility.camera import Camera
from textures.visibility.shading import render_textured

_LIGHT = np.array([0.92, -0.16, 0.14, -0.06, 0.0, 0.0, 0.0, 0.0, 0.0])
_GREY = 235
_FRAMES, _FPS = 72, 24.0
_GIF_STEP, _GIF_MILLISECONDS = 2, 80  # every other frame, each so long: GIF counts in hundredths
_ARMS_DOWN = 1.15  # radians from the T-pose
TURNTABLE_SUFFIXES = (".mp4", ".gif", ".png")


def check_turntable_name(path: Path) -> str:
    """The kind of file by its name, in lower case. Raises BadInput for a name of no kind known."""
    suffix = path.suffix.lower()
    if suffix not in TURNTABLE_SUFFIXES:
        raise BadInput(
            f"--out {path}: found the ending '{path.suffix}', expected .mp4 for a film, .gif, or .png "
            "for a row of stills"
        )
    return suffix


def standing_vertices(body: Body) -> np.ndarray:
    """The mean shape (V, 3) with its arms down, the pelvis over the origin."""
    pose = np.zeros((1, 72), np.float32)
    for name, angle in (("left_shoulder", -_ARMS_DOWN), ("right_shoulder", _ARMS_DOWN)):
        pose[0, 3 * JOINT_NAMES.index(name) + 2] = angle
    path = -body.rest_joints[:1] * np.array([1.0, 0.0, 1.0])
    vertices, _ = skin(Skinning(body), pose=pose, betas=np.zeros(10), translation=path)
    return vertices[0]


def textured_view(
    body: Body, vertices: np.ndarray, texture: np.ndarray, camera: Camera
) -> np.ndarray:
    """RGB uint8 picture of a posed body in a texture (S, S, 3), two samples a side."""
    large = camera.scaled(2)
    picture, _ = render_textured(
        visibility(vertices, body.faces, large),
        body.mesh,
        vertices,
        texture,
        position=large.position,
        coefficients=_LIGHT,
        background=np.full((large.height, large.width, 3), _GREY, np.uint8),
    )
    return cv2.resize(picture, (camera.width, camera.height), interpolation=cv2.INTER_AREA)


def texture_views(
    body: Body, texture: np.ndarray, degrees: Sequence[float], *, size: int
) -> Iterator[np.ndarray]:
    """Pictures (size, size, 3) RGB uint8 of a body in a texture, turned by each angle (0 faces us)."""
    vertices = standing_vertices(body)
    camera = framing_camera(vertices, size)
    return (textured_view(body, turned(vertices, angle), texture, camera) for angle in degrees)


def write_texture_turntable(
    body: Body, texture: np.ndarray, path: Path, *, size: int = 480, views: int = 6
) -> int:
    """Write a texture from all round, whole: a film, a GIF, or `views` stills in a row.

    Args:
        body: who wears it.
        texture: (S, S, 3) RGB uint8 in the body's UV layout.
        path: .mp4 and .gif go once round, .png is the row.
        size: of a picture's side, pixels; even.
        views: pictures in the row.

    Returns:
        How many pictures it shows.

    Raises:
        BadInput: for another suffix.
    """
    suffix = check_turntable_name(path)
    step = _GIF_STEP if suffix == ".gif" else 1
    count = views if suffix == ".png" else _FRAMES // step
    degrees = (np.arange(count) * (360 / count)).tolist()
    pictures = tqdm(
        texture_views(body, texture, degrees, size=size), desc=path.name, total=count, unit="view"
    )
    with atomic_write(path) as temporary:
        if suffix == ".mp4":
            write_video(temporary, pictures, _FPS)
        elif suffix == ".gif":
            _write_gif(temporary, list(pictures))
        else:
            shown = [
                captioned(view, f"turned by {angle:g} degrees")
                for angle, view in zip(degrees, pictures)
            ]
            write_image(temporary, np.hstack(shown))
    return count


def _write_gif(path: Path, pictures: Sequence[np.ndarray]) -> None:
    """An endless GIF whose frames share one palette, so that a texture's colours do not flicker."""
    shared = Image.fromarray(np.vstack(pictures[::6])).quantize(256, Image.Quantize.MEDIANCUT)
    frames = [
        Image.fromarray(picture).quantize(palette=shared, dither=Image.Dither.NONE)
        for picture in pictures
    ]
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=_GIF_MILLISECONDS, loop=0
    )
