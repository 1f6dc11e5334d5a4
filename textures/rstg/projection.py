"""The crop's own pixels carried onto the texture by a fitted body: the generator's second input.

The paper's generator sees the crop alone. Ours also sees which colour each texel has in the crop, worked
out once per image, as the paper does with its rendering tensors; and, of texels that the crop does not
show, what its configuration says.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from mocap.bodies.mesh import Mesh
from textures.rstg.garment_colours import GarmentColours
from textures.visibility.texel_geometry import REFLECTED, VISIBLE, TexelGeometry


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
