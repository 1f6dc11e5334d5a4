"""`synth eval-ucf101`: what films are worth to a non-local network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from synth.cli.options import (
    COUNT,
    FILE,
    FOLDER,
    POSITIVE,
    device_option,
    json_option,
    out_option,
    quiet_option,
    report_line,
    strict_option,
    workers_option,
)
from synth.cli.recognition_options import (
    COMPARISON_NAMES,
    comparisons,
    named_folders,
    numbers,
    protocol_of,
    view_counts,
)
from synth.cli.result_output import print_result

if TYPE_CHECKING:  # not imported for `synth --help`
    from action_recog.experiment.protocol import Comparison, GroupUnit
    from action_recog.training.options import Precision


@click.command("eval-ucf101")
@click.option(
    "--films",
    type=FOLDER,
    help="Folder to pretrain on, under the name films: films, WebDataset shards of them or of videos "
    "with a class, or videos in a folder per class. With --diversity the folder of the films to choose "
    "from.",
)
@click.option(
    "--pretrain",
    "named_films",
    multiple=True,
    metavar="NAME=DIR",
    callback=named_folders,
    help="A further folder and its arm's name in the table; may be repeated, to compare texture "
    "libraries, grey bodies, shapes, fractals.",
)
@click.option(
    "--shuffled",
    multiple=True,
    metavar="NAME",
    help="Also an arm that is pretrained on the videos of NAME with shuffled labels; may be repeated.",
)
@click.option(
    "--diversity",
    metavar="NUMBERS",
    callback=numbers,
    help="Arms pretrained on films in so many textures, as 1,10,100, at equal clips and motions, "
    "chosen from --films (a folder of film folders where one holds too few). The trend over the number "
    "is tested by the slope of top-1 over its logarithm, two-sided.",
)
@click.option(
    "--label-share",
    metavar="PERCENTAGES",
    default="100",
    show_default=True,
    callback=numbers,
    help="Shares of the labelled videos to train on, as 10,25,50,100: nested, by group, equal for all.",
)
@click.option(
    "--compare",
    metavar="NAMES",
    default=",".join(COMPARISON_NAMES),
    show_default=True,
    callback=comparisons,
    help="equal-steps: the same optimiser steps in all; head-start: the same on labelled videos; "
    "end-point: each arm until videos of held-out groups stop improving.",
)
@click.option(
    "--validate",
    is_flag=True,
    help="Test on groups held out of the training lists and open no test list: to choose values by.",
)
@click.option("--videos", required=True, type=FOLDER, help="Folder of UCF101's class folders.")
@click.option(
    "--lists",
    type=FOLDER,
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
    callback=numbers,
    help="UCF101's splits with commas between.",
)
@click.option(
    "--seeds",
    default="0",
    show_default=True,
    callback=numbers,
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
@click.option("--views", metavar="CLIPSxCROPS", callback=view_counts, help="Test views, as 10x3.")
@click.option("--steps-pretrain", type=COUNT, help="Optimiser steps of pretraining, for every arm.")
@click.option("--steps-finetune", type=COUNT, help="Optimiser steps on UCF101, for every arm.")
@click.option("--steps-converge", type=COUNT, help="Most steps of a training to convergence.")
@click.option(
    "--epochs-pretrain", type=COUNT, help="Instead of steps: epochs of the largest set of films."
)
@click.option(
    "--epochs-finetune", type=COUNT, help="Instead of steps: epochs of the largest training list."
)
@click.option("--batch", type=click.IntRange(2), help="Clips per step, for both trainings.")
@click.option(
    "--batch-parts",
    type=COUNT,
    help="Parts in which a step's clips go through the network, for less memory; their gradients add up.",
)
@click.option(
    "--gradient-norm", type=POSITIVE, help="Length to which a longer gradient is cut; default none."
)
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
@click.option("--pretrain-from-2d", is_flag=True, help="Start pretraining from --weights-2d, too.")
@click.option(
    "--groups",
    type=click.Choice(["auto", "class", "person"]),
    default="auto",
    show_default=True,
    help="person: group k of every class shows person k; auto: so in stand-ins, not in UCF101.",
)
@device_option()
@click.option(
    "--devices",
    type=COUNT,
    default=1,
    show_default=True,
    help="GPUs, or processes with --device cpu, that share every batch and every test, one training at a "
    "time.",
)
@click.option(
    "--nodes",
    type=COUNT,
    default=1,
    show_default=True,
    help="Machines with --devices each: the same command on each, started by SLURM, torchrun or with "
    "MASTER_ADDR, MASTER_PORT and NODE_RANK set; all see --out.",
)
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
@click.option(
    "--frame-store",
    "frames_folder",
    type=FILE,
    help="Keep reduced frames in this folder, JPEG-compressed: decoded once, by all runs that share it.",
)
@click.option(
    "--loader-processes",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Processes that load clips, in place of --loader-workers; needs --frame-store.",
)
@workers_option
@click.option(
    "--threads",
    type=COUNT,
    default=1,
    show_default=True,
    help="Threads of each training; trainings side by side use processors better.",
)
@click.option(
    "--skip-missing",
    is_flag=True,
    help="Go on without listed videos that do not exist or cannot be decoded; the table is partial.",
)
@strict_option
@quiet_option(passed_on=True)
@json_option
def eval_ucf101(
    films: Path | None,
    named_films: dict[str, Path],
    shuffled: tuple[str, ...],
    diversity: tuple[int, ...],
    label_share: tuple[int, ...],
    compare: tuple[Comparison, ...],
    validate: bool,
    videos: Path,
    lists: Path | None,
    out: Path,
    preset: str,
    splits: tuple[int, ...],
    seeds: tuple[int, ...],
    epochs_pretrain: int | None,
    epochs_finetune: int | None,
    weights_2d: Path | None,
    pretrain_from_2d: bool,
    groups: GroupUnit,
    device: str,
    devices: int,
    nodes: int,
    precision: Precision,
    loader_workers: int,
    frames_folder: Path | None,
    loader_processes: int,
    workers: int | None,
    threads: int,
    skip_missing: bool,
    strict: bool,
    quiet: bool,
    as_json: bool,
    **protocol_options: Any,
) -> None:
    """Train a non-local network on UCF101 from scratch and from films, and print the tables.

    Every arm gets the same budget, and is trained to convergence besides. Prints video-level top-1 and
    top-5 with steps, training accuracy and initial weights, and the difference of every pair of arms with
    its uncertainty; leaves table.txt, .html, .json and .csv, pictures and a folder for each run in --out.
    The same command again goes on where it was stopped; other arms, splits, seeds or shares are added.
    Options that are not given come from --preset.
    """
    from action_recog.experiment.experiment import protocol_of_epochs, run_experiment
    from action_recog.experiment.protocol import ExperimentData
    from action_recog.experiment.text_tables import json_table, text_table
    from action_recog.training.options import ComputeOptions
    from action_recog.training.processes import process_rank

    protocol = protocol_of(preset, **protocol_options)
    for kind, epochs in (("pretrain", epochs_pretrain), ("finetune", epochs_finetune)):
        if epochs is not None and protocol_options[f"steps_{kind}"] is not None:
            raise click.UsageError(f"give --steps-{kind} or --epochs-{kind}, not both")
    if diversity and films is None:
        raise click.UsageError("--diversity chooses among films; give --films DIR")
    folders = {**({"films": films} if films and not diversity else {}), **named_films}
    earlier = (out / "experiment.json").is_file()
    if not (folders or diversity or weights_2d or earlier or validate):
        raise click.UsageError("give --films DIR or --pretrain NAME=DIR: what to pretrain on")
    data = ExperimentData(
        videos=videos,
        lists=lists or videos / "ucfTrainTestlist",
        films=folders,
        splits=splits,
        shuffled=shuffled,
        diversity=diversity,
        diversity_films=films if diversity else None,
        label_shares=label_share,
        weights_2d=weights_2d,
        pretrain_from_2d=pretrain_from_2d,
        groups=groups,
        skip_missing=skip_missing,
        validate=validate,
    )
    protocol = protocol_of_epochs(
        data, protocol, epochs_pretrain=epochs_pretrain, epochs_finetune=epochs_finetune
    )
    if loader_processes and frames_folder is None:
        raise click.UsageError("--loader-processes needs --frame-store, from which they read")
    if workers is None:  # one GPU is shared badly, processors well
        alone = device == "cpu" and devices * nodes == 1
        workers = len(os.sched_getaffinity(0)) if alone else 1
    table = run_experiment(
        data,
        protocol,
        out,
        seeds=seeds,
        comparisons=compare,
        compute=ComputeOptions(
            device=device,
            devices=devices,
            nodes=nodes,
            precision=precision,
            threads=threads,
            workers=loader_workers,
            loaders=loader_processes,
            frames_folder=frames_folder,
            quiet=quiet,
        ),
        workers=workers,
        strict=strict,
    )
    if process_rank() > 0:  # of several processes one prints
        return
    lines = [
        "",
        text_table(table),
        f"Runs, tables and pictures: {out} ({table.facts['seconds']:.0f} s)",
    ]
    print_result(json_table(table), lines, as_json=as_json)
    for kind, participle in (("damaged", "salvaged"), ("left_out", "left out")):
        for name, note in table.facts[kind].items():
            report_line(f"{participle}: {name}: {note}")
        if table.facts[kind]:
            report_line(f"{len(table.facts[kind])} videos were {participle}.")
    if table.partial:
        report_line(f"PARTIAL: {table.partial} missing or unreadable.")
