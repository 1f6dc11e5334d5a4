"""Runs that train a category's networks on its data set: the identity network, the generator."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from mocap.errors import BadInput
from mocap.files import is_stand_in
from synth.training.runs import TrainedWeights, TrainingOptions, limit_threads
from textures.categories.category import Category
from textures.categories.generator import CategoryGenerator, check_category_recipe
from textures.categories.identities import identity_accuracy, labelled_objects
from textures.categories.object_bank import PlacedObjects, placed_objects, readable_crops
from textures.categories.photographs import ObjectPhotograph
from textures.checkpoints import save_networks
from textures.library import sha256_of
from textures.perceptual.vgg import perceptual_weights
from textures.reid.training import ReidRecipe, train_reid
from textures.reid.trunks import imagenet_file
from textures.rstg.recipes import RstgRecipe
from textures.training.loop import make_fabric, train_networks
from textures.training.run_data import photographs_digest, require_same_data


def train_category_identities(
    category: Category,
    recipe: ReidRecipe,
    options: TrainingOptions,
    *,
    trunk_weights: Path | None = None,
    strict: bool = False,
) -> TrainedWeights:
    """Train the network that tells a category's identities apart; writes OUT/reid.safetensors.

    It learns the data set's training split, and is measured on its test split: the share of photographs
    whose identity it names, and retrieval among them.

    Args:
        category: what the photographs show.
        recipe: what is trained, and how.
        options: the run's; its images are the data set's folder.
        trunk_weights: of a ResNet, to start from.
        strict: whether a photograph that cannot be read is refused, in place of being left out.

    Raises:
        BadInput: for a folder without photographs of both splits, and weights that are missing.
    """
    weights = trunk_weights
    if recipe.imagenet or trunk_weights:
        weights = imagenet_file(recipe.network.trunk, trunk_weights)
    training, measured = _splits(category, options)
    limit_threads(options)
    crops = [
        readable_crops(photographs, category.crop_size) for photographs in (training, measured)
    ]
    left_out = crops[0][1] | crops[1][1]
    _report(left_out, strict=strict)
    learnt, held_out = (labelled_objects(readable) for readable, _ in crops)
    if not len(learnt.images) or not len(held_out.images):
        raise BadInput(f"{options.images}: no readable photograph in one of its splits")
    data = {"photographs": _digest([*training, *measured])}
    if weights:
        data["trunk weights"] = sha256_of(weights)
    require_same_data(options.out, data)
    network, figures = train_reid(
        recipe,
        learnt,
        held_out,
        folder=options.out,
        fabric=make_fabric(options.device, half_precision=options.half_precision),
        trunk_weights=weights,
        data=data,
    )
    classes = np.unique(learnt.identities)
    figures = {"accuracy": identity_accuracy(network, classes, held_out), **figures}
    path = options.out / "reid.safetensors"
    _save(path, "reid", network, category, recipe, options, figures, classes=classes.tolist())
    return path, figures | _count(left_out)


def train_category_generator(
    category: Category,
    recipe: RstgRecipe,
    options: TrainingOptions,
    *,
    supervisor: Path | None,
    strict: bool = False,
) -> TrainedWeights:
    """Train RSTG's generator on a category; writes OUT/NAME_generator.safetensors and its card.

    Args:
        category: what the photographs show.
        recipe: what is trained, and how.
        options: the run's; its images are the data set's folder.
        supervisor: weights of the category's identity network.
        strict: whether a photograph that cannot be read or placed is refused, in place of being left out.

    Raises:
        BadInput: for a recipe that the category or the supervisor does not suit, before anything is
            computed, and for a folder without photographs that can be placed.
    """
    if supervisor is None:
        raise BadInput(
            f"{category.name} are supervised by a network that tells apart their {category.identity}: "
            f"train one with `synth train reid --category {category.name}` and give it with --reid"
        )
    check_category_recipe(category, recipe, supervisor)
    training, measured = _splits(category, options)
    limit_threads(options)
    data = {
        "photographs": _digest([*training, *measured]),
        "identity network": sha256_of(supervisor),
    }
    if recipe.losses.perceptual:
        data["VGG weights"] = sha256_of(perceptual_weights(recipe.losses.vgg))
    require_same_data(options.out, data)
    placed = [placed_objects(category, photographs) for photographs in (training, measured)]
    everything = PlacedObjects(
        placed[0].objects + placed[1].objects, placed[0].left_out | placed[1].left_out
    )
    if everything.objects:
        _say(everything.lines()[0])
    _report(everything.left_out, strict=strict)
    torch.manual_seed(recipe.schedule.seed)
    generator = CategoryGenerator(category, recipe.generator)
    fabric = make_fabric(options.device, half_precision=options.half_precision)
    step = generator.training_step(
        *(recipe, placed[0].objects, placed[1].objects),
        supervisor=supervisor,
        device=fabric.device,
    )
    figures = train_networks(
        {"generator": generator.network},
        step,
        folder=options.out,
        schedule=recipe.schedule,
        fabric=fabric,
        configuration={"recipe": dataclasses.asdict(recipe), "data": data},
        name=category.generator_kind,
    )
    path = options.out / f"{category.generator_kind.replace('-', '_')}.safetensors"
    kind, network = category.generator_kind, generator.network
    layout = generator.model.mesh.uv_layout
    _save(
        *(path, kind, network, category, recipe, options, figures),
        uv_layout=layout,
        identity_network=sha256_of(supervisor),
    )
    return path, figures | _count(everything.left_out)


def _splits(
    category: Category, options: TrainingOptions
) -> tuple[list[ObjectPhotograph], list[ObjectPhotograph]]:
    """The data set's training and test photographs."""
    if options.images is None:
        raise BadInput(
            f"--category {category.name}: give {category.data_set}'s folder with --images"
        )
    read = category.read(options.images)
    _report(read.left_out)
    training = [photograph for photograph in read.photographs if photograph.training]
    measured = [photograph for photograph in read.photographs if not photograph.training]
    if len({photograph.identity for photograph in training}) < 2 or not measured:
        raise BadInput(
            f"{options.images}: {len(training)} photographs to train on and {len(measured)} to measure "
            f"on; expected {category.data_set}'s both splits, and two {category.identity} or more"
        )
    return training, measured


