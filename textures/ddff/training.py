"""Training DDFF in two steps: hallucinations and a texture, then pictures that exist (section 4.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from textures.ddff.annotations import PoseAnnotations, interleaved
from textures.ddff.losses import (
    consistency_loss,
    coordinate_loss,
    correctness_loss,
    flow_regularisation,
    hinge_critic_loss,
    hinge_generator_loss,
)
from textures.ddff.networks import DdffConfig, DualOutputs, PoseMaps
from textures.ddff.recipes import DdffRecipe
from textures.perceptual.losses import PerceptualLosses, shrunk
from textures.training.augmentation import image_batch, on_scenes
from textures.training.loop import Losses, Networks, Phase, TrainingStep
from textures.training.pedestrian_bank import PedestrianBank
from textures.visibility.rendering_tensor import composite, render

CORRECTNESS_STAGE = 2  # of the VGG's five


@dataclass(frozen=True)
class PersonPictures:
    """What pictures (N,3,H,W) in [-1,1] should be: the person on grey.

    masks (N,1,H,W) in 0..1: how much of a pixel is the person. uv (N,H,W,2): the surface annotation.
    """

    pictures: torch.Tensor
    masks: torch.Tensor
    uv: torch.Tensor

    def rendered(self, textures: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
        """Textures (N,3,S,S) seen through the annotation, on generated pictures (equation 12)."""
        return composite(render(textures, self.uv), self.masks, generated)


@dataclass(frozen=True)
class CropPairs:
    """A batch: B source pictures, the poses to hallucinate, and m pictures more of each person."""

    chosen: np.ndarray
    sources: torch.Tensor
    source_poses: PoseMaps
    hallucinated: PoseMaps
    target_heat: torch.Tensor
    targets: PersonPictures


def person_pictures(
    bank: PedestrianBank, chosen: np.ndarray, config: DdffConfig, device: torch.device
) -> PersonPictures:
    """The people of crops with these indices, alone on grey."""
    images = image_batch(bank.images[chosen]).to(device)
    masks = torch.from_numpy(bank.alpha(chosen)).to(device)
    uv = torch.from_numpy(bank.uv_maps(chosen)).to(device)
    pictures = resized(composite(images, masks, torch.zeros_like(images)), config)
    nearest = functional.interpolate(
        uv.permute(0, 3, 1, 2), size=(config.height, config.width), mode="nearest"
    )
    return PersonPictures(pictures, resized(masks, config), nearest.permute(0, 2, 3, 1))


def resized(images: torch.Tensor, config: DdffConfig) -> torch.Tensor:
    """Images (N,C,h,w) at the networks' size, averaged where they are larger."""
    size = (config.height, config.width)
    if images.shape[-2:] == size:
        return images
    return functional.interpolate(
        images, size=size, mode="bilinear", align_corners=False, antialias=True
    )


