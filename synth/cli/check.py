"""`synth check`."""

from __future__ import annotations

import json
from pathlib import Path

import click

FOLDER = click.Path(path_type=Path)


@click.command("check")
@click.argument("folder", type=FOLDER)
@click.option("--clips", type=int, help="Only so many clips, evenly spread; default all.")
@click.option("--workers", type=int, help="Processes; default one for each core.")
@click.option("--body", type=FOLDER, help="SMPL, SMPL-H or SMPL-X file; default: free body.")
@click.option("--uv", type=FOLDER, help=".obj with the UVs of --body.")
@click.option(
    "--backgrounds",
    type=FOLDER,
    help="Photographs that stand behind the people; painted ones are made again.",
)
@click.option(
    "--picture", type=FOLDER, help="Also write a .jpg or .png: all channels of ten clips."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
@click.option("--strict", is_flag=True, help="Exit with 1 also when files of clips are missing.")
def check(
    folder: Path,
    clips: int | None,
    workers: int | None,
    body: Path | None,
    uv: Path | None,
    backgrounds: Path | None,
    picture: Path | None,
    as_json: bool,
    strict: bool,
) -> None:
    """Check the films in FOLDER against themselves, their plan and their bodies.

    Prints the worst of every figure with its limit and names each bad clip; exits with 1 when there is
    one. A clip with a damaged file is bad. Files that are missing, as channels that were taken away to
    be computed again, are named.
    """
    from mocap.bodies.loading import BodySource
    from synth.checks.inspection import inspect
    from synth.checks.summary import summary_fields, summary_table

    if picture is not None:
        from synth.pictures.channel_sheet import write_channel_sheet

        write_channel_sheet(picture, folder)
    found = inspect(
        folder,
        clips=clips,
        workers=workers,
        bodies=BodySource(body, uv),
        backgrounds=backgrounds,
    )
    bad = [inspection for inspection in found if inspection.wrong]
    missing = [name for inspection in found for name in inspection.missing]
    if as_json:
        click.echo(json.dumps(summary_fields(found), indent=1))
    else:
        click.echo(summary_table(found))
        for inspection in bad:
            for reason in inspection.wrong:
                click.echo(f"bad: {inspection.stem}: {reason}")
        for name in missing:
            click.echo(f"missing: {name}")
        click.echo(f"{len(found)} clips checked, {len(bad)} bad, {len(missing)} files missing")
    if bad or (strict and missing):
        raise click.exceptions.Exit(1)
