"""`synth motions`: what a folder of motions holds."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command("motions")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--fps", type=float, help="Frame rate of motions that no index knows.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@click.option("--strict", is_flag=True, help="Exit with an error when a file was left out.")
def motions(folder: Path, fps: float | None, as_json: bool, strict: bool) -> None:
    """List the motions in FOLDER (.asf and .amc files) with frame rates and action categories."""
    from mocap.library import open_motion_library

    library = open_motion_library(folder, fps=fps)
    click.echo(library.to_json() if as_json else library.table())
    for _, reason in library.skipped:
        click.echo(f"skipped: {reason}", err=True)
    if library.skipped:
        click.echo(f"{len(library.skipped)} files skipped", err=True)
        if strict:
            sys.exit(1)
