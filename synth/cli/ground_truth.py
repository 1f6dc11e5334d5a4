"""`synth ground-truth`."""

from __future__ import annotations

from pathlib import Path

import click

FOLDER = click.Path(path_type=Path)


@click.command("ground-truth")
@click.argument("folder", type=FOLDER)
@click.option(
    "--channels",
    required=True,
    help="What to compute, with commas: depth, segm, normal, gtflow, uv, occlusion, tracks.",
)
@click.option("--layout", help="surreal or compact files; default each clip's own.")
@click.option("--out", type=FOLDER, help="Where the channels' files go; default beside the clips.")
@click.option("--clips", type=int, help="Only so many clips, evenly spread; default all.")
@click.option("--workers", type=int, help="Processes; default one for each core.")
@click.option("--body", type=FOLDER, help="SMPL, SMPL-H or SMPL-X file; default: free body.")
@click.option("--uv", type=FOLDER, help=".obj with the UVs of --body.")
@click.option("--overwrite", is_flag=True, help="Write files anew that are there.")
def ground_truth(
    folder: Path,
    channels: str,
    layout: str | None,
    out: Path | None,
    clips: int | None,
    workers: int | None,
    body: Path | None,
    uv: Path | None,
    overwrite: bool,
) -> None:
    """Compute channels of the films in FOLDER again, from their information and body alone.

    Neither Blender nor the motions are needed, and the files are those that were rendered. Interrupt it
    at any time; the same command goes on where it stopped.
    """
    from mocap.bodies.loading import BodySource
    from synth.checks.recomputation import recompute

    summary = recompute(
        folder,
        [name.strip() for name in channels.split(",") if name.strip()],
        layout=layout,
        out=out,
        clips=clips,
        workers=workers,
        bodies=BodySource(body, uv),
        overwrite=overwrite,
        report=lambda line: click.echo(line, err=True),
    )
    click.echo(
        f"{summary.made} clips computed, {summary.already} already there, "
        f"{len(summary.failures)} failed: {out or folder}"
    )
    if summary.failures:
        raise click.exceptions.Exit(1)
