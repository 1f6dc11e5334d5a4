"""Recipes of DDFF: whole configurations, from its width to its learning rate.

`paper` has the paper's networks, three hallucinations and its losses. Weights, learning rates and batch
are in none of its pages that there are; they are those of the release of its building block (Ren et al.
2020), and 1 for the two losses that only this paper has. `small` is one that a CPU finishes in an hour or
two: pictures of 64x32, 64 texels, two hallucinations.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mocap.errors import BadInput
from textures.ddff.networks import DdffConfig
from textures.perceptual.losses import check_perceptual_size
from textures.training.loop import Schedule

FITS = ("perturbed", "network")


@dataclass(frozen=True, kw_only=True)
class DdffLosses:
    """What the terms weigh, and the network behind the perceptual ones.

    reconstruction, content, style, adversarial: of pictures, generated and rendered. correctness,
    coordinate, consistency, regularisation: of flows. vgg: file with VGG-19's or VGG-16's ImageNet
    weights in torchvision's names; empty for ST-LPIPS's VGG-16, from its wheel. vgg_size: height to which
    pictures are shrunk for it, 0 for none.
    """

    reconstruction: float = 5.0
    content: float = 0.5
    style: float = 500.0
    adversarial: float = 2.0
    correctness: float = 5.0
    coordinate: float = 1.0
    consistency: float = 1.0
    regularisation: float = 0.0025
    vgg: str = ""
    vgg_size: int = 0

    @property
    def perceptual(self) -> bool:
        """Whether a term needs a VGG."""
        return bool(self.content or self.style or self.correctness)


@dataclass(frozen=True, kw_only=True)
class DdffRecipe:
    """A whole training.

    batch: people. targets: pictures of each besides the source. held_out: share of the people that are
    not trained on. fits: whose bodies stand in the crops, "perturbed" (the bank's, with a fit's errors)
    or "network" (the body fit's own). critic_rate: the discriminator's learning rate, times the
    schedule's.
    """

    name: str
    networks: DdffConfig = field(default_factory=DdffConfig)
    losses: DdffLosses = field(default_factory=DdffLosses)
    batch: int = 8
    targets: int = 1
    held_out: float = 0.05
    fits: str = "perturbed"
    critic_rate: float = 0.1
    betas_first: float = 0.0
    schedule: Schedule

    def __post_init__(self) -> None:
        if self.fits not in FITS:
            raise BadInput(f"fits {self.fits}: expected {' or '.join(FITS)}")
        if self.batch < 2:
            raise BadInput(
                f"batch {self.batch}: expected 2 or more people, who lend each other poses"
            )
        if self.targets < 1:
            raise BadInput(f"targets {self.targets}: expected 1 or more pictures of each person")
        if self.losses.perceptual:
            check_perceptual_size(self.networks.height, self.networks.width, self.losses.vgg_size)
        if not 0 < self.held_out < 1:
            raise BadInput(f"held_out {self.held_out}: expected a share between 0 and 1")


PAPER = DdffRecipe(
    name="paper",
    schedule=Schedule(
        steps=200_000,
        lr=1e-4,
        warm_up=0,
        cosine=False,
        optimiser="adam",
        weight_decay=0.0,
        clip=0.0,
    ),
)
SMALL = DdffRecipe(
    name="small",
    networks=DdffConfig(
        height=64,
        width=32,
        texture_size=64,
        hallucinations=2,
        channels=16,
        most_channels=64,
        flow_channels=16,
        flow_levels=3,
        critic_channels=16,
        critic_layers=3,
    ),
    losses=DdffLosses(vgg_size=64),
    batch=4,
    schedule=Schedule(steps=4000, lr=5e-4, optimiser="adam", weight_decay=0.0),
)
RECIPES = {recipe.name: recipe for recipe in (SMALL, PAPER)}
