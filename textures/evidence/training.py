"""Training the landmark network on generated pedestrians, and, where the user has them, photographs.

A batch of generated people is put on scenes, framed, occluded and degraded; some of its crops show no
whole upright person (nobody, half a body, two people merged, upside down), so that the network learns to
say so. Photographs with joints in a file make up most of each batch where there are any.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn import functional

from textures.evidence.labelled_crops import CropLabels
from textures.evidence.landmarks import (
    BONES,
    INDEX,
    MIRRORED,
    MIRRORED_BONES,
    MIRRORED_SIGNS,
)
from textures.evidence.network import (
    CARRIED,
    MIRRORED_PARTS,
    STRIDE,
    Drawing,
    LandmarkConfig,
    LandmarkNetwork,
    expected_pixels,
    mirrored_mean,
    peak_pixels,
)
from textures.training.augmentation import (
    degraded,
    image_batch,
    occluded,
    random_backgrounds,
    random_framing,
    recoloured,
    reframed,
    reframed_pixels,
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

WEIGHTS = {
    **{"place": 1.0, "pixels": 0.05, "parts": 0.5, "directions": 1.0},
    **{"heading": 0.5, "inside": 0.1, "presence": 0.2},
}
ABSENT = 0.12  # share of generated crops that show no whole upright person
UNKNOWN_PART = -1
ACROSS = [  # lines from one side of the body to the other
    BONES.index((f"right_{joint}", f"left_{joint}")) for joint in ("shoulder", "hip")
]

Batch = dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class BodyFitRecipe:
    """A whole training of the body fit: its network, its batch, its schedule.

    photographs: the share of a batch that is photographs, where there are any.
    """

    name: str
    network: LandmarkConfig
    batch: int = 64
    photographs: float = 0.75
    schedule: Schedule


SHIPPED = BodyFitRecipe(
    name="shipped", network=LandmarkConfig(), schedule=Schedule(steps=30000, lr=2e-3)
)
PHOTOGRAPHS = BodyFitRecipe(
    name="photographs", network=LandmarkConfig(), schedule=Schedule(steps=6000, lr=1e-3)
)
RECIPES = {recipe.name: recipe for recipe in (SHIPPED, PHOTOGRAPHS)}


@dataclass(frozen=True)
class Photographs:
    """Real crops (N,H,W,3) uint8 RGB and their labels."""

    images: np.ndarray
    labels: CropLabels


def train_landmarks(
    recipe: BodyFitRecipe,
    bank: PedestrianBank,
    labels: CropLabels,
    held_out: tuple[PedestrianBank, CropLabels],
    *,
    folder: Path,
    fabric: Fabric,
    photographs: tuple[Photographs, Photographs | None] | None = None,
    start: LandmarkNetwork | None = None,
    measure_every: int = 0,
    data: RunData | None = None,
) -> tuple[LandmarkNetwork, dict[str, float]]:
    """Train a landmark network.

    Args:
        recipe: what is trained, and how.
        bank: generated pedestrians to learn from.
        labels: of the bank.
        held_out: pedestrians to measure on, and their labels.
        folder: of the run.
        fabric: device, precision and processes.
        photographs: with joints, to learn from, and of other people, to measure on.
        start: a trained network to go on from.
        measure_every: steps between two measurements.
        data: digests of what is learnt from.

    Returns:
        The network and its held-out figures.
    """
    config, seed = recipe.network, recipe.schedule.seed
    torch.manual_seed(seed)
    network = LandmarkNetwork(config)
    if start is not None:
        network.load_state_dict(start.state_dict())
    rng = np.random.default_rng(seed + 1)
    test = generated_batch(*held_out, np.arange(len(held_out[0])), rng, absent=0.0)
    learnt, other_people = photographs or (None, None)
    real = round(recipe.batch * recipe.photographs) if learnt else 0

    def draw_batch(rng: np.random.Generator) -> Batch:
        chosen = rng.integers(0, len(bank), recipe.batch - real)
        batch = generated_batch(bank, labels, chosen, rng, absent=ABSENT)
        if learnt:
            real_batch = photograph_batch(learnt, rng.integers(0, len(learnt.images), real), rng)
            batch = {name: torch.cat([batch[name], real_batch[name]]) for name in batch}
        return {name: value.to(fabric.device) for name, value in batch.items()}

    def losses(networks: Networks, batch: Batch, rng: np.random.Generator) -> Losses:
        return batch_losses(networks["body-fit"], batch)

    def measure(networks: Networks) -> dict[str, float]:
        figures = landmark_figures(network, test, fabric.device)
        if other_people:
            plain = photograph_batch(other_people, np.arange(len(other_people.images)), None)
            figures |= {
                f"photographs' {name}": value
                for name, value in landmark_figures(network, plain, fabric.device).items()
            }
        return figures

    figures = train_networks(
        {"body-fit": network},
        TrainingStep({"body-fit": Phase(("body-fit",), losses)}, draw_batch, measure),
        folder=folder,
        schedule=recipe.schedule,
        fabric=fabric,
        configuration={
            "body_fit": dataclasses.asdict(config),
            "batch": recipe.batch,
            "images": len(bank),
            "photographs": len(learnt.images) if learnt else 0,
            "data": data or {},
        },
        name="body fit",
        measure_every=measure_every,
    )
    return network, figures


def generated_batch(
    bank: PedestrianBank,
    labels: CropLabels,
    chosen: np.ndarray,
    rng: np.random.Generator,
    *,
    absent: float,
) -> Batch:
    """Generated crops put on new scenes, framed, occluded and degraded, and the truth about them then.

    images (B,3,H,W); landmarks (B,L,2); confidence (B,L); directions (B,bones,3); heading (B,2);
    oriented and turned (B,) as `CropLabels` has them; parts (B,H/4,W/4) int64; presence (B,).
    """
    height, width = bank.images.shape[1:3]
    framing = random_framing(rng, len(chosen), height, width)
    gone = rng.random(len(chosen)) < absent
    kind = rng.integers(0, 4, len(chosen))
    truncated = gone & (kind == 1)
    framing[truncated, 0] = rng.uniform(1.9, 2.6, truncated.sum())
    framing[truncated, 2] = (
        rng.choice([-1, 1], truncated.sum()) * rng.uniform(0.45, 0.6, truncated.sum()) * height
    )
    mask = reframed(torch.from_numpy(bank.opacity(chosen)), framing)
    people = reframed(image_batch(bank.images[chosen]), framing)
    labelled = np.where(bank.carried[chosen] > 127, CARRIED, bank.parts[chosen])
    parts = reframed(torch.from_numpy(labelled).float()[:, None], framing, "nearest")
    parts = parts[:, 0, STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE].round().long()
    nobody = torch.from_numpy(gone & (kind == 0))
    mask[nobody] = 0
    scenes = with_company(rng, bank, random_backgrounds(rng, bank, len(chosen)))
    people = recoloured(rng, people, 0.7)
    images = composite(people, mask, scenes)
    merged = gone & (kind == 2)
    if merged.any():
        images[torch.from_numpy(merged)] = _with_second(rng, bank, images, merged)
    images = degraded(rng, recoloured(rng, occluded(rng, bank, images), 0.5))
    inverted = torch.from_numpy(gone & (kind == 3))
    images[inverted] = images[inverted].flip(-2)
    landmarks = reframed_pixels(labels.landmarks[chosen], framing, height, width)
    present = torch.from_numpy(~gone).float()
    heading = labels.heading[chosen]
    return {
        "images": images,
        "landmarks": torch.from_numpy(landmarks.astype(np.float32)),
        "confidence": torch.from_numpy(labels.confidence[chosen]) * present[:, None],
        "directions": torch.from_numpy(labels.directions[chosen]),
        "heading": torch.from_numpy(np.stack([np.cos(heading), np.sin(heading)], 1)),
        "oriented": torch.from_numpy(labels.oriented[chosen]) * present,
        "turned": torch.from_numpy(labels.turned[chosen]) * present,
        "parts": torch.where(present[:, None, None] > 0, parts, UNKNOWN_PART),
        "presence": present,
    }


def _with_second(
    rng: np.random.Generator, bank: PedestrianBank, images: torch.Tensor, merged: np.ndarray
) -> torch.Tensor:
    """These images with another person half in front of the first."""
    count, (height, width) = int(merged.sum()), bank.images.shape[1:3]
    companions = rng.integers(0, len(bank), count)
    framing = random_framing(rng, count, height, width)
    framing[:, 1] += rng.choice([-1, 1], count) * rng.uniform(0.2, 0.4, count) * width
    person = reframed(image_batch(bank.images[companions]), framing)
    mask = reframed(torch.from_numpy(bank.opacity(companions)), framing)
    return composite(person, mask, images[torch.from_numpy(merged)])


def photograph_batch(
    photographs: Photographs, chosen: np.ndarray, rng: np.random.Generator | None
) -> Batch:
    """Real crops with their labels; framed, mirrored, recoloured and covered where `rng` is given."""
    labels = photographs.labels.select(chosen)
    images = image_batch(photographs.images[chosen])
    height, width = photographs.images.shape[1:3]
    landmarks = labels.landmarks
    if rng is not None:
        framing = random_framing(rng, len(chosen), height, width)
        framing[:, 3] = np.exp(
            rng.normal(0, 0.08, len(chosen))
        )  # detectors' crops are broad already
        turn = np.clip(rng.normal(0, 0.12, len(chosen)), -0.4, 0.4)
        images, landmarks = _turned(images, landmarks, framing, turn)
        images = _covered(rng, recoloured(rng, images))
    shape = (len(chosen), height // STRIDE, width // STRIDE)
    batch = {
        "images": images,
        "landmarks": torch.from_numpy(landmarks.astype(np.float32)),
        "confidence": torch.from_numpy(labels.confidence),
        "directions": torch.from_numpy(labels.directions),
        "heading": torch.from_numpy(
            np.stack([np.cos(labels.heading), np.sin(labels.heading)], 1).astype(np.float32)
        ),
        "oriented": torch.from_numpy(labels.oriented),
        "turned": torch.from_numpy(labels.turned),
        "parts": torch.full(shape, UNKNOWN_PART),
        "presence": torch.ones(len(chosen)),
    }
    if rng is not None:
        batch = _mirrored(batch, torch.from_numpy(rng.random(len(chosen)) < 0.5), width)
    return batch


def _turned(
    images: torch.Tensor, landmarks: np.ndarray, framing: np.ndarray, turn: np.ndarray
) -> tuple[torch.Tensor, np.ndarray]:
    """Images and landmarks framed anew and turned by `turn` radians about the middle; edges go on."""
    height, width = images.shape[-2:]
    middle = np.array([width / 2, height / 2])
    factor, shift, stretch = framing[:, 0], framing[:, 1:3], framing[:, 3]
    cosine, sine = factor * np.cos(turn), factor * np.sin(turn)
    matrix = np.stack(
        [np.stack([cosine * stretch, -sine], -1), np.stack([sine * stretch, cosine], -1)], 1
    )
    moved = np.einsum("bij,blj->bli", matrix, landmarks - middle) + middle + shift[:, None]
    inverse = np.linalg.inv(matrix)
    theta = np.zeros((len(images), 2, 3))
    theta[:, :, :2] = inverse * middle[None, None] / middle[None, :, None]
    theta[:, :, 2] = -np.einsum("bij,bj->bi", inverse, shift) / middle
    grid = functional.affine_grid(
        torch.from_numpy(theta.astype(np.float32)), list(images.shape), align_corners=False
    )
    sampled = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    return sampled, moved


def _covered(rng: np.random.Generator, images: torch.Tensor, share: float = 0.3) -> torch.Tensor:
    """Some of the images with a box of another image over part of them."""
    height, width = images.shape[-2:]
    images = images.clone()
    for index in np.flatnonzero(rng.random(len(images)) < share):
        h, w = int(rng.uniform(0.08, 0.4) * height), int(rng.uniform(0.15, 0.6) * width)
        y, x = int(rng.integers(0, height - h)), int(rng.integers(0, width - w))
        other = int(rng.integers(len(images)))
        images[index, :, y : y + h, x : x + w] = images[other, :, y : y + h, x : x + w].clone()
    return images


def _mirrored(batch: Batch, chosen: torch.Tensor, width: int) -> Batch:
    """The batch with some of its crops mirrored, labels and all."""
    landmarks = batch["landmarks"][:, MIRRORED] * torch.tensor([-1.0, 1.0])
    turned = {
        "images": batch["images"].flip(-1),
        "landmarks": landmarks + torch.tensor([float(width), 0.0]),
        "confidence": batch["confidence"][:, MIRRORED],
        "directions": batch["directions"][:, MIRRORED_BONES] * torch.tensor(MIRRORED_SIGNS),
        "heading": batch["heading"] * torch.tensor([1.0, -1.0]),
        "oriented": batch["oriented"],
        "turned": batch["turned"],
        "parts": _mirrored_parts(batch["parts"]),
        "presence": batch["presence"],
    }
    return {
        name: torch.where(chosen.view(-1, *(1,) * (value.dim() - 1)), turned[name], value)
        for name, value in batch.items()
    }


def _mirrored_parts(parts: torch.Tensor) -> torch.Tensor:
    table = torch.tensor([*MIRRORED_PARTS, UNKNOWN_PART])  # the last entry is that of -1
    return table[parts.flip(-1)]


def batch_losses(model: nn.Module, data: Batch) -> Losses:
    """The weighted terms (`WEIGHTS`) of a batch of `generated_batch` or `photograph_batch`."""
    drawing: Drawing = model(data["images"].contiguous(memory_format=torch.channels_last))
    limit = data["landmarks"].new_tensor([data["images"].shape[-1], data["images"].shape[-2]])
    in_frame = ((data["landmarks"] > 0) & (data["landmarks"] < limit)).all(-1).float()
    sure = data["confidence"] * in_frame
    chance = drawing.heat.flatten(2).softmax(-1).view_as(drawing.heat)
    error = (expected_pixels(chance) - data["landmarks"]).abs().sum(-1)
    oriented, turned = data["oriented"], data["turned"]
    away = (1 - (drawing.directions * data["directions"]).sum(-1)).mean(1)
    lines = drawing.directions[:, ACROSS, 0] - data["heading"][:, :1]
    away = torch.where(turned > 0, lines.abs().mean(1), away)
    heading = torch.where(
        turned > 0,
        unsigned_heading_loss(drawing.heading, data["heading"]),
        heading_loss(drawing.heading, data["heading"]),
    )
    inside = functional.binary_cross_entropy_with_logits(drawing.inside, in_frame, reduction="none")
    terms = {
        "place": _mean(placed_loss(drawing.heat, data["landmarks"] / STRIDE), sure),
        "pixels": _mean(error, sure),
        "parts": _parts_loss(drawing.parts, data["parts"]),
        "directions": _mean(away, oriented + turned),
        "heading": _mean(heading, oriented + turned),
        "inside": _mean(inside, data["confidence"]),
        "presence": functional.binary_cross_entropy_with_logits(drawing.presence, data["presence"]),
    }
    return {name: WEIGHTS[name] * value for name, value in terms.items()}


def _mean(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return (values * weight).sum() / weight.sum().clamp(min=1.0)


def _parts_loss(logits: torch.Tensor, parts: torch.Tensor) -> torch.Tensor:
    labelled = (parts != UNKNOWN_PART).sum().clamp(min=1)
    total = functional.cross_entropy(logits, parts, ignore_index=UNKNOWN_PART, reduction="sum")
    return total / labelled


def heading_loss(said: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood (B,), but for a constant, of a von Mises distribution.

    Args:
        said: (B,2) cosine and sine times the concentration.
        truth: (B,2) cosine and sine.
    """
    concentration = said.norm(dim=1)
    return torch.special.i0e(concentration).log() + concentration - (said * truth).sum(1)


