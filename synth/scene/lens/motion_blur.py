"""Motion blur: the mean of what is seen while the shutter is open.

The shutter is open for a share of the time between two frames, half of it before the frame's instant
and half after. Within it every point of the body goes straight from where it is in one frame to where
it is in the next, which is what the flow labels say: towards the next frame along the forward flow,
from the one before along the backward flow. The picture is rendered at a few instants of that path, so
that what hides what is right at each of them, by either engine. How many depends on how far anything
goes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from synth.scene.picture import Picture
from synth.scene.renderer import Renderer
from textures.visibility.camera import Camera

_SPACING = 2.0  # pixels between instants; the renderers' filter is 1.5 wide
_MOST_INSTANTS = 9
_STRIDE = 7  # vertex is looked at to see how far they go


@dataclass(frozen=True)
class ShutterPicture:
    """A frame as the open shutter sees it, and at its instant.

    blurred: (H,W,4) float32, the mean of the instants, as `Picture.rgba`.
    sharp: the frame at its instant, at which the labels are.
    """

    blurred: np.ndarray
    sharp: Picture


def shutter_instants(shutter: float, travel: float) -> np.ndarray:
    """The instants at which to look, in frames from the frame's own: evenly spread, 0 among them.

    `travel` is how far anything goes in the image while the shutter is open, pixels.
    """
    count = min(2 * math.ceil((travel / _SPACING - 1) / 2) + 1, _MOST_INSTANTS)
    count = max(count, 1)
    return shutter * ((np.arange(count) + 0.5) / count - 0.5)


def travel_in_image(vertices: Sequence[np.ndarray], cameras: Sequence[Camera]) -> float:
    """How far any vertex goes from the frame before to the one after, at most, pixels per frame.

    Args:
        vertices: of three frames, (V,3) metres each.
        cameras: theirs.
    """
    if vertices[0] is vertices[2] and cameras[0].same_view(cameras[2]):
        return 0.0
    pixels = []
    for points, camera in zip(vertices, cameras):
        image, z = camera.project(points[::_STRIDE])
        pixels.append(np.where(z[:, None] > 0.05, image, np.nan))
    steps = [np.linalg.norm(after - before, axis=1) for before, after in pairwise(pixels)]
    return float(np.nan_to_num(np.mean(steps, axis=0), nan=0.0).max(initial=0.0))


def camera_between(cameras: Sequence[Camera], instant: float) -> Camera:
    """The camera at an `instant` in [-1, 1] about the second of three."""
    middle = cameras[1]
    other = cameras[2] if instant > 0 else cameras[0]
    if instant == 0 or middle.same_view(other):
        return middle
    share = abs(instant)
    turn = Rotation.from_matrix(other.rotation @ middle.rotation.T).as_rotvec()
    rotation = Rotation.from_rotvec(share * turn).as_matrix() @ middle.rotation
    position = (1 - share) * middle.position + share * other.position
    return Camera(
        intrinsics=(1 - share) * middle.intrinsics + share * other.intrinsics,
        rotation=rotation,
        translation=-rotation @ position,
        height=middle.height,
        width=middle.width,
    )


def vertices_between(vertices: Sequence[np.ndarray], instant: float) -> np.ndarray:
    """The vertices (V,3) float32 at an `instant` in [-1, 1] about the second of three frames."""
    if instant == 0:
        return vertices[1]
    other = vertices[2] if instant > 0 else vertices[0]
    share = np.float32(abs(instant))
    return (1 - share) * vertices[1] + share * other


def render_through_shutter(
    renderer: Renderer,
    vertices: Sequence[np.ndarray],
    cameras: Sequence[Camera],
    *,
    shutter: float,
    samples: int,
    seed: int = 0,
) -> ShutterPicture:
    """Render a frame with motion blur.

    Args:
        renderer: textured and lit.
        vertices: of the frame before, of the frame and of the one after, (V,3) metres each.
        cameras: of the same frames.
        shutter: share of the time between two frames for which it is open; 0: a plain frame.
        samples: per pixel of the frame; other instants share as many again among them.
        seed: of the frame.
    """
    instants = np.zeros(1)
    if shutter > 0:
        instants = shutter_instants(shutter, shutter * travel_in_image(vertices, cameras))
    middle = len(instants) // 2
    share_of_samples = math.ceil(samples / max(len(instants) - 1, 1))
    renderer.set_camera(cameras[1])
    sharp = renderer.render(vertices[1], seed=seed)
    if len(instants) == 1:
        return ShutterPicture(sharp.rgba, sharp)
    total = sharp.rgba.astype(np.float32)
    for number, instant in enumerate(instants):
        if number == middle:
            continue
        renderer.set_camera(camera_between(cameras, instant))
        picture = renderer.render(
            vertices_between(vertices, instant),
            seed=(seed + 1_000_003 * (number + 1)) % 2**31,
            samples=share_of_samples,
        )
        total += picture.rgba
    return ShutterPicture(total / np.float32(len(instants)), sharp)


def blurred_backdrop(light: np.ndarray, cameras: Sequence[Camera], *, shutter: float) -> np.ndarray:
    """The backdrop of a camera that turns while the shutter is open.

    The backdrop is far away, so a turn moves it as a homography; what comes in at the border is its
    mirror image.

    Args:
        light: (H,W,3) float32, linear, of the second of three frames.
        cameras: of the three frames.
        shutter: share of the time between two frames for which it is open.
    """
    middle = cameras[1]
    turned = [
        c for c in (cameras[0], cameras[2]) if not np.array_equal(c.rotation, middle.rotation)
    ]
    if shutter == 0 or not turned:
        return light
    angle = max(
        float(Rotation.from_matrix(c.rotation @ middle.rotation.T).magnitude()) for c in turned
    )
    instants = shutter_instants(shutter, shutter * angle * float(middle.intrinsics[0, 0]))
    total = np.zeros_like(light)
    for instant in instants:
        camera = camera_between(cameras, instant)
        turn = camera.rotation @ middle.rotation.T
        # Pixels whose first centre is (0.5, 0.5), as OpenCV's whose is (0, 0).
        shift = np.array([[1.0, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
        homography = camera.intrinsics @ turn @ np.linalg.inv(middle.intrinsics)
        homography = np.linalg.inv(shift) @ homography @ shift
        total += cv2.warpPerspective(
            light,
            homography,
            (middle.width, middle.height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )
    return total / np.float32(len(instants))
