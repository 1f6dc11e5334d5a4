"""What brings people into canonical poses: PN-GAN's generator, or anything else with this interface."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch.nn import functional

from textures.pn_gan.networks import PoseGenerator
from textures.pn_gan.pose_maps import pose_image
from textures.training.augmentation import image_batch


class PoseNormaliser(Protocol):
    """A way from a crop to the same person in canonical poses.

    name: in tables. count: of the poses.
    """

    name: str
    count: int

    def pictures(self, images: torch.Tensor, chosen: np.ndarray) -> torch.Tensor:
        """People in poses.

        Args:
            images: (B,3,h,w) RGB in [-1,1].
            chosen: (B,) number of the canonical pose that each is brought into.

        Returns:
            (B,3,H,W) RGB in [-1,1], without gradients.
        """
        ...


class GeneratorNormaliser:
    """PN-GAN's generator and canonical poses."""

    def __init__(self, generator: PoseGenerator, poses: np.ndarray, *, device: str = "cpu") -> None:
        """Keep the generator, on its device already, and the poses (K,18,3) in shares."""
        self.name, self.count = "PN-GAN", len(poses)
        self.generator, self.device = generator, device
        self.size = (generator.config.height, generator.config.width)
        self.maps = image_batch(np.stack([pose_image(pose, *self.size) for pose in poses]))

    @torch.no_grad()
    def pictures(self, images: torch.Tensor, chosen: np.ndarray) -> torch.Tensor:
        """Generated pictures (B,3,H,W) of the generator's size."""
        resized = functional.interpolate(
            images, size=self.size, mode="bilinear", align_corners=False
        )
        maps = self.maps[torch.from_numpy(np.asarray(chosen))]
        return self.generator(resized.to(self.device), maps.to(self.device)).float()


def all_poses(normaliser: PoseNormaliser, images: torch.Tensor) -> torch.Tensor:
    """Every person of (B,3,h,w) in every canonical pose: (B,K,3,H,W)."""
    return torch.stack(
        [
            normaliser.pictures(images, np.full(len(images), pose))
            for pose in range(normaliser.count)
        ],
        dim=1,
    )
