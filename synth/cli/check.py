"""`synth check`: whether films and their labels agree."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.options import (
    COUNT,
    FILE,
    FilmDestination,
    body_option,
    body_source,
    json_option,
    quiet_option,
    strict_option,
    uv_option,
    workers_option,
)
from synth.cli.result_output import print_result


@click.command("check")
@click.argument("folder", type=FilmDestination())
@click.option("--count-clips", type=COUNT, help="Only so many clips, evenly spread; default all.")
@workers_option
@body_option
@uv_option
@click.option(
    "--backgrounds",
    type=FILE,
    help="Folder of the photographs behind the people; painted scenes need none.",
)
@click.option("--environments", type=FILE, help="Folder of the environments behind the people.")
@click.option(
    "--picture", type=FILE, help="Also write a .jpg or .png here: all channels of ten clips."
)
@click.option(
    "--checksums",
    is_flag=True,
    help="Only compare the files with the checksums that filming wrote: those of checksums.jsonl or, for "
    "a folder or address of shards, of shards.json.",
)
@quiet_option()
@json_option
@strict_option
def check(
    folder: Path | str,
    count_clips: int | None,
    workers: int | None,
    body: Path | None,
    uv: Path | None,
    backgrounds: Path | None,
    environments: Path | None,
    picture: Path | None,
    checksums: bool,
    as_json: bool,
    strict: bool,
) -> None:
    """Check the films in FOLDER against themselves, their plan and their bodies.

    Prints the worst of every figure with its limit and names each bad clip; exits with 1 when there is
    one. A clip with a damaged file is bad. Files that are missing, as channels that were taken away to
    be computed again, are named.
    """
    if checksums:
        if picture is not None:
            raise click.UsageError(
                "--picture: shows what --checksums does not look at; give one of them"
            )
        _compare_checksums(folder, count_clips, workers, as_json=as_json, strict=strict)
        return
    if isinstance(folder, str):
        raise click.UsageError(f"{folder}: an address; only --checksums looks at one")
    from synth.checks.inspection import inspect
    from synth.checks.summary import summary_fields, summary_table

    if picture is not None:
        from synth.pictures.channel_sheet import write_channel_sheet

        write_channel_sheet(picture, folder)
    inspections = inspect(
        folder,
        clips=count_clips,
        workers=workers,
        bodies=body_source(body, uv),
        backgrounds=backgrounds,
        environments=environments,
    )
    bad = [inspection for inspection in inspections if inspection.wrong]
    missing = [name for inspection in inspections for name in inspection.missing]
    lines = [summary_table(inspections)]
    lines += [
        f"bad: {inspection.stem}: {reason}" for inspection in bad for reason in inspection.wrong
    ]
    lines += [f"missing: {name}" for name in missing]
    lines.append(f"{len(inspections)} clips checked, {len(bad)} bad, {len(missing)} files missing")
    print_result(summary_fields(inspections), lines, as_json=as_json)
    if bad or (strict and missing):
        raise click.exceptions.Exit(1)


def _compare_checksums(
    folder: Path | str, clips: int | None, workers: int | None, *, as_json: bool, strict: bool
) -> None:
    """Compare and print; exits with 1 where a file is not as it was filmed."""
    from synth.films.checksums import verify_checksums
    from synth.films.shard_checksums import has_shards, verify_shards

    if has_shards(str(folder)):
        if clips is not None:
            raise click.UsageError("--count-clips: shards are compared whole; leave it out")
        result = verify_shards(str(folder))
    else:
        result = verify_checksums(Path(folder), clips=clips, workers=workers)
    lines = [f"changed: {folder}/{name}" for name in result.changed]
    lines += [f"missing: {folder}/{name}" for name in result.missing]
    lines += [f"without checksums: {folder}/{stem}" for stem in result.unlisted]
    lines += [f"damaged: {reason}" for reason in result.damaged]
    lines.append(
        f"{result.files:,} files of {result.clips:,} clips compared, {len(result.changed)} changed, "
        f"{len(result.missing)} missing; {len(result.unlisted)} clips without checksums"
    )
    print_result(result, lines, as_json=as_json)
    if result.changed or result.missing or (strict and (result.unlisted or result.damaged)):
        raise click.exceptions.Exit(1)
