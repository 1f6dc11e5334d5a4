"""`synth eval-textures`: folders of textures measured against photographs, and `synth split-cameras`."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from synth.cli.options import (
    COUNT,
    FILE,
    FOLDER,
    device_option,
    evidence_options,
    json_option,
    out_option,
    quiet_option,
    report_line,
    seed_option,
    strict_option,
)
from synth.cli.result_output import print_result

if TYPE_CHECKING:  # not imported for `synth --help`
    from textures.harvest.crop_folder import SourceCrop


class MeasuresCommand(click.Command):
    """A command whose help ends with the measures."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line per measure."""
        from textures.evaluation.measures import all_measures

        with formatter.section("Measures"):
            formatter.write_dl([(name, m.definition) for name, m in all_measures().items()])


@click.command("eval-textures", cls=MeasuresCommand)
@click.argument("textures", nargs=-1, required=True, type=FILE)
@click.option(
    "--images", required=True, type=FOLDER, help="Photographs: Market-1501, or a folder of crops."
)
@click.option("--people", type=FILE, help="List of identities to measure on; all when left out.")
@click.option(
    "--attributes", type=FILE, help="Labels of the people's clothing: Market-1501's as CSV."
)
@click.option(
    "--references",
    is_flag=True,
    help="Also measure the first folder's mean texture, grey, and another person's texture.",
)
@click.option(
    "--sheet-people",
    type=click.IntRange(1),
    default=24,
    show_default=True,
    help="People on the sheet, at most.",
)
@click.option(
    "--crops",
    "limit",
    type=COUNT,
    help="Photographs of each person to measure on, at most, each of another camera; weights make a "
    "texture of each. One of every camera when left out.",
)
@click.option(
    "--against",
    metavar="SET",
    help="The set that the others are compared with in --table; the first when left out.",
)
@click.option(
    "--table",
    type=FILE,
    help="Write the table as Markdown into this file, between its lines <!-- begin NAME --> and "
    "<!-- end NAME -->.",
)
@click.option(
    "--table-name", default="textures", show_default=True, help="NAME of the lines of --table."
)
@out_option("evaluation.json and sheet.html, a folder", required=False)
@evidence_options
@seed_option
@device_option()
@strict_option
@quiet_option()
@json_option
def eval_textures(
    textures: tuple[Path, ...],
    images: Path,
    people: Path | None,
    attributes: Path | None,
    references: bool,
    sheet_people: int,
    limit: int | None,
    against: str | None,
    table: Path | None,
    table_name: str,
    out: Path | None,
    evidence: tuple[str, ...],
    networks: Path | None,
    body_fit: Path | None,
    smpl: Path | None,
    seed: int,
    device: str,
    strict: bool,
    as_json: bool,
) -> None:
    """Measure TEXTURES on photographs of the people: above all another camera's.

    They are folders, or weights of any method, which make a texture of each photograph, all of the same
    photographs and the same fits. A folder is a library, with textures.jsonl, or holds libraries (of
    halves by `synth split-cameras`, say), or has PNGs named by their crops. Each set is compared with
    each other, paired, with intervals over people.
    """
    from mocap.bodies.free_body import load_free_body
    from mocap.bodies.skinning import Skinning
    from mocap.errors import BadInput
    from synth.pictures.texture_sheet import write_texture_evaluation
    from textures.body_fit.fitting import BodyFitter
    from textures.evaluation.attributes import read_clothing_labels
    from textures.evaluation.crop_fits import CropFits
    from textures.evaluation.evaluation import TextureEvaluator
    from textures.evaluation.made_textures import made_texture_set, set_name, table_row
    from textures.evaluation.markdown_table import (
        markdown_lines,
        marked_text,
        protocol_in_words,
        write_between_markers,
    )
    from textures.evaluation.networks import open_networks
    from textures.evaluation.photograph_choice import chosen_photographs
    from textures.evaluation.summary import summarise, summary_lines
    from textures.evaluation.texture_sets import named_apart, read_texture_set, reference_sets
    from textures.evidence.sources import SourceOptions, open_sources
    from textures.harvest.crop_folder import left_out_lines, read_crop_folder
    from textures.methods import open_method, photograph_tables

    if table is not None:
        marked_text(table, table_name)  # before hours are spent
    body = load_free_body()
    crops = _crops_of_people(read_crop_folder(images).crops, images, people)
    labels = None if attributes is None else read_clothing_labels(attributes)
    methods = {path: open_method(path, body, device=device) for path in textures if path.is_file()}
    folders = {
        path: read_texture_set(path, body, crops) for path in textures if path not in methods
    }
    opened = open_networks(networks)
    options = SourceOptions(networks=networks, weights=body_fit, smpl=smpl, device=device)
    skinning = Skinning(body).to(device)
    fitter = BodyFitter(body, skinning, open_sources(evidence, options), device=device)
    click.echo(f"bodies are fitted by {fitter.name}", err=True)
    fits = CropFits(fitter)
    sources = chosen_photographs(crops, {crop.person.identity for crop in crops}, limit)
    sets = [
        made_texture_set(methods[path], set_name(methods[path], path), sources, fits)
        if path in methods
        else folders[path]
        for path in textures
    ]
    sets = named_apart(sets, textures)
    rows = [table_row(item.name, methods.get(path)) for item, path in zip(sets, textures)]
    left_out = [item for texture_set in sets for item in texture_set.left_out]
    for line in left_out_lines(left_out):
        click.echo(line, err=True)
    if references:
        sets += reference_sets(sets[0], {crop.person.identity for crop in crops})
        rows += [table_row(item.name, None) for item in sets[len(rows) :]]
    names = [texture_set.name for texture_set in sets]
    if against is not None and against not in names:
        raise BadInput(f"--against {against}: expected one of {', '.join(names)}")
    result = TextureEvaluator(body, fitter, opened, labels, fits=fits).evaluate(
        sets,
        crops,
        shown=sheet_people if out is not None else 0,
        limit=limit,
        report=report_line,
    )
    summaries = summarise(result, names, list(opened), labelled=labels is not None, seed=seed)
    content = {
        "images": str(images),
        "fitted_by": result.fitted_by,
        "protocol": f"market1501-train{result.people}",
        "people": result.people,
        "gallery": result.gallery,
        "sets": names,
        "rows": [dataclasses.asdict(row) for row in rows],
        "stand_in": any(t.stand_in for texture_set in sets for t in texture_set.textures),
        "left_out": [f"{item.source}: {item.reason}" for item in result.left_out],
        "measures": [summary.as_dict() for summary in summaries],
    }
    if out is not None:
        page = write_texture_evaluation(out, content, summaries, result, body, skinning)
        click.echo(f"look at {page}", err=True)
    if table is not None:
        lines = markdown_lines(
            rows,
            summaries,
            against=against or names[0],
            protocol=protocol_in_words(result, images.name, limit),
            notes=[f"{item.title}. {item.data}" for item in photograph_tables(methods.values())],
            command=shlex.join(["synth", *sys.argv[1:]]),
        )
        write_between_markers(table, table_name, lines)
        click.echo(f"wrote the table into {table}", err=True)
    print_result(content, summary_lines(summaries), as_json=as_json)
    if strict and (left_out or not all(item.foreseen for item in result.left_out)):
        raise click.exceptions.Exit(1)


