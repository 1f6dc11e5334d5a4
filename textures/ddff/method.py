"""DDFF as a texture method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from textures.body_fit.fitting import BodyFit, PosedFit, selected_fits
from textures.ddff.annotations import fit_annotations, interleaved, turned_fits
from textures.ddff.networks import DdffConfig, DualDomainNetwork, DualOutputs
from textures.ddff.published import ROW_OF_LINKS, TABLE
from textures.ddff.recipes import RECIPES, DdffRecipe
from textures.ddff.training import dual_domain_step, person_pictures, resized
from textures.layers.residual import PatchCritic
from textures.perceptual.losses import PerceptualLosses
from textures.perceptual.vgg import open_perceptual, perceptual_files, perceptual_weights
from textures.texture_method import ComparedImages, DataSummary, TextureMethod, TrainingData
from textures.training.augmentation import image_batch
from textures.training.loop import Networks, TrainingStep
from textures.training.pedestrian_bank import PedestrianBank
from textures.visibility.texel_geometry import texel_geometry

BATCH = 16
MEASURED_CROPS = 64  # of held-out people, at most, spread over them


class DdffMethod(TextureMethod):
    """A texture and pictures of the person in other poses, generated together (Chang et al. 2022)."""

    name = "ddff"
    kind = "ddff"
    recipes = RECIPES
    config_type = DdffConfig
    published = TABLE

    def __init__(self, config: DdffConfig, body: Body) -> None:
        self.config = config
        self.networks = {
            "generator": DualDomainNetwork(config),
            "critic": PatchCritic(config.critic_channels, config.critic_layers),
        }
        self.texture_size = config.texture_size
        self.card: Mapping[str, Any] = {}
        self.tag = ""
        self.mesh = body.mesh
        self.geometry = texel_geometry(body.mesh, config.texture_size)
        self.skinning = Skinning(body)

    @classmethod
    def check_recipe(
        cls, recipe: DdffRecipe, data: DataSummary, *, reid_weights: Path | None = None
    ) -> None:
        """Refuse what cannot be trained on.

        Raises:
            BadInput: where nobody has two crops, where there are too few people to hold some out, and
                where there is no VGG for the perceptual losses.
        """
        if data.crops_per_identity < 2:
            raise BadInput(
                f"recipe {recipe.name}: learns from several crops of a person, but in {data.name} nobody "
                "has two; generate more with --count-crops"
            )
        if data.identities < 4:
            raise BadInput(f"{data.name}: {data.identities} people, expected 4 or more")
        if recipe.losses.perceptual:
            perceptual_weights(recipe.losses.vgg)

    @classmethod
    def foreign_weights(cls, recipe: DdffRecipe) -> Mapping[str, Path]:
        """The VGG behind the perceptual losses."""
        return perceptual_files(recipe.losses.vgg) if recipe.losses.perceptual else {}

    @classmethod
    def held_out_share(cls, recipe: DdffRecipe) -> float:
        """The recipe's."""
        return recipe.held_out

    @classmethod
    def uses_fits(cls, recipe: DdffRecipe) -> bool:
        """Always: poses and coordinates are the fitted body's."""
        return True

    def textures(self, crops: Sequence[np.ndarray], fits: PosedFit) -> torch.Tensor:
        """Textures (N,3,S,S) in [-1,1] of crops, gutters filled.

        The hallucinated poses are the person's own, turned by equal parts of a circle.
        """
        textures = self._generated(crops, fits).texture
        number = torch.from_numpy(self.geometry.number).flatten().to(textures.device)
        return textures.flatten(2)[:, :, number].view_as(textures)

    @torch.no_grad()
    def _generated(
        self,
        crops: Sequence[np.ndarray],
        fits: BodyFit,
        target_heat: torch.Tensor | None = None,
    ) -> DualOutputs:
        generator, config = self.networks["generator"], self.config
        device = next(generator.parameters()).device
        images = torch.cat([resized(image_batch(crop[None]), config) for crop in crops]).to(device)
        views = [
            fit_annotations(view, self.skinning, self.mesh, self.geometry).maps(
                np.arange(len(crops)), config.height, config.width, device
            )
            for view in turned_fits(fits, config.hallucinations)
        ]
        outputs: DualOutputs = generator(images, views[0], interleaved(views), target_heat)
        return outputs

    def compared_images(self, bank: PedestrianBank, fits: PosedFit) -> Iterator[ComparedImages]:
        """Pictures of people in the pose of another of their crops, generated and rendered, against it.

        Raises:
            BadInput: where nobody has two crops.
        """
        order, follower = next_crops(bank.identities)
        if not len(order):
            raise BadInput("the tables of ddff need several crops of a person, and nobody has two")
        variant = ROW_OF_LINKS.get(self.config.links, f"n_h = {self.config.hallucinations}")
        mask = np.ones((self.config.height, self.config.width), bool)
        device = next(self.networks["generator"].parameters()).device
        for start in range(0, len(order), BATCH):
            rows, targets = order[start : start + BATCH], follower[start : start + BATCH]
            heat = (
                fit_annotations(
                    selected_fits(fits, targets.tolist()), self.skinning, self.mesh, self.geometry
                )
                .maps(np.arange(len(targets)), self.config.height, self.config.width, device)
                .heat
            )
            outputs = self._generated(
                [bank.images[k] for k in rows], selected_fits(fits, rows.tolist()), heat
            )
            assert outputs.targets is not None
            truth = person_pictures(bank, targets, self.config, device)
            generated = outputs.targets.images
            rendered = truth.rendered(outputs.texture, generated)
            for number, row in enumerate(rows):
                yield ComparedImages(
                    person=int(bank.identities[row]),
                    images={
                        f"G_I ({variant})": _bytes(generated[number]),
                        f"G_T ({variant})": _bytes(rendered[number]),
                    },
                    target=_bytes(truth.pictures[number]),
                    mask=mask,
                )

    def training_step(
        self, recipe: DdffRecipe, data: TrainingData, device: torch.device
    ) -> TrainingStep:
        """Both complexes against other crops of the same people, and the discriminator."""
        if data.training_fits is None or data.held_out_fits is None:
            raise BadInput(f"recipe {recipe.name}: needs a fitted body for each crop")
        perceptual = None
        if recipe.losses.perceptual:
            network = open_perceptual(recipe.losses.vgg)
            perceptual = PerceptualLosses(network, size=recipe.losses.vgg_size)
        annotations = fit_annotations(data.training_fits, self.skinning, self.mesh, self.geometry)
        held_out_fits = data.held_out_fits

        def measure(networks: Networks) -> dict[str, float]:
            return self._figures(data.held_out, held_out_fits)

        return dual_domain_step(recipe, data.training, annotations, perceptual, device, measure)

    def _figures(self, bank: PedestrianBank, fits: BodyFit) -> dict[str, float]:
        """Mean absolute errors (0-255) of generated and rendered pictures of other crops."""
        order, _ = next_crops(bank.identities)
        if not len(order):
            return {}
        names = np.unique(bank.identities[order])
        per_person = len(order) / len(names)
        chosen = np.isin(bank.identities, names[: max(1, round(MEASURED_CROPS / per_person))])
        rows = np.flatnonzero(chosen).tolist()
        errors: dict[str, list[float]] = {}
        for item in self.compared_images(bank.select(chosen), _selected(fits, rows)):
            for name, image in item.images.items():
                apart = np.abs(image.astype(np.float32) - item.target).mean()
                errors.setdefault(f"picture error, {name[:3]}", []).append(float(apart))
        return {name: float(np.mean(values)) for name, values in errors.items()}


def next_crops(identities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of crops whose person has another, and for each of them that person's next one."""
    order, follower = [], []
    for name in np.unique(identities):
        members = np.flatnonzero(identities == name)
        if len(members) > 1:
            order.append(members)
            follower.append(np.roll(members, -1))
    if not order:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(order), np.concatenate(follower)


def _selected(fits: BodyFit, rows: list[int]) -> PosedFit:
    """The fits of some crops; nothing here looks at posed vertices."""
    vertices = np.zeros((len(fits.pose), 0, 3), np.float32)
    posed = PosedFit(**{**vars(fits), "vertices": vertices})
    return selected_fits(posed, rows)


def _bytes(image: torch.Tensor) -> np.ndarray:
    """An image (3,H,W) in [-1,1] as (H,W,3) uint8."""
    return ((image.cpu() + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
