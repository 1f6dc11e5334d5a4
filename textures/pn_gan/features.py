"""ResNet-50-A and ResNet-50-B: features of crops and of crops in canonical poses, and their fusion.

Both are one network with different training pictures (PN-GAN 3.3): the averages of the parts of the last
stage (5a, 5b and 5c) are merged into a vector by a linear layer; a classifier stands on it in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from mocap.errors import BadInput
from textures.reid.trunks import TRUNKS


@dataclass(frozen=True, kw_only=True)
class FeatureConfig:
    """The shape of both networks; the defaults are the paper's. `classes` are the people of training."""

    trunk: str = "resnet"
    depth: int = 50
    channels: int = 64
    classes: int = 751
    embedding: int = 1024
    dropout: float = 0.5
    height: int = 256
    width: int = 128

    def __post_init__(self) -> None:
        if self.trunk not in TRUNKS:
            raise BadInput(f"trunk {self.trunk}: expected {' or '.join(TRUNKS)}")
        if min(self.classes, self.embedding, self.height, self.width) < 1:
            raise BadInput(
                f"{self.classes} classes, an embedding of {self.embedding}, {self.height}x{self.width} "
                "pixels: expected at least 1 of each"
            )


class MergedFeatureNetwork(nn.Module):
    """Features of crops from all parts of the last stage. It takes (B,3,H,W) RGB in [-1,1]."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        self.config = config
        kind = TRUNKS[config.trunk]
        self.trunk = kind.build(config.depth, config.channels, 2)
        self.merge = nn.Sequential(
            nn.Linear(sum(self.trunk.last_channels), config.embedding),
            nn.BatchNorm1d(config.embedding),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.embedding, config.classes)
        nn.init.normal_(self.classifier.weight, std=0.001)
        nn.init.zeros_(self.classifier.bias)
        self.register_buffer("mean", torch.tensor(kind.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(kind.std).view(1, 3, 1, 1), persistent=False)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Features (B,embedding), none negative."""
        size = (self.config.height, self.config.width)
        if images.shape[-2:] != size:
            images = functional.interpolate(images, size=size, mode="bilinear", align_corners=False)
        parts = self.trunk.last_parts((images / 2 + 0.5 - self.mean) / self.std)
        return self.merge(torch.cat([output.mean((2, 3)) for output in parts], dim=1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Identity logits (B,classes)."""
        return self.classifier(self.dropout(self.features(images)))


def fused_features(features: Sequence[torch.Tensor]) -> torch.Tensor:
    """Features of one crop from several pictures, fused as in the paper's testing stage.

    Args:
        features: of M pictures, (B,D) each: the crop's own and those in canonical poses.

    Returns:
        (B,D) of unit length: the largest of M normalised vectors, number by number, normalised.
    """
    normalised = [functional.normalize(item.float(), dim=1) for item in features]
    return functional.normalize(torch.stack(normalised).amax(0), dim=1)
