"""The crop's own pixels carried onto the texture by a fitted body: the generator's second input.

The paper's generator sees the crop alone. Ours also sees which colour each texel has in the crop, worked
out once per image, as the paper does with its rendering tensors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm

from mocap.bodies.mesh import Mesh
from mocap.bodies.skinning import Skinning, skin
from textures.body_fit.fitting import BodyFit
from textures.visibility.texel_geometry import REFLECTED, VISIBLE, TexelGeometry, source_pixels

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


def projection_input(
    crops: torch.Tensor,
    positions: torch.Tensor,
    kinds: torch.Tensor,
    code: torch.Tensor,
    borrowed: torch.Tensor,
) -> torch.Tensor:
    """The generator's second input (B,8,S,S).

    Its channels: the colour that a texel looks at, whether it is visible, whether it is reflected, and
    where it lies on the body. Where nothing is to be borrowed, a texel that the crop does not show has
    neither colour nor flag.

    Args:
        crops: (B,3,H,W) in [-1,1].
        positions: (B,S,S,2) fractions of width and height.
        kinds: (B,S,S) of `texel_geometry`.
        code: (3,S,S), the texels' points on the template.
        borrowed: (B,) bool, whether texels of a crop that it does not show borrow a colour.
    """
    colours = functional.grid_sample(
        crops, positions * 2 - 1, mode="bilinear", padding_mode="border", align_corners=False
    )
    flags = torch.stack([kinds == VISIBLE, kinds == REFLECTED], dim=1).to(colours.dtype)
    coloured = ((kinds == VISIBLE) | borrowed.to(kinds.device)[:, None, None])[:, None]
    code = code.to(colours).expand(len(crops), -1, -1, -1)
    return torch.cat([colours * coloured, flags * coloured, code], dim=1)
