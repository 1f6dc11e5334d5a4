"""The crop's own pixels carried onto the texture by a fitted body: the generator's second input.

The paper's generator sees the crop alone. Ours also sees which colour each texel has in the crop, worked
out once per image, as the paper does with its rendering tensors; and, of texels that the crop does not
show, what its configuration says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from mocap.bodies.mesh import Mesh
from mocap.bodies.skinning import Skinning, skin
from textures.body_fit.fitting import BodyFit
from textures.rstg.garment_colours import GarmentColours
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


class Projection(nn.Module):
    """The generator's second input (B,8,S,S) for crops.

    Its channels: a colour for each texel, whether the crop shows it, whether it does not but was given a
    colour, and where it lies on the body. A texel that is given nothing has neither colour nor flag.
    """

    code: torch.Tensor

    def __init__(
        self, geometry: TexelGeometry, mesh: Mesh | None = None, *, unseen: str = "pixels"
    ) -> None:
        """Prepare what follows from the body alone.

        Args:
            geometry: of the texels.
            mesh: of the body; only "colours" needs it.
            unseen: what texels are given that a crop does not show, as in `GeneratorConfig`.
        """
        super().__init__()
        self.unseen = unseen
        self.register_buffer("code", torch.from_numpy(geometry.code), persistent=False)
        self.garments = None
        if unseen == "colours":
            if mesh is None:
                raise ValueError("colours of garments need the body's mesh")
            self.garments = GarmentColours(geometry, mesh)

    def forward(
        self,
        crops: torch.Tensor,
        positions: torch.Tensor,
        kinds: torch.Tensor,
        dropped: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The input for crops and their source pixels.

        Args:
            crops: (B,3,H,W) in [-1,1].
            positions: (B,S,S,2) fractions of width and height.
            kinds: (B,S,S) of `texel_geometry`.
            dropped: (B,) bool, crops whose unseen texels are given nothing; none when None.
        """
        colours = functional.grid_sample(
            crops, positions * 2 - 1, mode="bilinear", padding_mode="border", align_corners=False
        )
        visible = kinds == VISIBLE
        coloured, flagged = torch.ones_like(visible), kinds == REFLECTED
        if self.garments is not None:
            garment, flagged = self.garments(colours, visible)
            colours = torch.where(visible[:, None], colours, garment)
            flagged = flagged & ~visible
            coloured = visible | flagged
        if self.unseen == "nothing":
            dropped = torch.ones(len(crops), dtype=torch.bool, device=crops.device)
        if dropped is not None:
            spared = visible | ~dropped.to(visible.device)[:, None, None]
            coloured, flagged = coloured & spared, flagged & spared
        flags = torch.stack([visible, flagged], dim=1).to(colours.dtype)
        code = self.code.to(colours).expand(len(crops), -1, -1, -1)
        return torch.cat([colours * coloured[:, None], flags, code], dim=1)
