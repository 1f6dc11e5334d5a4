"""Clips of shapes that move, accelerate or transform, each kind of motion a class.

Every shape drifts a little, whatever the class, and colours, forms, sizes and backgrounds are drawn anew
for each clip, so that only the motion tells the class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

CORNERS = 48  # of every outline, so that any shape can turn into any other
SHIFT = 4  # fractional bits of cv2's coordinates


@dataclass(frozen=True)
class ShapePose:
    """How a shape lies: displacement (2,) in picture heights, linear map (2,2), morph 0..1."""

    offset: np.ndarray
    linear: np.ndarray
    morph: float = 0.0


def _rotation(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]])


_EYE = np.eye(2)
_ZERO = np.zeros(2)
Motion = Callable[[float], ShapePose]
"""Pose of a shape at a time from 0 to 1."""


def _direction(rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def _sign(rng: np.random.Generator) -> float:
    return float(rng.choice([-1.0, 1.0]))


def _moving(rng: np.random.Generator) -> Motion:
    velocity = _direction(rng) * rng.uniform(0.4, 0.9)
    return lambda t: ShapePose(velocity * (t - 0.5), _EYE)


def _accelerating(rng: np.random.Generator) -> Motion:
    path = _direction(rng) * rng.uniform(0.5, 1.0)
    return lambda t: ShapePose(path * (t**3 - 0.4), _EYE)


def _falling(rng: np.random.Generator) -> Motion:
    height, hops, phase = rng.uniform(0.3, 0.6), rng.uniform(1.5, 3), rng.uniform()

    def pose(t: float) -> ShapePose:
        u = (t * hops + phase) % 1
        return ShapePose(np.array([0.0, 0.2 - height * 4 * u * (1 - u)]), _EYE)

    return pose


def _orbiting(rng: np.random.Generator) -> Motion:
    radius, turns, phase = (
        rng.uniform(0.15, 0.3),
        _sign(rng) * rng.uniform(0.7, 1.6),
        rng.uniform(0, 2 * np.pi),
    )
    return lambda t: ShapePose(
        radius
        * np.array([np.cos(phase + 2 * np.pi * turns * t), np.sin(phase + 2 * np.pi * turns * t)]),
        _EYE,
    )


def _swinging(rng: np.random.Generator) -> Motion:
    path, swings, phase = (
        _direction(rng) * rng.uniform(0.12, 0.25),
        rng.uniform(1.2, 3),
        rng.uniform(0, 2 * np.pi),
    )
    return lambda t: ShapePose(path * np.sin(phase + 2 * np.pi * swings * t), _EYE)


def _turning(rng: np.random.Generator) -> Motion:
    turn, phase = _sign(rng) * rng.uniform(2.5, 7), rng.uniform(0, 2 * np.pi)
    return lambda t: ShapePose(_ZERO, _rotation(phase + turn * t))


def _growing(rng: np.random.Generator) -> Motion:
    low, high = rng.uniform(0.3, 0.6), rng.uniform(1.4, 2.2)
    return lambda t: ShapePose(_ZERO, _EYE * (low + (high - low) * t))


def _shrinking(rng: np.random.Generator) -> Motion:
    grow = _growing(rng)
    return lambda t: grow(1 - t)


def _pulsing(rng: np.random.Generator) -> Motion:
    beats, phase, depth = rng.uniform(1.5, 3.5), rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 0.6)
    return lambda t: ShapePose(_ZERO, _EYE * (1 + depth * np.sin(phase + 2 * np.pi * beats * t)))


def _shearing(rng: np.random.Generator) -> Motion:
    beats, phase, depth = rng.uniform(1, 2.5), rng.uniform(0, 2 * np.pi), rng.uniform(0.7, 1.3)
    axis = _rotation(rng.uniform(0, np.pi))

    def pose(t: float) -> ShapePose:
        shear = np.array([[1.0, depth * np.sin(phase + 2 * np.pi * beats * t)], [0.0, 1.0]])
        return ShapePose(_ZERO, axis @ shear @ axis.T)

    return pose


def _flipping(rng: np.random.Generator) -> Motion:
    turns, phase = rng.uniform(1, 2.5), rng.uniform(0, 2 * np.pi)
    axis = _rotation(rng.uniform(0, np.pi))

    def pose(t: float) -> ShapePose:
        width = np.cos(phase + 2 * np.pi * turns * t)
        return ShapePose(_ZERO, axis @ np.diag([width, 1.0]) @ axis.T)

    return pose


def _morphing(rng: np.random.Generator) -> Motion:
    beats, phase = rng.uniform(0.8, 2), rng.uniform(0, 2 * np.pi)
    return lambda t: ShapePose(
        _ZERO, _EYE, 0.5 + 0.5 * float(np.sin(phase + 2 * np.pi * beats * t))
    )


DYNAMICS: dict[str, Callable[[np.random.Generator], Motion]] = {
    "accelerating": _accelerating,
    "falling": _falling,
    "flipping": _flipping,
    "growing": _growing,
    "morphing": _morphing,
    "moving": _moving,
    "orbiting": _orbiting,
    "pulsing": _pulsing,
    "shearing": _shearing,
    "shrinking": _shrinking,
    "swinging": _swinging,
    "turning": _turning,
}
"""Class -> draws how a shape of it moves."""


def _outline(rng: np.random.Generator) -> np.ndarray:
    """Corners (CORNERS,2) of a random circle, polygon or star around zero, of size 1."""
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    sides = int(rng.choice([0, 3, 4, 5, 6]))
    radius = np.ones(CORNERS)
    if sides:
        side_angles = (angles % (2 * np.pi / sides)) - np.pi / sides
        radius = np.cos(np.pi / sides) / np.cos(side_angles)
        if rng.random() < 0.4:  # a star: sides bent inwards
            radius = radius * (0.55 + 0.45 * np.abs(side_angles) / (np.pi / sides))
    squash = np.diag([1.0, rng.uniform(0.5, 1.0)])
    points = radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return points @ squash @ _rotation(rng.uniform(0, 2 * np.pi)).T


def _background(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Soft blotches (H,W,3) uint8."""
    coarse = rng.uniform(0, 255, (4, 5, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, rng.uniform(0, 12), (height, width, 1)).astype(np.float32)
    return np.clip(smooth + grain, 0, 255).astype(np.uint8)


def shape_frames(
    kind: str, rng: np.random.Generator, *, width: int, height: int, frames: int
) -> np.ndarray:
    """Draw a clip of shapes that move in one way.

    Args:
        kind: One of `DYNAMICS`.
        rng: Source of everything else.
        width: Width of the frames in pixels.
        height: Their height.
        frames: How many.

    Returns:
        Frames (frames,height,width,3) uint8 RGB.
    """
    background = _background(rng, width, height)
    shapes = []
    for _ in range(int(rng.integers(2, 6))):
        drift = _direction(rng) * rng.uniform(0, 0.12)
        centre = rng.uniform([0.2 * width / height, 0.2], [0.8 * width / height, 0.8])
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        forms = _outline(rng), _outline(rng)
        shapes.append((DYNAMICS[kind](rng), drift, centre, rng.uniform(0.07, 0.17), colour, forms))
    clip = np.empty((frames, height, width, 3), np.uint8)
    for number in range(frames):
        t = number / max(frames - 1, 1)
        image = background.copy()
        for motion, drift, centre, size, colour, (first, second) in shapes:
            pose = motion(t)
            outline = (1 - pose.morph) * first + pose.morph * second
            points = size * outline @ pose.linear.T + centre + pose.offset + drift * t
            fixed = np.round(points * height * 2**SHIFT).astype(np.int32)
            cv2.fillPoly(image, [fixed], colour, lineType=cv2.LINE_AA, shift=SHIFT)
        clip[number] = image
    return clip