def _digest(photographs: Sequence[ObjectPhotograph]) -> str:
    """Of the photographs that are there; the others are reported as left out."""
    return photographs_digest(p.path for p in photographs if p.path.is_file())


def _report(left_out: dict[str, str], *, strict: bool = False) -> None:
    """Say which photographs are left out, or refuse to go on without them."""
    for name, reason in left_out.items():
        _say(f"left out: {name}: {reason}")
    if strict and left_out:
        raise BadInput(
            f"{len(left_out)} photographs cannot be used ({next(iter(left_out))}); mend or remove them, "
            "or leave --strict out"
        )


def _count(left_out: dict[str, str]) -> dict[str, float]:
    return {"photographs left out": float(len(left_out))} if left_out else {}


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stderr)


def _save(
    path: Path,
    kind: str,
    network: torch.nn.Module,
    category: Category,
    recipe: ReidRecipe | RstgRecipe,
    options: TrainingOptions,
    figures: dict[str, float],
    **data: object,
) -> None:
    assert options.images is not None
    stand_in = is_stand_in(options.images)
    data_set = f"generated {category.name} in the layout of {category.data_set}; no photograph"
    described = {
        "set": data_set if stand_in else f"{category.data_set} (not shipped)",
        "category": category.name,
        **data,
    }
    save_networks(
        path,
        kind,
        {kind: network},
        network.config,
        half_precision=True,
        data=described,
        command=options.command,
        steps=recipe.schedule.steps,
        metrics={"measured on": f"the test split of {described['set']}", **figures},
        licence="Apache-2.0",
        recipe=dataclasses.asdict(recipe),
    )
