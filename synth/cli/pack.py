"""`synth pack`: films as WebDataset shards."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.options import (
    COUNT,
    FILE,
    ChannelNames,
    Number,
    json_option,
    out_option,
    quiet_option,
    report_line,
    strict_option,
)
from synth.cli.result_output import print_result


@click.command("pack")
@click.argument("folder", type=FILE)
@out_option("the shards")
@click.option(
    "--shard-size",
    type=Number(min=1, max=2**63, max_open=True),
    default=1e9,
    show_default=True,
    help="Bytes per shard, at most.",
)
@click.option(
    "--count-clips-per-shard", type=COUNT, help="Clips per shard, in place of --shard-size."
)
@click.option(
    "--channels",
    type=ChannelNames(),
    help="Channels with commas between, or none; default all that the films have.",
)
@click.option("--split", "splits", multiple=True, help="Only this split; may be repeated.")
@strict_option
@quiet_option()
@json_option
def pack(
    folder: Path,
    out: Path,
    shard_size: float,
    count_clips_per_shard: int | None,
    channels: tuple[str, ...] | None,
    splits: tuple[str, ...],
    strict: bool,
    as_json: bool,
) -> None:
    """Pack the films of FOLDER into WebDataset shards, one sample per clip.

    A clip that lacks a file or a channel is left out and named. Interrupt it at any time; the same
    command goes on where it stopped.
    """
    from synth.clips import shards

    summary = shards.pack(
        folder,
        out,
        shard_bytes=int(shard_size),
        clips_per_shard=count_clips_per_shard,
        channels=channels,
        splits=splits or None,
        report=report_line,
    )
    if summary.renewed:
        remaining = f" and {len(summary.renewed) - 3} more" if len(summary.renewed) > 3 else ""
        click.echo(
            f"{len(summary.renewed)} shards that were there are written again, since their clips or "
            f"they have changed: {', '.join(summary.renewed[:3])}{remaining}",
            err=True,
        )
    line = (
        f"{summary.clips} clips in {summary.shards} shards ({summary.already} already there), "
        f"{summary.bytes / 1e9:.3g} GB: {summary.index}"
    )
    print_result(summary, line, as_json=as_json)
    if summary.left_out:
        click.echo(f"{len(summary.left_out)} clips left out", err=True)
    if strict and summary.left_out:
        raise click.exceptions.Exit(1)
