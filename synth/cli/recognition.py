"""`synth eval-ucf101`: what films are worth to a non-local network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click


def _named_folders(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]):
    named: dict[str, Path] = {}
    for value in values:
        name, equals, folder = value.partition("=")
        if not equals or not name or not folder:
            raise click.BadParameter(f"{value!r}: expected NAME=DIR, as surreal=films/surreal")
        if name in named:
            raise click.BadParameter(f"the name {name!r} is given twice")
        named[name] = Path(folder)
    return named


def _numbers(_ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        numbers = tuple(dict.fromkeys(int(part) for part in value.split(",")))
    except ValueError:
        raise click.BadParameter(f"{value!r}: expected numbers with commas, as 1,2,3") from None
    if param.name == "splits" and not all(n in (1, 2, 3) for n in numbers):
        raise click.BadParameter(f"{value!r}: UCF101 has the splits 1, 2 and 3")
    return numbers


@click.command("eval-ucf101")
@click.option(
    "--films", type=click.Path(path_type=Path), help="Films to pretrain on (named films)."
)
@click.option(
    "--pretrain",
    "named_films",
    multiple=True,
    metavar="NAME=DIR",
    callback=_named_folders,
    help="A further film folder under a name of its own; may be repeated, to compare film sets.",
)
@click.option(
    "--videos", required=True, type=click.Path(path_type=Path), help="UCF101's class folders."
)
@click.option(
    "--lists",
    type=click.Path(path_type=Path),
    help="UCF101's split lists [default: ucfTrainTestlist in --videos].",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Runs and table go here."
)
@click.option(
    "--preset",
    type=click.Choice(["small", "paper"]),
    default="small",
    show_default=True,
    help="small: ResNet-10, 8 frames of 64x64, 9 views, for two cores. "
    "paper: I3D non-local ResNet-50, 8x8 frames of 224x224, 30 views, for a GPU.",
)
@click.option("--splits", default="1,2,3", show_default=True, callback=_numbers)
@click.option(
    "--seeds", "--seed", default="0", show_default=True, callback=_numbers, help="As 0,1,2."
)
@click.option("--arch", metavar="NAME", help="{c2d|i3d}[-nl|-nl_dot|-nl_gaussian]-r{10|18|50}.")
@click.option("--frames", type=click.IntRange(1), help="Frames of a clip.")
@click.option("--stride", type=click.IntRange(1), help="Distance of a clip's frames.")
@click.option(
    "--size", type=click.IntRange(32), help="Side of a training crop; others in proportion."
)
@click.option("--views", metavar="CLIPSxCROPS", help="Test views, as 10x3.")
@click.option("--epochs-pretrain", type=click.IntRange(1))
@click.option("--epochs-finetune", type=click.IntRange(1))
@click.option("--batch", type=click.IntRange(2), help="Clips in a step, for both trainings.")
@click.option("--lr-pretrain", type=click.FloatRange(0, min_open=True))
@click.option("--lr-finetune", type=click.FloatRange(0, min_open=True))
@click.option(
    "--film-label",
    type=click.Choice(["category", "sequence"]),
    default="category",
    show_default=True,
    help="What a film's class is: the motion's category or the sequence itself.",
)
@click.option(
    "--weights-2d", type=click.Path(path_type=Path), help="2D ResNet weights to start from."
)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "bf16-mixed", "16-mixed", "32-true"]),
    default="auto",
    show_default=True,
    help="auto: bfloat16 where the processor or GPU multiplies it natively.",
)
@click.option("--workers", type=click.IntRange(0), default=0, show_default=True, help="Loaders.")
@click.option(
    "--skip-missing", is_flag=True, help="Go on without listed videos that are not there."
)
@click.option("--strict", is_flag=True, help="Fail when a video cannot be decoded.")
@click.option("--quiet", is_flag=True, help="No progress bars.")
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
    views: str | None,
    epochs_pretrain: int | None,
    epochs_finetune: int | None,
    batch: int | None,
    lr_pretrain: float | None,
    lr_finetune: float | None,
    film_label: str,
    weights_2d: Path | None,
    device: str,
    precision: str,
    workers: int,
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
    from action_recog.experiment.experiment import PRESETS, Data, run_experiment
    from action_recog.experiment.results import text_table
    from action_recog.networks.resnet3d import network
    from action_recog.training.loop import Machine

    protocol = PRESETS[preset]
    cut = protocol.views
    if size is not None:
        scale = size / cut.size
        jitter = (max(size, round(cut.jitter[0] * scale)), round(cut.jitter[1] * scale))
        cut = replace(cut, size=size, jitter=jitter, test_size=round(cut.test_size * scale))
    if views is not None:
        clips, _, crops = views.lower().partition("x")
        if not clips.isdigit() or crops not in ("1", "3", "") or int(clips) < 1:
            raise click.BadParameter(f"{views!r}: expected CLIPSxCROPS, as 10x3 (crops 1 or 3)")
        cut = replace(cut, test_clips=int(clips), test_crops=int(crops or 1))
    cut = replace(cut, frames=frames or cut.frames, stride=stride or cut.stride)
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
        views=cut,
        pretraining=pretraining,
        finetuning=finetuning,
        film_label=film_label,
    )
    try:
        network(protocol.arch, classes=2, frames=cut.frames)
    except ValueError as error:
        raise BadInput(f"--arch: {error}") from None
    folders = {**({"films": films} if films else {}), **named_films}
    if not folders:
        raise click.UsageError("give --films DIR or --pretrain NAME=DIR: what to pretrain on")
    table = run_experiment(
        Data(
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
        machine=Machine(device=device, precision=precision, workers=workers, quiet=quiet),
        strict=strict,
    )
    click.echo("\n" + text_table(table))
    for kind, what in (("damaged", "salvaged"), ("left_out", "left out")):
        for name, note in table.facts[kind].items():
            click.echo(f"{what}: {name}: {note}", err=True)
        if table.facts[kind]:
            click.echo(f"{len(table.facts[kind])} videos were {what}.", err=True)
    click.echo(f"Runs and tables: {out} ({table.facts['seconds']:.0f} s)")
