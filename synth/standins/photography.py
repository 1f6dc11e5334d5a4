"""Photographs of surveillance cameras: viewpoints, daylight, occluders, blur, noise, JPEG."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from synth.scene.backgrounds import paint_background
from synth.scene.lights.spherical_harmonics import sample_coefficients
from textures.visibility.camera import Camera, intrinsic_matrix, look_at
from textures.visibility.shading import to_bytes

CROP_WIDTH, CROP_HEIGHT = 64, 128
_OPAQUE = (1.0,)


@dataclass(frozen=True, kw_only=True)
class CameraStyle:
    """One fixed camera: where it hangs and how it renders colour.

    `height` metres above the ground; `distance` (nearest, farthest) metres; `cast` (3,) gain
    of R, G, B; `gamma`, `saturation`, `haze` (black level); `blur` pixels of the crop;
    `noise` standard deviation of 1; `quality` JPEG (lowest, highest).
    """

    height: float
    distance: tuple[float, float]
    cast: tuple[float, float, float]
    gamma: float
    saturation: float
    haze: float
    blur: float
    noise: float
    quality: tuple[int, int]


def sample_camera_style(rng: np.random.Generator) -> CameraStyle:
    """Draw a camera as campuses have them: 1.6 to 4.5 m high, each with its own colours."""
    gain = rng.uniform(0.8, 1.15)
    height = float(rng.uniform(1.6, 4.5))
    distance = (float(rng.uniform(3.5, 7)), float(rng.uniform(8, 16)))
    red, green, blue = (float(c) for c in gain * rng.normal(1, 0.05, 3))
    return CameraStyle(
        height=height,
        distance=distance,
        cast=(red, green, blue),
        gamma=float(rng.uniform(0.85, 1.2)),
        saturation=float(rng.uniform(0.7, 1.1)),
        haze=float(max(0.0, rng.normal(0.02, 0.03))),
        blur=float(rng.uniform(0.25, 0.6)),
        noise=float(rng.uniform(0.003, 0.02)),
        quality=(int(rng.integers(55, 80)), int(rng.integers(80, 96))),
    )


class BackgroundWindows:
    """Backgrounds for crops: windows of a few larger painted ones, renewed one by one."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.painted: list[np.ndarray] = []

    def next(self) -> np.ndarray:
        """A background (128,64,3) uint8 RGB."""
        rng = self.rng
        if len(self.painted) < 4 or rng.random() < 0.2:
            self.painted.append(paint_background(rng, width=160, height=192))
            self.painted = self.painted[-16:]
        image = self.painted[rng.integers(len(self.painted))]
        height = int(rng.integers(100, 193))
        width = height // 2
        top = int(rng.integers(0, 192 - height + 1))
        left = int(rng.integers(0, 160 - width + 1))
        window = image[top : top + height, left : left + width]
        if rng.random() < 0.5:
            window = window[:, ::-1]
        return cv2.resize(window, (CROP_WIDTH, CROP_HEIGHT), interpolation=cv2.INTER_AREA)


def frame_person(
    rng: np.random.Generator, vertices: np.ndarray, style: CameraStyle, *, misplaced: bool = False
) -> Camera:
    """Draw the camera of a detector's crop of 128x64 pixels around a person.

    Most people fill 80 to 97 % of the height, some less, a few are cut.

    Args:
        rng: Source of distance, roll and framing.
        vertices: Vertices (V,3) of the person, who stands on y = 0, metres.
        style: The camera.
        misplaced: Cut the person badly, as a detector's false boxes do.

    Returns:
        The camera of the crop.
    """
    distance = rng.uniform(*style.distance)
    vertices = vertices[::4]  # enough for a box
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    position = np.array([middle[0], style.height, middle[2] + distance])
    view = look_at(
        position,
        middle,
        focal=1.0,
        width=CROP_WIDTH,
        height=CROP_HEIGHT,
        principal=(0.0, 0.0),
        roll=rng.normal(0, 0.02),
    )
    pixels, _ = view.project(vertices)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    kind = rng.random()
    fill = rng.normal(0.91, 0.035)
    if kind < 0.13:
        fill = rng.uniform(0.62, 0.85)
    elif kind < 0.25:
        fill = rng.uniform(0.98, 1.25)
    offset = rng.normal(0, (2.2, 2.2))
    if misplaced:
        fill = rng.choice([rng.uniform(0.3, 0.55), rng.uniform(1.5, 2.6)])
        offset = rng.normal(0, (16, 30))
    focal = fill * CROP_HEIGHT / (high[1] - low[1])
    centre = np.array([CROP_WIDTH / 2, CROP_HEIGHT / 2]) + offset
    principal = centre - focal * (low + high) / 2
    return Camera(
        intrinsics=intrinsic_matrix(focal, tuple(principal)),
        rotation=view.rotation,
        translation=view.translation,
        width=CROP_WIDTH,
        height=CROP_HEIGHT,
    )


