"""Training the texture generator: what a batch is, its losses, its held-out figures (RSTG section 3.3).

Each step: crops to textures, looked up through each crop's visibility, on a random background, to the
frozen re-ID network, to the four-stage loss against the crop; plus the face-and-hand loss and the
extensions of `textures.rstg.recipes.LossWeights`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from textures.body_fit.source_pixels import SourcePixels
from textures.perceptual.losses import PerceptualLosses
from textures.reid.pcb import PCB
from textures.reid.similarity import reid_similarity
from textures.rstg.losses import FaceHandLoss, ReidLoss, deep_feature_distance, masked_l1
from textures.rstg.projection import Projection
from textures.rstg.recipes import Augmentation, LossWeights
from textures.rstg.walking import WalkingViews
from textures.training.augmentation import (
    degraded,
    image_batch,
    on_scenes,
    random_backgrounds,
    recoloured,
)
from textures.training.crop_bank import CropBank
from textures.training.loop import Losses
from textures.visibility.rendering_tensor import composite, render
from textures.visibility.texel_geometry import VISIBLE, TexelGeometry


@dataclass(frozen=True)
class CropBatch:
    """A batch of a bank's crops, on the device that trains.

    crops, backgrounds (B,3,H,W) in [-1,1]; masks (B,1,H,W) in 0..1; uv (B,H,W,2).
    """

    crops: torch.Tensor
    masks: torch.Tensor
    backgrounds: torch.Tensor
    uv: torch.Tensor


def draw_crops(
    bank: CropBank,
    chosen: np.ndarray,
    rng: np.random.Generator,
    augmentation: Augmentation,
    device: torch.device,
) -> CropBatch:
    """The crops with these indices on new scenes, augmented, and backgrounds to render onto."""
    masks = torch.from_numpy(bank.alpha(chosen))
    crops = on_scenes(rng, bank, chosen)
    if augmentation.recolour:
        crops = recoloured(rng, crops, augmentation.recolour)
    if augmentation.degrade:
        crops = degraded(rng, crops)
    backgrounds = random_backgrounds(rng, bank, len(chosen))
    uv = torch.from_numpy(bank.uv_maps(chosen))
    return CropBatch(*(tensor.to(device) for tensor in (crops, masks, backgrounds, uv)))


class GeneratorLosses(nn.Module):
    """All terms of a recipe for a batch of crops of a bank."""

    covered: torch.Tensor

    def __init__(
        self,
        weights: LossWeights,
        supervisor: PCB,
        geometry: TexelGeometry,
        projection: Projection | None = None,
        *,
        perceptual: PerceptualLosses | None = None,
        walking: WalkingViews | None = None,
    ) -> None:
        """Prepare the terms.

        Args:
            weights: of the terms.
            supervisor: the re-ID network.
            geometry: of the texels.
            projection: that of the generator, one of pixels when None.
            perceptual: where a term is by a VGG.
            walking: bodies that wear the textures in place of the crops' own; those when None.
        """
        super().__init__()
        self.weights = weights
        self.reid = ReidLoss(
            supervisor,
            weighting=weights.weighting,
            scale=weights.reid or 1.0,
            stage_weights=[float(stage in weights.stages) for stage in (1, 2, 3, 4)],
        )
        self.perceptual, self.walking = perceptual, walking
        mask = torch.from_numpy(geometry.head | geometry.hand)
        self.face_hand = FaceHandLoss(mask, norm=weights.face_norm)
        self.register_buffer("covered", torch.from_numpy(geometry.covered).float()[None, None])
        self.projection = projection or Projection(geometry)

    def forward(
        self,
        model: nn.Module,
        batch: CropBatch,
        bank: CropBank,
        sources: SourcePixels | None,
        chosen: np.ndarray,
        rng: np.random.Generator,
        *,
        per_identity: int,
        side_dropout: float = 0.0,
    ) -> Losses:
        """The weighted terms by name.

        Args:
            model: the generator.
            batch: the crops.
            bank: that they come from.
            sources: their source pixels, for a generator with a projected input.
            chosen: their indices in the bank, `per_identity` of a person together.
            rng: draws dropped sides, other views and reference textures.
            per_identity: crops of a person.
            side_dropout: share of crops whose unseen texels are given nothing.
        """
        weights = self.weights
        dropped = None
        if side_dropout:
            dropped = torch.from_numpy(rng.random(len(chosen)) < side_dropout)
        textures = self.generate(model, batch.crops, sources, chosen, dropped)
        terms: Losses = {}
        uv, masks = batch.uv, batch.masks
        if self.walking is not None:
            walking = self.walking.sampled(rng, len(chosen))
            uv, masks = (tensor.to(batch.crops.device) for tensor in walking)
        same_view = composite(render(textures, uv), masks, batch.backgrounds)
        if weights.reid:
            terms["reid"] = self.reid(same_view, batch.crops)
        if weights.deep_feature:
            distance = deep_feature_distance(self.reid.network, same_view, batch.crops)
            terms["deep_feature"] = weights.deep_feature * distance
        if weights.perceptual and self.perceptual is not None:
            distance = self.perceptual.euclidean(same_view, batch.crops)
            terms["perceptual"] = weights.perceptual * distance
        if weights.pixel:
            terms["pixel"] = weights.pixel * masked_l1(same_view, batch.crops, batch.masks)
        if weights.cross_view or weights.cross_pixel:
            pair = other_views(rng, len(chosen), per_identity)
            crops, masks = batch.crops[pair], batch.masks[pair]
            other_view = composite(render(textures, batch.uv[pair]), masks, batch.backgrounds)
            if weights.cross_view:
                terms["cross_view"] = (
                    weights.cross_view / (weights.reid or 1.0) * self.reid(other_view, crops)
                )
            if weights.cross_pixel:
                terms["cross_pixel"] = weights.cross_pixel * masked_l1(other_view, crops, masks)
        if weights.face_hand:
            numbers = bank.texture_of[chosen]
            if weights.references == "random":
                numbers = rng.integers(0, len(bank.textures), len(chosen))
            terms["face_hand"] = weights.face_hand * self.face_hand(
                textures, self.true_textures(bank, numbers)
            )
        if weights.texture:
            truth = self.true_textures(bank, bank.texture_of[chosen])
            terms["texture"] = weights.texture * masked_l1(
                textures, truth, self.covered.expand(len(chosen), -1, -1, -1)
            )
        return terms

    def generate(
        self,
        model: nn.Module,
        crops: torch.Tensor,
        sources: SourcePixels | None,
        chosen: np.ndarray,
        dropped: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(B,3,S,S) float32 textures of crops on this module's device.

        Args:
            model: the generator.
            crops: (B,3,H,W).
            sources: source pixels of the bank, for a generator with a projected input.
            chosen: the crops' indices in the bank.
            dropped: (B,) bool, crops whose unseen texels are given nothing; none when None.
        """
        if sources is None:
            return model(crops).float()
        positions, kinds = (t.to(crops.device) for t in sources.tensors(chosen))
        return model(crops, self.projection(crops, positions, kinds, dropped)).float()

    def true_textures(self, bank: CropBank, numbers: np.ndarray) -> torch.Tensor:
        """True textures at this generator's size, (B,3,S,S) in [-1,1]."""
        truth = image_batch(bank.textures[numbers]).to(self.covered.device)
        size = self.covered.shape[-1]
        if truth.shape[-1] != size:
            truth = nn.functional.interpolate(
                truth, size=(size, size), mode="bilinear", align_corners=False, antialias=True
            )
        return truth


