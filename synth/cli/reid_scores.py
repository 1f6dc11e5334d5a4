"""`synth eval-reid`: re-identification networks compared on crops of people."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.options import (
    FILE,
    FOLDER,
    device_option,
    json_option,
    quiet_option,
    seed_option,
    strict_option,
)
from synth.cli.result_output import print_result

DESCRIPTORS = {"mirrored": True, "plain": False}


@click.command("eval-reid")
@click.argument("networks", nargs=-1, metavar="[WEIGHTS]...")
@click.option(
    "--images",
    required=True,
    type=FOLDER,
    help="Market-1501's folder, or a flat folder of crops with its names.",
)
@click.option(
    "--people", type=FILE, help="List of identities of the training folder to measure on."
)
@click.option(
    "--descriptor",
    "descriptors",
    multiple=True,
    type=click.Choice(list(DESCRIPTORS)),
    default=("mirrored",),
    show_default=True,
    help="Mean of a crop's and its mirror image's vectors, or the crop's alone; may be repeated.",
)
@click.option(
    "--bodies",
    metavar="METHOD",
    help="Further rows of PN-GAN's weights: people in its poses by this texture method's bodies.",
)
@click.option(
    "--networks", "judges", type=FOLDER, help="Folder that `synth fetch-networks` filled."
)
@seed_option
@device_option()
@strict_option
@quiet_option()
@json_option
def eval_reid(
    networks: tuple[str, ...],
    images: Path,
    people: Path | None,
    descriptors: tuple[str, ...],
    bodies: str | None,
    judges: Path | None,
    seed: int,
    device: str,
    strict: bool,
    as_json: bool,
) -> None:
    """Compare re-ID networks in one table: rank-1, rank-5, rank-10 and mAP in both definitions.

    WEIGHTS are files of trainings, `shipped` (taken where none is given), or `omz-0277`. Each is scored
    with single queries and with multi-queries, the mean and the maximum over a person's crops by the
    query's camera. Intervals are over people, and so are the paired differences.
    """
    from mocap.errors import BadInput
    from textures.evaluation.describers import open_describers
    from textures.evaluation.reid_comparison import (
        compare_describers,
        comparison_as_dict,
        comparison_lines,
    )
    from textures.evaluation.reid_protocols import reid_protocol
    from textures.market1501 import read_image

    shown_by = None
    if bodies is not None:
        from synth.training.pn_gan_runs import body_normaliser
        from textures.evidence.sources import SourceOptions
        from textures.methods import method_named

        shown_by = body_normaliser(method_named(bodies), SourceOptions(networks=judges))
    protocol = reid_protocol(images, people)
    describers = open_describers(
        networks or ("shipped",),
        mirrored=[DESCRIPTORS[name] for name in dict.fromkeys(descriptors)],
        networks=judges,
        device=device,
        bodies=shown_by,
    )
    pictures, unreadable = [], []
    for index, crop in enumerate(protocol.crops):
        try:
            pictures.append(read_image(crop.path))
        except BadInput as error:
            unreadable.append(index)
            click.echo(f"left out: {error}", err=True)
    if unreadable:
        click.echo(f"left out: {len(unreadable):,} crops that cannot be read", err=True)
        protocol = protocol.excluding(unreadable)
    comparison = compare_describers(describers, protocol, pictures, seed=seed)
    if not comparison.rows:
        raise BadInput(
            f"{images}: no query has a right answer in the gallery from another camera: nothing can be "
            "scored"
        )
    content = comparison_as_dict(comparison, protocol, describers)
    lines = comparison_lines(comparison, protocol, describers)
    print_result(content, lines, as_json=as_json)
    if strict and unreadable:
        raise click.exceptions.Exit(1)
