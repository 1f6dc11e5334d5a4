"""`synth standins`: generated data in the real layouts."""

from __future__ import annotations

from pathlib import Path

import click
from click.decorators import FC

from synth.cli.options import COUNT, FOLDER, out_option, seed_option, workers_option
from synth.cli.whole_help import WholeHelpGroup

_IDENTITIES = click.IntRange(2)  # fewer make no data set
_DISTURBING = click.IntRange(0)


@click.group(cls=WholeHelpGroup)
def standins() -> None:
    """Generate data in the layouts of CMU, Market-1501, CUB and UCF101, and videos of no people."""


@standins.command()
@out_option("the motions")
@seed_option
@click.option("--count-subjects", type=COUNT, default=6, show_default=True, help="People who move.")
@click.option(
    "--count-variations",
    type=COUNT,
    default=1,
    show_default=True,
    help="Motions per action and person.",
)
def motions(out: Path, seed: int, count_subjects: int, count_variations: int) -> None:
    """Write motions of everyday actions as ASF/AMC files with an index, as CMU's."""
    from synth.standins.motions import write_motions

    written = write_motions(out, seed=seed, subjects=count_subjects, variations=count_variations)
    click.echo(f"{out}: {written} motions")


@standins.command()
@out_option("the crops")
@seed_option
@click.option(
    "--count-train-identities",
    type=_IDENTITIES,
    default=48,
    show_default=True,
    help="People to train on.",
)
@click.option(
    "--count-test-identities",
    type=_IDENTITIES,
    default=24,
    show_default=True,
    help="People to test on.",
)
@click.option(
    "--count-images-per-camera",
    type=COUNT,
    default=2,
    show_default=True,
    help="Crops per person and camera.",
)
@click.option(
    "--count-distractors",
    type=_DISTURBING,
    default=40,
    show_default=True,
    help="Crops of nobody (0000).",
)
@click.option(
    "--count-junk", type=_DISTURBING, default=24, show_default=True, help="Badly cut crops (-1)."
)
def pedestrians(
    out: Path,
    seed: int,
    count_train_identities: int,
    count_test_identities: int,
    count_images_per_camera: int,
    count_distractors: int,
    count_junk: int,
) -> None:
    """Write pedestrian crops as Market-1501's, with the true textures and the truth beside them."""
    from mocap.bodies.free_body import load_free_body
    from synth.standins.pedestrians import MarketSize, write_pedestrians

    size = MarketSize(
        train_identities=count_train_identities,
        test_identities=count_test_identities,
        images_per_camera=count_images_per_camera,
        distractors=count_distractors,
        junk=count_junk,
    )
    crops = write_pedestrians(out, body=load_free_body(), seed=seed, size=size)
    click.echo(f"{out}: " + ", ".join(f"{count} {split} crops" for split, count in crops.items()))


@standins.command()
@out_option("the photographs")
@seed_option
@click.option(
    "--count-species", type=_IDENTITIES, default=24, show_default=True, help="Kinds of birds."
)
@click.option(
    "--count-train-images",
    type=COUNT,
    default=8,
    show_default=True,
    help="Photographs of each to train on.",
)
@click.option(
    "--count-test-images",
    type=COUNT,
    default=4,
    show_default=True,
    help="Photographs of each to test on.",
)
def birds(
    out: Path, seed: int, count_species: int, count_train_images: int, count_test_images: int
) -> None:
    """Write birds as CUB-200-2011's, with the true textures and cameras beside them."""
    from synth.standins.birds import CubSize, write_birds

    size = CubSize(
        species=count_species, train_images=count_train_images, test_images=count_test_images
    )
    click.echo(f"{out}: {write_birds(out, seed=seed, size=size)} photographs of birds")


