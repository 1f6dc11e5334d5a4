"""Training the texture generator (generator.py) end to end, as the paper does, and with the shipped
recipe.

Each step: crops -> textures -> lookup through each crop's visibility -> on a random background ->
frozen re-ID network -> the four-stage loss against the crop, plus the face-and-hand loss (RSTG
section 3.3). ``Recipe`` names every term and its weight; ``PAPER`` has the paper's two alone. The
other terms are extensions, 0 in the paper's preset:

cross_view    the texture from one crop, looked up through *another* crop of the same person,
against that crop, by the same
              re-ID loss: the paper's own future work, and what teaches the side that a crop does
              not show;
cross_pixel   the same pair, mean absolute difference inside the silhouette;
pixel         the crop itself, mean absolute difference inside the silhouette;
texture       mean absolute difference from the true texture, which only stand-ins have.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from mocap.errors import BadInput
from textures.reid.pcb import PCB
from textures.reid.similarity import reid_similarity
from textures.rstg.losses import FaceHandLoss, ReidLoss, masked_l1
from textures.rstg.projection import TexelGeometry, projection_input
from textures.rstg.unet import GeneratorConfig, TextureGenerator
from textures.training.augmentation import (
    degraded,
    image_batch,
    on_scenes,
    random_backgrounds,
    recoloured,
)
from textures.training.loop import Losses, Schedule, optimise
from textures.training.pedestrian_bank import PedestrianBank
from textures.visibility.rendering_tensor import composite, render


@dataclass(frozen=True)
class Recipe:
    """Terms and their weights. ``weighting`` and ``reid`` are those of the re-ID loss;
    ``references`` says which textures the face-and-hand loss looks at: "random" (the paper:
    anyone's) or "own" (the person's true texture).
    """

    name: str
    reid: float = 5000.0
    weighting: str = "release"
    face_hand: float = 1.0
    face_norm: str = "l1"
    references: str = "random"
    cross_view: float = 0.0
    cross_pixel: float = 0.0
    pixel: float = 0.0
    texture: float = 0.0
    recolour: float = 0.0
    degrade: bool = False


PAPER = Recipe("paper")
RELEASE = Recipe("release", face_norm="mse")
SHIPPED = Recipe(
    "shipped",
    reid=0.5,
    weighting="equal",
    face_hand=2.0,
    references="own",
    cross_view=0.5,
    cross_pixel=0.5,
    texture=2.0,
    recolour=0.25,
    degrade=True,
)
RECIPES = {recipe.name: recipe for recipe in (PAPER, RELEASE, SHIPPED)}


@dataclass(frozen=True)
class SourcePixels:
    """Per crop of a bank, where each texel looks (textures/projection.py): positions (N,S,S,2)
    uint8, in 256ths of width and height, and kinds (N,S,S) uint8.
    """

    positions: np.ndarray
    kinds: np.ndarray

    def tensors(self, chosen: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        positions = torch.from_numpy(self.positions[chosen]).float() / 256 + 0.5 / 256
        return positions, torch.from_numpy(self.kinds[chosen])


def train_generator(
    config: GeneratorConfig,
    recipe: Recipe,
    geometry: TexelGeometry,
    supervisor: PCB,
    training: PedestrianBank,
    held_out: PedestrianBank,
    *,
    folder: Path,
    schedule: Schedule,
    fabric: Fabric,
    sources: SourcePixels | None = None,
    held_out_sources: SourcePixels | None = None,
    identities: int = 4,
    images: int = 4,
    measure_every: int = 0,
) -> tuple[TextureGenerator, dict[str, float]]:
    """Train on ``training``; batches are ``identities`` groups of ``images`` crops each, as in the
    paper.

    ``sources`` are needed when ``config.projection``. Raises BadInput when the recipe needs true
    textures that the bank does not have. Returns the generator and its held-out figures.
    """
    if recipe.face_hand and not len(training.textures):
        raise BadInput(f"recipe {recipe.name}: the face-and-hand loss needs reference textures")
    own = recipe.texture or (recipe.face_hand and recipe.references == "own")
    if own and (training.texture_of < 0).any():
        raise BadInput(f"recipe {recipe.name}: needs true textures, which photographs do not have")
    if config.projection and (sources is None or held_out_sources is None):
        raise BadInput(
            "a generator with projection needs the source pixels of its crops (a fitted body each)"
        )
    torch.manual_seed(schedule.seed)
    network = TextureGenerator(config)
    terms = GeneratorLosses(recipe, supervisor, geometry).to(fabric.device)

    def losses(model: nn.Module, rng: np.random.Generator) -> Losses:
        chosen = training.groups(rng, identities=identities, images=images)
        return terms(model, training, sources, chosen, rng, per_identity=images)

    figures = optimise(
        network,
        losses,
        folder=folder,
        schedule=schedule,
        fabric=fabric,
        configuration={
            "generator": dataclasses.asdict(config),
            "recipe": dataclasses.asdict(recipe),
            "batch": [identities, images],
            "images": len(training),
        },
        name="generator",
        measure=lambda model: held_out_figures(model, terms, held_out, held_out_sources),
        measure_every=measure_every,
    )
    return network, figures


class GeneratorLosses(nn.Module):
    """All terms of a recipe for a batch of crops of a bank."""

    def __init__(self, recipe: Recipe, supervisor: PCB, geometry: TexelGeometry) -> None:
        super().__init__()
        self.recipe = recipe
        self.reid = ReidLoss(supervisor, weighting=recipe.weighting, scale=recipe.reid or 1.0)
        mask = torch.from_numpy(geometry.head | geometry.hand)
        self.face_hand = FaceHandLoss(mask, norm=recipe.face_norm)
        self.register_buffer("covered", torch.from_numpy(geometry.covered).float()[None, None])
        self.register_buffer("code", torch.from_numpy(geometry.code))

    def forward(
        self,
        model: nn.Module,
        bank: PedestrianBank,
        sources: SourcePixels | None,
        chosen: np.ndarray,
        rng: np.random.Generator,
        *,
        per_identity: int,
    ) -> Losses:
        recipe, device = self.recipe, self.code.device
        masks = torch.from_numpy(bank.alpha(chosen))
        crops = on_scenes(rng, bank, chosen)
        if recipe.recolour:
            crops = recoloured(rng, crops, recipe.recolour)
        if recipe.degrade:
            crops = degraded(rng, crops)
        backgrounds = random_backgrounds(rng, bank, len(chosen)).to(device)
        crops, masks = crops.to(device), masks.to(device)
        uv = torch.from_numpy(bank.uv_maps(chosen)).to(device)
        textures = self.generate(model, crops, sources, chosen)
        terms: Losses = {}
        own = composite(render(textures, uv), masks, backgrounds)
        if recipe.reid:
            terms["reid"] = self.reid(own, crops)
        if recipe.pixel:
            terms["pixel"] = recipe.pixel * masked_l1(own, crops, masks)
        if recipe.cross_view or recipe.cross_pixel:
            other = _another(rng, len(chosen), per_identity)
            view = composite(render(textures, uv[other]), masks[other], backgrounds)
            if recipe.cross_view:
                terms["cross_view"] = (
                    recipe.cross_view / (recipe.reid or 1.0) * self.reid(view, crops[other])
                )
            if recipe.cross_pixel:
                terms["cross_pixel"] = recipe.cross_pixel * masked_l1(
                    view, crops[other], masks[other]
                )
        if recipe.face_hand:
            numbers = bank.texture_of[chosen]
            if recipe.references == "random":
                numbers = rng.integers(0, len(bank.textures), len(chosen))
            terms["face_hand"] = recipe.face_hand * self.face_hand(
                textures, self._true(bank, numbers)
            )
        if recipe.texture:
            truth = self._true(bank, bank.texture_of[chosen])
            terms["texture"] = recipe.texture * masked_l1(
                textures, truth, self.covered.expand(len(chosen), -1, -1, -1)
            )
        return terms

    def generate(
        self,
        model: nn.Module,
        crops: torch.Tensor,
        sources: SourcePixels | None,
        chosen: np.ndarray,
    ) -> torch.Tensor:
        """(B,3,S,S) float32 textures of crops on this module's device."""
        if sources is None:
            return model(crops).float()
        positions, kinds = (t.to(crops.device) for t in sources.tensors(chosen))
        return model(crops, projection_input(crops, positions, kinds, self.code)).float()

    def _true(self, bank: PedestrianBank, numbers: np.ndarray) -> torch.Tensor:
        """True textures at this generator's size, (B,3,S,S) in [-1,1]."""
        truth = image_batch(bank.textures[numbers]).to(self.code.device)
        size = self.covered.shape[-1]
        if truth.shape[-1] != size:
            truth = nn.functional.interpolate(
                truth, size=(size, size), mode="bilinear", align_corners=False, antialias=True
            )
        return truth


