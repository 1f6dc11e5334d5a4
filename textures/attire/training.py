"""Training the attire network on generated pedestrians, whose every pixel's label is known."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric
from torch.nn import functional

from textures.attire.network import BACKGROUND, AttireConfig, AttireNetwork
from textures.training.augmentation import (
    degraded,
    image_batch,
    occluded,
    random_backgrounds,
    random_framing,
    recoloured,
    reframed,
    with_company,
)
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
from textures.visibility.rendering_tensor import composite
from textures.wardrobe.labels import LABEL_INDEX, LABELS

UNKNOWN = -1  # of a pixel that an occluder covers or that is half one thing, half another
LABEL_WEIGHTS = {"skin": 2.0, "hair": 1.5, "shoes": 1.5, "carried": 2.0}  # others, background: 1


@dataclass(frozen=True, kw_only=True)
class AttireRecipe:
    """A whole training of the attire network: its network, its batch, its schedule."""

    name: str
    network: AttireConfig
    batch: int = 32
    schedule: Schedule


SHIPPED = AttireRecipe(
    name="shipped", network=AttireConfig(), schedule=Schedule(steps=2400, lr=2e-3)
)
RECIPES = {SHIPPED.name: SHIPPED}


def train_attire(
    recipe: AttireRecipe,
    bank: PedestrianBank,
    held_out: PedestrianBank,
    *,
    folder: Path,
    fabric: Fabric,
    measure_every: int = 0,
    data: RunData | None = None,
) -> tuple[AttireNetwork, dict[str, float]]:
    """Train an attire network.

    Args:
        recipe: what is trained, and how.
        bank: generated pedestrians to learn from.
        held_out: pedestrians to measure on.
        folder: of the run.
        fabric: device, precision and processes.
        measure_every: steps between two measurements.
        data: digests of what is learnt from.

    Returns:
        The network and its held-out figures: the intersection over union of each label.
    """
    torch.manual_seed(recipe.schedule.seed)
    network = AttireNetwork(recipe.network)
    rng = np.random.default_rng(recipe.schedule.seed + 1)
    test = attire_batch(held_out, np.arange(len(held_out)), rng)
    weights = torch.ones(len(LABELS) + 1)
    for name, weight in LABEL_WEIGHTS.items():
        weights[LABEL_INDEX[name]] = weight

    def draw_batch(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        images, labels = attire_batch(bank, rng.integers(0, len(bank), recipe.batch), rng)
        return images.to(fabric.device), labels.to(fabric.device)

    def losses(
        networks: Networks, batch: tuple[torch.Tensor, torch.Tensor], rng: np.random.Generator
    ) -> Losses:
        images, labels = batch
        logits = networks["attire"](images.contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(
            logits,
            labels,
            weight=weights.to(logits.device),
            ignore_index=UNKNOWN,
            label_smoothing=0.03,
        )
        return {"labels": loss}

    def measure(networks: Networks) -> dict[str, float]:
        return label_figures(network, *test, device=fabric.device)

    figures = train_networks(
        {"attire": network},
        TrainingStep({"attire": Phase(("attire",), losses)}, draw_batch, measure),
        folder=folder,
        schedule=recipe.schedule,
        fabric=fabric,
        configuration={
            "attire": dataclasses.asdict(recipe.network),
            "batch": recipe.batch,
            "images": len(bank),
            "data": data or {},
        },
        name="attire",
        measure_every=measure_every,
    )
    return network, figures


def pixel_labels(bank: PedestrianBank, chosen: np.ndarray) -> np.ndarray:
    """What each pixel of generated crops shows.

    Args:
        bank: of generated pedestrians.
        chosen: (n,) indices of crops.

    Returns:
        (n,H,W) int16: indices into `LABELS`, `BACKGROUND`, and `UNKNOWN` at the edges of the person.
    """
    size = bank.label_maps.shape[1]
    uv = bank.uv_maps(chosen)
    columns = np.clip((uv[..., 0] * size).astype(int), 0, size - 1)
    rows = np.clip(((1 - uv[..., 1]) * size).astype(int), 0, size - 1)
    labels = bank.label_maps[bank.texture_of[chosen][:, None, None], rows, columns].astype(np.int16)
    person, carried = bank.masks[chosen], bank.carried[chosen]
    labels[person <= 127] = UNKNOWN
    labels[carried > 127] = LABEL_INDEX["carried"]
    labels[(person < 32) & (carried < 32)] = BACKGROUND
    return labels


def attire_batch(
    bank: PedestrianBank, chosen: np.ndarray, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Generated crops put on new scenes, framed, occluded and degraded, and their labels then.

    Args:
        bank: of generated pedestrians.
        chosen: (n,) indices of crops.
        rng: draws everything.

    Returns:
        images (n,3,H,W) in [-1,1] and labels (n,H/2,W/2) int64, `UNKNOWN` where nothing is asked.
    """
    height, width = bank.images.shape[1:3]
    framing = random_framing(rng, len(chosen), height, width)
    mask = reframed(torch.from_numpy(bank.opacity(chosen)), framing)
    people = reframed(image_batch(bank.images[chosen]), framing)
    # Counted from the background, since zeros come in from outside.
    counted = torch.from_numpy(pixel_labels(bank, chosen) - BACKGROUND).float()
    labels = reframed(counted[:, None], framing, "nearest")[:, 0].round().long() + BACKGROUND
    scenes = with_company(rng, bank, random_backgrounds(rng, bank, len(chosen)))
    people = relit(rng, recoloured(rng, people, 0.9))
    images = composite(people, mask, scenes)
    covered = occluded(rng, bank, images, share=0.25)
    hidden = (covered - images).abs().amax(1) > 0.02
    labels[hidden] = UNKNOWN
    images = degraded(rng, weathered(rng, recoloured(rng, covered, 0.6)))
    return images, _half_size(labels)


