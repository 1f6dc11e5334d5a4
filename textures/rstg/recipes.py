"""Recipes of RSTG's generator: whole configurations, from its width to its learning rate.

`paper` is the paper's (RSTG sections 3.3 and 4.2), `release` its authors' code, which differs in the
face-and-hand loss and the learning rate, `shipped` what our weights were trained by, and `photographs`
ours for data without true textures; `small` is the paper's method at a size that a CPU trains in
minutes, for the rows of its tables. Single values are replaced by name, as `losses.pixel=1`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mocap.errors import BadInput
from textures.perceptual.losses import check_perceptual_size
from textures.rstg.unet import GeneratorConfig
from textures.training.loop import Schedule

FITS = ("perturbed", "network")
BODIES = ("fitted", "walking")
CROP_SIZE = (128, 64)  # height and width of a bank's crops, and of what a generator is shown
LOSS_TERMS = {
    "reid": "Re-ID loss between the rendered body and the crop, at the stages losses.stages (RSTG 3.3).",
    "deep_feature": "Mean absolute difference of the embedded stripes of the same two (RSTG 4.4).",
    "perceptual": "Distance of the same two at five layers of a VGG (RSTG 4.3): losses.vgg, or that of "
    "ST-LPIPS.",
    "face_hand": "Head and hands against reference textures (RSTG 3.3).",
    "cross_view": "Re-ID loss of the texture of one crop, looked up through another crop of the same "
    "person, against that crop: the paper's future work, which teaches the side that the crop does not "
    "show.",
    "cross_pixel": "Mean absolute difference of the same pair, inside the silhouette.",
    "pixel": "Mean absolute difference from the crop itself, inside the silhouette.",
    "texture": "Mean absolute difference from the true texture, which only stand-ins have.",
}


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """The terms of the generator's loss and their weights; 0 leaves a term out.

    `reid`, `weighting` and `stages` are those of the re-ID loss: `stages` names those that it looks at,
    of 1 to 4, all in the paper. `face_hand` and `face_norm` are those of the face-and-hand loss;
    `references` says which textures that one looks at: "random" (the paper: anyone's) or "identity" (the
    person's true texture). `vgg` is the file of the perceptual loss's VGG-19 or VGG-16, in torchvision's
    names, empty for ST-LPIPS's VGG-16 from its wheel, and `vgg_size` the height to which images are
    shrunk for it, 0 for none. `pixel`, `perceptual` and `deep_feature` are what the paper's tables put in
    place of the re-ID loss; the others are extensions. `LOSS_TERMS` says what each term is.
    """

    reid: float = 5000.0
    weighting: str = "release"
    stages: tuple[int, ...] = (1, 2, 3, 4)
    deep_feature: float = 0.0
    perceptual: float = 0.0
    vgg: str = ""
    vgg_size: int = 0
    face_hand: float = 1.0
    face_norm: str = "l1"
    references: str = "random"
    cross_view: float = 0.0
    cross_pixel: float = 0.0
    pixel: float = 0.0
    texture: float = 0.0

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("weighting", self.weighting, ("release", "equal")),
            ("face_norm", self.face_norm, ("l1", "mse")),
            ("references", self.references, ("random", "identity")),
        ):
            if value not in choices:
                raise BadInput(f"losses.{name} {value}: expected {' or '.join(choices)}")
        if not self.stages or list(self.stages) != sorted(set(self.stages) & {1, 2, 3, 4}):
            raise BadInput(
                f"losses.stages {list(self.stages)}: expected some of 1, 2, 3, 4 in their order, as [1,2]"
            )
        if self.perceptual:
            check_perceptual_size(*CROP_SIZE, self.vgg_size)

    @property
    def needs_true_textures(self) -> bool:
        """Whether a term compares with the person's own texture."""
        return bool(self.texture or (self.face_hand and self.references == "identity"))


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What is done to a crop before the generator sees it.

    `recolour` by how much, `degrade` or not. `side_dropout` is the share of crops in which texels that
    the crop does not show are given nothing, neither colours nor the flag that goes with them, so that
    the generator cannot lean on copying one side of a person to the other.
    """

    recolour: float = 0.0
    degrade: bool = False
    side_dropout: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.side_dropout <= 1:
            raise BadInput(
                f"augmentation.side_dropout {self.side_dropout}: expected a share of 0 to 1"
            )


@dataclass(frozen=True, kw_only=True)
class BatchShape:
    """A batch: `images` crops of each of `identities` people."""

    identities: int = 4
    images: int = 4


@dataclass(frozen=True, kw_only=True)
class Supervisor:
    """The re-ID network that supervises: trunk, of a ResNet the depth, and stripes (1: No-PCB)."""

    trunk: str = "resnet"
    depth: int = 50
    stripes: int = 6


@dataclass(frozen=True, kw_only=True)
class RstgRecipe:
    """A whole training of the generator.

    `fits` says whose bodies stand behind the projection: "perturbed" (the bank's, with a fit's errors)
    or "network" (the body fit's own). `bodies` says which bodies wear the texture before the losses look
    at it: "fitted" (the crop's) or "walking" (anyone's in a walk, RSTG 4.4). `variant` is the row of the
    paper's tables, or of ours, that `--variant` made of the recipe.
    """

    name: str
    variant: str = ""
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    losses: LossWeights = field(default_factory=LossWeights)
    augmentation: Augmentation = field(default_factory=Augmentation)
    batch: BatchShape = field(default_factory=BatchShape)
    supervisor: Supervisor = field(default_factory=Supervisor)
    fits: str = "perturbed"
    bodies: str = "fitted"
    schedule: Schedule

    def __post_init__(self) -> None:
        if self.fits not in FITS:
            raise BadInput(f"fits {self.fits}: expected {' or '.join(FITS)}")
        if self.bodies not in BODIES:
            raise BadInput(f"bodies {self.bodies}: expected {' or '.join(BODIES)}")
        losses = self.losses
        if self.bodies == "walking" and (losses.pixel or losses.cross_pixel or losses.cross_view):
            raise BadInput(
                "bodies walking: does not stand as the crop does, so that losses.pixel, "
                "losses.cross_pixel and losses.cross_view have nothing to compare; --set those to 0"
            )


PAPER = RstgRecipe(
    name="paper",
    schedule=Schedule(steps=64_000, lr=2e-4, warm_up=0, cosine=False, optimiser="adam", clip=0.0),
)
RELEASE = RstgRecipe(
    name="release",
    losses=LossWeights(face_norm="mse"),
    schedule=Schedule(steps=64_320, lr=1e-4, warm_up=0, cosine=False, optimiser="adam", clip=0.0),
)
SHIPPED = RstgRecipe(
    name="shipped",
    generator=GeneratorConfig(
        channels=48,
        height=128,
        width=128,
        texture_size=128,
        projection=True,
        unseen="colours",
    ),
    losses=LossWeights(
        reid=0.5,
        weighting="equal",
        face_hand=2.0,
        references="identity",
        cross_view=0.5,
        cross_pixel=0.5,
        texture=2.0,
    ),
    augmentation=Augmentation(recolour=0.25, degrade=True, side_dropout=0.3),
    batch=BatchShape(identities=4, images=2),
    supervisor=Supervisor(depth=10),
    schedule=Schedule(steps=3000),
)
PHOTOGRAPHS = RstgRecipe(
    name="photographs",
    generator=SHIPPED.generator,
    losses=LossWeights(
        reid=0.5, weighting="equal", face_hand=2.0, cross_view=0.5, cross_pixel=0.5, pixel=0.5
    ),
    augmentation=SHIPPED.augmentation,
    supervisor=SHIPPED.supervisor,
    fits="network",
    schedule=Schedule(steps=3000),
)
SMALL = RstgRecipe(
    name="small",
    generator=GeneratorConfig(channels=16),
    losses=LossWeights(reid=0.5, weighting="equal", vgg_size=64),
    batch=BatchShape(identities=4, images=2),
    supervisor=Supervisor(trunk="efficientnet-lite0"),
    fits="network",
    schedule=Schedule(steps=600, warm_up=20, weight_decay=1e-5),
)
RECIPES = {recipe.name: recipe for recipe in (SHIPPED, PHOTOGRAPHS, PAPER, RELEASE, SMALL)}
