"""`synth standins`: generated data in the real layouts."""

from __future__ import annotations

from pathlib import Path

import click

OUT = click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="New folder to write."
)
SEED = click.option("--seed", default=0, show_default=True, help="Same seed, same bytes.")


@click.group()
def standins() -> None:
    """Generate data in the layouts of CMU, Market-1501 and UCF101."""


@standins.command()
@OUT
@SEED
@click.option("--subjects", default=6, show_default=True, help="People who move.")
@click.option("--variations", default=1, show_default=True, help="Takes of each action by each.")
def motions(out: Path, seed: int, subjects: int, variations: int) -> None:
    """Motions of everyday actions as ASF/AMC files with an index, as CMU's."""
    from synth.standins.motions import write_motions

    written = write_motions(out, seed=seed, subjects=subjects, variations=variations)
    click.echo(f"{out}: {written} motions")


@standins.command()
@OUT
@SEED
@click.option("--train-identities", default=48, show_default=True, help="People to train on.")
@click.option("--test-identities", default=24, show_default=True, help="People to test on.")
@click.option(
    "--images-per-camera", default=2, show_default=True, help="Crops a person and camera."
)
@click.option("--distractors", default=40, show_default=True, help="Crops of nobody (0000).")
@click.option("--junk", default=24, show_default=True, help="Badly cut crops (-1).")
def pedestrians(
    out: Path,
    seed: int,
    train_identities: int,
    test_identities: int,
    images_per_camera: int,
    distractors: int,
    junk: int,
) -> None:
    """Pedestrian crops as Market-1501's, with the true textures and the truth beside them."""
    from mocap.bodies.free_body import load_free_body
    from synth.standins.pedestrians import MarketSize, write_pedestrians

    size = MarketSize(
        train_identities=train_identities,
        test_identities=test_identities,
        images_per_camera=images_per_camera,
        distractors=distractors,
        junk=junk,
    )
    crops = write_pedestrians(out, body=load_free_body(), seed=seed, size=size)
    click.echo(f"{out}: " + ", ".join(f"{count} {split} crops" for split, count in crops.items()))


@standins.command()
@OUT
@SEED
@click.option("--workers", type=int, help="Processes.  [default: one a core]")
def actions(out: Path, seed: int, workers: int | None) -> None:
    """Action videos in UCF101's layout, with its split lists."""
    from mocap.bodies.free_body import load_free_body
    from synth.standins.action_videos import write_action_videos

    written = write_action_videos(out, body=load_free_body(), seed=seed, workers=workers)
    click.echo(f"{out}: {written} videos")
