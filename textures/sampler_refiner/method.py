"""SamplerNet and RefinerNet as a texture method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from textures.body_fit.fitting import PosedFit, selected_fits
from textures.body_fit.source_pixels import bank_sources
from textures.layers.residual import PatchCritic
from textures.perceptual.losses import PerceptualLosses
from textures.perceptual.vgg import open_perceptual, perceptual_files, perceptual_weights
from textures.sampler_refiner.networks import (
    RefinerNet,
    SamplerNet,
    SamplerRefinerConfig,
)
from textures.sampler_refiner.partial_texture import TexelProjection
from textures.sampler_refiner.published import TABLE
from textures.sampler_refiner.recipes import RECIPES, SamplerRefinerRecipe
from textures.sampler_refiner.training import (
    adversarial_step,
    refined_stage,
    sampled_stage,
    stage_figures,
    true_textures,
)
from textures.texture_method import ComparedImages, DataSummary, TextureMethod, TrainingData
from textures.training.augmentation import image_batch
from textures.training.loop import Networks, TrainingStep
from textures.training.pedestrian_bank import PedestrianBank
from textures.visibility.texel_geometry import source_pixels, texel_geometry

BATCH = 16
CROP_SIZE = (128, 64)  # height and width at which crops are projected


class SamplerRefinerMethod(TextureMethod):
    """A partial texture is filled by sampling, then refined (Cha et al. 2022)."""

    name = "sampler-refiner"
    kind = "sampler-refiner"
    recipes = RECIPES
    config_type = SamplerRefinerConfig
    published = TABLE

    def __init__(self, config: SamplerRefinerConfig, body: Body) -> None:
        self.config = config
        self.networks = {
            "sampler": SamplerNet(config),
            "refiner": RefinerNet(config),
            "critic": PatchCritic(config.critic_channels, config.critic_layers),
        }
        self.texture_size = config.texture_size
        self.card: Mapping[str, Any] = {}
        self.tag = ""
        self.mesh = body.mesh
        self.geometry = texel_geometry(body.mesh, config.texture_size)
        self.projection = TexelProjection(self.geometry, body.mesh, partial=config.partial)

    @classmethod
    def check_recipe(
        cls, recipe: SamplerRefinerRecipe, data: DataSummary, *, reid_weights: Path | None = None
    ) -> None:
        """Refuse what cannot be trained on.

        Raises:
            BadInput: for photographs, which have no true textures, for too few people to hold some out,
                and where there is no VGG for the perceptual losses.
        """
        if data.photographs:
            raise BadInput(
                f"recipe {recipe.name}: compares with true textures, which the photographs of "
                f"{data.name} do not have; leave --images out to train on generated pedestrians"
            )
        if data.identities < 4:
            raise BadInput(f"{data.name}: {data.identities} people, expected 4 or more")
        if recipe.losses.perceptual:
            perceptual_weights(recipe.losses.vgg)

    @classmethod
    def foreign_weights(cls, recipe: SamplerRefinerRecipe) -> Mapping[str, Path]:
        """The VGG behind the perceptual losses."""
        return perceptual_files(recipe.losses.vgg) if recipe.losses.perceptual else {}

    @classmethod
    def held_out_share(cls, recipe: SamplerRefinerRecipe) -> float:
        """The recipe's."""
        return recipe.held_out

    @classmethod
    def uses_fits(cls, recipe: SamplerRefinerRecipe) -> bool:
        """Always: partial textures are projected through them."""
        return True

    def textures(self, crops: Sequence[np.ndarray], fits: PosedFit) -> torch.Tensor:
        """Full textures (N,3,S,S) in [-1,1] of crops, at the networks' own size, gutters filled."""
        return self.stage_textures(crops, fits)["full"]

    @torch.no_grad()
    def stage_textures(
        self, crops: Sequence[np.ndarray], fits: PosedFit
    ) -> dict[str, torch.Tensor]:
        """The textures of the paper's Table 1 by name, as `textures` gives the last of them.

        Args:
            crops: N images (h,w,3) uint8 RGB of any size.
            fits: their fitted and posed bodies.
        """
        device = next(self.networks["sampler"].parameters()).device
        images = torch.cat([_crop_tensor(crop) for crop in crops]).to(device)
        sources = [
            source_pixels(
                self.geometry, self.mesh, fits.vertices[i], fits.cameras[i], fits.person[i]
            )
            for i in range(len(crops))
        ]
        positions = torch.from_numpy(np.stack([p for p, _ in sources])).to(device)
        kinds = torch.from_numpy(np.stack([k for _, k in sources])).to(device)
        projection = self.projection.to(device)
        partial = projection(images, positions, kinds)
        sampled = sampled_stage(self.networks["sampler"], partial, projection)
        return refined_stage(self.networks["refiner"], sampled, partial, projection).by_name()

    def compared_images(self, bank: PedestrianBank, fits: PosedFit) -> Iterator[ComparedImages]:
        """Each stage's textures of crops against the true ones, on the texels that lie on the body.

        Raises:
            BadInput: for photographs, which have no true textures.
        """
        if bank.photographs:
            raise BadInput(
                "the table of sampler-refiner needs true textures: give generated pedestrians"
            )
        mask = self.geometry.covered
        for start in range(0, len(bank), BATCH):
            rows = range(start, min(start + BATCH, len(bank)))
            stages = self.stage_textures([bank.images[k] for k in rows], selected_fits(fits, rows))
            truth = self.projection.with_gutters(
                true_textures(bank, np.array(rows), self.texture_size).to(
                    self.projection.number.device
                )
            )
            for number, row in enumerate(rows):
                yield ComparedImages(
                    person=int(bank.identities[row]),
                    images={name: _bytes(image[number]) for name, image in stages.items()},
                    target=_bytes(truth[number]),
                    mask=mask,
                )

    def training_step(
        self, recipe: SamplerRefinerRecipe, data: TrainingData, device: torch.device
    ) -> TrainingStep:
        """SamplerNet against true textures, then RefinerNet against them and its discriminator."""
        if data.training_fits is None or data.held_out_fits is None:
            raise BadInput(f"recipe {recipe.name}: needs a fitted body for each crop")
        perceptual = None
        if recipe.losses.perceptual:
            network = open_perceptual(recipe.losses.vgg)
            perceptual = PerceptualLosses(network, size=recipe.losses.vgg_size)
        skinning = Skinning(data.body)
        sources = bank_sources(data.training_fits, skinning, self.mesh, self.geometry)
        held_out = bank_sources(data.held_out_fits, skinning, self.mesh, self.geometry)

        def measure(networks: Networks) -> dict[str, float]:
            return stage_figures(
                networks, data.held_out, held_out, self.projection, self.texture_size
            )

        return adversarial_step(
            recipe, data.training, sources, self.projection, perceptual, device, measure
        )


def _bytes(texture: torch.Tensor) -> np.ndarray:
    """A texture (3,S,S) in [-1,1] as (S,S,3) uint8."""
    return ((texture.cpu() + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


def _crop_tensor(image: np.ndarray) -> torch.Tensor:
    """A crop (h,w,3) uint8 RGB as (1,3,128,64) in [-1,1]; a larger one is averaged."""
    x = image_batch(image[None])
    if x.shape[-2:] == CROP_SIZE:
        return x
    return functional.interpolate(
        x, size=CROP_SIZE, mode="bilinear", align_corners=False, antialias=True
    )
