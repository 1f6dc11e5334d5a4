"""The pinhole camera shared by visibility, the films and the pedestrian crops.

Conventions: metres; world right-handed, y up; camera x right, y down, z forward (OpenCV);
`X_cam = R X + t` with det R = +1; `pixel = K X_cam / z`. The image's top-left corner is
(0, 0), so the first pixel's centre is (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def _project(points, rotation, translation, intrinsics, pixels, z):
    fx, skew, cx = intrinsics[0]
    fy, cy = intrinsics[1, 1], intrinsics[1, 2]
    for n in range(points.shape[0]):
        px, py, pz = np.float64(points[n, 0]), np.float64(points[n, 1]), np.float64(points[n, 2])
        x = rotation[0, 0] * px + rotation[0, 1] * py + rotation[0, 2] * pz + translation[0]
        y = rotation[1, 0] * px + rotation[1, 1] * py + rotation[1, 2] * pz + translation[1]
        distance = rotation[2, 0] * px + rotation[2, 1] * py + rotation[2, 2] * pz + translation[2]
        z[n] = distance
        if distance == 0.0:
            pixels[n, 0], pixels[n, 1] = np.nan, np.nan
        else:
            pixels[n, 0] = (fx * x + skew * y) / distance + cx
            pixels[n, 1] = fy * y / distance + cy


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole camera.

    Attributes:
        intrinsics: K (3,3) float64, upper triangular, pixels.
        rotation: R (3,3) float64, from world to camera axes.
        translation: t (3,) float64, metres.
        height: of the image, pixels.
        width: of the image, pixels.

    Raises:
        ValueError: when the rotation is not one (a reflection mirrors every image, which no shape
            check would notice), or where a shape is wrong.
    """

    intrinsics: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    height: int
    width: int

    def __post_init__(self) -> None:
        for name, shape in (("intrinsics", (3, 3)), ("rotation", (3, 3)), ("translation", (3,))):
            value = np.array(getattr(self, name), dtype=np.float64)
            if value.shape != shape:
                raise ValueError(f"camera {name} has shape {value.shape}, expected {shape}")
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        rotation = self.rotation
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6):
            raise ValueError("camera rotation is not orthonormal")
        if np.linalg.det(rotation) < 0:
            raise ValueError("camera rotation has determinant -1 (a reflection), expected +1")
        if self.intrinsics[1, 0] or np.any(self.intrinsics[2] != (0.0, 0.0, 1.0)):
            raise ValueError("camera intrinsics must be upper triangular with last row (0, 0, 1)")

    @property
    def position(self) -> np.ndarray:
        """The camera's centre in the world, (3,) metres."""
        return -self.rotation.T @ self.translation

    def same_view(self, other: Camera) -> bool:
        """Whether the other camera sees the same, to the last bit."""
        return self is other or (
            (self.width, self.height) == (other.width, other.height)
            and np.array_equal(self.translation, other.translation)
            and np.array_equal(self.rotation, other.rotation)
            and np.array_equal(self.intrinsics, other.intrinsics)
        )

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """World points (..., 3) in camera coordinates, float64."""
        return np.asarray(points, dtype=np.float64) @ self.rotation.T + self.translation

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World points in the image.

        Args:
            points: (N, 3) float, metres, in the world.

        Returns:
            Pixels (N, 2) as (x, y) and planar depths z (N,) in metres, both float64. A point in the
            camera's own plane (z = 0) has NaN pixels.
        """
        points = np.asarray(points)
        pixels, z = np.empty((len(points), 2)), np.empty(len(points))
        _project(points, self.rotation, self.translation, self.intrinsics, pixels, z)
        return pixels, z

    def scaled(self, factor: float) -> Camera:
        """The same view on an image `factor` times as large (used for supersampling)."""
        height, width = self.height * factor, self.width * factor
        if not (float(height).is_integer() and float(width).is_integer()):
            raise ValueError(f"{factor} times {self.width}x{self.height} is not a whole image size")
        intrinsics = self.intrinsics.copy()
        intrinsics[:2] *= factor
        return Camera(
            intrinsics=intrinsics,
            rotation=self.rotation,
            translation=self.translation,
            width=int(width),
            height=int(height),
        )


def intrinsic_matrix(focal: float, principal: tuple[float, float]) -> np.ndarray:
    """K (3,3) of a camera with square pixels; `focal` and `principal` (x, y) in pixels."""
    return np.array([[focal, 0.0, principal[0]], [0.0, focal, principal[1]], [0.0, 0.0, 1.0]])


def look_at(
    position: np.ndarray,
    target: np.ndarray,
    *,
    focal: float,
    height: int,
    width: int,
    principal: tuple[float, float] | None = None,
    up_axis: tuple[float, float, float] = (0.0, 1.0, 0.0),
    roll: float = 0.0,
) -> Camera:
    """A camera that looks from one point at another.

    Args:
        position: (3,) of the camera, metres.
        target: (3,) metres, on the camera's axis.
        focal: focal length, pixels.
        height: of the image, pixels.
        width: of the image, pixels.
        principal: principal point (x, y), pixels; the image's middle by default.
        up_axis: (3,) direction towards the top of the image.
        roll: radians by which the camera is turned clockwise about its axis.

    Raises:
        ValueError: when the view is along `up_axis`.
    """
    position = np.asarray(position, dtype=np.float64)
    forward = np.asarray(target, dtype=np.float64) - position
    right = np.cross(forward, np.asarray(up_axis, dtype=np.float64))
    if np.linalg.norm(right) < 1e-9 * max(1.0, float(np.linalg.norm(forward))):
        raise ValueError("cannot look along the up direction, or at the camera's own position")
    forward /= np.linalg.norm(forward)
    right /= np.linalg.norm(right)
    downward = np.cross(forward, right)
    cosine, sine = np.cos(roll), np.sin(roll)
    rotation = np.stack(
        [cosine * right + sine * downward, cosine * downward - sine * right, forward]
    )
    if principal is None:
        principal = (width / 2, height / 2)
    return Camera(
        intrinsics=intrinsic_matrix(focal, principal),
        rotation=rotation,
        translation=-rotation @ position,
        width=int(width),
        height=int(height),
    )
