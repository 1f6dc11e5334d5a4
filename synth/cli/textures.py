"""`synth harvest-textures` and `synth score`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from synth.cli.layouts import LAYOUT_NAMES, convert
from synth.cli.options import (
    COUNT,
    FILE,
    FOLDER,
    body_option,
    category_option,
    device_option,
    evidence_options,
    json_option,
    out_option,
    parsed_by,
    quiet_option,
    refuse_others,
    report_line,
    strict_option,
    uv_option,
)
from synth.cli.result_output import print_result

if TYPE_CHECKING:  # not imported for `synth --help`
    from textures.categories.harvest import CategoryHarvest
    from textures.harvest.harvest import Harvest


def _identity_pattern(text: str) -> re.Pattern[str]:
    """The pattern of `--identity`."""
    from textures.harvest.identities import identity_pattern

    return identity_pattern(text)


@click.command("harvest-textures")
@click.option(
    "--images",
    required=True,
    type=FOLDER,
    help="Market-1501, or any folder of photographs of people.",
)
@out_option("the textures")
@category_option
@click.option("--size", type=COUNT, default=256, show_default=True, help="Texels along a side.")
@click.option(
    "--split",
    "splits",
    multiple=True,
    type=click.Choice(["train", "query", "gallery"]),
    help="Of a Market-1501 folder; may be given more than once. All when left out.",
)
@click.option(
    "--identity",
    "pattern",
    metavar="REGEX",
    callback=parsed_by(_identity_pattern),
    help="Who is who outside Market-1501: searched in paths below --images; its one group is the "
    "identity, as in ^([^/]+)/. When left out, the folder that holds a crop says so.",
)
@click.option(
    "--identity-csv",
    type=FILE,
    help="Who is who outside Market-1501: a CSV with the columns file, identity and, if known, camera.",
)
@click.option("--method", default="rstg", show_default=True, help="What makes the textures.")
@click.option(
    "--per",
    "grouping",
    type=click.Choice(["person", "crop"]),
    help="What gets a texture. Left out, a person wherever something says who is who, else a crop.",
)
@click.option(
    "--most-crops",
    type=COUNT,
    default=16,
    show_default=True,
    help="Crops of a person that go into a texture: the best of each camera and side.",
)
@click.option(
    "--finish",
    type=click.Choice(["dressed", "overlaid", "plain"]),
    default="dressed",
    show_default=True,
    help="dressed: what is worn is decided and painted, what the crops surely show laid over it. "
    "overlaid: the same over the method's texture. plain: the method's texture.",
)
@click.option(
    "--licence",
    default="",
    help="Licence tag of the photographs, for every line. Needed for photographs; Market-1501's layout "
    "and stand-ins have tags of their own.",
)
@click.option(
    "--remove",
    "removals",
    type=FILE,
    help="A list of people and crops, one a line, whose textures are deleted and never made again: the "
    "library remembers it.",
)
@click.option("--anonymise-faces", is_flag=True, help="Give every texture a face that is nobody's.")
@click.option(
    "--stand-in", is_flag=True, help="The images are generated stand-ins; written to every line."
)
@click.option(
    "--sheet-rows",
    type=click.IntRange(0, 400),
    default=40,
    show_default=True,
    help="Crops on the contact sheet; 0 for no sheet.",
)
@click.option("--weights", type=FILE, help="The method's weights, instead of the shipped ones.")
@click.option("--attire", type=FILE, help="Weights of the network that sees what is worn.")
@evidence_options
@click.option("--reid", type=FILE, help="Weights of the network that scores, not the shipped ones.")
@click.option(
    "--keep-all", is_flag=True, help="Make textures of crops without a whole person, too."
)
@click.option(
    "--uv-layout",
    "layout",
    type=click.Choice(LAYOUT_NAMES),
    help="UV layout of the textures; another than anny-1 is that of --uv or --body, and OUT/anny-1 has "
    "what is converted. Default anny-1, or smpl with --uv or --body.",
)
@body_option
@uv_option
@device_option()
@strict_option
@quiet_option()
@json_option
def harvest_textures(
    images: Path,
    out: Path,
    category: str,
    size: int,
    splits: tuple[str, ...],
    pattern: re.Pattern[str] | None,
    identity_csv: Path | None,
    method: str,
    grouping: str | None,
    most_crops: int,
    finish: str,
    licence: str,
    removals: Path | None,
    anonymise_faces: bool,
    stand_in: bool,
    sheet_rows: int,
    weights: Path | None,
    attire: Path | None,
    evidence: tuple[str, ...],
    networks: Path | None,
    body_fit: Path | None,
    smpl: Path | None,
    reid: Path | None,
    keep_all: bool,
    layout: str | None,
    body: Path | None,
    uv: Path | None,
    device: str,
    strict: bool,
    as_json: bool,
) -> None:
    """Turn pedestrian crops into body textures: PNGs, textures.jsonl and a contact sheet.

    All crops of a person make one texture, each texel from those that show it best; where nothing says
    who is who, a crop makes one. With --category birds each photograph of CUB-200-2011 makes one.
    """
    if category != "people":
        _harvest_category(category, images, out, weights, licence, device, strict, as_json)
        return
    from mocap.bodies.free_body import load_free_body
    from mocap.bodies.layout_mesh import layout_mesh
    from mocap.bodies.skinning import Skinning
    from textures.attire.painter import AttirePainter
    from textures.body_fit.fitting import BodyFitter
    from textures.evidence.sources import SourceOptions, open_sources
    from textures.harvest.harvest import Harvester, harvest
    from textures.harvest.identities import IdentityRule
    from textures.harvest.person_cut import person_cutter
    from textures.harvest.refusal import RefusalLimits
    from textures.methods import method_named
    from textures.texture_method import load_method

    if pattern is not None and identity_csv is not None:
        raise click.UsageError("--identity and --identity-csv both say who is who; give one")
    layout = layout or ("anny-1" if body is None and uv is None else "smpl")
    if layout == "anny-1" and (body is not None or uv is not None):
        raise click.UsageError("--uv-layout anny-1: is the free body's; leave --body and --uv out")
    library = out
    if layout != "anny-1":  # refused now, not when the harvest is over
        from textures.conversion.library_conversion import converted_files

        layout_mesh(layout, model=body, uv=uv)
        converted_files(out, layout, "anny-1")
        library = out / "anny-1"
    free_body = load_free_body()
    options = SourceOptions(networks=networks, weights=body_fit, smpl=smpl, device=device)
    skinning = Skinning(free_body).to(device)
    fitter = BodyFitter(free_body, skinning, open_sources(evidence, options), device=device)
    report_line(f"bodies are fitted by {fitter.name}")
    painter = None
    if finish == "dressed":
        painter = AttirePainter(free_body, size=size, weights=attire, device=device)
    elif attire is not None:
        raise click.UsageError("--attire goes with --finish dressed")
    harvester = Harvester(
        free_body,
        load_method(method_named(method), free_body, weights, device=device),
        fitter,
        reid=reid,
        device=device,
        size=size,
        attire=painter,
        detail=finish == "overlaid",
        anonymous_faces=anonymise_faces,
        most_crops=most_crops,
        limits=None if keep_all else RefusalLimits(),
        cutter=person_cutter(options),
    )
    result = harvest(
        images,
        library,
        harvester,
        splits=splits or None,
        identities=IdentityRule(pattern=pattern, table=identity_csv),
        grouping=grouping,
        licence=licence,
        stand_in=stand_in,
        removals=removals,
        sheet_rows=sheet_rows,
        report=report_line,
    )
    content = _harvested(library, result)
    lines = [
        f"{len(result.entries)} textures in {library} ({result.new} new), "
        f"{len(result.left_out)} files left out (left_out.csv)"
    ]
    if result.contact_sheet:
        content["contact_sheet"] = result.contact_sheet
        lines.append(f"look at {result.contact_sheet}")
    if library != out:
        content["converted"], conversion = convert(
            library, out, layout, body=body, uv=uv, size=None
        )
        lines += conversion
    print_result(content, lines, as_json=as_json)
    if strict and not all(item.foreseen for item in result.left_out):
        raise click.exceptions.Exit(1)


def _harvested(library: Path, result: Harvest | CategoryHarvest) -> dict[str, Any]:
    """What a harvest made, for scripts."""
    return {
        "library": library,
        "textures": len(result.entries),
        "new": result.new,
        "left_out": [{"source": i.source, "reason": i.reason} for i in result.left_out],
    }


def _harvest_category(
    name: str,
    images: Path,
    out: Path,
    weights: Path | None,
    licence: str,
    device: str,
    strict: bool,
    as_json: bool,
) -> None:
    """Harvest textures of a category besides people."""
    from mocap.errors import BadInput
    from textures.categories.generator import load_category_generator
    from textures.categories.harvest import harvest_category
    from textures.categories.registry import category_named

    category = category_named(name)
    refuse_others(
        name,
        {"images", "out", "category", "weights", "licence", "device", "strict"},
    )
    if weights is None:
        raise BadInput(
            f"{name} have no shipped generator: train one with `synth train generator --category {name}` "
            "and give it with --weights"
        )
    result = harvest_category(
        *(images, out, load_category_generator(category, weights, device=device)),
        licence=licence,
        report=report_line,
    )
    line = (
        f"{len(result.entries)} textures in {out} ({result.new} new), "
        f"{len(result.left_out)} photographs left out (left_out.csv)"
    )
    print_result(_harvested(out, result), line, as_json=as_json)
    if strict and not all(item.foreseen for item in result.left_out):
        raise click.exceptions.Exit(1)


class ScoreCommand(click.Command):
    """A command whose help ends with the protocols."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line per protocol."""
        from textures.metrics import PROTOCOLS

        with formatter.section("Protocols"):
            formatter.write_dl([(name, entry.definition) for name, entry in PROTOCOLS.items()])


@click.command("score", cls=ScoreCommand)
@click.argument("predicted", type=FILE)
@click.argument("target", type=FILE)
@click.option("--mask", type=FILE, help="Picture that is not black where the person is.")
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    help="Which, as ssim@rstg; may be repeated. All that the mask allows when left out.",
)
@json_option
def score(
    predicted: Path, target: Path, mask: Path | None, protocols: tuple[str, ...], as_json: bool
) -> None:
    """Score a PREDICTED image against its TARGET under named protocols."""
    from textures.market1501 import read_image
    from textures.metrics import PROTOCOLS
    from textures.metrics import score as image_score

    silhouette = None if mask is None else read_image(mask).any(axis=2)
    names = protocols or [
        name for name, protocol in PROTOCOLS.items() if mask or not protocol.needs_mask
    ]
    images = read_image(predicted), read_image(target)
    scores = {name: image_score(name, *images, silhouette) for name in names}
    lines = [f"{name:16} {value:.4f}" for name, value in scores.items()]
    print_result(scores, lines, as_json=as_json)
