"""`synth export`: a texture on a body, and a motion, for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.options import (
    FILE,
    Number,
    body_option,
    body_source,
    json_option,
    out_option,
    quiet_option,
    report_line,
    source_fps_option,
    uv_option,
)
from synth.cli.result_output import print_result


@click.command("export")
@click.argument("texture", type=FILE)
@click.option("--motion", type=FILE, help="A file of motion, or a folder of motions with --name.")
@click.option("--name", help="The motion's name in its folder or file, as 02_01.")
@click.option(
    "--frame", type=click.IntRange(0), help="Of the motion, which one an .obj shows; default 0."
)
@click.option(
    "--fps", type=Number(1, 1000), help="Frames per second of the animation; default the motion's."
)
@source_fps_option
@click.option(
    "--gender",
    type=click.Choice(["neutral", "female", "male"]),
    help="Which free body (without --body); default neutral.",
)
@body_option
@uv_option
@out_option("the body: .glb, .obj, .usd, .usda, .usdc or .usdz")
@quiet_option()
@json_option
def export(
    texture: Path,
    motion: Path | None,
    name: str | None,
    frame: int | None,
    fps: float | None,
    source_fps: float | None,
    gender: str | None,
    body: Path | None,
    uv: Path | None,
    out: Path,
    as_json: bool,
) -> None:
    """Write a body in a TEXTURE as glTF, OBJ or USD, with its skeleton and a motion.

    glTF and USD hold SMPL's 24 joints, the skin, the texture and the motion at its frame rate; OBJ one
    pose, with its material and picture beside it. USD is written by Blender (bpy).

    \b
    synth export textures/0145.png --motion walk.bvh --out walk.glb
    """
    from synth import __version__
    from synth.exports.body_export import check_export_name, export_texture

    check_export_name(out)
    if body is not None and gender is not None:
        raise click.UsageError("--gender: is of the free body; a --body file has one")
    written = export_texture(
        texture,
        out,
        bodies=body_source(body, uv),
        gender=gender or "neutral",
        motion=motion,
        name=name,
        frame=frame,
        fps=fps,
        source_fps=source_fps,
        generator=f"SURREAL++ {__version__}",
        report=report_line,
    )
    lines = [*written.facts, "wrote " + ", ".join(map(str, written.files))]
    print_result(written, lines, as_json=as_json)
