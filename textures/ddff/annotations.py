"""Poses as heat maps, and the two annotations between picture and texture, from fitted bodies.

The paper has DensePose and OpenPose for them. Here the joints are the fitted body's, and which pixel
shows which texel is our visibility of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from mocap.bodies.mesh import Mesh
from mocap.bodies.skinning import Skinning, skin
from textures.body_fit.fitting import BodyFit
from textures.body_fit.source_pixels import SourcePixels, bank_sources
from textures.ddff.networks import PoseMaps, pose_maps
from textures.visibility.texel_geometry import VISIBLE, TexelGeometry

SPREAD = 1 / 40  # of a joint's heat, in the picture's height


@dataclass(frozen=True)
class PoseAnnotations:
    """Poses of a bank's crops.

    joints (N,24,2) float32: fractions of the crop's width and height. sources: which pixel each texel
    looks at.
    """

    joints: np.ndarray
    sources: SourcePixels

    def maps(self, chosen: np.ndarray, height: int, width: int, device: torch.device) -> PoseMaps:
        """The maps of crops with these indices, on a device."""
        positions, kinds = (t.to(device) for t in self.sources.tensors(chosen))
        heat = heat_maps(torch.from_numpy(self.joints[chosen]).to(device), height, width)
        return pose_maps(heat, positions * 2 - 1, (kinds == VISIBLE)[:, None].float())


def fit_annotations(
    fit: BodyFit, skinning: Skinning, mesh: Mesh, geometry: TexelGeometry
) -> PoseAnnotations:
    """The annotations of fitted bodies in their crops."""
    _, joints = skin(skinning, pose=fit.pose, betas=fit.betas, translation=fit.translation)
    fractions = np.empty((len(joints), joints.shape[1], 2), np.float32)
    for number, camera in enumerate(fit.cameras):
        pixels, _ = camera.project(joints[number])
        fractions[number] = pixels / (camera.width, camera.height)
    return PoseAnnotations(fractions, bank_sources(fit, skinning, mesh, geometry))


def heat_maps(joints: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """A Gaussian of height 1 at each joint: (N,J,H,W).

    Args:
        joints: (N,J,2), fractions of width and height.
        height: of the maps, pixels.
        width: of the maps, pixels.
    """
    y = torch.arange(height, dtype=torch.float32, device=joints.device) + 0.5
    x = torch.arange(width, dtype=torch.float32, device=joints.device) + 0.5
    spread = 2 * (SPREAD * height) ** 2
    across = torch.exp(-((x - joints[..., :1] * width) ** 2) / spread)
    down = torch.exp(-((y - joints[..., 1:] * height) ** 2) / spread)
    return down[..., :, None] * across[..., None, :]


def turned_fits(fit: BodyFit, count: int) -> list[BodyFit]:
    """The bodies as they are, and turned about their own upright axis by equal parts of a circle."""
    fits = []
    for number in range(count):
        turn = Rotation.from_rotvec((0, 2 * np.pi * number / count, 0))
        pose = fit.pose.copy()
        pose[:, :3] = (Rotation.from_rotvec(fit.pose[:, :3]) * turn).as_rotvec()
        fits.append(
            BodyFit(
                pose=pose,
                betas=fit.betas,
                translation=fit.translation,
                cameras=fit.cameras,
                person=tuple(np.ones((1, 1), np.float32) for _ in fit.cameras)
                if number
                else fit.person,
                agreement=fit.agreement,
                presence=fit.presence,
            )
        )
    return fits


def interleaved(maps: list[PoseMaps]) -> PoseMaps:
    """Maps of n views of B people each, a person's together."""
    return PoseMaps(
        *(
            torch.stack([getattr(m, name) for m in maps], 1).flatten(0, 1)
            for name in ("heat", "texture_heat", "coordinates", "visible")
        )
    )
