"""`synth render-videos`."""

from __future__ import annotations

from pathlib import Path

import click

CHANNELS = "depth,segm,normal,gtflow"


@click.command("render-videos")
@click.option(
    "--motions",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of .asf/.amc motions (CMU's layout).",
)
@click.option(
    "--textures",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of textures with textures.jsonl, as `synth harvest-textures` writes it.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where the films go.")
@click.option(
    "--backgrounds",
    type=click.Path(path_type=Path),
    help="Folder of photographs; painted scenes by default.",
)
@click.option(
    "--clips", type=int, help="How many clips; default one for each window of each motion."
)
@click.option("--frames", type=int, default=100, show_default=True, help="Frames a clip.")
@click.option("--fps", type=float, default=30.0, show_default=True, help="Frames a second.")
@click.option(
    "--overlap", type=float, default=0.5, show_default=True, help="Shared by neighbouring windows."
)
@click.option(
    "--samples", type=int, default=4, show_default=True, help="Cycles samples a pixel (edges only)."
)
@click.option("--workers", type=int, help="Processes; default one for each core.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the whole plan.")
@click.option(
    "--channels",
    default=CHANNELS,
    show_default=True,
    help="Dense ground truth to write, separated by commas.",
)
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="cpu, cuda, optix, hip, oneapi or metal; refused where Blender does not find it.",
)
@click.option("--strict", is_flag=True, help="Refuse input of which any part cannot be used.")
@click.option("--dry-run", is_flag=True, help="Write plan.jsonl only.")
def render_videos(
    motions: Path,
    textures: Path,
    out: Path,
    backgrounds: Path | None,
    clips: int | None,
    frames: int,
    fps: float,
    overlap: float,
    samples: int,
    workers: int | None,
    seed: int,
    channels: str,
    device: str,
    strict: bool,
    dry_run: bool,
) -> None:
    """Film the motions in the textures, with ground truth, in SURREAL's layout.

    Interrupt it at any time; the same command goes on where it stopped.
    """
    from synth import films
    from synth.plan import Windows

    summary = films.render_videos(
        motions=motions,
        textures=textures,
        out=out,
        backgrounds=backgrounds,
        clips=clips,
        windows=Windows(frames=frames, fps=fps, overlap=overlap),
        samples=samples,
        workers=workers,
        seed=seed,
        channels=[channel.strip() for channel in channels.split(",") if channel.strip()],
        device=device.lower(),
        strict=strict,
        plan_only=dry_run,
        report=lambda line: click.echo(line, err=True),
    )
    if dry_run:
        click.echo(f"planned {summary.planned} clips: {summary.out / 'plan.jsonl'}")
    else:
        click.echo(
            f"{summary.made} clips made, {summary.already} already there, "
            f"{len(summary.failures)} failed, {summary.skipped} inputs left out: {summary.out}"
        )
    if strict and summary.failures:
        raise click.exceptions.Exit(1)
