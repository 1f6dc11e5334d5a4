"""Recipes of PN-GAN: whole configurations. `paper` is the paper's, `small` what a CPU trains.

Where the paper is silent (the shapes of its networks, how many steps) its authors' code is followed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mocap.errors import BadInput
from textures.pn_gan.features import FeatureConfig
from textures.pn_gan.losses import ADVERSARIAL
from textures.pn_gan.networks import PoseGanConfig
from textures.reid.trunks import LITE0
from textures.training.loop import Schedule


@dataclass(frozen=True, kw_only=True)
class PnGanRecipe:
    """A whole training: the generator with its discriminator, then both feature networks.

    adversarial: "log" (the paper) or "least-squares" (its authors' code). l1: weight of the mean absolute
    difference from the person's crop in the target pose. batch, schedule: of the generator. clusters: how
    many canonical poses. feature_batch, feature_schedule: of ResNet-50-A and -B, whose seed is the first
    schedule's. imagenet: whether their trunks start from ImageNet's weights.
    """

    name: str
    gan: PoseGanConfig = field(default_factory=PoseGanConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    adversarial: str = "log"
    l1: float = 10.0
    batch: int = 32
    clusters: int = 8
    schedule: Schedule
    feature_batch: int = 16
    imagenet: bool = False
    feature_schedule: Schedule

    def __post_init__(self) -> None:
        if self.adversarial not in ADVERSARIAL:
            raise BadInput(f"adversarial {self.adversarial}: expected {' or '.join(ADVERSARIAL)}")
        if min(self.batch, self.clusters) < 1 or self.feature_batch < 2 or self.l1 < 0:
            raise BadInput(
                f"batch {self.batch}, feature_batch {self.feature_batch}, clusters {self.clusters}, l1 "
                f"{self.l1}: expected 1, 2, 1 and 0 or more"
            )


def _adam(steps: int, rate: float) -> Schedule:
    """Adam at a constant rate, without decay or clipping: the paper's optimiser."""
    return Schedule(
        steps=steps,
        lr=rate,
        warm_up=0,
        cosine=False,
        optimiser="adam",
        weight_decay=0.0,
        clip=0.0,
    )


# Steps: its code's 20 epochs over all ordered pairs of Market-1501; features as long as PCB's.
PAPER = PnGanRecipe(
    name="paper", schedule=_adam(160_000, 2e-4), feature_schedule=_adam(48_000, 3.5e-4)
)
SMALL = PnGanRecipe(
    name="small",
    gan=PoseGanConfig(channels=16, discriminator_channels=16, height=128, width=64),
    features=FeatureConfig(trunk=LITE0, embedding=512, height=128, width=64),
    adversarial="least-squares",
    batch=8,
    schedule=_adam(6_000, 2e-4),
    imagenet=True,
    feature_schedule=Schedule(steps=3_000, lr=6e-4),
)
RECIPES = {recipe.name: recipe for recipe in (SMALL, PAPER)}
