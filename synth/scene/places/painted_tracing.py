"""What a camera sees of a painted place: boxes, ellipsoids, cylinders, a floor and a sky, ray by ray.

Every solid is drawn into the rectangle of samples that may show it, the nearest stays; what it shows is
then shaded (`synth.scene.places.painted_shading`), and what is brighter than white spreads in the lens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from synth.scene.places.background_geometry import pixel_rays
from synth.scene.places.painted_shading import SAMPLES, shade
from synth.scene.places.painted_solids import (
    CENTRE,
    COSINE,
    HALF_SIZE,
    SINE,
    SKY,
    first_surfaces,
)
from textures.visibility.camera import Camera

_NEAR = 0.05  # metres
_NEIGHBOUR_GAP = 0.75  # metres: solids that take light from each other
_MOST_LIGHT = 8.0  # of white: what a window gives to the glare about it
_GLARE = 0.05  # its share, and the radius of the spot by the picture's width
_SPOT = 0.03


@dataclass(frozen=True, kw_only=True)
class TracedPlace:
    """A painted place as numbers, in the world.

    solids: (N, COLUMNS). textures: (M,T,3) float32 linear, the pyramids of the materials, level after
    level. extents: (M,) metres that a texture covers. floor: (7,) the floor's height, cosine and sine of
    its turn, where its middle lies (x, z), its material, how much it mirrors. bands: (B,4) of the floor,
    across its axis: from, to, material, how ragged. light: (6,3) what white surfaces show that face +x,
    -x, +y, -y, +z, -z. lamps: (L,7) where a lamp is, its colour, and to how many metres it reaches.
    sun: (7,) towards a sun or a lamp that throws shadows, its colour (black: none) and how wide it is,
    radians (0: a sun). sky: (3,3) its colour at the zenith, at the horizon, and that of its clouds.
    clouds: (S,S) in [0, 1]. haze: metres in which the air hides two thirds.
    """

    solids: np.ndarray
    textures: np.ndarray
    extents: np.ndarray
    floor: np.ndarray
    bands: np.ndarray
    light: np.ndarray
    lamps: np.ndarray
    sun: np.ndarray
    sky: np.ndarray
    clouds: np.ndarray
    haze: float

    def picture(self, camera: Camera) -> np.ndarray:
        """What a camera sees, (H,W,3) float32 linear RGB."""
        rays, depth, solid = self._trace(camera.scaled(SAMPLES))
        starts, neighbours = self._neighbours
        picture: np.ndarray = shade(
            rays, camera.position, depth, solid, self.solids, starts, neighbours, self.textures,
            self.extents, self.floor, self.bands, self.light, self.lamps, self.sun, self.sky,
            self.clouds, self.haze, 1.0 / camera.intrinsics[0, 0],
        )  # fmt: skip
        return _with_glare(picture)

    def points(self, camera: Camera) -> np.ndarray:
        """See `BackgroundGeometry.points`; the sky is infinitely far away."""
        rays, depth, solid = self._trace(camera)
        points = np.concatenate([rays, np.zeros((*depth.shape, 1))], axis=-1)
        near = solid != SKY
        points[near, :3] = camera.position + depth[near][:, None] * rays[near]
        points[near, 3] = 1.0
        return points

    def _trace(self, camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rays (H,W,3), how far along them the first surface lies (H,W), and which solid it is (H,W)."""
        rays = pixel_rays(camera)
        boxes = np.array([_covered(solid, camera) for solid in self.solids]).reshape(-1, 4)
        depth, solid = first_surfaces(rays, camera.position, self.solids, boxes, self.floor[0])
        return rays, depth, solid

    @cached_property
    def _neighbours(self) -> tuple[np.ndarray, np.ndarray]:
        """The solids beside each: where each one's begin (N+1,), and their numbers."""
        centres = self.solids[:, CENTRE : CENTRE + 3]
        x, y, z = self.solids[:, HALF_SIZE : HALF_SIZE + 3].T
        cosine, sine = abs(self.solids[:, COSINE]), abs(self.solids[:, SINE])
        halves = (
            np.stack([cosine * x + sine * z, y, sine * x + cosine * z], axis=1) + _NEIGHBOUR_GAP / 2
        )
        apart = abs(centres[:, None] - centres[None]) > halves[:, None] + halves[None]
        adjacent = ~apart.any(axis=-1)
        np.fill_diagonal(adjacent, False)
        starts = np.concatenate([[0], adjacent.sum(axis=1).cumsum()])
        return starts.astype(np.int64), np.nonzero(adjacent)[1].astype(np.int64)


def _with_glare(picture: np.ndarray) -> np.ndarray:
    """What is brighter than white, spread in the lens over all that is beside it."""
    height, width = picture.shape[:2]
    bright = np.clip(picture - 0.8, 0.0, _MOST_LIGHT)
    if not bright.any():
        return picture
    small = cv2.resize(
        bright, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA
    )
    wide = cv2.GaussianBlur(small, (0, 0), max(4 * _SPOT * width / 4, 0.5))
    near = cv2.GaussianBlur(small, (0, 0), max(_SPOT * width / 4, 0.5))
    spread = cv2.resize(near + wide, (width, height), interpolation=cv2.INTER_LINEAR)
    return picture + np.float32(_GLARE) * spread


def _covered(solid: np.ndarray, camera: Camera) -> tuple[int, int, int, int]:
    """First and last row and column that may show a solid, exclusive."""
    signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    x, y, z = (signs * solid[HALF_SIZE : HALF_SIZE + 3]).T
    cosine, sine = solid[COSINE], solid[SINE]
    corners = np.stack([cosine * x + sine * z, y, cosine * z - sine * x], axis=1)
    pixels, depth = camera.project(corners + solid[CENTRE : CENTRE + 3])
    if depth.max() <= _NEAR:
        return 0, 0, 0, 0
    if depth.min() <= _NEAR:
        return 0, camera.height, 0, camera.width
    low, high = np.floor(pixels.min(axis=0)), np.ceil(pixels.max(axis=0))
    left, right = np.clip([low[0], high[0]], 0, camera.width)
    top, bottom = np.clip([low[1], high[1]], 0, camera.height)
    return int(top), int(bottom), int(left), int(right)
