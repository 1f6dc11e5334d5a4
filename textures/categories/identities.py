"""The network that tells a category's identities apart: re-ID's, with species as people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from textures.categories.photographs import ObjectCrop, ObjectPhotograph
from textures.reid.pcb import PCB
from textures.reid.training import LabelledImages
from textures.training.augmentation import image_batch


def labelled_objects(
    crops: Sequence[tuple[ObjectPhotograph, ObjectCrop]],
) -> LabelledImages:
    """Crops with their identities; each is of a camera of its own, since none is another's neighbour."""
    return LabelledImages(
        np.array([crop.image for _, crop in crops], np.uint8),
        np.array([photograph.identity for photograph, _ in crops], np.int32),
        np.arange(len(crops), dtype=np.int32),
    )


@torch.no_grad()
def named_identities(
    network: PCB, classes: np.ndarray, images: np.ndarray, *, batch: int = 32
) -> np.ndarray:
    """(N,) the identity that a network takes each image for.

    Args:
        network: of as many classes.
        classes: (C,) the identity of each class.
        images: (N,H,W,3) uint8 RGB.
        batch: images at a time.
    """
    network.eval()
    device = next(network.parameters()).device
    best = []
    for start in range(0, len(images), batch):
        logits = network(image_batch(images[start : start + batch]).to(device))
        summed = torch.stack([stripe.float().log_softmax(1) for stripe in logits]).sum(0)
        best.append(summed.argmax(1).cpu().numpy())
    return np.asarray(classes)[np.concatenate(best)]


def identity_accuracy(network: PCB, classes: np.ndarray, images: LabelledImages) -> float:
    """The share of images whose identity the network names."""
    named = named_identities(network, classes, images.images)
    return float((named == images.identities).mean())
