"""Training SamplerNet, then RefinerNet against its discriminator (Cha et al. 2022, sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from textures.body_fit.source_pixels import SourcePixels
from textures.perceptual.losses import PerceptualLosses, shrunk
from textures.sampler_refiner.losses import critic_loss, fooling_loss, matching_loss
from textures.sampler_refiner.networks import sampled_texture
from textures.sampler_refiner.partial_texture import PartialTextures, TexelProjection
from textures.sampler_refiner.recipes import SamplerRefinerRecipe
from textures.training.augmentation import degraded, image_batch, on_scenes
from textures.training.loop import Losses, Networks, Phase, TrainingStep
from textures.training.pedestrian_bank import PedestrianBank

MEASURED_CROPS = 96  # of held-out people, at most, spread over them


@dataclass(frozen=True)
class StageTextures:
    """Textures (B,3,S,S) in [-1,1] of the rows of the paper's Table 1, and the blending mask."""

    sampled: torch.Tensor
    refined: torch.Tensor
    full: torch.Tensor
    mask: torch.Tensor

    def by_name(self) -> dict[str, torch.Tensor]:
        """The textures as the paper's table calls them."""
        return {"sampled": self.sampled, "refinement": self.refined, "full": self.full}


def sampled_stage(
    sampler: nn.Module, partial: PartialTextures, projection: TexelProjection
) -> torch.Tensor:
    """The sampled texture: what the crop shows as it is, the other texels by SamplerNet's grid."""
    grid = sampler(partial.colours, partial.filled, projection.normals)
    looked_up = sampled_texture(partial.colours, grid)
    return projection.with_gutters(torch.lerp(looked_up, partial.colours, partial.visible))


def refined_stage(
    refiner: nn.Module,
    sampled: torch.Tensor,
    partial: PartialTextures,
    projection: TexelProjection,
) -> StageTextures:
    """The refined texture and what the mask blends of both."""
    refined, mask = refiner(sampled, partial.visible)
    refined = projection.with_gutters(refined)
    mask = projection.with_gutters(mask)
    return StageTextures(sampled, refined, sampled * mask + refined * (1 - mask), mask)


@dataclass(frozen=True)
class _CropBatch:
    """Crops' indices in the bank, their partial textures and their people's true textures."""

    chosen: np.ndarray
    partial: PartialTextures
    truth: torch.Tensor


def true_textures(bank: PedestrianBank, chosen: np.ndarray, size: int) -> torch.Tensor:
    """The true textures (n,3,S,S) in [-1,1] of the people in a bank's crops."""
    textures = image_batch(bank.textures[bank.texture_of[chosen]])
    if textures.shape[-1] < size:
        return nn.functional.interpolate(
            textures, size=(size, size), mode="bilinear", align_corners=False
        )
    return shrunk(textures, size)


