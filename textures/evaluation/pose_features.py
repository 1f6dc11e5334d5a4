"""PN-GAN's features of crops and their ablations: A, B and both fused, of one pose and of all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import torch
from torch.nn import functional

from textures.pn_gan.features import MergedFeatureNetwork, fused_features
from textures.pn_gan.normalisers import PoseNormaliser
from textures.training.augmentation import image_batch

BATCH = 32
CROP = (64, 128)  # width and height at which crops are brought into poses, as in training


class PoseFeatureDescriber:
    """Computes all vectors of crops once, for every ablation."""

    def __init__(
        self,
        original: MergedFeatureNetwork,
        normalised: MergedFeatureNetwork,
        normaliser: PoseNormaliser,
        *,
        mirrored: bool = True,
        device: str = "cpu",
    ) -> None:
        """Keep ResNet-50-A, ResNet-50-B and what brings people into poses."""
        self.original, self.normalised, self.normaliser = original, normalised, normaliser
        self.mirrored, self.device = mirrored, device
        self._latest: tuple[object, np.ndarray] | None = None

    def ablations(self) -> dict[str, str]:
        """The paper's ablations by name, and what each is."""
        count, source = self.normaliser.count, self.normaliser.name
        return {
            "A": "features of the crops alone",
            "B, 1 pose": f"features in the most common pose, by {source}",
            f"B, {count} poses": f"features in all poses, by {source}, fused by maximum",
            "A+B, 1 pose": f"the crop's and the most common pose's, by {source}, fused by maximum",
            f"A+B, {count} poses": f"the crop's and all poses', by {source}, fused by maximum",
        }

    def uses_poses(self, ablation: str) -> bool:
        """Whether an ablation looks at people in canonical poses."""
        return ablation != "A"

    def vectors(self, images: Iterable[np.ndarray], ablation: str) -> np.ndarray:
        """Unit vectors (N,D) of crops (h,w,3) uint8 RGB under one of the ablations."""
        features = torch.from_numpy(self._features(images))
        count = 1 if ", 1 pose" in ablation else self.normaliser.count
        first = 0 if ablation.startswith("A") else 1
        last = 1 + count if self.uses_poses(ablation) else 1
        return fused_features([features[:, k] for k in range(first, last)]).numpy()

    def _features(self, images: Iterable[np.ndarray]) -> np.ndarray:
        """Unit vectors (N,1+K,D): of the crop, and of it in each pose."""
        if self._latest is not None and self._latest[0] is images:
            return self._latest[1]
        crops = [cv2.resize(image, CROP, interpolation=cv2.INTER_AREA) for image in images]
        rows = [self._batch(crops[k : k + BATCH]) for k in range(0, len(crops), BATCH)]
        self._latest = (images, np.concatenate(rows))
        return self._latest[1]

    @torch.no_grad()
    def _batch(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        images = image_batch(np.stack(crops)).to(self.device)
        columns = [self._described(self.original, images)]
        for pose in range(self.normaliser.count):
            pictures = self.normaliser.pictures(images, np.full(len(images), pose))
            columns.append(self._described(self.normalised, pictures.to(self.device)))
        return torch.stack(columns, dim=1).cpu().numpy()

    def _described(self, network: MergedFeatureNetwork, images: torch.Tensor) -> torch.Tensor:
        total = network.features(images).float()
        if self.mirrored:
            total = total + network.features(images.flip(3)).float()
        return functional.normalize(total, dim=1)


class PnGanDescriber:
    """One of PN-GAN's ablations as a describer."""

    def __init__(
        self,
        name: str,
        descriptor: str,
        training: str,
        describer: PoseFeatureDescriber,
        ablation: str,
    ) -> None:
        """Name it, and keep what computes its vectors together with the others'."""
        self.name, self.descriptor, self.training = name, descriptor, training
        self.describer, self.ablation = describer, ablation

    def unit_descriptors(self, images: Iterable[np.ndarray]) -> np.ndarray:
        """Unit vectors (N,D) of crops (h,w,3) uint8 RGB of any size."""
        return self.describer.vectors(images, self.ablation)
