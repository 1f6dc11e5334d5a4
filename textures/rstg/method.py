"""RSTG as a texture method: the U-Net of the paper, with or without our projected input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from textures.body_fit.fitting import PosedFit
from textures.body_fit.source_pixels import SourcePixels, bank_sources
from textures.checkpoints import read_card, shipped_weights
from textures.perceptual.losses import PerceptualLosses
from textures.perceptual.vgg import open_perceptual, perceptual_files, perceptual_weights
from textures.reid.pcb import ReidConfig, load_pcb
from textures.rstg.crop_step import crop_training_step
from textures.rstg.projection import Projection
from textures.rstg.published import TABLE, VARIANTS
from textures.rstg.recipes import CROP_SIZE, RECIPES, RstgRecipe
from textures.rstg.training import GeneratorLosses
from textures.rstg.unet import GeneratorConfig, TextureGenerator
from textures.rstg.walking import WalkingViews, walking_views
from textures.rstg.widening import widened
from textures.texture_method import DataSummary, TextureMethod, TrainingData, load_method
from textures.training.augmentation import image_batch
from textures.training.loop import TrainingStep
from textures.visibility.texel_geometry import source_pixels, texel_geometry


class RstgMethod(TextureMethod):
    """The paper's texture generator (RSTG section 3), and ours, which also sees projected pixels."""

    name = "rstg"
    kind = "generator"
    recipes = RECIPES
    photograph_table = TABLE
    variants = VARIANTS
    config_type = GeneratorConfig

    def __init__(self, config: GeneratorConfig, body: Body) -> None:
        self.config = config
        self.generator = TextureGenerator(config)
        self.networks = {"generator": self.generator}
        self.texture_size = config.texture_size
        self.card: Mapping[str, Any] = {}
        self.tag = ""
        self.mesh = body.mesh
        self.geometry = texel_geometry(body.mesh, config.texture_size)
        self.projection = Projection(self.geometry, body.mesh, unseen=config.unseen)

    @classmethod
    def check_recipe(
        cls, recipe: RstgRecipe, data: DataSummary, *, reid_weights: Path | None = None
    ) -> None:
        """Refuse what the recipe's losses or its supervisor cannot be served with.

        Raises:
            BadInput: where a loss needs true textures and the data are photographs, where it needs two
                crops of a person and nobody has two, where there are too few people to hold some out,
                and where the supervising network is not the one that the recipe names.
        """
        losses = recipe.losses
        if losses.needs_true_textures and data.photographs:
            raise BadInput(
                f"recipe {recipe.name}: needs true textures, which the photographs of {data.name} do not "
                "have; take --recipe photographs, paper or release, or --set losses.texture=0 --set "
                "losses.references=random"
            )
        if (losses.cross_view or losses.cross_pixel) and data.crops_per_identity < 2:
            raise BadInput(
                f"recipe {recipe.name}: compares two crops of a person, but in {data.name} nobody has "
                "two; --set losses.cross_view=0 --set losses.cross_pixel=0"
            )
        if data.identities < 4:
            raise BadInput(f"{data.name}: {data.identities} people, expected 4 or more")
        if recipe.bodies == "walking" and not data.walking:
            raise BadInput(
                f"recipe {recipe.name}: shows textures on bodies that walk; --motions DIR says where "
                "their motions are (`synth standins motions` makes some)"
            )
        if losses.perceptual:
            perceptual_weights(losses.vgg)
        path = Path(reid_weights) if reid_weights else shipped_weights("reid")
        config = ReidConfig(**read_card(path, "reid")["config"])
        supervisor = recipe.supervisor
        expected = ReidConfig(
            trunk=supervisor.trunk, depth=supervisor.depth, stripes=supervisor.stripes
        )
        if config.label != expected.label:
            raise BadInput(
                f"recipe {recipe.name}: is supervised by {expected.label}, but {path} is {config.label}; "
                "give other weights with --reid (`synth train reid` trains them), or "
                f"--set supervisor.trunk={config.trunk} --set supervisor.depth={config.depth} "
                f"--set supervisor.stripes={config.stripes}"
            )

    @classmethod
    def foreign_weights(cls, recipe: RstgRecipe) -> Mapping[str, Path]:
        """The perceptual network's, where a term needs it."""
        return perceptual_files(recipe.losses.vgg) if recipe.losses.perceptual else {}

    @classmethod
    def teachers(cls, recipe: RstgRecipe, reid_weights: Path | None) -> Mapping[str, str]:
        """The re-ID network, and the perceptual one where a term needs it."""
        path = Path(reid_weights) if reid_weights else shipped_weights("reid")
        card = read_card(path, "reid")
        label = ReidConfig(**card["config"]).label
        data = card.get("data") or {}
        held_out = f", without {data['held out']}" if "held out" in data else ""
        words = {"supervised by": f"{label} trained on {data.get('set', 'unknown data')}{held_out}"}
        if recipe.losses.perceptual:
            words["perceptual network"] = open_perceptual(recipe.losses.vgg).name
        return words

    @classmethod
    def uses_fits(cls, recipe: RstgRecipe) -> bool:
        """Only the projected input looks at fitted bodies."""
        return recipe.generator.projection

    @classmethod
    def recipe_config(cls, recipe: RstgRecipe) -> GeneratorConfig:
        """The generator's."""
        return recipe.generator

    def start_from(self, weights: Path, body: Body) -> None:
        """Also with those of a narrower generator, where this one is a whole number of times as wide."""
        card = read_card(weights, self.kind)
        channels = card["config"].get("channels", 0)
        if not channels or self.config.channels % channels or self.config.channels == channels:
            super().start_from(weights, body)
            return
        narrow = load_method(type(self), body, weights)
        rng = torch.Generator().manual_seed(torch.initial_seed())
        state = widened(
            narrow.networks["generator"].state_dict(), self.config.channels // channels, rng
        )
        self.generator.load_state_dict(state)

    @torch.no_grad()
    def textures(self, crops: Sequence[np.ndarray], fits: PosedFit) -> torch.Tensor:
        """Textures (N,3,S,S) in [-1,1] of crops, at the generator's own size, gutters filled."""
        device = next(self.generator.parameters()).device
        config = self.config
        if config.projection:
            images = torch.cat([_crop_tensor(crop, *CROP_SIZE) for crop in crops]).to(device)
            sources = [
                source_pixels(
                    self.geometry, self.mesh, fits.vertices[i], fits.cameras[i], fits.person[i]
                )
                for i in range(len(crops))
            ]
            positions = torch.from_numpy(np.stack([p for p, _ in sources])).to(device)
            kinds = torch.from_numpy(np.stack([k for _, k in sources])).to(device)
            projection = self.projection.to(device)(images, positions, kinds)
            textures = self.generator(images, projection)
        else:
            size = (config.height, config.width)
            images = torch.cat([_crop_tensor(crop, *size) for crop in crops]).to(device)
            textures = self.generator(images)
        texels = torch.from_numpy(self.geometry.number).flatten().to(device)
        return textures.flatten(2)[:, :, texels].view_as(textures)

    def training_step(
        self, recipe: RstgRecipe, data: TrainingData, device: torch.device
    ) -> TrainingStep:
        """Crops to textures, seen through each crop's visibility, against the crops (RSTG 3.3)."""
        if recipe.losses.face_hand and not len(data.training.textures):
            raise BadInput(f"recipe {recipe.name}: the face-and-hand loss needs reference textures")
        supervisor, _ = load_pcb(data.reid_weights)
        perceptual = None
        if recipe.losses.perceptual:
            network = open_perceptual(recipe.losses.vgg)
            perceptual = PerceptualLosses(network, size=recipe.losses.vgg_size)
        terms = GeneratorLosses(
            *(recipe.losses, supervisor, self.geometry, self.projection),
            perceptual=perceptual,
            walking=_walking(recipe, data),
        ).to(device)
        sources, held_out_sources = self._sources(recipe, data)
        return crop_training_step(
            recipe,
            self.generator,
            terms,
            data.training,
            data.held_out,
            sources=sources,
            held_out_sources=held_out_sources,
            device=device,
        )

    def _sources(
        self, recipe: RstgRecipe, data: TrainingData
    ) -> tuple[SourcePixels | None, SourcePixels | None]:
        """Source pixels of the training and the held-out crops, None without a projected input."""
        if not recipe.generator.projection:
            return None, None
        if data.training_fits is None or data.held_out_fits is None:
            raise BadInput("a generator with projection needs a fitted body for each crop")
        skinning = Skinning(data.body)
        training = bank_sources(data.training_fits, skinning, self.mesh, self.geometry)
        held_out = bank_sources(data.held_out_fits, skinning, self.mesh, self.geometry)
        return training, held_out


def _walking(recipe: RstgRecipe, data: TrainingData) -> WalkingViews | None:
    """Bodies that walk, where the recipe's losses look at such."""
    if recipe.bodies != "walking":
        return None
    if data.walking is None:
        raise BadInput(f"recipe {recipe.name}: shows textures on bodies that walk; there are none")
    return walking_views(data.walking, data.training, data.body, seed=recipe.schedule.seed)


def _crop_tensor(image: np.ndarray, height: int, width: int) -> torch.Tensor:
    """A crop (h,w,3) uint8 RGB as (1,3,height,width) in [-1,1]; a larger one is averaged."""
    x = image_batch(image[None])
    if x.shape[-2:] == (height, width):
        return x
    return functional.interpolate(
        x, size=(height, width), mode="bilinear", align_corners=False, antialias=True
    )
