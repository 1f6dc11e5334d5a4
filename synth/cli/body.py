"""`synth body`: what a body model holds."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.options import FILE, out_option, uv_option


@click.command("body")
@click.argument("file", type=FILE, required=False)
@click.option(
    "--gender",
    type=click.Choice(["neutral", "female", "male"]),
    help="Which free body (without FILE); default neutral.",
)
@uv_option
@out_option("a turntable, a .mp4 film or a .png sheet", required=False)
def body(file: Path | None, gender: str | None, uv: Path | None, out: Path | None) -> None:
    """Show what a body holds: joints, betas, UV layout, parts, and what was left out of it.

    FILE is an SMPL, SMPL-H or SMPL-X model (.npz or .pkl, official or cleaned) that you have licensed;
    without it the free body is shown. No code in a file is ever run.
    """
    from mocap.bodies.loading import describe, load_body

    if out is not None:
        from synth.pictures.turntable import check_suffix, write_turntable

        check_suffix(out)
    loaded = load_body(file, uv=uv, gender=gender)
    click.echo(describe(loaded))
    if out is not None:
        write_turntable(loaded, out)
        click.echo(f"turntable: {out}")
