"""Losses between pictures at the stages of a frozen VGG (Johnson et al., 2016)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from mocap.errors import BadInput
from textures.perceptual.vgg import ShiftTolerantVgg, Vgg

STAGE_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)  # pix2pixHD's, first stage first
SMALLEST = 32  # pixels of a picture's smaller side: less than that, and the last stage is empty


def shrunk(images: torch.Tensor, size: int) -> torch.Tensor:
    """Images (B,3,H,W) brought to `size` pixels of height, averaged; as they are where 0 or no higher."""
    height, width = images.shape[-2:]
    if not size or height <= size:
        return images
    return functional.interpolate(
        images,
        size=(size, max(1, round(width * size / height))),
        mode="bilinear",
        align_corners=False,
        antialias=True,
    )


def check_perceptual_size(height: int, width: int, size: int) -> None:
    """Refuse pictures that a VGG's five stages would leave nothing of.

    Args:
        height: of the pictures.
        width: of the pictures.
        size: to which their height is shrunk, 0 for none.

    Raises:
        BadInput: where the smaller side would be under 32 pixels.
    """
    share = min(1.0, size / height) if size else 1.0
    smaller = round(min(height, width) * share)
    if smaller < SMALLEST:
        raise BadInput(
            f"losses.vgg_size {size}: leaves {smaller} pixels of pictures of {height}x{width}, expected "
            f"{SMALLEST} or more; --set losses.vgg_size=0, or weights of 0 for the perceptual losses"
        )


class PerceptualLosses(nn.Module):
    """Perceptual losses by a frozen VGG, between images (B,3,H,W) in [-1,1] and their targets.

    The gradient reaches the images, never the network or the targets. `size` is the height to which both
    are shrunk first, 0 for none.
    """

    def __init__(
        self,
        network: Vgg | ShiftTolerantVgg,
        *,
        size: int = 0,
        stage_weights: Sequence[float] = STAGE_WEIGHTS,
    ) -> None:
        super().__init__()
        self.network = network.requires_grad_(False).eval()
        self.size, self.stage_weights = size, tuple(stage_weights)

    def train(self, mode: bool = True) -> PerceptualLosses:
        """The network never leaves evaluation mode."""
        super().train(mode)
        self.network.eval()
        return self

    def content(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The weighted sum over stages of the mean absolute difference."""
        return self.terms(images, targets)[0]

    def terms(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The content loss, and the style loss: the same of the stages' Gram matrices, unweighted."""
        with torch.no_grad():
            expected = self.network.stages(shrunk(targets, self.size))
        content = style = images.new_zeros(())
        outputs = self.network.stages(shrunk(images, self.size))
        for weight, output, target in zip(self.stage_weights, outputs, expected, strict=True):
            content = content + weight * (output - target).abs().mean()
            style = style + (gram_matrices(output) - gram_matrices(target)).abs().mean()
        return content, style

    def euclidean(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean over stages of the root mean square difference: RSTG's perceptual loss (its 4.3).

        A stage's root mean square is the Euclidean distance over the root of the number of its elements.
        """
        with torch.no_grad():
            expected = self.network.stages(shrunk(targets, self.size))
        outputs = self.network.stages(shrunk(images, self.size))
        apart = [
            (x - y).square().flatten(1).mean(1).add(1e-12).sqrt().mean()
            for x, y in zip(outputs, expected, strict=True)
        ]
        return torch.stack(apart).mean()

    def distance(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean ST-LPIPS; of a plain VGG, which has no heads, its stages' mean LPIPS distance."""
        a, b = shrunk(images, self.size), shrunk(targets, self.size)
        if isinstance(self.network, ShiftTolerantVgg):
            return self.network.distances(a, b).mean()
        with torch.no_grad():
            expected = [functional.normalize(x, dim=1) for x in self.network.stages(b)]
        outputs = [functional.normalize(x, dim=1) for x in self.network.stages(a)]
        apart = [(x - y).square().sum(1).mean() for x, y in zip(outputs, expected, strict=True)]
        return torch.stack(apart).mean()


def gram_matrices(features: torch.Tensor) -> torch.Tensor:
    """Gram matrices (B,C,C) of features (B,C,H,W), over all their elements' number."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat[0].numel()