@torch.no_grad()
def generator_figures(
    model: nn.Module,
    terms: GeneratorLosses,
    bank: CropBank,
    sources: SourcePixels | None,
    batch: int = 16,
) -> dict[str, float]:
    """Figures of a generator on untouched held-out crops.

    Mean absolute error (0-255) of the texture on the side that the crop sees and on the side that it
    does not (stand-ins only), re-ID cosine in the crop's own view, and in another crop of the person.
    """
    model.eval()
    sums = np.zeros(4)
    count = 0
    order = np.argsort(bank.identities, kind="stable")
    for start in range(0, len(order) - 1, batch):
        chosen = order[start : start + batch]
        device = terms.covered.device
        crops = image_batch(bank.images[chosen]).to(device)
        masks = torch.from_numpy(bank.alpha(chosen)).to(device)
        uv = torch.from_numpy(bank.uv_maps(chosen)).to(device)
        textures = terms.generate(model, crops, sources, chosen)
        pairs = next_views(bank.identities[chosen])
        grey = torch.zeros_like(crops)
        network = terms.reid.network
        for column, pair in ((2, np.arange(len(chosen))), (3, pairs)):
            rendered = composite(render(textures, uv[pair]), masks[pair], grey)
            photographs = composite(crops[pair], masks[pair], grey)
            sums[column] += float(reid_similarity(network, rendered, photographs).sum())
        if sources is not None and not bank.photographs:
            kinds = sources.tensors(chosen)[1].to(device)
            error = (textures - terms.true_textures(bank, bank.texture_of[chosen])).abs().mean(
                1
            ) * 127.5
            visible = (kinds == VISIBLE) & (terms.covered[0] > 0)
            hidden = (kinds != VISIBLE) & (terms.covered[0] > 0)
            sums[0] += float((error * visible).sum() / visible.sum().clamp(min=1)) * len(chosen)
            sums[1] += float((error * hidden).sum() / hidden.sum().clamp(min=1)) * len(chosen)
        count += len(chosen)
    names = (
        "texture error, seen",
        "texture error, unseen",
        "re-ID cosine, own view",
        "re-ID cosine, other view",
    )
    return {name: value for name, value in zip(names, (sums / count).tolist()) if value}


def next_views(identities: np.ndarray) -> np.ndarray:
    """For each crop the index of its person's next one, itself where it is alone."""
    result = np.arange(len(identities))
    for name in np.unique(identities):
        members = np.flatnonzero(identities == name)
        result[members] = np.roll(members, -1)
    return result


def other_views(rng: np.random.Generator, count: int, group: int) -> np.ndarray:
    """For each of `count` crops, in groups of `group`, the index of another of its group."""
    index = np.arange(count)
    member = index % group
    shift = rng.integers(1, group, count) if group > 1 else np.zeros(count, int)
    return index - member + (member + shift) % group
