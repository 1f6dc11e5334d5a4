"""The losses that teach the generator (RSTG section 3.3): re-ID, face and hand.

The re-ID loss compares two images at the four stages of a frozen re-ID network. The paper writes a
plain l2 distance; its authors' release first makes each stage's output a unit vector over all its
D elements and then takes the mean square, with weight 5000 on the sum. For unit vectors that is a
cosine:

    5000 * mean((a - b)^2) = 5000/D * |a - b|^2 = (10^4 / D) * (1 - cos(a, b))

so the release weighs the stages by 1/D, which changes with the network and its input size (0.0127,
0.0254, 0.0509 and 0.0254 for ResNet-50 at 384x128). `weighting="release"` gives exactly these
numbers; `weighting="equal"` drops the 1/D, so that a weight means the same for every network.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from mocap.errors import BadInput
from textures.reid.pcb import PCB
from textures.reid.similarity import stage_cosine

STAGES = 4


class ReidLoss(nn.Module):
    """The re-ID loss between rendered bodies and photographs, (B,3,H,W) RGB in [-1,1] each.

    The network is frozen and kept in
    evaluation mode: the gradient reaches its input, never its weights or its batch norm
    statistics.
    """

    def __init__(
        self,
        network: PCB,
        *,
        weighting: str = "release",
        scale: float = 5000.0,
        stage_weights: Sequence[float] = (1.0, 1.0, 1.0, 1.0),
    ) -> None:
        super().__init__()
        if weighting not in ("release", "equal"):
            raise BadInput(f"re-ID loss weighting {weighting}: expected release or equal")
        if len(stage_weights) != STAGES:
            raise BadInput(f"re-ID loss: {len(stage_weights)} stage weights, expected {STAGES}")
        network.requires_grad_(False).eval()
        self.network = network
        self.weighting, self.scale, self.stage_weights = weighting, scale, tuple(stage_weights)

    def train(self, mode: bool = True) -> ReidLoss:
        """The supervising network never leaves evaluation mode."""
        super().train(mode)
        self.network.eval()
        return self

    def forward(self, rendered: torch.Tensor, photographs: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            targets = self.network.stages(photographs)
        total = rendered.new_zeros(())
        outputs = self.network.stages(rendered)
        for weight, output, target in zip(self.stage_weights, outputs, targets):
            per_element = 2.0 / target[0].numel() if self.weighting == "release" else 1.0
            total = total + weight * per_element * (1 - stage_cosine(output, target)).mean()
        return self.scale * total


def deep_feature_distance(
    network: PCB, rendered: torch.Tensor, photographs: torch.Tensor
) -> torch.Tensor:
    """Mean absolute difference of the embedded stripes of two batches (B,3,H,W) in [-1,1] (RSTG 4.4).

    The gradient reaches the first alone.
    """
    with torch.no_grad():
        targets = network.features(photographs)
    return (network.features(rendered) - targets).abs().mean()


class FaceHandLoss(nn.Module):
    """The face-and-hand loss of generated textures against reference textures.

    `norm` is "l1" (the paper) or "mse" (its release). `mask`: (S,S) bool, head and hand texels. The
    mean is over all texels, masked or not, as in the release.
    """

    mask: torch.Tensor

    def __init__(self, mask: torch.Tensor, *, norm: str = "l1") -> None:
        super().__init__()
        if norm not in ("l1", "mse"):
            raise BadInput(f"face and hand loss norm {norm}: expected l1 or mse")
        self.norm = norm
        self.register_buffer("mask", mask.float()[None, None], persistent=False)

    def forward(self, textures: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
        difference = (textures - references) * self.mask
        return difference.abs().mean() if self.norm == "l1" else difference.square().mean()


def masked_l1(a: torch.Tensor, b: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference of (B,3,H,W) images over a (B,1,H,W) mask; 0 when it is empty."""
    weight = mask.expand_as(a)
    return ((a - b).abs() * weight).sum() / weight.sum().clamp(min=1.0)
