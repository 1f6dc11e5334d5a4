"""The camera that stands for an unknown one, and the frame in which bodies are fitted to crops.

See `textures.body_fit.fitting` for the frame. A camera is four numbers: the pelvis' pixel (u, v) on a
crop 128 pixels high, the log of the scale there in pixels a metre (z = FOCAL / scale), and the log of
how much wider the crop was made than it was seen: Market-1501's are boxes of any shape, brought to one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch.nn import functional

from textures.visibility.camera import Camera

FACING = np.diag([1.0, -1.0, -1.0])
FOCAL = 500.0
HEIGHT, MIDDLE = 128.0, 32.0


def crop_camera(height: int, width: int, stretch: float = 0.0) -> Camera:
    """The camera of a crop of this size; `stretch` is the log of how much wider it was made."""
    focal = FOCAL * height / HEIGHT
    wide = focal * np.exp(stretch)
    intrinsics = np.array([[wide, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    return Camera(
        intrinsics=intrinsics, rotation=FACING, translation=np.zeros(3), width=width, height=height
    )


def normalised_pixels(pixels: torch.Tensor, sizes: Sequence[tuple[int, int]]) -> torch.Tensor:
    """Pixels (S,B,L,2) of crops of these sizes as pixels of crops 128 high, their middle at x = 32."""
    size = pixels.new_tensor(sizes)
    scaled = (pixels - size.flip(1)[:, None] / 2) * (HEIGHT / size[:, 0])[:, None, None]
    return scaled + pixels.new_tensor([MIDDLE, HEIGHT / 2])


def pelvis_position(camera: torch.Tensor) -> torch.Tensor:
    """(B,3) pelvis in camera coordinates, metres, of cameras (B,4)."""
    z = FOCAL * torch.exp(-camera[:, 2])
    centre = camera.new_tensor([MIDDLE, HEIGHT / 2])
    xy = (camera[:, :2] - centre) * (z / FOCAL)[:, None]
    return torch.stack([xy[:, 0] * torch.exp(-camera[:, 3]), xy[:, 1], z], 1)


def fitted_pixels(points: torch.Tensor, camera: torch.Tensor) -> torch.Tensor:
    """Points (B,P,3) relative to the pelvis, in the world's axes, as normalised pixels (B,P,2)."""
    facing = points.new_tensor([1.0, -1.0, -1.0])
    positions = points * facing + pelvis_position(camera)[:, None]
    flat = positions[..., :2] / positions[..., 2:].clamp(min=0.1) * FOCAL
    wide = torch.stack([torch.exp(camera[:, 3]), torch.ones_like(camera[:, 3])], 1)
    return flat * wide[:, None] + camera.new_tensor([MIDDLE, HEIGHT / 2])


def rotations_from_6d(numbers: torch.Tensor) -> torch.Tensor:
    """(...,6), the first two columns before Gram-Schmidt (Zhou et al. 2019), to (...,3,3)."""
    a, b = numbers[..., :3], numbers[..., 3:]
    x = functional.normalize(a, dim=-1)
    y = functional.normalize(b - (x * b).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1)


def axis_angle(rotations: np.ndarray) -> np.ndarray:
    """(...,3,3) rotation matrices to (...,3) axis-angle, radians, float64."""
    flat = np.asarray(rotations, dtype=np.float64).reshape(-1, 3, 3)
    return Rotation.from_matrix(flat).as_rotvec().reshape(*rotations.shape[:-2], 3)
