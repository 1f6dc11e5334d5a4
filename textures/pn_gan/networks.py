"""PN-GAN's generator and discriminator, as the paper's section 3.2 and its authors' code have them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from mocap.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class PoseGanConfig:
    """The shape of both networks; the defaults are the paper's, of its authors' code where it is silent.

    channels, discriminator_channels: of the first convolutions. blocks: residual ones. height, width: of
    the pictures; both sides are multiples of 4.
    """

    channels: int = 64
    blocks: int = 9
    discriminator_channels: int = 64
    height: int = 256
    width: int = 128

    def __post_init__(self) -> None:
        sizes = (self.channels, self.blocks, self.discriminator_channels)
        if min(sizes) < 1 or self.height % 4 or self.width % 4 or min(self.height, self.width) < 64:
            raise BadInput(
                f"{self.height}x{self.width} pixels, {self.channels} and {self.discriminator_channels} "
                f"channels, {self.blocks} blocks: expected sides of 64 or more that are multiples of 4, "
                "and at least one channel and block"
            )


class InstanceResidual(nn.Module):
    """Two 3x3 convolutions with instance norm, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_normalised(nn.Conv2d(channels, channels, 3, padding=1), channels),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.layers(x))


class PoseGenerator(nn.Module):
    """A person's picture and a pose's picture become the person in that pose."""

    def __init__(self, config: PoseGanConfig) -> None:
        super().__init__()
        c = config.channels
        self.config = config
        self.encoder = nn.Sequential(
            nn.ReflectionPad2d(3),
            *_normalised(nn.Conv2d(6, c, 7), c),
            *_normalised(nn.Conv2d(c, 2 * c, 3, 2, 1), 2 * c),
            *_normalised(nn.Conv2d(2 * c, 4 * c, 3, 2, 1), 4 * c),
            *(InstanceResidual(4 * c) for _ in range(config.blocks)),
        )
        self.decoder = nn.Sequential(
            *_normalised(nn.ConvTranspose2d(4 * c, 2 * c, 3, 2, 1, output_padding=1), 2 * c),
            *_normalised(nn.ConvTranspose2d(2 * c, c, 3, 2, 1, output_padding=1), c),
            nn.ReflectionPad2d(3),
            nn.Conv2d(c, 3, 7, bias=False),
            nn.Tanh(),
        )

    def forward(self, images: torch.Tensor, poses: torch.Tensor) -> torch.Tensor:
        """Pictures (B,3,H,W) in [-1,1] of the people of `images` in these poses, given as pictures."""
        return self.decoder(self.encoder(torch.cat([images, poses], dim=1)))


class PatchDiscriminator(nn.Module):
    """Which patches of a picture are real, as logits (B,1,h,w)."""

    def __init__(self, config: PoseGanConfig) -> None:
        super().__init__()
        c = config.discriminator_channels
        self.layers = nn.Sequential(
            nn.Conv2d(3, c, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2),
            *_leaky(nn.Conv2d(c, 2 * c, 4, 2, 1), 2 * c),
            *_leaky(nn.Conv2d(2 * c, 4 * c, 4, 2, 1), 4 * c),
            *_leaky(nn.Conv2d(4 * c, 8 * c, 4), 8 * c),
            nn.Conv2d(8 * c, 1, 4, bias=False),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images)


def _normalised(convolution: nn.Module, channels: int) -> list[nn.Module]:
    return [convolution, nn.InstanceNorm2d(channels), nn.ReLU()]


def _leaky(convolution: nn.Module, channels: int) -> list[nn.Module]:
    return [convolution, nn.InstanceNorm2d(channels), nn.LeakyReLU(0.2)]
