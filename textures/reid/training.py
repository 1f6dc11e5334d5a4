"""Training PCB (reid_network.py) on a bank of pedestrians or on Market-1501's images."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn import functional

from textures.market1501 import Crop, read_image
from textures.reid.evaluation import AVERAGE_PRECISIONS, cosine_distances, describe, evaluate
from textures.reid.pcb import PCB, ReidConfig
from textures.training.augmentation import degraded, image_batch, photographed, recoloured
from textures.training.loop import Losses, Schedule, optimise
from textures.training.pedestrian_bank import PedestrianBank


@dataclass(frozen=True)
class LabelledImages:
    """Images (N,H,W,3) uint8 RGB with identities and cameras (N,) int, in memory."""

    images: np.ndarray
    identities: np.ndarray
    cameras: np.ndarray


def read_labelled(crops: list[Crop], *, height: int = 128, width: int = 64) -> LabelledImages:
    """Read crops with Market-1501 names, brought to one size. Raises BadInput for one that cannot
    be read.
    """
    import cv2

    images = [
        cv2.resize(read_image(c.path), (width, height), interpolation=cv2.INTER_AREA) for c in crops
    ]
    return LabelledImages(
        np.stack(images),
        np.array([c.name.identity for c in crops], np.int32),
        np.array([c.name.camera for c in crops], np.int32),
    )


def labelled_bank(bank: PedestrianBank, rng: np.random.Generator) -> LabelledImages:
    """A bank's crops, stand-ins on scenes."""
    return LabelledImages(photographed(bank, rng).images, bank.identities, bank.cameras)


def train_reid(
    config: ReidConfig,
    training: LabelledImages,
    held_out: LabelledImages,
    *,
    folder: Path,
    schedule: Schedule,
    fabric: Fabric,
    batch: int = 32,
    network: PCB | None = None,
    measure_every: int = 0,
) -> tuple[PCB, dict[str, float]]:
    """Train on ``training`` and score retrieval on ``held_out``, whose first image an identity and
    camera is the query.

    The six classifiers' cross-entropies are added, as in PCB. ``config.classes`` is replaced by the
    number of identities. Returns the network and its held-out figures.
    """
    names, labels = np.unique(training.identities, return_inverse=True)
    config = dataclasses.replace(config, classes=len(names))
    torch.manual_seed(schedule.seed)
    network = network or PCB(config)

    def losses(model: nn.Module, rng: np.random.Generator) -> Losses:
        chosen = rng.integers(0, len(training.images), batch)
        x = altered(rng, image_batch(training.images[chosen])).to(fabric.device)
        y = torch.from_numpy(labels[chosen]).to(fabric.device)
        logits = model(x.contiguous(memory_format=torch.channels_last))
        return {
            "identity": sum(
                functional.cross_entropy(each.float(), y, label_smoothing=0.1) for each in logits
            )
        }

    figures = optimise(
        network,
        losses,
        folder=folder,
        schedule=schedule,
        fabric=fabric,
        configuration={
            "reid": dataclasses.asdict(config),
            "batch": batch,
            "images": len(training.images),
        },
        name="re-ID",
        measure=lambda model: retrieval_figures(model, held_out, device=str(fabric.device)),
        measure_every=measure_every,
    )
    return network, figures


def altered(rng: np.random.Generator, images: torch.Tensor) -> torch.Tensor:
    """Training views: mirrored, shifted, recoloured, degraded, partly erased."""
    height, width = images.shape[-2:]
    flipped = torch.from_numpy(rng.random(len(images)) < 0.5)
    images = torch.where(flipped[:, None, None, None], images.flip(3), images)
    padded = functional.pad(images, (4, 4, 6, 6), mode="replicate")
    x, y = rng.integers(0, 9), rng.integers(0, 13)
    images = padded[..., y : y + height, x : x + width]
    images = degraded(rng, recoloured(rng, images, 0.6))
    for image in images:
        if rng.random() < 0.4:
            h, w = int(rng.uniform(8, 50)), int(rng.uniform(6, 36))
            top, left = rng.integers(0, height - h), rng.integers(0, width - w)
            image[:, top : top + h, left : left + w] = torch.from_numpy(
                rng.uniform(-1, 1, (3, 1, 1))
            ).float()
    return images


def retrieval_figures(
    network: PCB, images: LabelledImages, *, device: str = "cpu"
) -> dict[str, float]:
    """Rank-1, rank-5 and mAP (both definitions), the first image of each identity and camera being
    a query.
    """
    _, first = np.unique(np.stack([images.identities, images.cameras]), axis=1, return_index=True)
    features = describe(network, images.images, device=device)
    figures: dict[str, float] = {}
    for definition in AVERAGE_PRECISIONS:
        result = evaluate(
            cosine_distances(features[first], features),
            query_identities=images.identities[first],
            query_cameras=images.cameras[first],
            gallery_identities=images.identities,
            gallery_cameras=images.cameras,
            average_precision=definition,
        )
        figures |= {"rank-1": result.rank(1), "rank-5": result.rank(5)}
        figures[f"mAP ({definition})"] = result.mean_average_precision
    return figures
