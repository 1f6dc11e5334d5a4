"""`synth standins`: generated data in the real layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.decorators import FC

from synth.cli.options import (
    COUNT,
    FOLDER,
    json_option,
    out_option,
    quiet_option,
    report_line,
    seed_option,
    workers_option,
)
from synth.cli.result_output import print_result
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
@quiet_option()
@json_option
def motions(
    out: Path, seed: int, count_subjects: int, count_variations: int, as_json: bool
) -> None:
    """Write motions of everyday actions as ASF/AMC files with an index, as CMU's."""
    from synth.standins.motions import write_motions

    written = write_motions(out, seed=seed, subjects=count_subjects, variations=count_variations)
    print_result({"out": out, "motions": written}, f"{out}: {written} motions", as_json=as_json)


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
@workers_option
@quiet_option()
@json_option
def pedestrians(
    out: Path,
    seed: int,
    count_train_identities: int,
    count_test_identities: int,
    count_images_per_camera: int,
    count_distractors: int,
    count_junk: int,
    workers: int | None,
    as_json: bool,
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
    crops = write_pedestrians(out, body=load_free_body(), seed=seed, size=size, workers=workers)
    line = f"{out}: " + ", ".join(f"{count} {split} crops" for split, count in crops.items())
    print_result({"out": out, "crops": crops}, line, as_json=as_json)


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
@workers_option
@quiet_option()
@json_option
def birds(
    out: Path,
    seed: int,
    count_species: int,
    count_train_images: int,
    count_test_images: int,
    workers: int | None,
    as_json: bool,
) -> None:
    """Write birds as CUB-200-2011's, with the true textures and cameras beside them."""
    from synth.standins.birds import CubSize, write_birds

    size = CubSize(
        species=count_species, train_images=count_train_images, test_images=count_test_images
    )
    count = write_birds(out, seed=seed, size=size, workers=workers)
    line = f"{out}: {count} photographs of birds"
    print_result({"out": out, "photographs": count}, line, as_json=as_json)


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
@quiet_option()
@json_option
def actions(
    out: Path,
    seed: int,
    motions: Path | None,
    textures: Path | None,
    environments: Path | None,
    count_groups: int,
    count_clips: int | None,
    workers: int | None,
    as_json: bool,
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
        content = {"out": out, "videos": written}
        print_result(content, f"{out}: {written} videos", as_json=as_json)
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
        report_line(f"no class: {line}")
    print_result(
        {"out": out, "videos": written, "no_class": refused},
        f"{out}: {written} videos (what they share with films: {out / 'README.md'})",
        as_json=as_json,
    )


@standins.command()
@out_option("the textures")
@quiet_option()
@json_option
def grey(out: Path, as_json: bool) -> None:
    """Write a library of grey textures, for films of bodies without clothes or skin."""
    from mocap.bodies.free_body import load_free_body
    from synth.standins.grey_textures import write_grey_textures

    count = write_grey_textures(out, body=load_free_body())
    line = f"{out}: {count} textures, one for each split"
    print_result({"out": out, "textures": count}, line, as_json=as_json)


def _class_videos_options(command: FC) -> FC:
    for option in (
        json_option,
        quiet_option(),
        workers_option,
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
def shapes(out: Path, **options: Any) -> None:
    """Write videos of moving and transforming shapes, a folder per kind of motion, to pretrain on."""
    _write_class_videos("shapes", out, **options)


@standins.command()
@_class_videos_options
def fractals(out: Path, **options: Any) -> None:
    """Write videos of moving fractals, a folder per fractal, to pretrain on."""
    _write_class_videos("fractals", out, **options)


def _write_class_videos(
    kind: str,
    out: Path,
    *,
    seed: int,
    count_classes: int,
    count_clips: int,
    frames: int,
    workers: int | None,
    as_json: bool,
) -> None:
    from synth.standins.class_videos import ClassVideosSize, write_class_videos

    size = ClassVideosSize(classes=count_classes, clips=count_clips, frames=frames)
    count = write_class_videos(out, kind, seed=seed, size=size, workers=workers)
    print_result({"out": out, "videos": count}, f"{out}: {count} videos", as_json=as_json)
