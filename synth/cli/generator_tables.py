"""`synth eval-generator`: trained methods measured as their papers measure them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from synth.cli.options import (
    COUNT,
    FILE,
    category_option,
    device_option,
    json_option,
    out_option,
    quiet_option,
    refuse_others,
    report_line,
    seed_option,
)
from synth.cli.result_output import print_result

if TYPE_CHECKING:  # not imported for `synth --help`
    from textures.texture_method import ComparedImages


@click.command("eval-generator")
@click.argument("weights", nargs=-1, required=True, type=FILE)
@category_option
@click.option("--method", help="The texture method that the weights are of; of people.")
@click.option(
    "--pedestrians",
    type=FILE,
    help="File of generated pedestrians that the weights were trained on; of people.",
)
@click.option("--images", type=FILE, help="The category's data set, whose test split is shown.")
@click.option(
    "--judge",
    type=FILE,
    help="Weights of a network of the category's identities that supervised none of the generators.",
)
@out_option("the category's table and picture", required=False)
@click.option("--people", type=COUNT, help="People to measure on, at most; all that were held out.")
@seed_option
@device_option()
@quiet_option()
@json_option
def eval_generator(
    weights: tuple[Path, ...],
    category: str,
    method: str | None,
    pedestrians: Path | None,
    images: Path | None,
    judge: Path | None,
    out: Path | None,
    people: int | None,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Print a method's published table with our figures beside it.

    WEIGHTS, of one or more trainings, are measured on the people whom they did not see. With --category
    birds they are compared on the test split of CUB-200-2011, as RSTG's Figure 7 does.
    """
    if category != "people":
        refuse_others(
            *(
                category,
                {"weights", "category", "images", "judge", "out", "seed", "device"},
            )
        )
        for option, value in (("--images", images), ("--judge", judge), ("--out", out)):
            if value is None:
                raise click.UsageError(f"--category {category}: give {option}, too")
        assert images is not None and judge is not None and out is not None
        _compare_category(category, weights, images, judge, out, seed, device, as_json)
        return
    for option, text in (("--images", images), ("--judge", judge), ("--out", out)):
        if text is not None:
            raise click.UsageError(f"{option} goes with another --category than people")
    if method is None or pedestrians is None:
        missing = "--method" if method is None else "--pedestrians"
        raise click.UsageError(f"Missing option '{missing}'.")
    from mocap.bodies.free_body import load_free_body
    from mocap.bodies.skinning import Skinning
    from mocap.errors import BadInput
    from synth.training.held_out import held_out_people
    from textures.evaluation.networks import NETWORKS
    from textures.evaluation.published_tables import table_lines, table_summaries
    from textures.methods import method_named
    from textures.texture_method import load_method
    from textures.training.pedestrian_bank import load_bank

    kind = method_named(method)
    table = kind.published
    if table is None:
        raise BadInput(f"--method {method}: has no published table")
    body = load_free_body()
    loaded = [load_method(kind, body, path, device=device) for path in weights]
    bank = load_bank(pedestrians)
    skinning = Skinning(body)
    st_lpips = NETWORKS["st-lpips"].locate(None)
    networks = {} if st_lpips is None else {"st-lpips": NETWORKS["st-lpips"].load(st_lpips)}

    def items() -> Iterator[tuple[str, ComparedImages]]:
        for item in loaded:
            unseen = held_out_people(item, bank, skinning, people=people, seed=seed)
            prefix = f"{item.tag} " if len(loaded) > 1 else ""
            for images in item.compared_images(unseen.bank, unseen.fits):
                yield prefix, images

    summaries = table_summaries(table, items(), networks=networks, seed=seed)
    content = {
        "table": table.title,
        "data": table.data,
        "weights": [{"file": path, "card": dict(m.card)} for path, m in zip(weights, loaded)],
        "published": table.rows,
        "measures": [summary.as_dict() for summary in summaries],
    }
    print_result(content, table_lines(table, summaries), as_json=as_json)


def _compare_category(
    name: str,
    weights: tuple[Path, ...],
    images: Path,
    judge: Path,
    out: Path,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Compare a category's generators; writes OUT/comparison.json and OUT/comparison.png."""
    from synth.training.category_comparison import compare_generators
    from textures.categories.registry import category_named
    from textures.evaluation.summary import summary_lines

    kind = category_named(name)
    summaries = compare_generators(
        *(kind, weights, images, judge, out),
        seed=seed,
        device=device,
        report=report_line,
    )
    lines = summary_lines(summaries, subjects=kind.identity)
    print_result(
        [summary.as_dict() for summary in summaries],
        [*lines, f"look at {out / 'comparison.png'}"],
        as_json=as_json,
    )