def sample_daylight(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw daylight: SURREAL's distribution with half its contrast, and at times a sun.

    Args:
        rng: Source of the light.

    Returns:
        Spherical-harmonics coefficients (9,) float32, and the direction to the sun times its
        strength (3,) float32, zero when overcast.
    """
    light = sample_coefficients(rng)
    light[0] = 0.75 + 0.45 * light[0] / 1.4
    light[1:] *= 0.5
    sun = np.zeros(3, dtype=np.float32)
    if rng.random() < 0.45:
        direction = rng.normal(size=3)
        direction[1] = abs(direction[1]) + 0.5
        sun = direction / np.linalg.norm(direction) * rng.uniform(0.15, 0.6)
        light[0] *= 0.85
    return light, sun.astype(np.float32)


def crevice_shade(depth: np.ndarray) -> np.ndarray:
    """How much light reaches each pixel between surfaces that stand before it.

    An arm darkens the chest behind it, a hem the leg: the farther a point lies behind its surroundings,
    the less of the sky it sees.

    Args:
        depth: Planar depth (H,W) metres, inf on background.

    Returns:
        Factors (H,W) float32 in 0.5..1.
    """
    covered = np.isfinite(depth)
    share = covered.astype(np.float32)
    near = np.where(covered, depth, 0).astype(np.float32)
    recess: np.ndarray = np.zeros(depth.shape, np.float32)
    for size in (5, 13):
        total = cv2.blur(share, (size, size), borderType=cv2.BORDER_CONSTANT)
        mean = cv2.blur(near, (size, size), borderType=cv2.BORDER_CONSTANT)
        recess += np.clip(near - mean / np.maximum(total, 1e-6), 0, 0.12) * share
    return 1 - np.clip(3.0 * recess, 0, 0.5)


def darken_ground(background: np.ndarray, feet: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Darken the ground about a person's feet.

    Args:
        background: Image (H,W,3) uint8.
        feet: Pixels (N,2) of the feet's vertices.
        rng: Source of the shadow's size and strength.

    Returns:
        Image (H,W,3) float32 in [0, 1].
    """
    image = background.astype(np.float32) / 255
    centre = feet.mean(axis=0)
    spread = max(float(np.ptp(feet[:, 0])) / 2 + 4, 5.0)
    axes = (round(spread), max(2, round(spread * rng.uniform(0.15, 0.3))))
    shade: np.ndarray = np.zeros(image.shape[:2], dtype=np.float32)
    cv2.ellipse(shade, tuple(centre.round().astype(int).tolist()), axes, 0, 0, 360, _OPAQUE, -1)
    shade = cv2.GaussianBlur(shade, (0, 0), 2.0)
    return image * (1 - rng.uniform(0.2, 0.6) * shade)[..., None]


def sample_occluder(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw something in front: colour (H,W,3) float32 sRGB and opacity (H,W) float32."""
    shape = (CROP_HEIGHT, CROP_WIDTH)
    opacity = np.zeros(shape, dtype=np.float32)
    colour = rng.uniform(0.05, 0.7) * rng.dirichlet((6, 6, 6)) * 3
    kind = rng.integers(4)
    side = rng.choice([0, CROP_WIDTH])
    if kind == 0:  # a pole
        x = rng.integers(0, CROP_WIDTH)
        cv2.line(opacity, (int(x), 0), (int(x), CROP_HEIGHT), _OPAQUE, int(rng.integers(2, 7)))
    elif kind == 1:  # a wall, a car or a bush that hides the legs
        top = int(rng.uniform(0.62, 0.95) * CROP_HEIGHT)
        left, right = sorted(rng.integers(-20, CROP_WIDTH + 20, size=2).tolist())
        cv2.rectangle(opacity, (left, top), (right + 15, CROP_HEIGHT), _OPAQUE, -1)
    elif kind == 2:  # somebody's shoulder and arm at the border
        axes = (int(rng.uniform(6, 20)), int(rng.uniform(30, 70)))
        centre = (int(side), int(rng.uniform(50, CROP_HEIGHT + 20)))
        cv2.ellipse(opacity, centre, axes, rng.normal(0, 8), 0, 360, _OPAQUE, -1, cv2.LINE_AA)
    else:  # a bicycle's wheel and bar
        radius = int(rng.uniform(12, 24))
        centre = (int(side + rng.normal(0, 10)), CROP_HEIGHT - radius)
        cv2.circle(opacity, centre, radius, _OPAQUE, 2, cv2.LINE_AA)
        end = (int(centre[0] + rng.normal(0, 25)), centre[1] - int(rng.uniform(15, 40)))
        cv2.line(opacity, centre, end, _OPAQUE, 2, cv2.LINE_AA)
    texture = 1 + 0.15 * cv2.resize(
        rng.standard_normal((16, 8)).astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC
    )
    return (colour * texture[..., None]).astype(np.float32), opacity


def degrade_image(rng: np.random.Generator, image: np.ndarray, style: CameraStyle) -> np.ndarray:
    """Degrade an image as a camera does: colour, haze, blur, noise and JPEG.

    Args:
        rng: Source of exposure, blur, noise and quality.
        image: Image (H,W,3) float32 sRGB in [0, 1].
        style: The camera.

    Returns:
        Image (H,W,3) uint8 RGB.
    """
    grey = image @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    image = grey[..., None] + style.saturation * (image - grey[..., None])
    image = np.clip(image * np.array(style.cast, dtype=np.float32), 0, 1) ** style.gamma
    image = style.haze + (1 - style.haze) * image
    image = image * np.float32(rng.normal(1, 0.06))
    blur = style.blur * rng.uniform(0.7, 1.6)
    if rng.random() < 0.22:  # a person farther off, enlarged
        scale = rng.uniform(0.45, 0.85)
        size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    image = cv2.GaussianBlur(image, (0, 0), blur)
    if rng.random() < 0.12:  # motion
        length = int(rng.integers(2, 5))
        image = cv2.blur(image, (length, 1))
    image = image + style.noise * rng.standard_normal(image.shape, dtype=np.float32)
    quality = int(rng.integers(style.quality[0], style.quality[1] + 1))
    _, data = cv2.imencode(".jpg", to_bytes(image)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