def unsigned_heading_loss(said: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """As `heading_loss`, of people of whom it is unknown whether they are turned left or right."""
    concentration = said.norm(dim=1)
    left, right = ((said * truth * truth.new_tensor([1.0, sign])).sum(1) for sign in (1.0, -1.0))
    likelihood = torch.logaddexp(left, right) - math.log(2)
    return torch.special.i0e(concentration).log() + concentration - likelihood


def placed_loss(logits: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Cross-entropy (B,L) of heat maps (B,L,h,w) against positions (B,L,2) in cells.

    Each position is shared among the four cells around it.
    """
    height, width = logits.shape[-2:]
    log = logits.flatten(2).log_softmax(-1)
    x = (positions[..., 0] - 0.5).clamp(0, width - 1.001)
    y = (positions[..., 1] - 0.5).clamp(0, height - 1.001)
    left, top = x.floor(), y.floor()
    total = logits.new_zeros(logits.shape[:2])
    for dx in (0, 1):
        for dy in (0, 1):
            weight = (1 - (x - left - dx).abs()) * (1 - (y - top - dy).abs())
            cell = ((top + dy) * width + left + dx).long()
            total = total - weight * log.gather(2, cell[..., None])[..., 0]
    return total


@torch.no_grad()
def landmark_figures(
    network: LandmarkNetwork, data: Batch, device: torch.device, batch: int = 64
) -> dict[str, float]:
    """Figures on crops whose labels are known.

    Pixel error of the landmarks inside the crop (median), silhouette IoU, the share of people whose
    heading is right in_frame 45 degrees, and the share facing the right way by their shoulders.
    """
    errors, overlaps, ahead, facing = [], [], [], []
    for start in range(0, len(data["images"]), batch):
        chunk = {name: value[start : start + batch].to(device) for name, value in data.items()}
        drawing = mirrored_mean(network, chunk["images"])
        chance = drawing.heat.flatten(2).softmax(-1).view_as(drawing.heat)
        pixels, _ = peak_pixels(chance)
        limit = pixels.new_tensor([chunk["images"].shape[-1], chunk["images"].shape[-2]])
        in_frame = ((chunk["landmarks"] > 0) & (chunk["landmarks"] < limit)).all(-1)
        sure = in_frame & (chunk["confidence"] > 0)
        errors.append((pixels - chunk["landmarks"]).norm(dim=-1)[sure])
        people = (chunk["parts"] != UNKNOWN_PART).all(-1).all(-1)
        said, truth = drawing.parts.argmax(1), chunk["parts"]
        guess, mask = (said > 0) & (said != CARRIED), (truth > 0) & (truth != CARRIED)
        overlap = (guess & mask).sum((1, 2)) / (guess | mask).sum((1, 2)).clamp(min=1)
        overlaps.append(overlap[people])
        unit = functional.normalize(drawing.heading, dim=1)
        ahead.append(((unit * chunk["heading"]).sum(1) > 0.7071)[chunk["oriented"] > 0].float())
        facing.append(_facing_right(pixels, chunk["landmarks"]))
    figures = {"landmarks px": float(torch.cat(errors).median())}
    for name, values in (("silhouette IoU", overlaps), ("heading right", ahead)):
        if len(joined := torch.cat(values)):
            figures[name] = float(joined.mean())
    return figures | {"facing right": float(torch.cat(facing).mean())}


def _facing_right(pixels: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """1 or 0 for each crop that is not seen from the side: whether left and right are not exchanged."""
    left, right = INDEX["left_acromion"], INDEX["right_acromion"]
    across, said = (p[:, left, 0] - p[:, right, 0] for p in (truth, pixels))
    clear = across.abs() > 6
    return (across.sign() == said.sign())[clear].float()
