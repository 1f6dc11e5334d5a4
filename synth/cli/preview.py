"""`synth preview`."""

from __future__ import annotations

import re
from pathlib import Path

import click

VIEWS = ("front", "side", "three-quarter", "follow")


def _size(context: click.Context, parameter: click.Parameter, text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text)
    size = tuple(map(int, match.groups())) if match else (0, 0)
    if min(size) < 64 or size[0] % 2 or size[1] % 2:
        raise click.BadParameter(
            f"found '{text}', expected even WIDTHxHEIGHT from 64x64, e.g. 640x480"
        )
    return size


@click.command()
@click.argument("motion", type=click.Path(path_type=Path))
@click.argument("name", required=False)
@click.option("--out", type=click.Path(path_type=Path), help="Film.  [default: NAME.mp4]")
@click.option("--stick/--body", default=False, help="A stick figure, or the body (default).")
@click.option("--view", type=click.Choice(VIEWS), default="three-quarter", show_default=True)
@click.option(
    "--fps", type=click.FloatRange(1, 240), default=30.0, show_default=True, help="Of the film."
)
@click.option(
    "--source-fps",
    type=click.FloatRange(1, 1000),
    help="Frame rate of a motion that no index knows.",
)
@click.option("--size", callback=_size, default="640x480", show_default=True, help="In pixels.")
@click.option(
    "--texture", type=click.Path(path_type=Path), help="A harvested texture (PNG) for the body."
)
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
