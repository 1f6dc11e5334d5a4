"""Recipes of SamplerNet and RefinerNet: whole configurations, from their width to their learning rate.

`paper` is the poster's (section 3): 256 texels, 1,229 people to train on and 212 to test on, Adam at
2e-4, batches of 8, 30,000 steps for the one network and then 30,000 for the other. `small` is one that a
CPU finishes in an hour or two: 64 texels, an eighth of the width, perceptual losses on smaller pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mocap.errors import BadInput
from textures.perceptual.losses import check_perceptual_size
from textures.sampler_refiner.networks import SamplerRefinerConfig
from textures.training.loop import Schedule

FITS = ("perturbed", "network")
PAPER_PEOPLE = (1229, 212)  # trained on, tested on


@dataclass(frozen=True, kw_only=True)
class SamplerLosses:
    """What SamplerNet's terms weigh: mean absolute difference and LPIPS (section 2)."""

    l1: float = 10.0
    lpips: float = 1.0


@dataclass(frozen=True, kw_only=True)
class RefinerLosses:
    """What RefinerNet's terms weigh: mean absolute difference, VGG, feature matching, adversarial."""

    l1: float = 10.0
    vgg: float = 10.0
    matching: float = 10.0
    gan: float = 1.0


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """The two networks' losses, and the network behind the perceptual ones.

    vgg: file with VGG-19's or VGG-16's ImageNet weights in torchvision's names; empty for ST-LPIPS's
    VGG-16, from its wheel. vgg_size: texels to which textures are shrunk for it, 0 for none.
    """

    sampler: SamplerLosses = field(default_factory=SamplerLosses)
    refiner: RefinerLosses = field(default_factory=RefinerLosses)
    vgg: str = ""
    vgg_size: int = 0

    @property
    def perceptual(self) -> bool:
        """Whether a term needs a VGG."""
        return bool(self.sampler.lpips or self.refiner.vgg)


@dataclass(frozen=True, kw_only=True)
class SamplerRefinerRecipe:
    """A whole training: `sampler_share` of the steps for SamplerNet, then the others for RefinerNet.

    held_out: share of the people that are not trained on. fits: whose bodies project the crops,
    "perturbed" (the bank's, with a fit's errors) or "network" (the body fit's own). degrade: whether
    crops are made as surveillance cameras give them.
    """

    name: str
    networks: SamplerRefinerConfig = field(default_factory=SamplerRefinerConfig)
    losses: LossSettings = field(default_factory=LossSettings)
    sampler_share: float = 0.5
    batch: int = 8
    held_out: float = 0.05
    fits: str = "perturbed"
    degrade: bool = False
    schedule: Schedule

    def __post_init__(self) -> None:
        if self.fits not in FITS:
            raise BadInput(f"fits {self.fits}: expected {' or '.join(FITS)}")
        if self.batch < 1:
            raise BadInput(f"batch {self.batch}: expected 1 or more")
        if self.losses.perceptual:
            size = self.networks.texture_size
            check_perceptual_size(size, size, self.losses.vgg_size)
        if not 0 < self.held_out < 1:
            raise BadInput(f"held_out {self.held_out}: expected a share between 0 and 1")
        if not 0 < self.sampler_steps < self.schedule.steps:
            raise BadInput(
                f"{self.schedule.steps} steps, {self.sampler_steps} of them SamplerNet's: expected some "
                "for it and some for RefinerNet"
            )

    @property
    def sampler_steps(self) -> int:
        """How many of the schedule's steps are SamplerNet's."""
        return round(self.sampler_share * self.schedule.steps)


PAPER = SamplerRefinerRecipe(
    name="paper",
    held_out=PAPER_PEOPLE[1] / sum(PAPER_PEOPLE),
    schedule=Schedule(
        steps=60_000,
        lr=2e-4,
        warm_up=0,
        cosine=False,
        optimiser="adam",
        weight_decay=0.0,
        clip=0.0,
    ),
)
SMALL = SamplerRefinerRecipe(
    name="small",
    networks=SamplerRefinerConfig(
        texture_size=64,
        partial="reflected",
        sampler_channels=16,
        sampler_levels=4,
        refiner_channels=16,
        refiner_levels=2,
        critic_channels=16,
        critic_layers=3,
    ),
    losses=LossSettings(vgg_size=32),
    schedule=Schedule(
        steps=4000,
        lr=5e-4,
        optimiser="adam",
        weight_decay=0.0,
    ),
)
RECIPES = {recipe.name: recipe for recipe in (SMALL, PAPER)}
