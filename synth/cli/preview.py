"""`synth preview`: a motion as a film, in seconds."""

from __future__ import annotations

import re
from pathlib import Path

import click

from synth.cli.options import FILE, Number, out_option, source_fps_option

VIEWS = ("front", "side", "three-quarter", "follow")


def _size(context: click.Context, parameter: click.Parameter, text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if min(width, height) < 64 or width % 2 or height % 2:
        raise click.BadParameter(
            f"found '{text}', expected even WIDTHxHEIGHT from 64x64, e.g. 640x480"
        )
    return width, height


@click.command()
@click.argument("motion", type=FILE)
@click.argument("name", required=False)
@out_option("the film; default NAME.mp4", required=False)
@click.option("--stick", is_flag=True, help="Draw a stick figure in place of the body.")
@click.option(
    "--view",
    type=click.Choice(VIEWS),
    default="three-quarter",
    show_default=True,
    help="The side from which the person is filmed.",
)
@click.option(
    "--fps", type=Number(1, 240), default=30.0, show_default=True, help="Frames per second."
)
@source_fps_option
@click.option(
    "--size",
    callback=_size,
    default="640x480",
    show_default=True,
    metavar="WIDTHxHEIGHT",
    help="Size of the film in pixels.",
)
@click.option("--texture", type=FILE, help="A harvested texture (PNG) for the body.")
@click.option("--strip", is_flag=True, help="Also write eight of the frames, to OUT with .png.")
def preview(
    motion: Path,
    name: str | None,
    out: Path | None,
    stick: bool,
    view: str,
    fps: float,
    source_fps: float | None,
    size: tuple[int, int],
    texture: Path | None,
    strip: bool,
) -> None:
    """Film a motion in seconds: MOTION is its file, or a folder of motions with its NAME (02_01).

    Left is orange and right is blue; the floor's lines are a metre apart.
    """
    from synth.pictures.preview import film_motion

    filmed = film_motion(
        motion,
        name,
        out=out,
        view=view,
        size=size,
        stick=stick,
        fps=fps,
        source_fps=source_fps,
        texture=texture,
        strip=strip,
    )
    click.echo(
        f"{filmed.path}: {filmed.frames} frames, {filmed.seconds:.1f} s"
        + (f"; {filmed.strip}" if filmed.strip else "")
    )
