"""`synth doctor`: what runs on this machine."""

from __future__ import annotations

import sys

import click

from synth.cli.options import json_option, quiet_option
from synth.cli.result_output import print_result


@click.command()
@click.option(
    "--prepare",
    is_flag=True,
    help="First do the one-time work that the first command would wait for: build the free bodies.",
)
@quiet_option()
@json_option
def doctor(prepare: bool, as_json: bool) -> None:
    """Say what this machine has and lacks; exit with 1 where something will not run."""
    from synth.doctor.diagnosis import YOURS_TO_BRING, diagnose

    if prepare:
        from mocap.bodies.free_body import GENDERS, load_free_body

        for gender in GENDERS:
            load_free_body(gender=gender)

    findings = diagnose()
    lines = []
    for finding in findings:
        mark = "ok" if finding.good else ("MISSING" if finding.required else "note")
        lines.append(f"{mark:8}{finding.subject}: {finding.text}")
    lines.append("Yours to bring, none of it needed for the demo:")
    lines += [f"        {name}: {source} ({terms})" for name, source, terms in YOURS_TO_BRING]
    keys = ("name", "source", "terms")
    content = {
        "findings": findings,
        "yours_to_bring": [dict(zip(keys, entry, strict=True)) for entry in YOURS_TO_BRING],
    }
    print_result(content, lines, as_json=as_json)
    if any(finding.required and not finding.good for finding in findings):
        sys.exit(1)
