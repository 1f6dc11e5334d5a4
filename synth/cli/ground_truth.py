"""`synth ground-truth`: channels of films, computed again."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.options import (
    COUNT,
    FILE,
    ChannelNames,
    body_option,
    body_source,
    json_option,
    layout_option,
    out_option,
    quiet_option,
    report_line,
    uv_option,
    workers_option,
)
from synth.cli.result_output import print_result


@click.command("ground-truth")
@click.argument("folder", type=FILE)
@click.option(
    "--channels",
    type=ChannelNames(none_allowed=False),
    required=True,
    help="Channels with commas between: depth, segm, normal, gtflow, uv, occlusion, tracks, instances, "
    "bgflow.",
)
@layout_option("default each clip's own")
@out_option("the channels' files; default beside the clips", required=False)
@click.option("--count-clips", type=COUNT, help="Only so many clips, evenly spread; default all.")
@workers_option
@body_option
@uv_option
@click.option("--overwrite", is_flag=True, help="Write files anew that are there.")
@quiet_option()
@json_option
def ground_truth(
    folder: Path,
    channels: tuple[str, ...],
    layout: str | None,
    out: Path | None,
    count_clips: int | None,
    workers: int | None,
    body: Path | None,
    uv: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Compute channels of the films in FOLDER again, from their information and body alone.

    Neither Blender nor the motions are needed, and the files are those that were rendered. Interrupt it
    at any time; the same command goes on where it stopped.
    """
    from synth.checks.recomputation import recompute

    summary = recompute(
        folder,
        channels,
        layout=layout,
        out=out,
        clips=count_clips,
        workers=workers,
        bodies=body_source(body, uv),
        overwrite=overwrite,
        report=report_line,
    )
    content = {
        "out": out or folder,
        "clips": summary.clips,
        "computed": summary.computed,
        "already": summary.already,
        "failures": [{"clip": f.task, "reason": f.reason} for f in summary.failures],
    }
    line = (
        f"{summary.computed} clips computed, {summary.already} already there, "
        f"{len(summary.failures)} failed: {out or folder}"
    )
    print_result(content, line, as_json=as_json)
    if summary.failures:
        raise click.exceptions.Exit(1)
