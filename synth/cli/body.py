"""`synth body`: what a body model holds."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.options import (
    FILE,
    json_option,
    out_option,
    quiet_option,
    seed_option,
    uv_option,
)
from synth.cli.result_output import print_result


@click.command("body")
@click.argument("file", type=FILE, required=False)
@click.option(
    "--gender",
    type=click.Choice(["neutral", "female", "male"]),
    help="Which free body (without FILE); default neutral.",
)
@uv_option
@click.option(
    "--compare",
    is_flag=True,
    help="Also measure FILE under our skinning against the smplx package, if that is installed.",
)
@out_option("a turntable, a .mp4 film or a .png sheet", required=False)
@seed_option
@quiet_option()
@json_option
def body(
    file: Path | None,
    gender: str | None,
    uv: Path | None,
    compare: bool,
    out: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Show what a body holds: joints, betas, UV layout, parts, and what was left out of it.

    FILE is an SMPL, SMPL-H or SMPL-X model (.npz or .pkl, official or cleaned) that you have licensed;
    without it the free body is shown. No code in a file is ever run.
    """
    from mocap.bodies.loading import body_facts, describe, load_body
    from mocap.errors import BadInput

    if compare and file is None:
        raise BadInput("--compare needs FILE: the free body exists in no other implementation")
    if out is not None:
        from synth.pictures.turntable import check_suffix, write_turntable

        check_suffix(out)
    loaded = load_body(file, uv=uv, gender=gender)
    lines, facts = [describe(loaded)], body_facts(loaded)
    if compare and file is not None:
        from mocap.bodies.smplx_comparison import compare_with_smplx

        figures = compare_with_smplx(file, loaded, seed=seed)
        hands = ", fingers, jaw and eyes at rest" if figures.straight_fingers else ""
        lines.append(
            f"against smplx, {figures.poses} random poses and shapes{hands}: vertices "
            f"{figures.mean * 1000:.2g} mm apart on average, {figures.largest * 1000:.2g} mm at most; "
            f"joints {figures.largest_joint * 1000:.2g} mm at most"
        )
        facts["smplx"] = figures
    if out is not None:
        write_turntable(loaded, out)
        lines.append(f"turntable: {out}")
        facts["turntable"] = out
    print_result(facts, lines, as_json=as_json)