@torch.no_grad()
def held_out_figures(
    model: nn.Module,
    terms: GeneratorLosses,
    bank: PedestrianBank,
    sources: SourcePixels | None,
    batch: int = 16,
) -> dict[str, float]:
    """On untouched held-out crops: mean absolute error (0-255) of the texture on the side seen and
    on the side not seen by the crop (stand-ins only), re-ID cosine in the crop's own view, and in
    another crop of the same person.
    """
    model.eval()
    sums = np.zeros(4)
    count = 0
    order = np.argsort(bank.identities, kind="stable")
    for start in range(0, len(order) - 1, batch):
        chosen = order[start : start + batch]
        device = terms.code.device
        crops = image_batch(bank.images[chosen]).to(device)
        masks = torch.from_numpy(bank.alpha(chosen)).to(device)
        uv = torch.from_numpy(bank.uv_maps(chosen)).to(device)
        textures = terms.generate(model, crops, sources, chosen)
        same = _neighbour(bank.identities[chosen])
        grey = torch.zeros_like(crops)
        network = terms.reid.network
        for column, other in ((2, np.arange(len(chosen))), (3, same)):
            made = composite(render(textures, uv[other]), masks[other], grey)
            wanted = composite(crops[other], masks[other], grey)
            sums[column] += float(reid_similarity(network, made, wanted).sum())
        if sources is not None and not bank.photographs:
            error = (textures - terms._true(bank, bank.texture_of[chosen])).abs().mean(1) * 127.5
            seen = (sources.tensors(chosen)[1].to(device) == 0) & (terms.covered[0] > 0)
            unseen = (sources.tensors(chosen)[1].to(device) > 0) & (terms.covered[0] > 0)
            sums[0] += float((error * seen).sum() / seen.sum().clamp(min=1)) * len(chosen)
            sums[1] += float((error * unseen).sum() / unseen.sum().clamp(min=1)) * len(chosen)
        count += len(chosen)
    names = (
        "texture error, seen",
        "texture error, unseen",
        "re-ID cosine, own view",
        "re-ID cosine, other view",
    )
    return {name: value for name, value in zip(names, (sums / count).tolist()) if value}


def _neighbour(identities: np.ndarray) -> np.ndarray:
    """For each crop the index of the next one of the same identity (itself where it is alone)."""
    result = np.arange(len(identities))
    for name in np.unique(identities):
        own = np.flatnonzero(identities == name)
        result[own] = np.roll(own, -1)
    return result


def _another(rng: np.random.Generator, count: int, group: int) -> np.ndarray:
    """For each of ``count`` crops, in groups of ``group``, the index of another crop of its group."""
    index = np.arange(count)
    within = index % group
    shift = rng.integers(1, group, count) if group > 1 else np.zeros(count, int)
    return index - within + (within + shift) % group
