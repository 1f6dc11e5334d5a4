"""RSTG's generator for a category: the paper's U-Net and losses on another mesh (RSTG section 4.6)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mocap.errors import BadInput
from textures.categories.category import Category
from textures.categories.object_bank import PlacedObject, object_bank, object_sources
from textures.checkpoints import load_network, read_card, weights_tag
from textures.perceptual.losses import PerceptualLosses
from textures.perceptual.vgg import open_perceptual, perceptual_weights
from textures.reid.pcb import load_pcb
from textures.reid.trunks import RESNET, trunk_label
from textures.rstg.crop_step import crop_training_step
from textures.rstg.projection import Projection
from textures.rstg.recipes import RstgRecipe
from textures.rstg.training import GeneratorLosses
from textures.rstg.unet import GeneratorConfig, TextureGenerator
from textures.training.augmentation import image_batch
from textures.training.loop import TrainingStep
from textures.visibility.texel_geometry import TexelGeometry, texel_geometry


class CategoryGenerator:
    """A generator of a category's textures.

    Attributes:
        category: what its photographs show.
        network: the U-Net.
        geometry: of its textures' texels.
        tag: names the weights in `textures.jsonl`.
    """

    def __init__(self, category: Category, config: GeneratorConfig, *, tag: str = "") -> None:
        self.category, self.tag = category, tag
        self.model = category.model()
        self.network = TextureGenerator(config)
        self.geometry: TexelGeometry = texel_geometry(self.model.mesh, config.texture_size)
        self.projection = Projection(self.geometry, unseen=config.unseen)

    @torch.no_grad()
    def textures(self, objects: Sequence[PlacedObject], batch: int = 16) -> torch.Tensor:
        """Textures (N,3,S,S) float32 RGB in [-1,1] of placed objects, gutters filled."""
        self.network.eval()
        device = next(self.network.parameters()).device
        texels = torch.from_numpy(self.geometry.number).flatten()
        batches = []
        for start in range(0, len(objects), batch):
            chunk = objects[start : start + batch]
            images = image_batch(np.stack([placed.crop.image for placed in chunk])).to(device)
            projection = None
            if self.network.config.projection:
                sources = object_sources(self.model, self.geometry, chunk)
                tensors = (t.to(device) for t in sources.tensors(np.arange(len(chunk))))
                projection = self.projection.to(device)(images, *tensors)
            batches.append(self.network(images, projection).float().cpu())
        textures = torch.cat(batches)
        return textures.flatten(2)[:, :, texels].view_as(textures)

    def training_step(
        self,
        recipe: RstgRecipe,
        training: Sequence[PlacedObject],
        held_out: Sequence[PlacedObject],
        *,
        supervisor: Path,
        device: torch.device,
    ) -> TrainingStep:
        """What a step of a training is, by the very losses of people's textures.

        Args:
            recipe: of the category.
            training: objects to learn from.
            held_out: objects to measure on.
            supervisor: weights of the identity network.
            device: that trains.
        """
        perceptual = None
        if recipe.losses.perceptual:
            vgg = open_perceptual(recipe.losses.vgg)
            perceptual = PerceptualLosses(vgg, size=recipe.losses.vgg_size)
        terms = GeneratorLosses(
            *(recipe.losses, load_pcb(supervisor)[0], self.geometry, self.projection),
            perceptual=perceptual,
        ).to(device)
        projected = recipe.generator.projection
        sources = [
            object_sources(self.model, self.geometry, objects) if projected else None
            for objects in (training, held_out)
        ]
        return crop_training_step(
            *(recipe, self.network, terms),
            object_bank(self.model, training),
            object_bank(self.model, held_out),
            sources=sources[0],
            held_out_sources=sources[1],
            device=device,
        )


def load_category_generator(
    category: Category, path: Path, *, device: str = "cpu"
) -> CategoryGenerator:
    """A trained generator. Raises BadInput for weights that are damaged or of another category."""
    network, card = load_network(
        *(path, category.generator_kind, lambda **fields: GeneratorConfig(**fields)),
        TextureGenerator,
        device=device,
    )
    tag = weights_tag(path, category.generator_kind)
    loaded = CategoryGenerator(category, GeneratorConfig(**card["config"]), tag=tag)
    loaded.network = network
    return loaded


def check_category_recipe(category: Category, recipe: RstgRecipe, supervisor: Path) -> None:
    """Refuse what the category has no such thing as, and a supervisor that is not the recipe's.

    Raises:
        BadInput: for losses of faces, hands, true textures and garments, and for other weights.
    """
    losses = recipe.losses
    name = f"recipe {recipe.name}"
    if losses.face_hand or losses.texture:
        term = "face_hand" if losses.face_hand else "texture"
        raise BadInput(
            f"{name}: losses.{term} compares with reference textures of people; {category.name} have "
            f"none; --set losses.{term}=0"
        )
    if recipe.generator.projection and recipe.generator.unseen == "colours":
        raise BadInput(
            f"{name}: generator.unseen=colours is for garments; --set generator.unseen=pixels"
        )
    if losses.perceptual:
        perceptual_weights(losses.vgg)
    config = identity_card(category, supervisor)["config"]
    trunk, depth = config.get("trunk", RESNET), config.get("depth")
    wanted_trunk, wanted_depth = recipe.supervisor.trunk, recipe.supervisor.depth
    if trunk != wanted_trunk or (trunk == RESNET and depth != wanted_depth):
        raise BadInput(
            f"{name}: is supervised by a network on {trunk_label(wanted_trunk, wanted_depth)}, but "
            f"{supervisor} is on {trunk_label(trunk, depth)}; give other weights with --reid, or --set "
            f"supervisor.trunk={trunk} --set supervisor.depth={depth}"
        )


def identity_card(category: Category, path: Path) -> dict[str, Any]:
    """The card of an identity network of the category. Raises BadInput for one of another."""
    card = read_card(path, "reid")
    data = card.get("data")
    category_name = data.get("category") if isinstance(data, dict) else None
    if category_name != category.name:
        raise BadInput(
            f"{path}: a network that tells apart {category_name or 'people'}, expected "
            f"{category.identity} of {category.name}; `synth train reid --category {category.name}` "
            "trains one"
        )
    return card
