"""The texture generator: the paper's U-Net (RSTG section 3), from a pedestrian crop to a texture.

Four halvings by max-pooling, four bilinear doublings with skip connections, double 3x3
convolutions with batch norm, and tanh. With 64 channels, with a 3x128x64 crop and a 64x64 texture, it is
the paper's network: 13,395,459 parameters.

The shipped network is narrower, makes a larger texture, and sees, besides the crop, the crop's own
pixels carried onto the texture by the fitted body (`textures.rstg.projection`).
Both halves of its input are brought to the same square, and a fourth output says, texel by texel,
how much of the carried colour to keep and how much to paint anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from mocap.errors import BadInput

PROJECTION_CHANNELS = 8
FLAG_CHANNELS = slice(
    3, 5
)  # whether the crop shows a texel, and whether it is given a colour all the same
UNSEEN = ("pixels", "colours", "nothing")


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """The shape of a generator. The defaults are the paper's.

    `channels` are those of the first level, `height` and `width` those of the network's input. With
    `projection`, `unseen` says what texels are given that the crop does not show: "pixels" of texels like
    them, the "colours" of their garment, or "nothing".
    """

    channels: int = 64
    height: int = 128
    width: int = 64
    texture_size: int = 64
    projection: bool = False
    unseen: str = "pixels"

    def __post_init__(self) -> None:
        if self.height % 16 or self.width % 16:
            raise BadInput(
                f"generator input {self.height}x{self.width}: the U-Net halves four times, "
                "so both sides must be multiples of 16"
            )
        if self.unseen not in UNSEEN:
            raise BadInput(f"generator.unseen {self.unseen}: expected {', '.join(UNSEEN)}")
        if self.projection and {self.height, self.width} != {self.texture_size}:
            raise BadInput("with projection=True the input must be a square of the texture's size")


class TextureGenerator(nn.Module):
    """The paper's U-Net from crops to textures.

    `forward(crops, projection=None)` takes crops (B,3,h,w) RGB in [-1,1] of any size, and projection
    (B,8,S,S) exactly when the configuration says so. It gives textures (B,3,S,S) in [-1,1], RGB; row 0
    is the top of the texture image.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        c = config.channels
        self.enter = _double(3 + PROJECTION_CHANNELS * config.projection, c)
        self.down = nn.ModuleList(
            [_double(c, 2 * c), _double(2 * c, 4 * c), _double(4 * c, 8 * c), _double(8 * c, 8 * c)]
        )
        self.up = nn.ModuleList(
            [_double(16 * c, 4 * c), _double(8 * c, 2 * c), _double(4 * c, c), _double(2 * c, c)]
        )
        self.leave = nn.Conv2d(c, 3 + config.projection, 1)
        if config.projection and self.leave.bias is not None:  # at first, mostly keep
            nn.init.constant_(self.leave.bias[3:], 1.5)

    def forward(self, crops: torch.Tensor, projection: torch.Tensor | None = None) -> torch.Tensor:
        if (projection is not None) != self.config.projection:
            raise ValueError(f"this generator was made with projection={self.config.projection}")
        size = (self.config.height, self.config.width)
        x = _resize(crops, size)
        if projection is not None:
            x = torch.cat([x, projection], dim=1)
        x = x.contiguous(memory_format=torch.channels_last)  # a quarter faster on CPUs
        skips = [self.enter(x)]
        for double in self.down:
            skips.append(double(functional.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for double in self.up:
            x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
            x = double(torch.cat([skips.pop(), x], dim=1))
        painted = self.leave(x)
        texture = torch.tanh(painted[:, :3])
        if projection is not None:
            weight = torch.sigmoid(painted[:, 3:])
            if self.config.unseen != "pixels":  # else all texels have a colour that can be kept
                weight = weight * projection[:, FLAG_CHANNELS].sum(1, keepdim=True)
            texture = weight * projection[:, :3] + (1 - weight) * texture
        return _resize(texture, (self.config.texture_size, self.config.texture_size))


def parameter_count(network: nn.Module) -> int:
    """The number of trainable parameters of a network."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def _resize(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    if x.shape[-2:] == size:
        return x
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _double(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