def _half_size(labels: torch.Tensor) -> torch.Tensor:
    """Labels (n,H,W) at half the size: what three of four pixels are, else `UNKNOWN`."""
    four = torch.stack([labels[:, row::2, column::2] for row in (0, 1) for column in (0, 1)], -1)
    majority = four.mode(-1).values
    return torch.where((four == majority[..., None]).sum(-1) >= 3, majority, UNKNOWN)


def relit(rng: np.random.Generator, images: torch.Tensor) -> torch.Tensor:
    """Images (B,3,H,W) under uneven light: a soft ramp across each, and half of them a cast shadow."""
    count, (height, width) = len(images), images.shape[-2:]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y, x = y / height - 0.5, x / width - 0.5
    factor = np.empty((count, 1, height, width), np.float32)
    for plane in factor:
        angle = rng.uniform(0, 2 * np.pi)
        ramp = np.exp(rng.normal(0, 0.3) * (np.cos(angle) * x + np.sin(angle) * y))
        if rng.random() < 0.4:
            edge = np.cos(angle) * y - np.sin(angle) * x - rng.normal(0, 0.25)
            shadow = 1 / (1 + np.exp(-edge * rng.uniform(10, 60)))
            ramp *= 1 - rng.uniform(0.1, 0.5) * shadow
        plane[0] = ramp
    return (((images + 1) / 2 * torch.from_numpy(factor)).clamp(0, 1)) * 2 - 1


def weathered(rng: np.random.Generator, images: torch.Tensor) -> torch.Tensor:
    """Images (B,3,H,W) with a camera's gamma, cast and haze, and at times much blur; drawn per image."""
    array = ((images + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    out = np.empty_like(array)
    for index, image in enumerate(array):
        image = image ** np.float32(np.exp(rng.normal(0, 0.28)))
        image = image * np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
        if rng.random() < 0.3:
            veil = rng.uniform(0.0, 0.25)
            image = image * (1 - veil) + veil * rng.uniform(0.4, 0.9)
        if rng.random() < 0.35:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 1.5))
        out[index] = image
    return torch.from_numpy(out).clamp(0, 1).permute(0, 3, 1, 2) * 2 - 1


@torch.no_grad()
def label_figures(
    network: AttireNetwork,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    device: torch.device,
    batch: int = 64,
) -> dict[str, float]:
    """Intersection over union of each label and of the background, over all pixels that are asked."""
    classes = len(LABELS) + 1
    table = torch.zeros(classes, classes, dtype=torch.long)
    for start in range(0, len(images), batch):
        guess = network(images[start : start + batch].to(device)).argmax(1).cpu()
        truth = labels[start : start + batch]
        labelled = truth != UNKNOWN
        pairs = truth[labelled] * classes + guess[labelled]
        table += torch.bincount(pairs, minlength=classes**2).view(classes, classes)
    union = table.sum(0) + table.sum(1) - table.diagonal()
    overlap = table.diagonal() / union.clamp(min=1)
    return {
        f"{name} IoU": float(value)
        for name, value in zip((*LABELS, "background"), overlap.tolist())
    }