def adversarial_step(
    recipe: SamplerRefinerRecipe,
    bank: PedestrianBank,
    sources: SourcePixels,
    projection: TexelProjection,
    perceptual: PerceptualLosses | None,
    device: torch.device,
    measure: Callable[[Networks], dict[str, float]],
) -> TrainingStep:
    """The step: first SamplerNet's alone, then RefinerNet's and the discriminator's.

    Args:
        recipe: weighs the terms, and says which steps are whose.
        bank: stand-ins with true textures.
        sources: pixels that texels look at in its crops.
        projection: makes the partial textures.
        perceptual: the VGG's losses; None where no term needs them.
        device: that trains.
        measure: held-out figures.
    """
    weights = recipe.losses
    projection = projection.to(device)
    if perceptual is not None:
        perceptual = perceptual.to(device)
    latest: dict[str, torch.Tensor] = {}

    def draw_batch(rng: np.random.Generator) -> _CropBatch:
        chosen = rng.choice(len(bank), recipe.batch, replace=len(bank) < recipe.batch)
        crops = on_scenes(rng, bank, chosen)
        if recipe.degrade:
            crops = degraded(rng, crops)
        positions, kinds = (t.to(device) for t in sources.tensors(chosen))
        truth = true_textures(bank, chosen, recipe.networks.texture_size)
        return _CropBatch(chosen, projection(crops.to(device), positions, kinds), truth.to(device))

    def sampler_losses(networks: Networks, batch: _CropBatch, rng: np.random.Generator) -> Losses:
        sampled = sampled_stage(networks["sampler"], batch.partial, projection)
        terms: Losses = {"l1": weights.sampler.l1 * (sampled - batch.truth).abs().mean()}
        if weights.sampler.lpips and perceptual is not None:
            terms["lpips"] = weights.sampler.lpips * perceptual.distance(sampled, batch.truth)
        return terms

    def refiner_losses(networks: Networks, batch: _CropBatch, rng: np.random.Generator) -> Losses:
        with torch.no_grad():
            sampled = sampled_stage(networks["sampler"], batch.partial, projection)
        full = refined_stage(networks["refiner"], sampled, batch.partial, projection).full
        latest["full"] = full.detach()
        terms: Losses = {"l1": weights.refiner.l1 * (full - batch.truth).abs().mean()}
        if weights.refiner.vgg and perceptual is not None:
            terms["vgg"] = weights.refiner.vgg * perceptual.content(full, batch.truth)
        if weights.refiner.gan or weights.refiner.matching:
            generated = networks["critic"](full)
            with torch.no_grad():
                true = networks["critic"](batch.truth)
            terms["gan"] = weights.refiner.gan * fooling_loss(generated[-1].float())
            terms["matching"] = weights.refiner.matching * matching_loss(generated[:-1], true[:-1])
        return terms

    def critic_losses(networks: Networks, batch: _CropBatch, rng: np.random.Generator) -> Losses:
        true = networks["critic"](batch.truth)[-1]
        generated = networks["critic"](latest["full"])[-1]  # of before the refiner's step
        return {"patches": critic_loss(true.float(), generated.float())}

    first = recipe.sampler_steps
    phases = {
        "sampler": Phase(("sampler",), sampler_losses, end=first),
        "refiner": Phase(("refiner",), refiner_losses, begin=first),
        "critic": Phase(("critic",), critic_losses, begin=first),
    }
    return TrainingStep(
        phases, draw_batch, measure, lambda batch: f"crops {', '.join(map(str, batch.chosen))}"
    )


@torch.no_grad()
def stage_figures(
    networks: Networks,
    bank: PedestrianBank,
    sources: SourcePixels,
    projection: TexelProjection,
    size: int,
) -> dict[str, float]:
    """Mean absolute error (0-255) of each stage's textures of held-out crops, hidden texels apart."""
    order = np.argsort(bank.identities, kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, min(len(order), MEASURED_CROPS)).astype(int)]
    sums: dict[str, float] = {}
    device = projection.normals.device
    for rows in np.array_split(chosen, -(-len(chosen) // 16)):
        crops = image_batch(bank.images[rows]).to(device)
        partial = projection(crops, *(t.to(device) for t in sources.tensors(rows)))
        truth = true_textures(bank, rows, size).to(device)
        sampled = sampled_stage(networks["sampler"], partial, projection)
        stages = refined_stage(networks["refiner"], sampled, partial, projection)
        hidden = 1 - partial.visible
        for name, textures in stages.by_name().items():
            error = (textures - truth).abs().mean(1, keepdim=True) * 127.5
            for side, weight in (("seen", partial.visible), ("unseen", hidden)):
                mean = (error * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3)).clamp(min=1)
                key = f"texture error, {name}, {side}"
                sums[key] = sums.get(key, 0.0) + float(mean.sum())
        sums["kept by the mask"] = sums.get("kept by the mask", 0.0) + float(
            stages.mask.mean((1, 2, 3)).sum()
        )
    return {key: value / len(chosen) for key, value in sums.items()}
