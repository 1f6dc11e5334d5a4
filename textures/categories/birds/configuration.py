"""Birds as a category: CUB-200-2011, our mesh, species as identities, recipes without face and hands.

`small` and `small-perceptual` are the two trainings of RSTG's Figure 7 at a size that a CPU finishes in
minutes: the loss by the species network, and that by a VGG in its place. `paper` is RSTG's own size.
`projected` shows the generator the photograph's pixels on the surface, as our people's generator has it.
"""

from __future__ import annotations

import dataclasses

from textures.categories.birds.cub import read_cub
from textures.categories.birds.model import bird_model
from textures.categories.category import Category
from textures.reid.pcb import ReidConfig
from textures.reid.training import ReidRecipe
from textures.reid.trunks import LITE0
from textures.rstg.recipes import (
    BatchShape,
    LossWeights,
    RstgRecipe,
    Supervisor,
)
from textures.rstg.unet import GeneratorConfig
from textures.training.loop import Schedule

CROP_SIZE = 128

# One classifier on the whole picture: stripes are for people, who stand upright.
SPECIES = ReidRecipe(
    name="small",
    network=ReidConfig(
        trunk=LITE0, classes=1, stripes=1, embedding=0, height=CROP_SIZE, width=CROP_SIZE
    ),
    imagenet=True,
    recolour=0.25,
    degrade=False,
    schedule=Schedule(steps=600, lr=7e-4),
)
# Of another trunk, from no weights: it shares nothing with the one that supervises, and so may judge.
JUDGE = ReidRecipe(
    name="judge",
    network=ReidConfig(
        depth=18, channels=24, classes=1, stripes=1, embedding=0, height=96, width=96
    ),
    recolour=0.25,
    degrade=False,
    schedule=Schedule(steps=1200),
)
SPECIES_PAPER = ReidRecipe(
    name="paper",
    network=ReidConfig(classes=1, stripes=1, embedding=0, height=256, width=256),
    batch=64,
    imagenet=True,
    recolour=0.25,
    degrade=False,
    schedule=Schedule(steps=12_000, lr=3e-4),
)

SMALL = RstgRecipe(
    name="small",
    generator=GeneratorConfig(channels=24, height=CROP_SIZE, width=CROP_SIZE, texture_size=128),
    losses=LossWeights(reid=0.5, weighting="equal", face_hand=0.0, vgg_size=64),
    batch=BatchShape(identities=4, images=2),
    supervisor=Supervisor(trunk=LITE0),
    schedule=Schedule(steps=600, warm_up=20),
)
SMALL_PERCEPTUAL = dataclasses.replace(
    SMALL,
    name="small-perceptual",
    losses=dataclasses.replace(SMALL.losses, reid=0.0, perceptual=1.0),
)
PROJECTED = dataclasses.replace(
    SMALL,
    name="projected",
    generator=dataclasses.replace(SMALL.generator, projection=True),
)
PAPER = RstgRecipe(
    name="paper",
    generator=GeneratorConfig(height=CROP_SIZE, width=CROP_SIZE),
    losses=LossWeights(face_hand=0.0),
    schedule=Schedule(steps=64_000, lr=2e-4, warm_up=0, cosine=False, optimiser="adam", clip=0.0),
)

BIRDS = Category(
    name="birds",
    identity="species",
    model=bird_model,
    read=read_cub,
    data_set="CUB-200-2011",
    crop_size=CROP_SIZE,
    identity_recipes={recipe.name: recipe for recipe in (SPECIES, JUDGE, SPECIES_PAPER)},
    generator_recipes={
        recipe.name: recipe for recipe in (SMALL, SMALL_PERCEPTUAL, PROJECTED, PAPER)
    },
)
