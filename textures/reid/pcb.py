"""The Part-based Convolutional Baseline (PCB): the network that supervises textures.

PCB (Sun et al., 2018): the last stage keeps its resolution, its output is cut into horizontal
stripes, each stripe is averaged, goes through one shared 1x1 convolution with batch norm and ReLU,
and has its own identity classifier. With one stripe and no such convolution it is the plain baseline
that RSTG (4.4) calls No-PCB: one average over the whole picture, and one classifier on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from mocap.errors import BadInput
from textures.checkpoints import load_network
from textures.reid.trunks import TRUNKS, trunk_label


@dataclass(frozen=True, kw_only=True)
class ReidConfig:
    """The shape of a re-ID network. The defaults are the paper's teacher.

    That is PCB on ResNet-50 with images of 384x128 pixels. `trunk` is "resnet", of this `depth` and with
    so many `channels` in its first convolution, or "efficientnet-lite0", which has neither choice.
    `embedding` is what the shared convolution leaves of a stripe's channels; 0 is without one. `height`
    and `width` are those of the input.
    """

    trunk: str = "resnet"
    depth: int = 50
    channels: int = 64
    classes: int = 751
    stripes: int = 6
    embedding: int = 256
    dropout: float = 0.5
    height: int = 384
    width: int = 128

    def __post_init__(self) -> None:
        if self.trunk not in TRUNKS:
            raise BadInput(f"trunk {self.trunk}: expected {' or '.join(TRUNKS)}")
        if min(self.stripes, self.classes, self.height, self.width) < 1 or self.embedding < 0:
            raise BadInput(
                f"{self.stripes} stripes, {self.classes} classes, an embedding of {self.embedding}, "
                f"{self.height}x{self.width} pixels: expected at least 1 of each, and 0 or more channels"
            )

    @property
    def label(self) -> str:
        """The network in words, as "PCB on ResNet-50"."""
        name = "PCB" if self.stripes > 1 else "No-PCB"
        return f"{name} on {trunk_label(self.trunk, self.depth)}"


class PCB(nn.Module):
    """The part-based re-ID network. Every method takes (B,3,H,W) RGB in [-1,1] of any size."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, config: ReidConfig) -> None:
        super().__init__()
        self.config = config
        kind = TRUNKS[config.trunk]
        self.trunk = kind.build(config.depth, config.channels, 1)
        channels = self.trunk.stage_channels[-1]
        self.dropout = nn.Dropout(config.dropout)
        self.embed = nn.Sequential()
        if config.embedding:
            self.embed = nn.Sequential(
                nn.Conv2d(channels, config.embedding, 1, bias=False),
                nn.BatchNorm2d(config.embedding),
                nn.ReLU(inplace=True),
            )
        width = config.embedding or channels
        classifiers = [nn.Linear(width, config.classes) for _ in range(config.stripes)]
        self.classifiers = nn.ModuleList(classifiers)
        for classifier in classifiers:
            nn.init.normal_(classifier.weight, std=0.001)
            nn.init.zeros_(classifier.bias)
        self.register_buffer("mean", torch.tensor(kind.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(kind.std).view(1, 3, 1, 1), persistent=False)

    def stages(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The outputs of four stages, a ResNet's layer1 to layer4: what the re-ID loss compares."""
        size = (self.config.height, self.config.width)
        if images.shape[-2:] != size:
            images = functional.interpolate(images, size=size, mode="bilinear", align_corners=False)
        return self.trunk.stages((images / 2 + 0.5 - self.mean) / self.std)

    def stripes(self, images: torch.Tensor) -> torch.Tensor:
        """(B,C,stripes): the averaged stripes of the last stage, top stripe first."""
        return functional.adaptive_avg_pool2d(
            self.stages(images)[-1], (self.config.stripes, 1)
        ).squeeze(3)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(B,E,stripes): the stripes after the shared convolution, which the classifiers are given.

        Without that convolution they are the averaged stripes themselves.
        """
        pooled = self.dropout(self.stripes(images)).unsqueeze(3)
        return self.embed(pooled).squeeze(3)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Identity logits, one (B,classes) tensor per stripe."""
        embedded = self.features(images)
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
