"""`synth report`."""

from __future__ import annotations

from pathlib import Path

import click

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--textures", type=_FOLDER, help="Folder that harvest-textures wrote.")
@click.option("--images", type=_FOLDER, help="Folder of the crops that the textures came from.")
@click.option("--films", type=_FOLDER, help="Folder that render-videos wrote.")
@click.option("--recognition", type=_FOLDER, help="Folder that eval-ucf101 wrote.")
@click.option("--out", type=click.Path(path_type=Path), default="report.html", show_default=True)
@click.option("--title", default="From crops to textures to films to recognition")
@click.option("--cards", default=12, show_default=True, help="Textures to show.")
@click.option("--clips", default=4, show_default=True, help="Clips to show.")
@click.option("--picture", type=click.Path(path_type=Path), help="Also write one wide JPEG here.")
def report(
    textures: Path | None,
    images: Path | None,
    films: Path | None,
    recognition: Path | None,
    out: Path,
    title: str,
    cards: int,
    clips: int,
    picture: Path | None,
) -> None:
    """One self-contained HTML file of textures, films and results."""
    from mocap.bodies.free_body import load_free_body
    from synth.pictures.report import write_picture, write_report

    if not (textures or films or recognition):
        raise click.UsageError("nothing to report; give --textures, --films or --recognition")
    if picture and not (textures and images and films):
        raise click.UsageError("--picture needs --textures, --images and --films")
    body = load_free_body()
    write_report(
        out,
        body=body,
        textures=textures,
        images=images,
        films=films,
        recognition=recognition,
        title=title,
        cards=cards,
        clips=clips,
    )
    click.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
    if picture:
        write_picture(picture, body=body, textures=textures, images=images, films=films)
        click.echo(str(picture))
