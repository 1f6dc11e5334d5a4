"""The Part-based Convolutional Baseline (PCB) on a ResNet: the network that supervises textures.

PCB (Sun et al., 2018): the last stage keeps its resolution, its output is cut into horizontal
stripes, each stripe is averaged, goes through one shared 1x1 convolution with batch norm and ReLU,
and has its own identity classifier.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from textures.checkpoints import load_network
from textures.reid.resnet import ResNet

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class ReidConfig:
    """The shape of a re-ID network. The defaults are the paper's teacher.

    That is PCB on ResNet-50 with images of 384x128 pixels. `channels` are those of the trunk's first
    convolution, `height` and `width` those of its input.
    """

    depth: int = 50
    channels: int = 64
    classes: int = 751
    stripes: int = 6
    embedding: int = 256
    dropout: float = 0.5
    height: int = 384
    width: int = 128


class PCB(nn.Module):
    """The part-based re-ID network. Every method takes (B,3,H,W) RGB in [-1,1] of any size."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, config: ReidConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = ResNet(depth=config.depth, channels=config.channels, last_stride=1)
        self.dropout = nn.Dropout(config.dropout)
        self.embed = nn.Sequential(
            nn.Conv2d(self.trunk.stage_channels[-1], config.embedding, 1, bias=False),
            nn.BatchNorm2d(config.embedding),
            nn.ReLU(inplace=True),
        )
        classifiers = [nn.Linear(config.embedding, config.classes) for _ in range(config.stripes)]
        self.classifiers = nn.ModuleList(classifiers)
        for classifier in classifiers:
            nn.init.normal_(classifier.weight, std=0.001)
            nn.init.zeros_(classifier.bias)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def stages(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The four stage outputs (layer1 to layer4), which the re-ID loss compares (RSTG 3.3)."""
        size = (self.config.height, self.config.width)
        if images.shape[-2:] != size:
            images = functional.interpolate(images, size=size, mode="bilinear", align_corners=False)
        return self.trunk((images / 2 + 0.5 - self.mean) / self.std)

    def stripes(self, images: torch.Tensor) -> torch.Tensor:
        """(B,C,stripes): the averaged stripes of layer4, top stripe first."""
        return functional.adaptive_avg_pool2d(
            self.stages(images)[-1], (self.config.stripes, 1)
        ).squeeze(3)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Identity logits, one (B,classes) tensor per stripe."""
        pooled = self.dropout(self.stripes(images)).unsqueeze(3)
        embedded = self.embed(pooled).squeeze(3)
        return [classify(embedded[:, :, i]) for i, classify in enumerate(self.classifiers)]

    def descriptor(self, images: torch.Tensor) -> torch.Tensor:
        """Unit-length descriptors (B, stripes*C).

        Every stripe is L2-normalised and divided by the root of their number.
        """
        pooled = functional.normalize(self.stripes(images), dim=1)
        return (pooled / self.config.stripes**0.5).transpose(1, 2).flatten(1)


def load_pcb(path: Path | None = None, *, device: str = "cpu") -> tuple[PCB, dict[str, Any]]:
    """A trained PCB and its card; the shipped one when no path is given. Raises BadInput."""
    return load_network(path, "reid", lambda **fields: ReidConfig(**fields), PCB, device=device)
