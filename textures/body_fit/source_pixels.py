"""Which pixel of its crop each texel looks at, for all crops of a bank, worked out once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from mocap.bodies.mesh import Mesh
from mocap.bodies.skinning import Skinning, skin
from textures.body_fit.fitting import BodyFit
from textures.visibility.texel_geometry import TexelGeometry, source_pixels

BATCH = 64


@dataclass(frozen=True)
class SourcePixels:
    """Which pixel each texel looks at in each crop of a bank.

    positions (N,S,S,2) uint8, in 256ths of width and height; kinds (N,S,S) uint8.
    """

    positions: np.ndarray
    kinds: np.ndarray

    def tensors(self, chosen: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (n,S,S,2) as fractions and kinds (n,S,S) of the crops with these indices."""
        positions = torch.from_numpy(self.positions[chosen]).float() / 256 + 0.5 / 256
        return positions, torch.from_numpy(self.kinds[chosen])


def bank_sources(
    fit: BodyFit, skinning: Skinning, mesh: Mesh, geometry: TexelGeometry
) -> SourcePixels:
    """The source pixels of a bank's crops under their fitted bodies."""
    count = len(fit.pose)
    positions = np.empty((count, geometry.size, geometry.size, 2), np.uint8)
    kinds = np.empty((count, geometry.size, geometry.size), np.uint8)
    for start in tqdm(range(0, count, BATCH), desc="source pixels", mininterval=2.0):
        chunk = slice(start, min(start + BATCH, count))
        vertices, _ = skin(
            skinning,
            pose=fit.pose[chunk],
            betas=fit.betas[chunk],
            translation=fit.translation[chunk],
        )
        for i, posed in enumerate(vertices, start):
            fraction, kind = source_pixels(geometry, mesh, posed, fit.cameras[i], fit.person[i])
            positions[i] = np.clip(fraction * 256, 0, 255)
            kinds[i] = kind
    return SourcePixels(positions, kinds)
