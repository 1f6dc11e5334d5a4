"""`synth doctor`."""

from __future__ import annotations

import sys

import click


@click.command()
def doctor() -> None:
    """What this machine has and lacks; non-zero exit where something will not run."""
    from synth.doctor.diagnosis import YOURS_TO_BRING, diagnose

    findings = diagnose()
    for finding in findings:
        mark = "ok" if finding.good else ("MISSING" if finding.required else "note")
        click.echo(f"{mark:8}{finding.subject}: {finding.text}")
    click.echo("Yours to bring, none of it needed for the demo:")
    for name, where, terms in YOURS_TO_BRING:
        click.echo(f"        {name}: {where} ({terms})")
    if any(finding.required and not finding.good for finding in findings):
        sys.exit(1)
