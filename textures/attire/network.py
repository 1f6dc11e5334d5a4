"""A network that says of each pixel of a crop whether it shows skin, hair, clothes, shoes or a bag."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from textures.checkpoints import load_network
from textures.evidence.network import LandmarkConfig, framed_crop, input_frame
from textures.reid.resnet import BasicBlock
from textures.wardrobe.labels import LABELS

BACKGROUND = len(LABELS)
"""The class after those of `LABELS`: everything that is not the person, and other people."""


@dataclass(frozen=True, kw_only=True)
class AttireConfig:
    """The shape of an attire network.

    `channels` are those of the finest of its four scales, half the input's; `height` and `width` are
    pixels of the input.
    """

    channels: int = 24
    height: int = 128
    width: int = 64


class AttireNetwork(nn.Module):
    """`forward` takes (B,3,H,W) RGB in [-1,1] and gives logits (B,len(LABELS)+1,H/2,W/2)."""

    def __init__(self, config: AttireConfig) -> None:
        super().__init__()
        self.config = config
        c = config.channels
        widths = (c, 2 * c, 4 * c, 6 * c)
        self.stem = _convolution(3, c, 5, stride=2)
        self.fine = BasicBlock(c, c, 1)
        self.down = nn.ModuleList(
            nn.Sequential(BasicBlock(a, b, 2), BasicBlock(b, b, 1))
            for a, b in itertools.pairwise(widths)
        )
        # What a person wears is decided by all of the crop: its mean is added to every place.
        self.whole = nn.Sequential(nn.Linear(widths[3], widths[3]), nn.ReLU(inplace=True))
        self.up = nn.ModuleList(
            _convolution(a + b, b, 3) for a, b in zip(widths[:0:-1], widths[-2::-1])
        )
        self.draw = nn.Conv2d(c, len(LABELS) + 1, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.fine(self.stem(images))
        scales = []
        for stage in self.down:
            scales.append(x)
            x = stage(x)
        x = x + self.whole(x.mean((2, 3)))[..., None, None]
        for stage, finer in zip(self.up, scales[::-1]):
            x = functional.interpolate(x, size=finer.shape[-2:], mode="bilinear")
            x = stage(torch.cat([x, finer], 1))
        return self.draw(x).float()


@torch.no_grad()
def attire_chances(
    network: AttireNetwork, images: Sequence[np.ndarray], *, batch: int = 64
) -> list[np.ndarray]:
    """How likely each label is at each pixel; the mean of a crop and its mirror image.

    Args:
        network: in evaluation mode.
        images: crops (h,w,3) uint8 RGB.
        batch: crops that are looked at together.

    Returns:
        Per crop (h,w,len(LABELS)+1) float32, background last, that sum to one over the labels.
    """
    config = LandmarkConfig(height=network.config.height, width=network.config.width)
    device = next(network.parameters()).device
    chances: list[np.ndarray] = []
    for first in range(0, len(images), batch):
        chunk = images[first : first + batch]
        frames = [input_frame(image.shape[0], image.shape[1], config) for image in chunk]
        x = torch.cat([framed_crop(image, frame, config) for image, frame in zip(chunk, frames)])
        x = x.to(device)
        mean = (network(x).softmax(1) + network(x.flip(-1)).flip(-1).softmax(1)) / 2
        maps = mean.permute(0, 2, 3, 1).cpu().numpy()
        for image, frame, layers_of_crop in zip(chunk, frames, maps):
            height, width = image.shape[:2]
            # A crop's pixel centre lies at factor * (pixel + 1/2) + offset of the input.
            x_map = ((np.arange(width) + 0.5) * frame.factor + frame.offset[0]) / 2 - 0.5
            y_map = ((np.arange(height) + 0.5) * frame.factor + frame.offset[1]) / 2 - 0.5
            columns, rows = np.meshgrid(x_map.astype(np.float32), y_map.astype(np.float32))
            layers = [
                cv2.remap(
                    np.ascontiguousarray(layers_of_crop[..., n]),
                    *(columns, rows, cv2.INTER_LINEAR),
                    borderMode=cv2.BORDER_REPLICATE,
                )
                for n in range(layers_of_crop.shape[-1])
            ]
            chances.append(np.stack(layers, -1))
    return chances


def load_attire_network(
    path: Path | None = None, *, device: str = "cpu"
) -> tuple[AttireNetwork, dict[str, Any]]:
    """A trained attire network and its card; the shipped one when no path is given."""
    return load_network(
        path, "attire", lambda **fields: AttireConfig(**fields), AttireNetwork, device=device
    )


def _convolution(inputs: int, outputs: int, size: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
