"""A step of training RSTG's generator on a bank of crops, whatever the crops show."""

from __future__ import annotations

import numpy as np
import torch

from textures.body_fit.source_pixels import SourcePixels
from textures.rstg.recipes import RstgRecipe
from textures.rstg.training import GeneratorLosses, draw_crops, generator_figures
from textures.rstg.unet import TextureGenerator
from textures.training.crop_bank import CropBank
from textures.training.loop import Losses, Networks, Phase, TrainingStep


def crop_training_step(
    recipe: RstgRecipe,
    generator: TextureGenerator,
    terms: GeneratorLosses,
    training: CropBank,
    held_out: CropBank,
    *,
    sources: SourcePixels | None = None,
    held_out_sources: SourcePixels | None = None,
    device: torch.device,
) -> TrainingStep:
    """Crops to textures, looked up through each crop's visibility, against the crops (RSTG 3.3).

    Args:
        recipe: the batch, and what is done to a crop.
        generator: the network that is trained.
        terms: the recipe's losses, on the device.
        training: crops to learn from.
        held_out: crops to measure on.
        sources: source pixels of the former, for a generator with a projected input.
        held_out_sources: those of the latter.
        device: that trains.
    """

    def draw_batch(rng: np.random.Generator) -> np.ndarray:
        return training.groups(rng, identities=recipe.batch.identities, images=recipe.batch.images)

    def losses(networks: Networks, chosen: np.ndarray, rng: np.random.Generator) -> Losses:
        views = draw_crops(training, chosen, rng, recipe.augmentation, device)
        return terms(
            networks["generator"],
            views,
            training,
            sources,
            chosen,
            rng,
            per_identity=recipe.batch.images,
            side_dropout=recipe.augmentation.side_dropout,
        )

    def measure(networks: Networks) -> dict[str, float]:
        return generator_figures(generator, terms, held_out, held_out_sources)

    return TrainingStep({"generator": Phase(("generator",), losses)}, draw_batch, measure)
