"""`synth turntable`: a texture from all round."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.options import (
    FILE,
    body_option,
    body_source,
    json_option,
    out_option,
    quiet_option,
    uv_option,
)
from synth.cli.result_output import print_result


@click.command("turntable")
@click.argument("texture", type=FILE)
@out_option("the turntable: a .mp4, a .gif, or a .png with stills in a row")
@click.option(
    "--size",
    type=click.IntRange(64, 2048),
    default=480,
    show_default=True,
    help="Pixels along a picture's side; an even number.",
)
@click.option(
    "--count-views",
    type=click.IntRange(1, 36),
    default=6,
    show_default=True,
    help="Stills in the row of a .png.",
)
@click.option(
    "--gender",
    type=click.Choice(["neutral", "female", "male"]),
    help="Which free body (without --body); default neutral.",
)
@body_option
@uv_option
@quiet_option()
@json_option
def turntable(
    texture: Path,
    out: Path,
    size: int,
    count_views: int,
    gender: str | None,
    body: Path | None,
    uv: Path | None,
    as_json: bool,
) -> None:
    """Show a TEXTURE on a body that turns on the spot.

    \b
    synth turntable textures/0145.png --out 0145.gif
    """
    from synth.pictures.preview import read_texture
    from synth.pictures.texture_turntable import check_turntable_name, write_texture_turntable

    check_turntable_name(out)
    if size % 2:
        raise click.BadParameter(f"{size} is odd, expected an even number", param_hint="'--size'")
    if body is not None and gender is not None:
        raise click.UsageError("--gender: is of the free body; a --body file has one")
    loaded = body_source(body, uv).load(gender or "neutral")
    picture = read_texture(texture, loaded)
    count = write_texture_turntable(loaded, picture, out, size=size, views=count_views)
    content = {"file": out, "views": count, "texture": texture}
    print_result(content, f"{out}: {count} views of {texture}", as_json=as_json)
