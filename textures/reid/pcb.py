"""The Part-based Convolutional Baseline (PCB) on a ResNet trunk: the network that supervises the
textures.

PCB (Sun et al., 2018): the last stage keeps its resolution, its output is cut into horizontal
stripes, each stripe is averaged, goes through one shared 1x1 convolution with batch norm and ReLU,
and has its own identity classifier. The trunk is written with torchvision's parameter names, so
that published ResNet weights load.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from mocap.errors import BadInput

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
BLOCKS = {
    10: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
}


@dataclass(frozen=True)
class ReidConfig:
    """The shape of a re-ID network. The defaults are the paper's teacher: PCB on ResNet-50 at
    384x128.
    """

    depth: int = 50
    width: int = 64
    classes: int = 751
    stripes: int = 6
    embedding: int = 256
    dropout: float = 0.5
    height: int = 384
    image_width: int = 128


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


class ResNet(nn.Module):
    """A ResNet without its classifier; parameter names are torchvision's. ``forward`` gives the
    four stages' outputs.
    """

    def __init__(self, *, depth: int, width: int = 64, last_stride: int = 2) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise BadInput(f"ResNet depth {depth}: expected one of {sorted(BLOCKS)}")
        block = Bottleneck if depth >= 50 else BasicBlock
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.channels: list[int] = []
        inputs = width
        for stage, blocks in enumerate(BLOCKS[depth]):
            planes = width * 2**stage
            stride = (1, 2, 2, last_stride)[stage]
            layers = []
            for index in range(blocks):
                layers.append(block(inputs, planes, stride if index == 0 else 1))
                inputs = planes * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
            self.channels.append(inputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """(B,3,H,W) normalised images to the outputs of layer1 to layer4."""
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.max_pool2d(x, 3, 2, 1)
        outputs = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            outputs.append(x)
        return outputs


class PCB(nn.Module):
    """The part-based re-ID network. Every method takes (B,3,H,W) RGB in [-1,1] of any size."""

    def __init__(self, config: ReidConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = ResNet(depth=config.depth, width=config.width, last_stride=1)
        self.dropout = nn.Dropout(config.dropout)
        self.embed = nn.Sequential(
            nn.Conv2d(self.trunk.channels[-1], config.embedding, 1, bias=False),
            nn.BatchNorm2d(config.embedding),
            nn.ReLU(inplace=True),
        )
        self.classifiers = nn.ModuleList(
            nn.Linear(config.embedding, config.classes) for _ in range(config.stripes)
        )
        for classifier in self.classifiers:
            nn.init.normal_(classifier.weight, std=0.001)
            nn.init.zeros_(classifier.bias)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def stages(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The four stage outputs (layer1 to layer4), which the re-ID loss compares (RSTG section
        3.3).
        """
        size = (self.config.height, self.config.image_width)
        if images.shape[-2:] != size:
            images = functional.interpolate(images, size=size, mode="bilinear", align_corners=False)
        return self.trunk((images / 2 + 0.5 - self.mean) / self.std)

    def stripes(self, images: torch.Tensor) -> torch.Tensor:
        """(B,C,stripes): the averaged stripes of layer4, top stripe first."""
        return functional.adaptive_avg_pool2d(
            self.stages(images)[-1], (self.config.stripes, 1)
        ).squeeze(3)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Identity logits, one (B,classes) tensor a stripe."""
        pooled = self.dropout(self.stripes(images)).unsqueeze(3)
        embedded = self.embed(pooled).squeeze(3)
        return [classify(embedded[:, :, i]) for i, classify in enumerate(self.classifiers)]

    def descriptor(self, images: torch.Tensor) -> torch.Tensor:
        """(B, stripes*C) unit-length descriptor: every stripe L2-normalised, divided by the root
        of their number.
        """
        pooled = functional.normalize(self.stripes(images), dim=1)
        return (pooled / self.config.stripes**0.5).transpose(1, 2).flatten(1)


def load_resnet_weights(trunk: ResNet, path: Path) -> None:
    """Load published ResNet weights (torchvision's names; .safetensors or .pth). Its classifier
    ``fc`` is left out.

    Raises BadInput when the file cannot be read or names or shapes differ.
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
