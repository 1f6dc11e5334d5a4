"""`synth eval-ucf101`: what films are worth to a non-local network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from synth.cli.options import COUNT, FILE, POSITIVE, device_option, out_option, strict_option

if TYPE_CHECKING:  # not imported for `synth --help`
    from action_recog.datasets.films import FilmLabel
    from action_recog.training.loop import Precision


def _named_folders(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for value in values:
        name, equals, folder = value.partition("=")
        if not equals or not name or not folder:
            raise click.BadParameter(f"{value!r}: expected NAME=DIR, as surreal=films/surreal")
        if name in named:
            raise click.BadParameter(f"the name {name!r} is given twice")
        named[name] = Path(folder)
    return named


def _numbers(_context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        numbers = tuple(dict.fromkeys(int(text) for text in value.split(",")))
    except ValueError:
        raise click.BadParameter(f"{value!r}: expected numbers with commas, as 1,2,3") from None
    if parameter.name == "splits" and not all(n in (1, 2, 3) for n in numbers):
        raise click.BadParameter(f"{value!r}: UCF101 has the splits 1, 2 and 3")
    for number in numbers:
        if not 0 <= number < 2**63:
            raise click.BadParameter(
                f"{value!r}: found {number}, expected seeds from 0 to 2^63 - 1"
            )
    return numbers


def _views(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    if value is None:
        return None
    clips, _, crops = value.lower().partition("x")
    if not clips.isdigit() or crops not in ("1", "3", "") or int(clips) < 1:
        raise click.BadParameter(f"{value!r}: expected CLIPSxCROPS, as 10x3 (crops 1 or 3)")
    return int(clips), int(crops or 1)


@click.command("eval-ucf101")
@click.option("--films", type=FILE, help="Film folder to pretrain on, under the name films.")
@click.option(
    "--pretrain",
    "named_films",
    multiple=True,
    metavar="NAME=DIR",
    callback=_named_folders,
    help="A further film folder and its name in the table; may be repeated, to compare film sets.",
)
@click.option("--videos", required=True, type=FILE, help="Folder of UCF101's class folders.")
@click.option(
    "--lists",
    type=FILE,
    help="Folder of UCF101's split lists; default ucfTrainTestlist in --videos.",
)
@out_option("the runs and the table")
@click.option(
    "--preset",
    type=click.Choice(["small", "paper"]),
    default="small",
    show_default=True,
    help="small: ResNet-10, 8 frames of 64x64, 9 views, for two cores. "
    "paper: I3D non-local ResNet-50, 8x8 frames of 224x224, 30 views, for a GPU.",
)
@click.option(
    "--splits",
    default="1,2,3",
    show_default=True,
    callback=_numbers,
    help="UCF101's splits with commas between.",
)
@click.option(
    "--seeds",
    default="0",
    show_default=True,
    callback=_numbers,
    help="Seeds with commas between, as 0,1,2; each is a run of every split.",
)
@click.option(
    "--arch",
    metavar="NAME",
    help="{c2d|i3d}[-nl|-nl_dot|-nl_gaussian|-nl_concatenation]-r{10|18|34|50|101}; -nl=10 for ten "
    "non-local blocks, -nl=3.1,4.5 for such after block 1 of res3 and block 5 of res4.",
)
@click.option("--frames", type=COUNT, help="Frames per clip.")
@click.option("--stride", type=COUNT, help="Distance of a clip's frames.")
@click.option(
    "--size", type=click.IntRange(32), help="Side of a training crop; others in proportion."
)
@click.option("--views", metavar="CLIPSxCROPS", callback=_views, help="Test views, as 10x3.")
@click.option("--epochs-pretrain", type=COUNT, help="Epochs of pretraining on films.")
@click.option("--epochs-finetune", type=COUNT, help="Epochs of training on UCF101.")
@click.option("--batch", type=click.IntRange(2), help="Clips per step, for both trainings.")
@click.option("--lr-pretrain", type=POSITIVE, help="Learning rate of pretraining on films.")
@click.option("--lr-finetune", type=POSITIVE, help="Learning rate of training on UCF101.")
@click.option(
    "--film-label",
    type=click.Choice(["category", "sequence"]),
    default="category",
    show_default=True,
    help="Class of a film: the motion's category or the sequence itself.",
)
@click.option(
    "--weights-2d",
    type=FILE,
    help="ResNet weights to start from: torchvision's, inflated, or those that pytorchvideo, "
    "PySlowFast, mmaction2 or the non-local network's authors publish (then --arch NAME@PUBLISHER).",
)
@device_option()
@click.option(
    "--precision",
    type=click.Choice(["auto", "bf16-mixed", "16-mixed", "32-true"]),
    default="auto",
    show_default=True,
    help="auto: bfloat16 where the processor or GPU multiplies it natively.",
)
@click.option(
    "--loader-workers",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Threads that load clips beside the training; 0: the training loads them itself.",
)
@click.option("--skip-missing", is_flag=True, help="Go on without listed videos that do not exist.")
@strict_option
@click.option("--quiet", is_flag=True, help="Show no progress bars.")
def eval_ucf101(
    films: Path | None,
    named_films: dict[str, Path],
    videos: Path,
    lists: Path | None,
    out: Path,
    preset: str,
    splits: tuple[int, ...],
    seeds: tuple[int, ...],
    arch: str | None,
    frames: int | None,
    stride: int | None,
    size: int | None,
    views: tuple[int, int] | None,
    epochs_pretrain: int | None,
    epochs_finetune: int | None,
    batch: int | None,
    lr_pretrain: float | None,
    lr_finetune: float | None,
    film_label: FilmLabel,
    weights_2d: Path | None,
    device: str,
    precision: Precision,
    loader_workers: int,
    skip_missing: bool,
    strict: bool,
    quiet: bool,
) -> None:
    """Train a non-local network on UCF101 from scratch and from films, and print the table.

    Prints video-level top-1 and top-5 over the splits, and the gain with its uncertainty; leaves
    table.txt, table.json, table.csv and a folder for each run in --out. The same command again goes
    on where it was stopped. Options that are not given come from --preset.
    """
    from action_recog.errors import BadInput
    from action_recog.experiment.experiment import PRESETS, ExperimentData, run_experiment
    from action_recog.experiment.results import text_table
    from action_recog.networks.resnet3d import network
    from action_recog.training.loop import ComputeOptions

    protocol = PRESETS[preset]
    view_options = protocol.views
    if size is not None:
        scale = size / view_options.size
        jitter = (
            max(size, round(view_options.jitter[0] * scale)),
            round(view_options.jitter[1] * scale),
        )
        view_options = replace(
            view_options, size=size, jitter=jitter, test_size=round(view_options.test_size * scale)
        )
    if views is not None:
        clips, crops = views
        view_options = replace(view_options, test_clips=clips, test_crops=crops)
    view_options = replace(
        view_options, frames=frames or view_options.frames, stride=stride or view_options.stride
    )
    pretraining, finetuning = protocol.pretraining, protocol.finetuning
    pretraining = replace(
        pretraining,
        epochs=epochs_pretrain or pretraining.epochs,
        batch=batch or pretraining.batch,
        lr=lr_pretrain or pretraining.lr,
    )
    finetuning = replace(
        finetuning,
        epochs=epochs_finetune or finetuning.epochs,
        batch=batch or finetuning.batch,
        lr=lr_finetune or finetuning.lr,
    )
    protocol = replace(
        protocol,
        arch=arch or protocol.arch,
        views=view_options,
        pretraining=pretraining,
        finetuning=finetuning,
        film_label=film_label,
    )
    try:
        network(protocol.arch, classes=2, frames=view_options.frames)
    except ValueError as error:
        raise BadInput(f"--arch: {error}") from None
    folders = {**({"films": films} if films else {}), **named_films}
    if not folders:
        raise click.UsageError("give --films DIR or --pretrain NAME=DIR: what to pretrain on")
    table = run_experiment(
        ExperimentData(
            videos=videos,
            lists=lists or videos / "ucfTrainTestlist",
            films=folders,
            splits=splits,
            weights_2d=weights_2d,
            skip_missing=skip_missing,
        ),
        protocol,
        out,
        seeds=seeds,
        compute=ComputeOptions(
            device=device, precision=precision, workers=loader_workers, quiet=quiet
        ),
        strict=strict,
    )
    click.echo("\n" + text_table(table))
    for kind, participle in (("damaged", "salvaged"), ("left_out", "left out")):
        for name, note in table.facts[kind].items():
            click.echo(f"{participle}: {name}: {note}", err=True)
        if table.facts[kind]:
            click.echo(f"{len(table.facts[kind])} videos were {participle}.", err=True)
    click.echo(f"Runs and tables: {out} ({table.facts['seconds']:.0f} s)")
