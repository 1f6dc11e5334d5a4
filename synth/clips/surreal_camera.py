"""SURREAL's one camera, and the world in which it stands.

All of SURREAL's clips (Varol et al., CVPR 2017) are filmed by one camera: it stands still, is level,
stands on the person's +x side and has a lens of 60 mm on a sensor of 32 mm. Its 3x3 is a reflection,
so its pictures show the world in a mirror. The person is turned in place of the camera: by `zrot`
about the vertical of the motion's z-up world, and then by 90 degrees about x into a world whose
vertical is -y.

A camera of ours that stands still, is level and has that lens sees, mirrored, what SURREAL's sees in a
world that is ours turned about its vertical; this module finds the turn. Written from the matrices that
SURREAL's scripts state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mocap.errors import BadInput
from synth.plans.plan_row import SURREAL_LENS
from textures.visibility.camera import Camera
from textures.visibility.shading import sh_irradiance

# Rows: SURREAL's camera axes (x right, y down, z forward) in its world, as its scripts have them:
# diag(1, -1, -1) times the transpose of the 3x3 of Blender's matrix_world.
SURREAL_ROTATION = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
MIRROR = np.diag([-1.0, 1.0, 1.0])  # camera axes, or a picture about its middle
# About x by 90 degrees: y up to z up, and z up to SURREAL's world.
UPRIGHT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])

_TOLERANCE = 1e-6  # radians, metres, shares of the focal length
_ADVICE = "choose --layout compact, which keeps any camera"


@dataclass(frozen=True)
class SurrealCamera:
    """A still, level camera of ours, and the world in which it is SURREAL's.

    rotation: (3,3), translation: (3,): of our camera.
    width: of the picture, pixels.
    """

    rotation: np.ndarray
    translation: np.ndarray
    width: int

    @cached_property
    def turn(self) -> np.ndarray:
        """(3,3), det +1: our world's axes to those of SURREAL's; both have one origin."""
        return SURREAL_ROTATION.T @ MIRROR @ self.rotation

    @property
    def zrot(self) -> float:
        """By how much the motion's z-up world is turned, radians in [0, 2 pi)."""
        return float(np.arctan2(self.turn[0, 2], self.turn[0, 0]) % (2 * np.pi))

    @property
    def location(self) -> np.ndarray:
        """`camLoc`, (3,) metres."""
        return self.turn @ (-self.rotation.T @ self.translation)

    def to_world(self, points: np.ndarray) -> np.ndarray:
        """Points or vectors (..., 3) of our world in SURREAL's, float64."""
        return np.asarray(points, np.float64) @ self.turn.T

    def from_world(self, points: np.ndarray) -> np.ndarray:
        """Points or vectors (..., 3) of SURREAL's world in ours, float64."""
        return np.asarray(points, np.float64) @ self.turn

    def mirrored_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) of our picture in the mirrored one, or back."""
        x = self.width - np.asarray(pixels, np.float64)[..., 0]
        return np.stack([x, pixels[..., 1]], axis=-1)

    def turned_light(self, coefficients: np.ndarray, *, back: bool = False) -> np.ndarray:
        """Nine harmonics (9,), in SURREAL's axes of our world, in those of SURREAL's world, or `back`.

        With them SURREAL's formula gives of a normal in its world what the old ones give of that normal
        in ours, which enters it as (x, -y, -z).
        """
        # `sh_irradiance` takes normals of a y-up world, so those of SURREAL's enter by a half turn.
        turned = self.to_world(_DIRECTIONS) * (1.0, -1.0, -1.0)
        before, after = (turned, _DIRECTIONS) if back else (_DIRECTIONS, turned)
        target = _harmonics(before) @ np.asarray(coefficients, np.float64)
        return np.linalg.lstsq(_harmonics(after), target, rcond=None)[0]


def surreal_camera(cameras: Sequence[Camera]) -> SurrealCamera:
    """The camera of a clip as SURREAL's.

    Raises BadInput, with what was found and what to do, where SURREAL's camera cannot see what these
    see: where they move, tilt, roll, or have another lens.
    """
    first = cameras[0]
    for number, camera in enumerate(cameras):
        turned = float(np.abs(camera.rotation - first.rotation).max())
        shifted = float(np.abs(camera.position - first.position).max())
        zoomed = float(np.abs(camera.intrinsics - first.intrinsics).max())
        if max(turned, shifted, zoomed) > _TOLERANCE:
            raise BadInput(
                f"the camera moves (by frame {number} {shifted:.3g} m, {np.degrees(turned):.3g} degrees, "
                f"{zoomed:.3g} pixels of K), expected one that stands still, as SURREAL's does; {_ADVICE}"
            )
    off_level = np.degrees(np.arccos(np.clip(-first.rotation[1, 1], -1, 1)))
    if np.abs(first.rotation[1] - (0, -1, 0)).max() > _TOLERANCE:
        raise BadInput(
            f"the camera tilts or rolls by {off_level:.3g} degrees, expected a level one, as SURREAL's "
            f"is; {_ADVICE}"
        )
    focal = SURREAL_LENS * first.width
    expected = np.array([[focal, 0, first.width / 2], [0, focal, first.height / 2], [0, 0, 1]])
    if np.abs(first.intrinsics - expected).max() > _TOLERANCE * focal:
        actual = ", ".join(f"{value:g}" for value in first.intrinsics[:2].ravel())
        raise BadInput(
            f"K begins with {actual} on {first.width}x{first.height}, expected a focal length of "
            f"{focal:g} pixels about the middle, as SURREAL's lens has; {_ADVICE}, or --set "
            f"camera.focal={focal:g}"
        )
    return SurrealCamera(first.rotation, first.translation, first.width)


def ray_lengths(height: int, width: int) -> np.ndarray:
    """How long the ray through each pixel's centre of SURREAL's lens is where z is 1, (H,W)."""
    focal = SURREAL_LENS * width
    x = (np.arange(width) + 0.5 - width / 2) / focal
    y = (np.arange(height) + 0.5 - height / 2) / focal
    return np.sqrt(x[None] ** 2 + y[:, None] ** 2 + 1)


def _directions(count: int = 64) -> np.ndarray:
    """Unit vectors (N,3), evenly on the sphere along a spiral."""
    z = 1 - (2 * np.arange(count) + 1) / count
    angle = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    ring = np.sqrt(1 - z**2)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1)


def _harmonics(normals: np.ndarray) -> np.ndarray:
    """(N,9): by how much each coefficient counts for unit normals (N,3) of a y-up world."""
    bright = np.eye(9)[0] * 10  # irradiance is cut at 0: well above, it is linear
    base = sh_irradiance(normals, bright)
    return np.stack([sh_irradiance(normals, bright + e) - base for e in np.eye(9)], axis=1)


_DIRECTIONS = _directions()
