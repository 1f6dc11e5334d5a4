"""The trainings of PN-GAN: generator against discriminator, then features of pictures in two kinds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.nn import functional

from mocap.errors import BadInput
from textures.pn_gan.features import MergedFeatureNetwork
from textures.pn_gan.losses import discriminator_loss, generator_loss
from textures.pn_gan.networks import PatchDiscriminator, PoseGenerator
from textures.pn_gan.normalisers import PoseNormaliser
from textures.pn_gan.pose_maps import pose_image, usable_poses
from textures.pn_gan.recipes import PnGanRecipe
from textures.reid.training import training_views
from textures.reid.trunks import load_imagenet_weights
from textures.training.augmentation import image_batch
from textures.training.loop import Losses, Networks, Phase, TrainingStep, train_networks
from textures.training.run_data import RunData

BETAS = (0.5, 0.999)
MEASURED_PAIRS, MEASURED_BATCH = 256, 16


@dataclass(frozen=True, kw_only=True)
class PosedCrops:
    """Crops with poses, in memory.

    images (N,H,W,3) uint8 RGB; identities, cameras (N,); poses (N,18,3) in shares; names: of the crops.
    """

    images: np.ndarray
    identities: np.ndarray
    cameras: np.ndarray
    poses: np.ndarray
    names: tuple[str, ...]


@dataclass
class PosePairs:
    """A batch: people, the same people in other poses, those poses' pictures, and which crops they are.

    `generated` is what the generator's phase leaves for the discriminator's.
    """

    images: torch.Tensor
    targets: torch.Tensor
    poses: torch.Tensor
    names: tuple[str, ...]
    generated: torch.Tensor | None = None


class PairDrawer:
    """Draws ordered pairs of crops of one person, each pair as often as any other."""

    def __init__(self, crops: PosedCrops, size: tuple[int, int]) -> None:
        """Look for people with two usable poses or more.

        Args:
            crops: to draw from.
            size: height and width of the pictures.

        Raises:
            BadInput: where nobody has two.
        """
        self.crops, self.size = crops, size
        usable = np.flatnonzero(usable_poses(crops.poses))
        self.members = [
            usable[crops.identities[usable] == name] for name in np.unique(crops.identities[usable])
        ]
        self.members = [group for group in self.members if len(group) > 1]
        pairs = np.array([len(group) * (len(group) - 1) for group in self.members], float)
        if not len(pairs):
            raise BadInput(
                "nobody has two crops whose shoulders and hips are known: no pair to learn"
            )
        self.shares = pairs / pairs.sum()

    def draw(self, count: int, rng: np.random.Generator) -> PosePairs:
        """A batch of pairs."""
        people = rng.choice(len(self.members), count, p=self.shares)
        pairs = np.stack([rng.choice(self.members[person], 2, replace=False) for person in people])
        return self.batch(pairs[:, 0], pairs[:, 1])

    def batch(self, sources: np.ndarray, targets: np.ndarray) -> PosePairs:
        """The batch of these crops and those that they are to become."""
        maps = [pose_image(pose, *self.size) for pose in self.crops.poses[targets]]
        names = [
            f"{self.crops.names[a]} as {self.crops.names[b]}" for a, b in zip(sources, targets)
        ]
        return PosePairs(
            images=self._resized(sources),
            targets=self._resized(targets),
            poses=image_batch(np.stack(maps)),
            names=tuple(names),
        )

    def _resized(self, chosen: np.ndarray) -> torch.Tensor:
        images = image_batch(self.crops.images[chosen])
        if images.shape[-2:] == self.size:
            return images
        return functional.interpolate(images, size=self.size, mode="bicubic").clamp(-1, 1)


def gan_step(
    recipe: PnGanRecipe, training: PosedCrops, held_out: PosedCrops, device: torch.device
) -> TrainingStep:
    """What one step of the generator's training does, and how it is measured.

    Raises:
        BadInput: where nobody has two crops with known poses.
    """
    size = (recipe.gan.height, recipe.gan.width)
    drawer, measured = PairDrawer(training, size), PairDrawer(held_out, size)

    def generator_losses(networks: Networks, pairs: PosePairs, rng: np.random.Generator) -> Losses:
        generated = networks["generator"](pairs.images, pairs.poses)
        pairs.generated = generated.detach()
        difference = (generated.float() - pairs.targets).abs().mean()
        terms = {
            "adversarial": generator_loss(networks["discriminator"](generated), recipe.adversarial),
            "l1": recipe.l1 * difference,
        }
        return _finite(terms, pairs.names)

    def discriminator_losses(
        networks: Networks, pairs: PosePairs, rng: np.random.Generator
    ) -> Losses:
        generated = pairs.generated
        assert generated is not None, "the generator's phase comes first"
        discriminator = networks["discriminator"]
        loss = discriminator_loss(
            discriminator(pairs.targets), discriminator(generated), recipe.adversarial
        )
        return _finite({"adversarial": loss}, pairs.names)

    def draw(rng: np.random.Generator) -> PosePairs:
        pairs = drawer.draw(recipe.batch, rng)
        return dataclasses.replace(
            pairs,
            images=pairs.images.to(device),
            targets=pairs.targets.to(device),
            poses=pairs.poses.to(device),
        )

    def measure(networks: Networks) -> dict[str, float]:
        return pair_figures(cast(PoseGenerator, networks["generator"]), measured, device)

    return TrainingStep(
        {
            "generator": Phase(("generator",), generator_losses, betas=BETAS),
            "discriminator": Phase(("discriminator",), discriminator_losses, betas=BETAS),
        },
        draw,
        measure,
    )


@torch.no_grad()
def pair_figures(
    generator: PoseGenerator, drawer: PairDrawer, device: torch.device
) -> dict[str, float]:
    """Mean absolute differences on pairs of held-out people, the same pairs every time.

    "l1" is of what is generated from the person's crop in the target pose, "l1 of the crop itself" of the
    crop that it was generated from.
    """
    rng = np.random.default_rng(0)
    sums, count = np.zeros(2), 0
    for _ in range(0, MEASURED_PAIRS, MEASURED_BATCH):
        pairs = drawer.draw(MEASURED_BATCH, rng)
        generated = generator(pairs.images.to(device), pairs.poses.to(device)).float().cpu()
        for column, images in enumerate((generated, pairs.images)):
            sums[column] += float((images - pairs.targets).abs().mean()) * len(images)
        count += len(pairs.images)
    return {"l1": sums[0] / count, "l1 of the crop itself": sums[1] / count}


def _finite(terms: Losses, names: tuple[str, ...]) -> Losses:
    """The terms. Raises FloatingPointError, naming the batch, where one is not finite."""
    for name, term in terms.items():
        if not bool(torch.isfinite(term)):
            raise FloatingPointError(
                f"PN-GAN: {name} is {float(term)} on the batch {', '.join(names)}; lower the rate"
            )
    return terms


def train_gan(
    recipe: PnGanRecipe,
    training: PosedCrops,
    held_out: PosedCrops,
    *,
    folder: Path,
    fabric: Fabric,
    measure_every: int = 0,
    data: RunData | None = None,
) -> tuple[PoseGenerator, dict[str, float]]:
    """Train generator and discriminator.

    Args:
        recipe: what is trained, and how.
        training: who is learned.
        held_out: other people, who are measured on.
        folder: of the run.
        fabric: device, precision and processes.
        measure_every: steps between two measurements.
        data: digests of what the run is on.

    Returns:
        The generator, and the held-out figures.
    """
    torch.manual_seed(recipe.schedule.seed)
    generator, discriminator = PoseGenerator(recipe.gan), PatchDiscriminator(recipe.gan)
    figures = train_networks(
        {"generator": generator, "discriminator": discriminator},
        gan_step(recipe, training, held_out, fabric.device),
        folder=folder,
        schedule=recipe.schedule,
        fabric=fabric,
        configuration=_configuration(recipe, training, data),
        name="PN-GAN",
        measure_every=measure_every,
    )
    return generator, figures


def train_features(
    recipe: PnGanRecipe,
    training: PosedCrops,
    *,
    folder: Path,
    fabric: Fabric,
    normaliser: PoseNormaliser | None = None,
    trunk_weights: Path | None = None,
    data: RunData | None = None,
) -> MergedFeatureNetwork:
    """Train ResNet-50-A on crops, or ResNet-50-B on the same crops in canonical poses.

    Args:
        recipe: what is trained, and how.
        training: who is learned.
        folder: of the run.
        fabric: device, precision and processes.
        normaliser: brings people into canonical poses, for B; None for A.
        trunk_weights: of ImageNet, that the trunk starts from; none when None.
        data: digests of what the run is on.
    """
    schedule = dataclasses.replace(recipe.feature_schedule, seed=recipe.schedule.seed)
    people, labels = np.unique(training.identities, return_inverse=True)
    torch.manual_seed(schedule.seed)
    network = MergedFeatureNetwork(dataclasses.replace(recipe.features, classes=len(people)))
    if trunk_weights:
        load_imagenet_weights(network.trunk, trunk_weights)

    def draw(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = rng.integers(0, len(training.images), recipe.feature_batch)
        images = image_batch(training.images[chosen])
        if normaliser is not None:
            poses = rng.integers(0, normaliser.count, len(chosen))
            images = normaliser.pictures(images, poses).cpu()
        images = training_views(rng, images, recolour=0.25, degrade=False)
        return images.to(fabric.device), torch.from_numpy(labels[chosen]).to(fabric.device)

    def losses(
        networks: Networks, batch: tuple[torch.Tensor, torch.Tensor], rng: np.random.Generator
    ) -> Losses:
        logits = networks["features"](batch[0]).float()
        return {"identity": functional.cross_entropy(logits, batch[1])}

    train_networks(
        {"features": network},
        TrainingStep({"features": Phase(("features",), losses)}, draw),
        folder=folder,
        schedule=schedule,
        fabric=fabric,
        configuration=_configuration(recipe, training, data)
        | {"poses": normaliser.name if normaliser else "as they are"},
        name="features in canonical poses" if normaliser else "features of crops",
    )
    return network


def _configuration(
    recipe: PnGanRecipe, training: PosedCrops, data: Mapping[str, str] | None
) -> dict[str, object]:
    return {
        "recipe": dataclasses.asdict(recipe),
        "images": len(training.images),
        "data": dict(data or {}),
    }
