"""Residual blocks with instance norm and reflected edges, and encoders of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional


def reflected_convolution(inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size, or divides it by the stride, and reflects the edges."""
    return nn.Conv2d(
        *(inputs, outputs, kernel, stride), padding=kernel // 2, padding_mode="reflect"
    )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with instance norm, added to their input, at half its size where asked."""

    def __init__(self, inputs: int, outputs: int, *, halve: bool = False) -> None:
        super().__init__()
        self.halve = halve
        self.enter = reflected_convolution(inputs, outputs, 3, stride=2 if halve else 1)
        self.leave = reflected_convolution(outputs, outputs, 3)
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = functional.avg_pool2d(x, 2) if self.halve else x
        x = functional.relu(functional.instance_norm(self.enter(x)))
        return functional.instance_norm(self.leave(x)) + self.shortcut(shortcut)


class ResidualEncoder(nn.ModuleList):
    """A 7x7 convolution and residual blocks that halve, as many as there are widths."""

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        blocks = (ResidualBlock(a, b, halve=True) for a, b in pairwise(widths))
        super().__init__([reflected_convolution(inputs, widths[0], 7), *blocks])

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The outputs of all levels, the finest first."""
        outputs = []
        for block in self:
            x = functional.relu(block(x))
            outputs.append(x)
        return outputs


def doubled(x: torch.Tensor) -> torch.Tensor:
    """Features (B,C,H,W) at twice their height and width, bilinear."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class PatchCritic(nn.Module):
    """A discriminator that judges patches of an image (Isola et al. 2017)."""

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        widths = [3, *(min(8, 2**k) * channels for k in range(layers))]
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 4, stride=2, padding=1) for before, after in pairwise(widths)
        )
        self.leave = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The layers' outputs for images (B,3,H,W), and last the patches' logits, positive for true."""
        outputs, x = [], images
        for number, layer in enumerate(self.layers):
            x = layer(x)
            x = functional.leaky_relu(functional.instance_norm(x) if number else x, 0.2)
            outputs.append(x)
        return [*outputs, self.leave(x)]
