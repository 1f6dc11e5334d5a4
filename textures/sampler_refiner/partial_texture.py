"""The partial texture: what a crop shows of its person, carried onto the body's texels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mocap.bodies.mesh import Mesh
from textures.visibility.buffer import interpolate
from textures.visibility.texel_geometry import REFLECTED, VISIBLE, TexelGeometry
from textures.visibility.vertex_normals import vertex_normals


@dataclass(frozen=True)
class PartialTextures:
    """A batch of partial textures.

    colours (B,3,S,S) in [-1,1], 0 where there is none. filled (B,1,S,S) float: 1 where there is one.
    visible (B,1,S,S) float: 1 where the crop itself shows the texel.
    """

    colours: torch.Tensor
    filled: torch.Tensor
    visible: torch.Tensor


class TexelProjection(nn.Module):
    """From crops and the pixels that texels look at to partial textures.

    normals (1,3,S,S): of the template at the texels. Gutters have what their nearest texel has.
    """

    normals: torch.Tensor
    number: torch.Tensor

    def __init__(self, geometry: TexelGeometry, mesh: Mesh, *, partial: str) -> None:
        super().__init__()
        self.partial = partial
        corners = vertex_normals(mesh.vertices, mesh.faces)
        normals = interpolate(geometry.texels, mesh.faces, corners).reshape(-1, 3)[geometry.number]
        length = np.linalg.norm(normals, axis=-1, keepdims=True)
        normals = (normals / np.maximum(length, 1e-9)).transpose(2, 0, 1).astype(np.float32)
        self.register_buffer("normals", torch.from_numpy(normals.copy())[None], persistent=False)
        self.register_buffer(
            "number", torch.from_numpy(geometry.number).flatten(), persistent=False
        )

    def forward(
        self, crops: torch.Tensor, positions: torch.Tensor, kinds: torch.Tensor
    ) -> PartialTextures:
        """The partial textures of crops.

        Args:
            crops: (B,3,H,W) in [-1,1].
            positions: (B,S,S,2), the pixels of `source_pixels` as fractions of width and height.
            kinds: (B,S,S), its kinds.
        """
        colours = functional.grid_sample(
            crops, positions * 2 - 1, mode="bilinear", padding_mode="border", align_corners=False
        )
        visible = kinds == VISIBLE
        filled = visible | (kinds == REFLECTED) if self.partial == "reflected" else visible
        return PartialTextures(
            colours * filled[:, None], filled[:, None].float(), visible[:, None].float()
        )

    def with_gutters(self, textures: torch.Tensor) -> torch.Tensor:
        """Textures (B,3,S,S) whose gutters have their nearest texel's colour; differentiable."""
        return textures.flatten(2)[:, :, self.number].view_as(textures)
