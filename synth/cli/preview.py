"""`synth preview` and `synth dress`: a motion as a film, in seconds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
from click.decorators import FC

from synth.cli.options import (
    FILE,
    Number,
    body_option,
    body_source,
    json_option,
    out_option,
    quiet_option,
    source_fps_option,
    uv_option,
)
from synth.cli.result_output import print_result

VIEWS = ("front", "side", "three-quarter", "follow")


def _size(context: click.Context, parameter: click.Parameter, text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if min(width, height) < 64 or width % 2 or height % 2:
        raise click.BadParameter(
            f"found '{text}', expected even WIDTHxHEIGHT from 64x64, e.g. 640x480"
        )
    return width, height


def film_options(command: FC) -> FC:
    """How the film looks: the same words for a motion alone and for a texture in it."""
    options = [
        out_option("the film; default NAME.mp4", required=False),
        click.option(
            "--view",
            type=click.Choice(VIEWS),
            default="three-quarter",
            show_default=True,
            help="The side from which the person is filmed.",
        ),
        click.option(
            "--fps", type=Number(1, 240), default=30.0, show_default=True, help="Frames per second."
        ),
        source_fps_option,
        click.option(
            "--size",
            callback=_size,
            default="640x480",
            show_default=True,
            metavar="WIDTHxHEIGHT",
            help="Size of the film in pixels.",
        ),
        click.option("--strip", is_flag=True, help="Also write eight frames, to OUT with .png."),
        quiet_option(),
        json_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("motion", type=FILE)
@click.argument("name", required=False)
@film_options
@click.option("--stick", is_flag=True, help="Draw a stick figure in place of the body.")
@click.option("--texture", type=FILE, help="A harvested texture (PNG) for the body.")
def preview(
    motion: Path,
    name: str | None,
    stick: bool,
    texture: Path | None,
    **options: Any,
) -> None:
    """Film a motion in seconds: MOTION is its file, or a folder of motions with its NAME (02_01).

    Left is orange and right is blue; the floor's lines are a metre apart.
    """
    _film(motion, name, stick=stick, texture=texture, **options)


@click.command()
@click.argument("texture", type=FILE)
@click.argument("motion", type=FILE)
@click.argument("name", required=False)
@film_options
@click.option(
    "--gender",
    type=click.Choice(["neutral", "female", "male"]),
    help="Which free body (without --body); default neutral.",
)
@body_option
@uv_option
def dress(
    texture: Path,
    motion: Path,
    name: str | None,
    gender: str | None,
    body: Path | None,
    uv: Path | None,
    **options: Any,
) -> None:
    """Film a TEXTURE on a body that moves as MOTION says: a file, or a folder with a NAME in it.

    The film of `synth preview MOTION --texture TEXTURE`, on any body.

    \b
    synth dress textures/0145.png walk.bvh --out walk.mp4
    """
    if body is not None and gender is not None:
        raise click.UsageError("--gender: is of the free body; a --body file has one")
    bodies = body_source(body, uv)
    _film(motion, name, texture=texture, bodies=bodies, gender=gender or "neutral", **options)


def _film(motion: Path, name: str | None, *, as_json: bool, **options: Any) -> None:
    """Film a motion and say what was written."""
    from synth.pictures.preview import film_motion

    filmed = film_motion(motion, name, **options)
    strip = f"; {filmed.strip}" if filmed.strip else ""
    line = f"{filmed.path}: {filmed.frames} frames, {filmed.seconds:.1f} s{strip}"
    print_result(filmed, line, as_json=as_json)
