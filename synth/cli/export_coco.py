"""`synth export-coco`: films' labels as COCO's."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.options import (
    COUNT,
    FILE,
    json_option,
    out_option,
    quiet_option,
    report_line,
    strict_option,
)
from synth.cli.result_output import print_result


@click.command("export-coco")
@click.argument("films", type=FILE)
@out_option("the labels, a .json")
@click.option(
    "--images",
    type=FILE,
    help="Also write the frames as .jpg into this folder, under the names in the labels.",
)
@click.option(
    "--every",
    "step",
    type=COUNT,
    default=1,
    show_default=True,
    help="Of so many frames of a clip, one.",
)
@click.option("--split", type=click.Choice(["train", "val", "test"]), help="Only this split.")
@click.option("--count-clips", type=COUNT, help="Only so many clips, evenly spread; default all.")
@click.option(
    "--masks",
    type=click.Choice(["compressed", "plain"]),
    default="compressed",
    show_default=True,
    help="Run lengths as pycocotools' text, or as lists of numbers.",
)
@strict_option
@quiet_option()
@json_option
def export_coco(
    films: Path,
    out: Path,
    images: Path | None,
    step: int,
    split: str | None,
    count_clips: int | None,
    masks: str,
    strict: bool,
    as_json: bool,
) -> None:
    """Write keypoints, boxes and masks of the FILMS as COCO's JSON.

    Keypoints are in COCO's order where SMPL has such a joint (nose, eyes and ears are not labelled), and
    SMPL's 24 under smpl_keypoints. A clip that cannot be used is named and left out.

    \b
    synth export-coco films --split train --every 10 --images coco --out coco/train.json
    """
    from synth import __version__
    from synth.exports.coco import export_coco as write_coco

    summary = write_coco(
        films,
        out,
        images=images,
        step=step,
        split=split,
        clips=count_clips,
        compressed=masks == "compressed",
        generator=f"SURREAL++ {__version__}",
        report=report_line,
    )
    line = (
        f"{out}: {summary.annotations:,} people in {summary.images:,} pictures, "
        f"{len(summary.left_out)} clips left out"
    )
    content = {"file": out, "images": summary.images, "annotations": summary.annotations}
    print_result({**content, "left_out": summary.left_out}, line, as_json=as_json)
    if strict and summary.left_out:
        raise click.exceptions.Exit(1)