def draw_pairs(
    rng: np.random.Generator, bank: PedestrianBank, recipe: DdffRecipe
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of crops: B sources, (B,m) targets of the same people, (B,n-1) of others who lend poses."""
    groups = bank.groups(rng, identities=recipe.batch, images=1 + recipe.targets)
    groups = groups.reshape(recipe.batch, -1)
    lent = np.empty((recipe.batch, recipe.networks.hallucinations - 1), np.int64)
    for number, row in enumerate(lent):
        strangers = np.flatnonzero(bank.identities != bank.identities[groups[number, 0]])
        row[:] = rng.choice(strangers, len(row), replace=len(strangers) < len(row))
    return groups[:, 0], groups[:, 1:], lent


def dual_domain_step(
    recipe: DdffRecipe,
    bank: PedestrianBank,
    annotations: PoseAnnotations,
    perceptual: PerceptualLosses | None,
    device: torch.device,
    measure: Callable[[Networks], dict[str, float]],
) -> TrainingStep:
    """The step: both complexes, then the discriminator.

    Args:
        recipe: weighs the terms.
        bank: pedestrians, several crops of each.
        annotations: of its crops.
        perceptual: the VGG's losses; None where no term needs them.
        device: that trains.
        measure: held-out figures.
    """
    config, weights = recipe.networks, recipe.losses
    if perceptual is not None:
        perceptual = perceptual.to(device)
    latest: dict[str, torch.Tensor] = {}

    def draw_batch(rng: np.random.Generator) -> CropPairs:
        sources, targets, lent = draw_pairs(rng, bank, recipe)
        size = (config.height, config.width, device)
        source_maps = annotations.maps(sources, *size)
        views = [source_maps, *(annotations.maps(column, *size) for column in lent.T)]
        return CropPairs(
            np.concatenate([sources, targets.ravel()]),
            resized(on_scenes(rng, bank, sources), config).to(device),
            source_maps,
            interleaved(views),
            annotations.maps(targets.ravel(), *size).heat,
            person_pictures(bank, targets.ravel(), config, device),
        )

    def losses(networks: Networks, batch: CropPairs, rng: np.random.Generator) -> Losses:
        outputs = networks["generator"](
            batch.sources, batch.source_poses, batch.hallucinated, batch.target_heat
        )
        terms = picture_terms(outputs, batch, recipe, perceptual, networks["critic"], latest)
        return terms | flow_terms(outputs, batch, recipe, perceptual)

    def critic_losses(networks: Networks, batch: CropPairs, rng: np.random.Generator) -> Losses:
        true = networks["critic"](batch.targets.pictures)[-1].float()
        generated = networks["critic"](latest["pictures"])[-1].float()
        return {"hinge": hinge_critic_loss(true, generated)}

    phases = {"generator": Phase(("generator",), losses, betas=(recipe.betas_first, 0.999))}
    if weights.adversarial:
        phases["critic"] = Phase(
            *(("critic",), critic_losses, recipe.critic_rate, (recipe.betas_first, 0.999))
        )
    return TrainingStep(
        phases, draw_batch, measure, lambda batch: f"crops {', '.join(map(str, batch.chosen))}"
    )


def picture_terms(
    outputs: DualOutputs,
    batch: CropPairs,
    recipe: DdffRecipe,
    perceptual: PerceptualLosses | None,
    critic: torch.nn.Module,
    latest: dict[str, torch.Tensor],
) -> Losses:
    """The weighted terms of generated and rendered pictures, which go into `latest` for the critic."""
    assert outputs.targets is not None
    weights = recipe.losses
    generated = outputs.targets.images
    textures = outputs.texture.repeat_interleave(recipe.targets, 0)
    rendered = batch.targets.rendered(textures, generated)
    pictures, truth = torch.cat([generated, rendered]), batch.targets.pictures.repeat(2, 1, 1, 1)
    latest["pictures"] = pictures.detach()
    # A sum of two means, as the paper's sums of two norms.
    terms: Losses = {"reconstruction": 2 * weights.reconstruction * (pictures - truth).abs().mean()}
    if perceptual is not None and (weights.content or weights.style):
        content, style = perceptual.terms(pictures, truth)
        terms["content"] = 2 * weights.content * content
        terms["style"] = 2 * weights.style * style
    if weights.adversarial:
        judged = critic(pictures)[-1].float()
        terms["adversarial"] = weights.adversarial * hinge_generator_loss(judged)
    return terms


def flow_terms(
    outputs: DualOutputs,
    batch: CropPairs,
    recipe: DdffRecipe,
    perceptual: PerceptualLosses | None,
) -> Losses:
    """The weighted terms of the flows, each the mean over the levels that have such flows."""
    assert outputs.targets is not None
    weights, poses = recipe.losses, batch.source_poses
    direct, to_texture = outputs.targets.source_flows, outputs.targets.texture_flows
    terms: Losses = {
        "coordinate": weights.coordinate
        * _mean(
            coordinate_loss(flow.positions, poses.coordinates, poses.visible)
            for flow in outputs.image_flows.values()
        ),
        "regularisation": weights.regularisation
        * (
            _mean(flow_regularisation(flow.positions) for flow in direct.values())
            + _mean(flow_regularisation(flow.positions) for flow in outputs.image_flows.values())
        ),
    }
    shared = [level for level in to_texture if level in outputs.image_flows]
    if weights.consistency and shared:
        terms["consistency"] = weights.consistency * _mean(
            consistency_loss(
                direct[level].positions,
                to_texture[level].positions,
                outputs.image_flows[level].positions.repeat_interleave(recipe.targets, 0),
                batch.targets.masks,
            )
            for level in shared
        )
    if perceptual is not None and weights.correctness:
        with torch.no_grad():
            source, target = (
                perceptual.network.stages(shrunk(x, perceptual.size))[CORRECTNESS_STAGE]
                for x in (batch.sources, batch.targets.pictures)
            )
        source = source.repeat_interleave(recipe.targets, 0)
        terms["correctness"] = weights.correctness * _mean(
            correctness_loss(
                source,
                functional.interpolate(
                    target, size=flow.positions.shape[1:3], mode="bilinear", align_corners=False
                ),
                flow.positions,
            )
            for flow in direct.values()
        )
    return terms


def _mean(losses: Iterable[torch.Tensor]) -> torch.Tensor:
    return torch.stack(list(losses)).mean()
