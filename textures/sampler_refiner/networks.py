"""SamplerNet and RefinerNet (Cha et al. 2022, section 2).

SamplerNet is a U-Net whose layers are residual blocks but for the first and the last. It reads the
partial texture and gives a sampling grid, by which texels that the crop does not show take their colours
from texels that it shows. RefinerNet, a U-Net with nine residual blocks in its bottleneck, reads the
sampled texture and gives a refined one and a mask that blends the two.

What the paper leaves open is as its authors' later release has it: a second encoder for the surface's
normals, 32 channels and five halvings in SamplerNet, three in RefinerNet, whose encoder is gated,
instance norm, edges reflected, offsets through tanh, and a patch discriminator of four layers.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from mocap.errors import BadInput
from textures.layers.residual import (
    ResidualBlock,
    ResidualEncoder,
    doubled,
    reflected_convolution,
)

PARTIAL = ("visible", "reflected")
FIRST_SKIP = 2  # the two finest levels are not handed to SamplerNet's decoder


@dataclass(frozen=True, kw_only=True)
class SamplerRefinerConfig:
    """The shape of the networks. The defaults are the paper's, and its release's where it is silent.

    texture_size: of input and output, texels. partial: whose colours the partial texture holds, those of
    "visible" texels, or of "reflected" ones, too, which are given the colour of their mirror image or of
    the point opposite, as the release does. channels: of each network's first level. levels: how often it
    halves. refiner_blocks: in the bottleneck.
    """

    texture_size: int = 256
    partial: str = "visible"
    sampler_channels: int = 32
    sampler_levels: int = 5
    refiner_channels: int = 64
    refiner_levels: int = 3
    refiner_blocks: int = 9
    critic_channels: int = 64
    critic_layers: int = 4

    def __post_init__(self) -> None:
        for name in ("sampler_levels", "refiner_levels", "critic_layers"):
            if (levels := getattr(self, name)) < 1:
                raise BadInput(f"{name} {levels}: expected 1 or more")
            factor = 2 ** (levels + 1)
            if self.texture_size % factor:
                raise BadInput(
                    f"textures of {self.texture_size} texels: halved {levels} times by {name}, so "
                    f"expected a multiple of {factor}"
                )
        if self.partial not in PARTIAL:
            raise BadInput(f"networks.partial {self.partial}: expected {' or '.join(PARTIAL)}")


class GatedConvolution(nn.Module):
    """A convolution whose outputs are let through by a sigmoid of another (Yu et al. 2019)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> None:
        super().__init__()
        self.convolution = reflected_convolution(inputs, 2 * outputs, kernel, stride=stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values, gate = self.convolution(x).chunk(2, 1)
        return functional.relu(functional.instance_norm(values)) * torch.sigmoid(gate)


class SamplerNet(nn.Module):
    """From a partial texture to a sampling grid."""

    def __init__(self, config: SamplerRefinerConfig) -> None:
        super().__init__()
        widths = [config.sampler_channels * 2**level for level in range(config.sampler_levels + 1)]
        self.appearance = ResidualEncoder(4, widths)
        self.geometry = ResidualEncoder(3, widths)
        before = 2 * widths[-1]
        blocks = []
        for level in reversed(range(config.sampler_levels)):
            skips = 2 * widths[level] if level >= FIRST_SKIP else 0
            blocks.append(ResidualBlock(before + skips, widths[level]))
            before = widths[level]
        self.decoder = nn.ModuleList(blocks)
        self.leave = reflected_convolution(before, 2, 7)

    def forward(
        self, partial: torch.Tensor, filled: torch.Tensor, normals: torch.Tensor
    ) -> torch.Tensor:
        """The sampling grid.

        Args:
            partial: (B,3,S,S) in [-1,1], 0 where it has no colour.
            filled: (B,1,S,S), 1 where it has one.
            normals: (1,3,S,S), the template's at the texels.

        Returns:
            (B,S,S,2) float32: for each texel the x and y that it is sampled at, as `grid_sample` has
            them with aligned corners.
        """
        appearance = self.appearance(torch.cat([partial, filled], 1))
        geometry = [x.expand(len(partial), -1, -1, -1) for x in self.geometry(normals)]
        x = torch.cat([appearance[-1], geometry[-1]], 1)
        for level, block in zip(reversed(range(len(self.decoder))), self.decoder):
            x = doubled(x)
            if level >= FIRST_SKIP:
                x = torch.cat([x, appearance[level], geometry[level]], 1)
            x = functional.relu(block(x))
        with torch.autocast(x.device.type, enabled=False):  # half precision is coarser than a texel
            offsets = torch.tanh(self.leave(x.to(self.leave.weight.dtype)))
        return identity_grid(partial.shape[-1], offsets.device) + offsets.permute(0, 2, 3, 1)


class RefinerNet(nn.Module):
    """From a sampled texture to a refined one and a blending mask."""

    def __init__(self, config: SamplerRefinerConfig) -> None:
        super().__init__()
        widths = [config.refiner_channels * 2**level for level in range(config.refiner_levels + 1)]
        self.enter = GatedConvolution(4, widths[0], 7)
        self.down = nn.ModuleList(
            GatedConvolution(narrow, wide, 3, stride=2)
            for narrow, wide in itertools.pairwise(widths)
        )
        self.bottleneck = nn.Sequential(
            *(ResidualBlock(widths[-1], widths[-1]) for _ in range(config.refiner_blocks))
        )
        self.up = nn.ModuleList(
            reflected_convolution(wide + narrow, narrow, 3)
            for narrow, wide in zip(widths[-2::-1], widths[:0:-1])
        )
        self.leave = reflected_convolution(widths[0], 4, 7)

    def forward(
        self, sampled: torch.Tensor, visible: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The refined texture (B,3,S,S) in [-1,1] and the mask (B,1,S,S), 1 where `sampled` is kept.

        Args:
            sampled: (B,3,S,S) in [-1,1].
            visible: (B,1,S,S), 1 where the crop shows the texel.
        """
        x = self.enter(torch.cat([sampled, 1 - visible], 1))
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(x)
        x = self.bottleneck(x)
        for up in self.up:
            x = doubled(x)
            x = functional.relu(functional.instance_norm(up(torch.cat([x, skips.pop()], 1))))
        x = self.leave(x).to(self.leave.weight.dtype)
        return torch.tanh(x[:, :3]), torch.sigmoid(x[:, 3:])


def identity_grid(size: int, device: torch.device) -> torch.Tensor:
    """The grid (1,S,S,2) at which a texture sampled with aligned corners is itself."""
    line = torch.linspace(-1, 1, size, dtype=torch.float32, device=device)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1)[None]


def sampled_texture(partial: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """A texture (B,3,S,S) looked up bilinearly at a grid (B,S,S,2), in the grid's precision."""
    return functional.grid_sample(
        partial.to(grid.dtype), grid, mode="bilinear", padding_mode="border", align_corners=True
    )
