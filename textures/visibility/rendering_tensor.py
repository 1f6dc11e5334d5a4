"""The rendering tensor (RSTG section 3.2): which texel each pixel sees, and textures seen through it.

The paper stores a sparse matrix from texels to pixels for every image. Here it is one UV per pixel, from
the visibility buffer, looked up bilinearly: the same map for a texture of any size, differentiable in
the texture.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from mocap.bodies.mesh import Mesh
from textures.visibility.buffer import VisibilityBuffer, interpolate
from textures.visibility.uv_layout import grid_positions


def texel_map(buffer: VisibilityBuffer, mesh: Mesh) -> np.ndarray:
    """Which texel each pixel sees: the paper's rendering tensor, for a texture of any size.

    Args:
        buffer: what each pixel sees.
        mesh: the mesh that the buffer is of.

    Returns:
        UVs (H,W,2) float32, 0 on background (see `buffer.covered`).
    """
    return interpolate(buffer, mesh.uv_faces, mesh.uv)


def render(textures: torch.Tensor, uv: torch.Tensor) -> torch.Tensor:
    """Textures seen through UV maps: the paper's rendering tensor as a lookup.

    UV (0,0) is the bottom-left corner of the texture image, whose row 0 is the top
    (`uv_layout.grid_positions`). Bilinear, clamped at the border; differentiable in the texture.

    Args:
        textures: (B,3,S,S).
        uv: (B,H,W,2), as `texel_map` gives.

    Returns:
        (B,3,H,W) of the textures' dtype. Pixels off the mesh hold whatever their UV says: mask them.
    """
    grid = grid_positions(uv)
    return functional.grid_sample(
        textures,
        grid.to(textures.dtype),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )


def composite(bodies: torch.Tensor, masks: torch.Tensor, backgrounds: torch.Tensor) -> torch.Tensor:
    """Rendered bodies (B,3,H,W) on backgrounds through masks (B,1,H,W)."""
    return bodies * masks + backgrounds * (1 - masks)