@click.command("split-cameras")
@click.option(
    "--images", required=True, type=FOLDER, help="Photographs: Market-1501, or a folder of crops."
)
@click.option("--people", type=FILE, help="List of identities to take; all when left out.")
@click.option("--crops", "limit", type=COUNT, help="Of each person, at most, spread over cameras.")
@out_option("first/ and second/, a folder")
@json_option
def split_cameras(
    images: Path, people: Path | None, limit: int | None, out: Path, as_json: bool
) -> None:
    """Deal each person's cameras to two folders, so that fused textures can be judged fairly.

    Harvest both into one folder (first, second), and `synth eval-textures` that folder on all the images:
    textures of the one half are judged in the cameras of the other.
    """
    from textures.evaluation.camera_halves import HALVES, spread_over_cameras, write_camera_halves
    from textures.harvest.crop_folder import read_crop_folder

    crops = list(_crops_of_people(read_crop_folder(images).crops, images, people))
    if limit is not None:
        crops = spread_over_cameras(crops, limit)
    halves = [
        {
            "folder": out / name,
            "crops": len(chosen),
            "people": len({crop.person.identity for crop in chosen}),
        }
        for name, chosen in zip(HALVES, write_camera_halves(images, crops, out))
    ]
    lines = [f"{h['folder']}: {h['crops']:,} crops of {h['people']:,} people" for h in halves]
    print_result({"halves": halves}, lines, as_json=as_json)


def _crops_of_people(
    crops: tuple[SourceCrop, ...], images: Path, people: Path | None
) -> tuple[SourceCrop, ...]:
    """The crops of the people on a list, all without one. Raises BadInput where there are none."""
    from mocap.errors import BadInput

    if people is None:
        return crops
    listed = set(people.read_text().split())
    chosen = tuple(crop for crop in crops if crop.person.identity in listed)
    if not chosen:
        raise BadInput(f"{people}: no crop of {images} shows one of the {len(listed)} people")
    return chosen
