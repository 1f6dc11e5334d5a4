"""Local attention where a flow points to (Ren et al. 2020; Chang et al. 2022, section 3).

Positions are (B,H,W,2), x and y in [-1,1] from edge to edge of the features that are looked up, for each
pixel of the features that ask. Flows within a domain are differences of such positions, flows from one
domain to the other are such positions.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

HIDDEN = 128  # channels of the network that weighs a patch's pixels


def identity_positions(height: int, width: int, device: torch.device) -> torch.Tensor:
    """The positions (1,H,W,2) at which features are themselves."""
    y = (torch.arange(height, dtype=torch.float32, device=device) + 0.5) * 2 / height - 1
    x = (torch.arange(width, dtype=torch.float32, device=device) + 0.5) * 2 / width - 1
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns, rows], -1)[None]


def warped(features: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Features (B,C,h,w) looked up bilinearly at positions (B,H,W,2): (B,C,H,W)."""
    return functional.grid_sample(
        features.to(positions.dtype),
        positions,
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )


def local_patches(features: torch.Tensor, positions: torch.Tensor, size: int) -> torch.Tensor:
    """The pixels of patches around positions.

    Args:
        features: (B,C,h,w).
        positions: (B,H,W,2) of the patches' middles.
        size: n, of a patch in the features' pixels; odd.

    Returns:
        (B,C,n*n,H,W), a patch's rows after each other.
    """
    batch, channels, rows, columns = features.shape
    height, width = positions.shape[1:3]
    steps = torch.arange(size, dtype=positions.dtype, device=positions.device) - (size - 1) / 2
    dy, dx = torch.meshgrid(steps * 2 / rows, steps * 2 / columns, indexing="ij")
    offsets = torch.stack([dx, dy], -1).view(1, size * size, 1, 1, 2)
    pixels_of_patches = (positions[:, None] + offsets).reshape(
        batch, size * size * height, width, 2
    )
    return warped(features, pixels_of_patches).view(batch, channels, size * size, height, width)


class LocalAttention(nn.Module):
    """Attention of each pixel to a patch of other features (equation 1).

    As in its authors' release a small network weighs the patch's pixels from both patches' values.
    """

    def __init__(self, channels: int, size: int, *, key_channels: int | None = None) -> None:
        super().__init__()
        self.size = size
        key_channels = channels if key_channels is None else key_channels
        pixels = size * size
        self.weigh = nn.Sequential(
            nn.Conv2d((channels + key_channels) * pixels, HIDDEN, 1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(HIDDEN, pixels, 1),
        )
        self.match: nn.Module = nn.Identity()
        if key_channels != channels:
            self.match = nn.Conv2d(key_channels, channels, 1)

    def forward(
        self, query: torch.Tensor, key: torch.Tensor, positions: torch.Tensor
    ) -> torch.Tensor:
        """Attention features (B,C,H,W).

        Args:
            query: (B,C,H,W), the features that ask.
            key: (B,K,h,w), those that are asked.
            positions: (B,H,W,2) in the key, for each pixel of the query.
        """
        height, width = query.shape[-2:]
        identity = identity_positions(height, width, query.device).to(positions.dtype)
        query_patches = local_patches(query, identity.expand(len(query), -1, -1, -1), self.size)
        key_patches = local_patches(key, positions, self.size)
        pairs = torch.cat([query_patches.flatten(1, 2), key_patches.flatten(1, 2)], 1)
        weights = self.weigh(pairs).softmax(1)
        return self.match((key_patches * weights[:, None]).sum(2))


def merged(query: torch.Tensor, attention: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Attention features in place of the query's where a mask (B,1,H,W) says so (equation 2)."""
    return (1 - mask) * query + mask * attention
