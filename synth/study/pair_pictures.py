"""The pictures of a pair: one body, one pose, one light, one camera, two textures."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning, skin
from synth.standins.photography import sample_daylight
from synth.standins.street_poses import sample_street_pose
from textures.visibility.buffer import VisibilityBuffer, visibility
from textures.visibility.camera import Camera, look_at
from textures.visibility.shading import render_textured

HEIGHT, WIDTH = 640, 320  # pixels
GREY = 208
_DISTANCE = 6.0  # metres
_FILLED = 0.92  # of the picture, by the body
_SAMPLES = 2  # along a pixel's side
_TILES = 16  # along a scrambled texture's side


@dataclass(frozen=True, kw_only=True)
class PairScene:
    """A posed body before a camera, in a light: all of a picture but its texture.

    vertices (V,3) metres. coefficients (9,) of the light, sun (3,).
    """

    body: Body
    vertices: np.ndarray
    camera: Camera
    buffer: VisibilityBuffer
    coefficients: np.ndarray
    sun: np.ndarray


def sample_pair_scene(
    body: Body,
    skinning: Skinning,
    rng: np.random.Generator,
    *,
    size: tuple[int, int] = (HEIGHT, WIDTH),
) -> PairScene:
    """Somebody in the street, seen from any side in daylight.

    Args:
        body: whose mean shape is shown.
        skinning: of the same body.
        rng: draws pose, side and light.
        size: height and width of the picture, pixels.
    """
    pose = sample_street_pose(rng).astype(np.float32)
    yaw = rng.uniform(-np.pi, np.pi)
    coefficients, sun = sample_daylight(rng)
    vertices = skin(
        skinning,
        pose=pose.reshape(1, 72),
        betas=np.zeros(10),
        translation=np.zeros((1, 3)),
    )[0][0]
    middle = (vertices.max(0) + vertices.min(0)) / 2
    eye = middle + _DISTANCE * np.array([np.sin(yaw), 0.05, np.cos(yaw)])
    height, width = (side * _SAMPLES for side in size)
    camera = look_at(eye, middle, focal=1.0, height=height, width=width)
    depth = camera.to_camera(vertices)
    reach = np.abs(depth[:, :2] / depth[:, 2:]).max(0)
    focal = _FILLED * min(width / 2 / reach[0], height / 2 / reach[1])
    camera = look_at(eye, middle, focal=float(focal), height=height, width=width)
    return PairScene(
        body=body,
        vertices=vertices,
        camera=camera,
        buffer=visibility(vertices, body.faces, camera),
        coefficients=coefficients,
        sun=sun,
    )


def scene_picture(scene: PairScene, texture: np.ndarray) -> np.ndarray:
    """The scene's body in a texture (S,S,3) RGB uint8, on grey: (height,width,3) RGB uint8."""
    camera = scene.camera
    image, _ = render_textured(
        scene.buffer,
        scene.body.mesh,
        scene.vertices,
        texture,
        position=camera.position,
        coefficients=scene.coefficients,
        sun=scene.sun,
        background=np.full((camera.height, camera.width, 3), GREY, np.uint8),
    )
    size = (camera.width // _SAMPLES, camera.height // _SAMPLES)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def scrambled(texture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A texture that nobody takes for the better: shuffled tiles, each second one far from its colours.

    Args:
        texture: (S,S,3) RGB uint8.
        rng: shuffles.

    Returns:
        The same shape and type; of a half of the tiles every value is 128 away from what it was, so that
        grey and plain textures are spoilt, too.
    """
    size = len(texture)
    tiles = min(_TILES, size)
    edges = np.linspace(0, size, tiles + 1).astype(int)
    result = np.empty_like(texture)
    for index, source in enumerate(rng.permutation(tiles * tiles)):
        (row, column), (top, left) = divmod(index, tiles), divmod(int(source), tiles)
        rows, columns = slice(*edges[row : row + 2]), slice(*edges[column : column + 2])
        tile = texture[slice(*edges[top : top + 2]), slice(*edges[left : left + 2])]
        shape = (columns.stop - columns.start, rows.stop - rows.start)
        result[rows, columns] = cv2.resize(tile, shape, interpolation=cv2.INTER_NEAREST)
        if (row + column) % 2:
            result[rows, columns] ^= 128
    return result
