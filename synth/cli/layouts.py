"""`synth convert-textures` and `synth import-textures`: textures of other UV layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from synth.cli.options import (
    FILE,
    body_option,
    json_option,
    out_option,
    quiet_option,
    report_line,
    strict_option,
    uv_option,
)
from synth.cli.result_output import print_result

LAYOUT_NAMES = ("smpl", "smplx", "anny-1")

texels_option = click.option(
    "--size", type=click.IntRange(16, 8192), help="Texels along a side; default the textures' own."
)


def convert(
    library: Path, out: Path, layout: str, *, body: Path | None, uv: Path | None, size: int | None
) -> tuple[dict[str, Any], list[str]]:
    """Convert a library; gives what was done and lost, for scripts and as lines."""
    from textures.conversion.library_conversion import convert_library

    converted = convert_library(
        library,
        out,
        layout,
        model=body,
        uv=uv,
        size=size,
        report=report_line,
    )
    registration = converted.registration
    content = {
        "out": out,
        "uv_layout": layout,
        "textures": len(converted.entries),
        "left_out": converted.left_out,
        "removed": converted.removed,
        "surface_distance": {
            "mean": registration.mean,
            "percentile_95": registration.percentile_95,
            "largest": registration.largest,
        },
        "round_trip": converted.round_trip,
    }
    lines = [f"bodies: {registration}"]
    if converted.round_trip == converted.round_trip:  # of textures of another size it is not known
        lines.append(
            f"there and back a texel differs by {converted.round_trip:.2f} of 255 on average"
        )
    lines.append(
        f"{len(converted.entries)} textures of UV layout {layout} in {out}, "
        f"{len(converted.left_out)} left out, {converted.removed} of an earlier run removed"
    )
    return content, lines


@click.command("convert-textures")
@click.argument("library", type=FILE)
@click.option(
    "--to", "layout", required=True, type=click.Choice(LAYOUT_NAMES), help="The new UV layout."
)
@out_option("the new library")
@body_option
@uv_option
@texels_option
@strict_option
@quiet_option()
@json_option
def convert_textures(
    library: Path,
    layout: str,
    out: Path,
    body: Path | None,
    uv: Path | None,
    size: int | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Carry the textures of a LIBRARY to another UV layout, through the surface of the bodies.

    Which mesh has SMPL's layout says --uv alone (the .obj published beside the model, with a body in
    the T-pose) or --body. The bodies are laid on each other once, which takes a minute.

    \b
    synth convert-textures textures --to smpl --uv SMPL.obj --out textures-smpl
    """
    content, lines = convert(library, out, layout, body=body, uv=uv, size=size)
    print_result(content, lines, as_json=as_json)
    if content["left_out"] and strict:
        raise click.exceptions.Exit(1)


@click.command("import-textures")
@click.argument("folder", type=FILE)
@click.option(
    "--uv-layout",
    "layout",
    required=True,
    type=click.Choice(LAYOUT_NAMES),
    help="The pictures' UV layout.",
)
@click.option(
    "--licence", required=True, help="On what terms they may be used, as a tag; for every line."
)
@out_option("the library")
@texels_option
@strict_option
@quiet_option()
@json_option
def import_textures(
    folder: Path,
    layout: str,
    licence: str,
    out: Path,
    size: int | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Make a library of a FOLDER of square textures that others made.

    SURREAL's, SMPLitex's and RSTG's have UV layout smpl. To use them on the free body, convert the
    library to anny-1.

    \b
    synth import-textures SURREAL/textures/male --uv-layout smpl --licence SURREAL --out surreal-male
    """
    from textures.conversion.texture_import import import_textures as import_folder

    imported = import_folder(folder, out, layout, licence, size=size, report=report_line)
    content = {"out": out, "textures": len(imported.entries), "left_out": imported.left_out}
    line = f"{len(imported.entries)} textures in {out}, {len(imported.left_out)} pictures left out"
    print_result(content, line, as_json=as_json)
    if imported.left_out and strict:
        raise click.exceptions.Exit(1)
