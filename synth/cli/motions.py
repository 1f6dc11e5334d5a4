"""`synth motions`: what a folder of motions holds."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.options import (
    FILE,
    Number,
    json_option,
    quiet_option,
    source_fps_option,
    strict_option,
    workers_option,
)
from synth.cli.result_output import print_result


@click.command("motions")
@click.argument("folder", type=FILE)
@click.option(
    "--category", "categories", multiple=True, help="Only this category; may be repeated."
)
@click.option("--subject", "subjects", multiple=True, help="Only this subject; may be repeated.")
@click.option(
    "--verdict",
    type=click.Choice(["good", "bad"]),
    help="Only motions of this verdict (implies --check).",
)
@click.option(
    "--min-seconds", type=Number(min=0), default=0.0, help="Only motions at least so long."
)
@click.option("--check", is_flag=True, help="Judge every motion that was not judged before.")
@workers_option
@source_fps_option
@quiet_option()
@json_option
@strict_option
def motions(
    folder: Path,
    categories: tuple[str, ...],
    subjects: tuple[str, ...],
    verdict: str | None,
    min_seconds: float,
    check: bool,
    workers: int | None,
    source_fps: float | None,
    as_json: bool,
    strict: bool,
) -> None:
    """List the motions in FOLDER: Acclaim, BVH, AMASS, SURREAL and plain SMPL arrays.

    Verdicts say which motions are fit for films: --check looks at each for flipped joints, missing
    frames, static takes, impossible speeds, feet under the floor or sliding, and limbs inside each
    other. They are remembered; interrupt it at any time, the same command goes on where it stopped.
    """
    from mocap.library.checking import check_motions
    from mocap.library.motion_library import open_motion_library

    library = open_motion_library(folder, fps=source_fps)
    library = library.select(categories=categories, subjects=subjects, least_seconds=min_seconds)
    if (check or verdict) and library.entries:
        from mocap.bodies.free_body import load_free_body

        library = check_motions(library, load_free_body(), workers=workers)
    library = library.select(verdict=verdict)
    print_result(library.as_dict(), library.table(), as_json=as_json)
    for _, reason in library.skipped:
        click.echo(f"skipped: {reason}", err=True)
    if library.skipped:
        click.echo(f"{len(library.skipped)} files skipped", err=True)
        if strict:
            raise click.exceptions.Exit(1)
