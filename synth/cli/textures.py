"""`synth harvest-textures` and `synth train`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

FOLDER = click.Path(path_type=Path)


@click.command("harvest-textures")
@click.option(
    "--images", required=True, type=FOLDER, help="Market-1501, or any folder of pedestrian crops."
)
@click.option("--out", required=True, type=FOLDER, help="Folder for the textures.")
@click.option("--size", default=256, show_default=True, help="Texels along a texture's side.")
@click.option(
    "--split",
    "splits",
    multiple=True,
    type=click.Choice(["train", "query", "gallery"]),
    help="Of a Market-1501 folder; may be given more than once. All when left out.",
)
@click.option(
    "--detail/--no-detail",
    default=False,
    show_default=True,
    help="Lay the crop's own visible pixels over the generated texture where the fit is sure.",
)
@click.option(
    "--licence", default="", help="Licence tag of the photographs, written to every line."
)
@click.option(
    "--stand-in", is_flag=True, help="The images are generated stand-ins; written to every line."
)
@click.option(
    "--sheet-rows", default=40, show_default=True, help="Crops on the contact sheet; 0: none."
)
@click.option("--body-fit", type=FOLDER, help="Weights to use instead of the shipped ones.")
@click.option("--generator", type=FOLDER, help="Weights to use instead of the shipped ones.")
@click.option("--reid", type=FOLDER, help="Weights for the scores instead of the shipped ones.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--strict", is_flag=True, help="Exit with an error when an image could not be used.")
def harvest_textures(images, out, size, splits, detail, licence, stand_in, sheet_rows, body_fit,
                     generator, reid, device, strict) -> None:  # fmt: skip
    """Turn pedestrian crops into body textures: PNGs, textures.jsonl and a contact sheet."""
    from mocap.bodies.free_body import load_free_body
    from textures.harvest.harvest import Harvester, harvest

    harvester = Harvester(
        load_free_body(), body_fit=body_fit, generator=generator, reid=reid, device=device,
        size=size, detail=detail,
    )  # fmt: skip
    done = harvest(
        images, out, harvester, splits=splits or None, licence=licence, stand_in=stand_in,
        sheet_rows=sheet_rows, report=lambda line: click.echo(line, err=True),
    )  # fmt: skip
    click.echo(
        f"{len(done.entries)} textures in {out} ({done.new} new), {len(done.bad)} images skipped"
    )
    if done.contact_sheet:
        click.echo(f"look at {done.contact_sheet}")
    if strict and done.bad:
        sys.exit(1)


@click.group("train")
def train() -> None:
    """Train the networks: body-fit, reid, generator. Runs can be stopped and started again."""


def _common(function):
    options = [
        click.option("--out", required=True, type=FOLDER, help="Run folder; the weights come here too."),
        click.option("--pedestrians", type=FOLDER,
                     help="File to keep the generated training pedestrians in; read when it is there."),
        click.option("--identities", default=1200, show_default=True, help="Pedestrians to generate."),
        click.option("--images", default=6, show_default=True, help="Crops of each."),
        click.option("--steps", default=3000, show_default=True),
        click.option("--rate", default=1e-3, show_default=True, help="Adam's learning rate."),
        click.option("--seed", default=0, show_default=True),
        click.option("--workers", default=1, show_default=True, help="Processes that generate them."),
        click.option("--threads", default=0, help="Torch threads; 0: all cores."),
        click.option("--device", default="auto", show_default=True, help="cpu, cuda or auto."),
        click.option("--half/--full", default=True, show_default=True, help="bfloat16 matrix products."),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@train.command("body-fit")
@_common
@click.option("--batch", default=32, show_default=True)
@click.option("--depth", default=18, show_default=True)
@click.option("--width", default=32, show_default=True)
def train_body_fit(batch, depth, width, **common) -> None:
    """Body fit, on generated pedestrians."""
    from synth.training.texture_networks import train_body_fit_run

    _say(train_body_fit_run(batch=batch, depth=depth, width=width, command=_command(), **common))


@train.command("reid")
@_common
@click.option("--batch", default=32, show_default=True)
@click.option("--depth", default=10, show_default=True, help="50 is the paper's.")
@click.option("--width", default=32, show_default=True, help="64 is the paper's.")
@click.option("--height", default=192, show_default=True, help="384 is the paper's.")
@click.option("--image-width", default=64, show_default=True, help="128 is the paper's.")
@click.option("--market", type=FOLDER, help="Train on this Market-1501 folder instead.")
@click.option(
    "--resnet", type=FOLDER, help="ResNet weights to start from, with torchvision's names."
)
def train_reid(**options) -> None:
    """The re-ID network (PCB)."""
    from synth.training.texture_networks import train_reid_run

    _say(train_reid_run(command=_command(), **options))


@train.command("generator")
@_common
@click.option(
    "--recipe",
    default="shipped",
    show_default=True,
    type=click.Choice(["paper", "release", "shipped"]),
)
@click.option(
    "--base", default=24, show_default=True, help="Channels of the first level; 64 is the paper's."
)
@click.option("--texture-size", default=128, show_default=True, help="64 is the paper's.")
@click.option(
    "--projection/--no-projection",
    default=True,
    show_default=True,
    help="Also show the generator the crop's pixels on the texture; the paper does not.",
)
@click.option(
    "--fits",
    default="perturbed",
    show_default=True,
    type=click.Choice(["perturbed", "network"]),
    help="Bodies behind the projection: the true ones with a fit's errors, or the body fit's own.",
)
@click.option("--body-fit", type=FOLDER, help="Weights to use instead of the shipped ones.")
@click.option("--reid", type=FOLDER, help="Supervising weights instead of the shipped ones.")
@click.option("--market", type=FOLDER, help="Train on this Market-1501 folder instead.")
def train_generator(**options) -> None:
    """The texture generator."""
    from synth.training.texture_networks import train_generator_run

    _say(train_generator_run(command=_command(), **options))


def _command() -> str:
    return shlex.join(["synth", *sys.argv[1:]])


def _say(result) -> None:
    path, figures = result
    click.echo(f"wrote {path}")
    for name, value in figures.items():
        click.echo(f"  {name}: {value:.4g}")
