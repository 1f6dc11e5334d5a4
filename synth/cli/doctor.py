"""`synth doctor`: what runs on this machine."""

from __future__ import annotations

import sys

import click


@click.command()
@click.option(
    "--prepare",
    is_flag=True,
    help="First do the one-time work that the first command would wait for: build the free bodies.",
)
def doctor(prepare: bool) -> None:
    """Say what this machine has and lacks; exit with 1 where something will not run."""
    from synth.doctor.diagnosis import YOURS_TO_BRING, diagnose

    if prepare:
        from mocap.bodies.free_body import GENDERS, load_free_body

        for gender in GENDERS:
            load_free_body(gender=gender)

    findings = diagnose()
    for finding in findings:
        mark = "ok" if finding.good else ("MISSING" if finding.required else "note")
        click.echo(f"{mark:8}{finding.subject}: {finding.text}")
    click.echo("Yours to bring, none of it needed for the demo:")
    for name, source, terms in YOURS_TO_BRING:
        click.echo(f"        {name}: {source} ({terms})")
    if any(finding.required and not finding.good for finding in findings):
        sys.exit(1)
