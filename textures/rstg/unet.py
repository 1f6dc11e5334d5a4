"""The texture generator: the paper's U-Net (RSTG section 3), from a pedestrian crop to a texture.

Four halvings by max-pooling, four bilinear doublings with skip connections, double 3x3
convolutions with batch norm, and tanh. At base 64, with a 3x128x64 crop and a 64x64 texture, it is
the paper's network: 13,395,459 parameters.

The shipped network is narrower, makes a larger texture, and sees, besides the crop, the crop's own
pixels carried onto the texture by the fitted body (``projection``: see textures/projection.py).
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


@dataclass(frozen=True)
class GeneratorConfig:
    """The shape of a generator. The defaults are the paper's."""

    base: int = 64
    input_height: int = 128
    input_width: int = 64
    texture_size: int = 64
    projection: bool = False

    def __post_init__(self) -> None:
        if self.input_height % 16 or self.input_width % 16:
            raise BadInput(
                f"generator input {self.input_height}x{self.input_width}: the U-Net halves four times, "
                "so both sides must be multiples of 16"
            )
        if self.projection and {self.input_height, self.input_width} != {self.texture_size}:
            raise BadInput("with projection=True the input must be a square of the texture's size")


class TextureGenerator(nn.Module):
    """``forward(crops, projection=None)`` -> (B,3,S,S) textures in [-1,1], RGB; row 0 is the top
    of the texture image.

    crops: (B,3,h,w) RGB in [-1,1], any size. projection: (B,8,S,S), needed exactly when the config
    says so.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        b = config.base
        self.enter = _double(3 + PROJECTION_CHANNELS * config.projection, b)
        self.down = nn.ModuleList(
            [_double(b, 2 * b), _double(2 * b, 4 * b), _double(4 * b, 8 * b), _double(8 * b, 8 * b)]
        )
        self.up = nn.ModuleList(
            [_double(16 * b, 4 * b), _double(8 * b, 2 * b), _double(4 * b, b), _double(2 * b, b)]
        )
        self.leave = nn.Conv2d(b, 3 + config.projection, 1)
        if config.projection:  # at first, mostly keep
            nn.init.constant_(self.leave.bias[3:], 1.5)

    def forward(self, crops: torch.Tensor, projection: torch.Tensor | None = None) -> torch.Tensor:
        if (projection is not None) != self.config.projection:
            raise ValueError(f"this generator was made with projection={self.config.projection}")
        size = (self.config.input_height, self.config.input_width)
        x = _resize(crops, size)
        if projection is not None:
            x = torch.cat([x, projection], dim=1)
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
            kept = torch.sigmoid(painted[:, 3:])
            texture = kept * projection[:, :3] + (1 - kept) * texture
        return _resize(texture, (self.config.texture_size, self.config.texture_size))


def parameter_count(network: nn.Module) -> int:
    """The number of trainable parameters."""
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