@standins.command()
@out_option("the videos")
@seed_option
@click.option(
    "--motions",
    type=FOLDER,
    help="Film the motions of this folder, their categories as classes, in place of generated ones.",
)
@click.option(
    "--textures", type=FOLDER, help="With --motions: clothes of this library's test people."
)
@click.option(
    "--environments", type=FOLDER, help="With --motions: places, equirectangular .hdr or .exr."
)
@click.option("--count-groups", type=COUNT, default=15, show_default=True, help="Of each class.")
@click.option("--count-clips", type=COUNT, help="Videos of a group; 2, with --motions 4.")
@workers_option
def actions(
    out: Path,
    seed: int,
    motions: Path | None,
    textures: Path | None,
    environments: Path | None,
    count_groups: int,
    count_clips: int | None,
    workers: int | None,
) -> None:
    """Write action videos in UCF101's layout, with its split lists.

    With --motions the videos show recorded motions, and say what they share with films of generated
    ones: `synth eval-ucf101` on them measures more than how well a generator knows itself.
    """
    from mocap.bodies.free_body import load_free_body

    if motions is None:
        from synth.standins.action_videos import ActionVideosSize, write_action_videos

        for name, value in (("--textures", textures), ("--environments", environments)):
            if value is not None:
                raise click.UsageError(f"{name} goes with --motions; give both or neither")
        written = write_action_videos(
            out,
            body=load_free_body(),
            seed=seed,
            size=ActionVideosSize(groups=count_groups, clips=count_clips or 2),
            workers=workers,
        )
        click.echo(f"{out}: {written} videos")
        return
    from mocap.library.motion_library import open_motion_library
    from synth.standins.recorded_videos import (
        RecordedVideosSize,
        Surroundings,
        write_recorded_videos,
    )

    written, refused = write_recorded_videos(
        out,
        open_motion_library(motions),
        body=load_free_body(),
        seed=seed,
        size=RecordedVideosSize(groups=count_groups, clips=count_clips or 4),
        surroundings=Surroundings(textures=textures, environments=environments),
        workers=workers,
    )
    for line in refused:
        click.echo(f"no class: {line}", err=True)
    click.echo(f"{out}: {written} videos (what they share with films: {out / 'README.md'})")


@standins.command()
@out_option("the textures")
def grey(out: Path) -> None:
    """Write a library of grey textures, for films of bodies without clothes or skin."""
    from mocap.bodies.free_body import load_free_body
    from synth.standins.grey_textures import write_grey_textures

    click.echo(
        f"{out}: {write_grey_textures(out, body=load_free_body())} textures, one for each split"
    )


def _class_videos_options(command: FC) -> FC:
    for option in (
        click.option(
            "--frames", type=COUNT, default=32, show_default=True, help="Frames per clip."
        ),
        click.option(
            "--count-clips",
            type=COUNT,
            default=680,
            show_default=True,
            help="Clips of all classes.",
        ),
        click.option(
            "--count-classes",
            type=click.IntRange(2),
            default=12,
            show_default=True,
            help="Classes.",
        ),
        seed_option,
        out_option("the videos"),
    ):
        command = option(command)
    return command


@standins.command()
@_class_videos_options
def shapes(out: Path, seed: int, count_classes: int, count_clips: int, frames: int) -> None:
    """Write videos of moving and transforming shapes, a folder per kind of motion, to pretrain on."""
    _write_class_videos("shapes", out, seed, count_classes, count_clips, frames)


@standins.command()
@_class_videos_options
def fractals(out: Path, seed: int, count_classes: int, count_clips: int, frames: int) -> None:
    """Write videos of moving fractals, a folder per fractal, to pretrain on."""
    _write_class_videos("fractals", out, seed, count_classes, count_clips, frames)


def _write_class_videos(
    kind: str, out: Path, seed: int, classes: int, clips: int, frames: int
) -> None:
    from synth.standins.class_videos import ClassVideosSize, write_class_videos

    size = ClassVideosSize(classes=classes, clips=clips, frames=frames)
    click.echo(f"{out}: {write_class_videos(out, kind, seed=seed, size=size)} videos")
