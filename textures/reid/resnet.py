"""Residual networks without their classifier (He et al., 2016), under torchvision's parameter names.

Published ResNet weights load into them.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from mocap.errors import BadInput
from textures.published_networks.staged import StagedNetwork

BLOCKS = {
    10: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
}


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = _shortcut(inputs, planes, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(x)) + shortcut)


class Bottleneck(nn.Module):
    """1x1, 3x3 (which carries the stride), 1x1, and a shortcut."""

    expansion = 4

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * 4)
        self.downsample = _shortcut(inputs, planes * 4, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.relu(self.bn2(self.conv2(x)))
        return functional.relu(self.bn3(self.conv3(x)) + shortcut)


class ResNet(StagedNetwork):
    """A ResNet without its classifier; parameter names are torchvision's.

    `stages` gives the four stages' outputs. `channels` are those of the first convolution, and
    `stage_channels` those of the four outputs.
    """

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(self, *, depth: int, channels: int = 64, last_stride: int = 2) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise BadInput(f"ResNet depth {depth}: expected one of {sorted(BLOCKS)}")
        block: type[Bottleneck] | type[BasicBlock] = Bottleneck if depth >= 50 else BasicBlock
        self.conv1 = nn.Conv2d(3, channels, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.stage_channels: list[int] = []
        inputs = channels
        for stage, blocks in enumerate(BLOCKS[depth]):
            planes = channels * 2**stage
            stride = (1, 2, 2, last_stride)[stage]
            layers: list[nn.Module] = []
            for index in range(blocks):
                layers.append(block(inputs, planes, stride if index == 0 else 1))
                inputs = planes * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
            self.stage_channels.append(inputs)
        self.last_channels = [inputs] * BLOCKS[depth][-1]
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def stages(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The outputs of layer1 to layer4, of normalised images (B,3,H,W)."""
        x = self._stem(x)
        outputs = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            outputs.append(x)
        return outputs

    def last_parts(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The outputs of layer4's blocks, of normalised images (B,3,H,W)."""
        x = self.layer3(self.layer2(self.layer1(self._stem(x))))
        outputs = []
        for block in self.layer4:
            x = block(x)
            outputs.append(x)
        return outputs

    def _stem(self, x: torch.Tensor) -> torch.Tensor:
        return functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The output of layer4, of normalised images (B,3,H,W)."""
        return self.stages(x)[-1]


def load_resnet_weights(trunk: ResNet, path: Path) -> None:
    """Load published ResNet weights under torchvision's names, without their classifier `fc`.

    Args:
        trunk: the network to fill, in place.
        path: a .safetensors or .pth file; nothing in it is run.

    Raises:
        BadInput: when the file cannot be read, or names or shapes differ.
    """
    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            tensors = load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # any reader's own error is about this file
        raise BadInput(f"{path}: cannot be read as ResNet weights ({error})") from None
    tensors = {name: t for name, t in tensors.items() if not name.startswith("fc.")}
    try:
        missing, unexpected = trunk.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise BadInput(f"{path}: shapes differ from this ResNet: {error}") from None
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise BadInput(
            f"{path}: not this ResNet's weights; missing {missing[:4]}, unexpected {unexpected[:4]}"
        )


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module | None:
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
