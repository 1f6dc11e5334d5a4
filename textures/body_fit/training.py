"""Training the body fit on a bank of pedestrians whose bodies are known."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn import functional

from mocap.bodies.skinning import Skinning, rotation_matrices
from textures.body_fit.network import BodyFitConfig, BodyFitNetwork, fitted_joints
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
from textures.visibility.rendering_tensor import composite

WEIGHTS = {
    "rotation": 1.0,
    "joints": 5.0,
    "pixels": 0.1,
    "drawn": 0.1,
    "placed": 0.5,
    "seen": 0.1,
    "betas": 0.02,
    "camera": 1.0,
    "parts": 0.5,
}


@dataclass(frozen=True, kw_only=True)
class BodyFitRecipe:
    """A whole training of the body fit: its network, its batch, its schedule."""

    name: str
    network: BodyFitConfig
    batch: int = 32
    schedule: Schedule


SHIPPED = BodyFitRecipe(name="shipped", network=BodyFitConfig(), schedule=Schedule(steps=3000))
RECIPES = {recipe.name: recipe for recipe in (SHIPPED,)}


def train_body_fit(
    recipe: BodyFitRecipe,
    skinning: Skinning,
    training: PedestrianBank,
    held_out: PedestrianBank,
    *,
    folder: Path,
    fabric: Fabric,
    measure_every: int = 0,
) -> tuple[BodyFitNetwork, dict[str, float]]:
    """Train a body-fit network on pedestrians whose bodies are known.

    Args:
        recipe: what is trained, and how.
        skinning: of the body that the bank was made with.
        training: pedestrians to learn from.
        held_out: pedestrians to measure on.
        folder: of the run.
        fabric: device, precision and processes.
        measure_every: steps between two measurements.

    Returns:
        The network and its held-out figures.
    """
    config, seed = recipe.network, recipe.schedule.seed
    torch.manual_seed(seed)
    network = BodyFitNetwork(config)
    skinning = skinning.to(fabric.device)
    test = training_batch(
        held_out, np.arange(len(held_out)), np.random.default_rng(seed + 1), config
    )

    def draw_batch(rng: np.random.Generator) -> dict[str, torch.Tensor]:
        chosen = rng.integers(0, len(training), recipe.batch)
        data = training_batch(training, chosen, rng, config)
        return {key: value.to(fabric.device) for key, value in data.items()}

    def losses(
        networks: Networks, batch: dict[str, torch.Tensor], rng: np.random.Generator
    ) -> Losses:
        return batch_losses(networks["body-fit"], skinning, batch, config)

    figures = train_networks(
        {"body-fit": network},
        TrainingStep(
            {"body-fit": Phase(("body-fit",), losses)},
            draw_batch,
            lambda networks: fit_figures(network, skinning, test, config, fabric.device),
        ),
        folder=folder,
        schedule=recipe.schedule,
        fabric=fabric,
        configuration={
            "body_fit": dataclasses.asdict(config),
            "batch": recipe.batch,
            "images": len(training),
        },
        name="body fit",
        measure_every=measure_every,
    )
    return network, figures


def training_batch(
    bank: PedestrianBank, chosen: np.ndarray, rng: np.random.Generator, config: BodyFitConfig
) -> dict[str, torch.Tensor]:
    """Crops put on new scenes, framed, occluded and degraded, and the truth about them then.

    images (B,3,H,W); rotations (B,24,3,3); betas (B,10); camera (B,3); joints (B,24,3) metres;
    pixels (B,24,2); parts (B,H/4,W/4) int64.
    """
    height, width = bank.images.shape[1:3]
    framing = random_framing(rng, len(chosen), height, width)
    mask = torch.from_numpy(bank.opacity(chosen))
    images = image_batch(bank.images[chosen])
    parts = torch.from_numpy(bank.parts[chosen]).float()[:, None]
    images, mask = reframed(images, framing), reframed(mask, framing)
    parts = reframed(parts, framing, mode="nearest")[:, 0, 2::4, 2::4].round().long()
    scenes = with_company(rng, bank, random_backgrounds(rng, bank, len(chosen)))
    people = recoloured(rng, images, 0.7)
    images = degraded(
        rng, recoloured(rng, occluded(rng, bank, composite(people, mask, scenes)), 0.5)
    )
    scale = np.array([config.width / width, config.height / height], np.float32)
    view = bank.view[chosen].copy()
    view[:, :2] = reframed_pixels(view[:, :2], framing, height, width) * scale
    view[:, 2] += np.log(framing[:, 0]) + np.log(scale[1])
    pixels = reframed_pixels(bank.joint_pixels[chosen], framing, height, width) * scale
    return {
        "images": images,
        "rotations": rotation_matrices(torch.from_numpy(bank.pose[chosen]).view(-1, 24, 3)),
        "betas": torch.from_numpy(bank.betas[chosen]),
        "camera": torch.from_numpy(view),
        "joints": torch.from_numpy(bank.joints[chosen]),
        "pixels": torch.from_numpy(pixels.astype(np.float32)),
        "parts": parts,
    }


def batch_losses(
    model: nn.Module, skinning: Skinning, data: dict[str, torch.Tensor], config: BodyFitConfig
) -> Losses:
    """The weighted terms (`WEIGHTS`): rotations, joints, heat maps, parts, betas, camera."""
    estimate = model(data["images"].contiguous(memory_format=torch.channels_last))
    joints, pixels = fitted_joints(
        skinning, estimate.rotations, estimate.betas, estimate.camera, config
    )
    limit = pixels.new_tensor([config.width, config.height])
    inside = ((data["pixels"] > 0) & (data["pixels"] < limit)).all(-1).float()
    heat_error = (estimate.joint_pixels - data["pixels"]).abs().sum(-1) * inside
    step = pixels.new_tensor([0.1, 0.1, 1.0])
    terms = {
        "rotation": (estimate.rotations - data["rotations"]).square().sum((2, 3)).mean(),
        "joints": (joints - data["joints"]).abs().sum(-1).mean(),
        "pixels": functional.smooth_l1_loss(pixels, data["pixels"]),
        "drawn": heat_error.sum() / inside.sum().clamp(min=1),
        "placed": (placed_loss(estimate.joint_logits, data["pixels"] / 4) * inside).sum()
        / inside.sum().clamp(min=1),
        "seen": functional.binary_cross_entropy(estimate.joint_confidence, inside),
        "betas": (estimate.betas - data["betas"]).square().mean(),
        "camera": ((estimate.camera - data["camera"]) * step).abs().sum(-1).mean(),
        "parts": functional.cross_entropy(estimate.part_logits, data["parts"]),
    }
    return {name: WEIGHTS[name] * value for name, value in terms.items()}


def placed_loss(logits: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Cross-entropy (B,J) of heat maps (B,J,h,w) against positions (B,J,2) in cells.

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
def fit_figures(
    network: BodyFitNetwork,
    skinning: Skinning,
    data: dict[str, torch.Tensor],
    config: BodyFitConfig,
    device: torch.device,
    batch: int = 64,
) -> dict[str, float]:
    """Figures of a body fit on crops whose bodies are known.

    MPJPE (root-relative, mm), pixel error of the body's joints and of the heat maps' inside the frame (on
    a crop 128 pixels high), silhouette IoU, and the share of people whose facing is right within 45
    degrees.
    """
    sums = np.zeros(6)
    for start in range(0, len(data["images"]), batch):
        chunk = {k: v[start : start + batch].to(device) for k, v in data.items()}
        estimate = network(chunk["images"])
        joints, pixels = fitted_joints(
            skinning, estimate.rotations, estimate.betas, estimate.camera, config
        )
        limit = pixels.new_tensor([config.width, config.height])
        inside = ((chunk["pixels"] > 0) & (chunk["pixels"] < limit)).all(-1).float()
        scale = 128 / config.height
        body_error = (pixels - chunk["pixels"]).norm(dim=-1) * scale
        heat_error = (estimate.joint_pixels - chunk["pixels"]).norm(dim=-1) * scale
        guess, truth = estimate.part_logits.argmax(1) > 0, chunk["parts"] > 0
        overlap = (guess & truth).sum((1, 2)) / (guess | truth).sum((1, 2)).clamp(min=1)
        ahead = (estimate.rotations[:, 0, :, 2] * chunk["rotations"][:, 0, :, 2]).sum(-1)
        sums += [
            float((joints - chunk["joints"]).norm(dim=-1).mean(1).sum()) * 1000,
            float((body_error * inside).sum() / inside.sum()) * len(pixels),
            float((heat_error * inside).sum() / inside.sum()) * len(pixels),
            float(overlap.sum()),
            float((ahead > 0.7071).sum()),
            len(pixels),
        ]
    names = ("MPJPE mm", "body joints px", "drawn joints px", "silhouette IoU", "facing right")
    return dict(zip(names, (sums[:5] / sums[5]).tolist()))
