"""`synth places`: which photographs show a floor that people can stand on."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.options import (
    COUNT,
    FILE,
    Number,
    json_option,
    out_option,
    quiet_option,
    report_line,
    strict_option,
    workers_option,
)
from synth.cli.result_output import print_result


@click.command("places")
@click.argument("folder", type=FILE)
@out_option(
    "the sheet, a .jpg or .png file; a .jsonl of the same name beside it says it in numbers"
)
@click.option(
    "--camera-height",
    type=Number(0.05, 1000),
    default=1.6,
    show_default=True,
    help="Metres above the floor from which the photographs were taken, where no NAME.json says.",
)
@click.option("--count", type=COUNT, default=60, show_default=True, help="At most so many tiles.")
@workers_option
@strict_option
@quiet_option()
@json_option
def inspect_places(
    folder: Path,
    out: Path,
    camera_height: float,
    count: int,
    workers: int | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Find the horizon and the floor of each photograph in FOLDER, and show a 1.7 m person on it.

    `--backgrounds` takes the usable ones as places. A NAME.json beside NAME.jpg corrects an estimate: its
    focal, horizon, camera_height and floor are those of the .jsonl, each of them optional.
    """
    import json
    from dataclasses import asdict

    from mocap.errors import BadInput
    from mocap.files import atomic_write
    from synth.films.photograph_places import analyse_photographs
    from synth.pictures.place_sheet import write_place_sheet
    from synth.scene.backgrounds import open_photographs

    if out.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise BadInput(f"--out {out}: expected a .jpg or .png file")
    bad: list[str] = []

    def report(line: str) -> None:
        bad.append(line)
        report_line(f"left out: {line}")

    opened = open_photographs(folder, report)
    names = [path.relative_to(folder).as_posix() for path in opened.paths]
    analyses = analyse_photographs(
        folder, names, camera_height=camera_height, workers=workers, report=report
    )
    chosen = sorted(analyses)[:: max(1, -(-len(analyses) // count))]
    write_place_sheet(out, folder, {name: analyses[name] for name in chosen})
    with atomic_write(out.with_suffix(".jsonl")) as temporary:
        rows = (json.dumps({"photograph": n, **asdict(a)}) for n, a in sorted(analyses.items()))
        temporary.write_text("".join(row + "\n" for row in rows))
    refused = {n: a.unusable for n, a in sorted(analyses.items()) if a.unusable}
    usable = len(analyses) - len(refused)
    lines = [f"{name}: {reason}" for name, reason in refused.items()]
    lines.append(f"{usable} of {len(names)} photographs are places: {out}")
    content = {
        "sheet": out,
        "photographs": len(names),
        "places": usable,
        "unusable": refused,
        "left_out": bad,
    }
    print_result(content, lines, as_json=as_json)
    if strict and bad:
        raise click.exceptions.Exit(1)
