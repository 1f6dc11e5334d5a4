"""`synth eval-fit`: how well bodies are fitted to labelled photographs."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.options import (
    FILE,
    FOLDER,
    device_option,
    evidence_options,
    json_option,
    quiet_option,
    seed_option,
)
from synth.cli.result_output import print_result


@click.command("eval-fit")
@click.option("--images", required=True, type=FOLDER, help="Market-1501, with its training folder.")
@click.option("--joints", required=True, type=FILE, help="CSV of the crops' joints.")
@click.option("--people", type=FILE, help="List of identities to measure on; all when left out.")
@evidence_options
@seed_option
@device_option()
@quiet_option()
@json_option
def eval_fit(
    images: Path,
    joints: Path,
    people: Path | None,
    evidence: tuple[str, ...],
    networks: Path | None,
    body_fit: Path | None,
    smpl: Path | None,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Measure the body fit on photographs whose joints are known.

    PCK@0.2 of the torso over twelve limb joints of the fitted body, and the share of people who face the
    right way, with intervals over people.
    """
    import numpy as np

    from mocap.bodies.free_body import load_free_body
    from mocap.bodies.skinning import Skinning
    from mocap.errors import BadInput
    from textures.body_fit.evaluation import evaluate_fit
    from textures.body_fit.fitting import BodyFitter
    from textures.evidence.joint_files import read_joints_csv
    from textures.evidence.sources import SourceOptions, open_sources
    from textures.market1501 import read_people, read_split

    labels = read_joints_csv(joints)
    crops = [crop.path for crop in read_split(images, "train")]
    if people is not None:
        listed = read_people(people)
        crops = [path for path in crops if path.name.split("_")[0] in listed]
        if not crops:
            raise BadInput(f"{people}: no crop of {images} shows one of the {len(listed)} people")
    body = load_free_body()
    options = SourceOptions(networks=networks, weights=body_fit, smpl=smpl, device=device)
    sources = open_sources(evidence, options)
    fitter = BodyFitter(body, Skinning(body).to(device), sources, device=device)
    click.echo(f"bodies are fitted by {fitter.name}", err=True)
    identities = [path.name.split("_")[0] for path in crops]
    result = evaluate_fit(fitter, crops, identities, labels, np.random.default_rng(seed))
    lines = [
        f"{result.crops} crops of {result.people} people, fitted by {result.source}",
        f"PCK@0.2 torso        {result.pck}",
        f"facing right         {result.facing}",
        f"median error         {result.median_pixels:.2f} px of a crop 128 px high",
    ]
    if result.agreement_rank is not None:
        lines.append(f"agreement's rank     {result.agreement_rank:.2f}")
    lines += [f"  {name:18} {value:.3f}" for name, value in result.joints.items()]
    print_result(result.as_dict(), lines, as_json=as_json)
