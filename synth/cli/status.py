"""`synth status`: how far films are, over all shards and hosts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from synth.cli.options import (
    FILE,
    json_option,
    parsed_by,
    strict_option,
)
from synth.cli.result_output import print_result

if TYPE_CHECKING:
    from synth.films.film_rate import FilmRate
    from synth.films.progress import FilmProgress

_SHOWN = 10  # kinds of failures, damaged lines


def _parse_window(text: str) -> float:
    from synth.films.cost import parse_duration

    return parse_duration(text, option="--window")


@click.command("status")
@click.argument("folder", type=FILE)
@click.option(
    "--window",
    metavar="TIME",
    default="15m",
    show_default=True,
    callback=parsed_by(_parse_window),
    help="The time up to now over which the recent rate is taken, as 15m or 2h.",
)
@json_option
@strict_option
def status(folder: Path, window: float, as_json: bool, strict: bool) -> None:
    """Say how far the films in FOLDER are: done, failed, in progress, rate and time left.

    It counts over all shards, hosts and runs, and changes nothing; call it while they work. Claims of
    runs that were killed are stale: the next run takes them over. Damaged lines of the ledger are named
    and passed over; with --strict they are an error.
    """
    from synth.films.progress import film_progress

    progress = film_progress(folder, window=window)
    print_result(progress, _lines(progress), as_json=as_json)
    if strict and progress.damaged:
        raise click.exceptions.Exit(1)


def _lines(progress: FilmProgress) -> list[str]:
    from synth.films.cost import duration_text
    from synth.films.disk import gigabytes

    lines = [
        f"done: {progress.completed:,} of {progress.clips:,} clips, {progress.completed_frames:,} of "
        f"{progress.frames:,} frames, {gigabytes(progress.bytes)}",
        f"failed: {progress.failed:,}",
    ]
    for kind in progress.failures[:_SHOWN]:
        lines.append(f"    {kind.clips:,} as {kind.example}: {kind.reason}")
    if hidden := len(progress.failures) - _SHOWN:
        lines += [f"    and {hidden} more reasons"] if hidden > 0 else []
    lines.append(f"in progress: {sum(host.clips for host in progress.active):,}")
    for host in progress.active:
        lines.append(
            f"    {host.clips:,} on {host.host or 'an unnamed host'}, the oldest for "
            f"{duration_text(host.oldest)}, the latest for {duration_text(host.latest)}"
        )
    lines.append(f"waiting: {progress.waiting:,}")
    if progress.stale:
        lines.append(
            f"stale claims, of runs that have ended: {', '.join(progress.stale)}; the next run takes "
            "their clips over"
        )
    if progress.unknown:
        lines.append(f"claims on a disk without locks, dead or alive: {progress.unknown:,}")
    window = duration_text(progress.window)
    recent = f"{_rate(progress.recent)}" if progress.recent else "no clip"
    lines.append(f"rate: {recent} in the last {window}")
    if progress.overall:
        seconds = duration_text(progress.overall.seconds)
        lines.append(f"    {_rate(progress.overall)} in all, over {seconds} of filming")
    if progress.left is not None and progress.left_bytes is not None:
        remark = "" if progress.recent else "; nothing was made lately, so by the rate in all"
        lines.append(
            f"left: about {duration_text(progress.left)} and {gigabytes(progress.left_bytes)}, of "
            f"{gigabytes(progress.free)} free{remark}"
        )
    lines += [f"ledger: {line}" for line in _table(progress)]
    lines += [f"damaged: {reason}; passed over" for reason in progress.damaged[:_SHOWN]]
    if len(progress.damaged) > _SHOWN:
        lines.append(f"damaged: {len(progress.damaged) - _SHOWN} more lines")
    return lines


def _rate(rate: FilmRate) -> str:
    return f"{rate.clips * 3600:,.0f} clips an hour, {rate.frames:,.1f} frames a second"


def _table(progress: FilmProgress) -> list[str]:
    """A line per file of the ledger."""
    from synth.films.cost import duration_text

    lines = []
    for shard in progress.shards:
        planned = "" if shard.planned is None else f" of {shard.planned:,}"
        name = f"{shard.host} {shard.shard}".strip()
        lines.append(
            f"{name}: {shard.completed:,}{planned} done, {shard.failed:,} failed, {shard.recent:,} in "
            f"the last {duration_text(progress.window)}, last heard of {duration_text(shard.silent)} ago"
        )
    return lines
