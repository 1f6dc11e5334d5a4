"""`synth report`: one page of textures, films and results."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.options import (
    COUNT,
    FILE,
    FOLDER,
    json_option,
    out_option,
    quiet_option,
    report_line,
    strict_option,
)
from synth.cli.result_output import print_result


@click.command()
@click.option("--textures", type=FOLDER, help="Folder that harvest-textures wrote.")
@click.option("--images", type=FOLDER, help="Folder of the crops of the textures.")
@click.option("--films", type=FOLDER, help="Folder that render-videos wrote.")
@click.option("--recognition", type=FOLDER, help="Folder that eval-ucf101 wrote.")
@out_option("the report", default="report.html")
@click.option(
    "--title",
    default="From crops to textures to films to recognition",
    show_default=True,
    help="Heading of the report.",
)
@click.option(
    "--count-textures", type=COUNT, default=12, show_default=True, help="Textures to show, at most."
)
@click.option(
    "--count-clips", type=COUNT, default=4, show_default=True, help="Clips to show, at most."
)
@click.option("--picture", type=FILE, help="Also write a .jpg here: crops, textures and a film.")
@strict_option
@quiet_option()
@json_option
def report(
    textures: Path | None,
    images: Path | None,
    films: Path | None,
    recognition: Path | None,
    out: Path,
    title: str,
    count_textures: int,
    count_clips: int,
    picture: Path | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Write one self-contained HTML file of textures, films and results.

    A texture or clip that cannot be read is left out and named.
    """
    from mocap.bodies.free_body import load_free_body
    from synth.pictures.report import write_picture, write_report

    if not (textures or films or recognition):
        raise click.UsageError("nothing to report; give --textures, --films or --recognition")
    if picture and not (textures and images and films):
        raise click.UsageError("--picture needs --textures, --images and --films")
    body = load_free_body()
    left_out = write_report(
        out,
        body=body,
        textures=textures,
        images=images,
        films=films,
        recognition=recognition,
        title=title,
        cards=count_textures,
        clips=count_clips,
        report=report_line,
    )
    size = out.stat().st_size
    lines = [f"{out}: {size / 1e6:.1f} MB"]
    if picture and textures and images and films:
        write_picture(picture, body=body, textures=textures, images=images, films=films)
        lines.append(str(picture))
    content = {"report": out, "bytes": size, "picture": picture, "left_out": left_out}
    print_result(content, lines, as_json=as_json)
    if left_out:
        click.echo(f"{left_out} textures or clips left out", err=True)
    if strict and left_out:
        raise click.exceptions.Exit(1)
