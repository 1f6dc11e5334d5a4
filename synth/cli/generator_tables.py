"""`synth eval-generator`: trained methods measured as their papers measure them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from synth.cli.options import COUNT, FILE, device_option, seed_option

if TYPE_CHECKING:  # not imported for `synth --help`
    from textures.texture_method import ComparedImages


@click.command("eval-generator")
@click.argument("weights", nargs=-1, required=True, type=FILE)
@click.option("--method", required=True, help="The texture method that the weights are of.")
@click.option(
    "--pedestrians",
    required=True,
    type=FILE,
    help="File of generated pedestrians that the weights were trained on.",
)
@click.option("--people", type=COUNT, help="People to measure on, at most; all that were held out.")
@seed_option
@device_option()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, not lines.")
def eval_generator(
    weights: tuple[Path, ...],
    method: str,
    pedestrians: Path,
    people: int | None,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Print a method's published table with our figures beside it.

    WEIGHTS, of one or more trainings, are measured on the people whom they did not see.
    """
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
    if as_json:
        content = {
            "table": table.title,
            "data": table.data,
            "weights": [{"file": str(p), "card": dict(m.card)} for p, m in zip(weights, loaded)],
            "published": table.rows,
            "measures": [summary.as_dict() for summary in summaries],
        }
        click.echo(json.dumps(content, indent=1))
    else:
        click.echo("\n".join(table_lines(table, summaries)))
