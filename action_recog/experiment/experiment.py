"""What films are worth: the experiment of RSTG's section 5, table 3, built for a sceptic.

For every split and seed one network per arm is trained on UCF101 and tested: from scratch, from 2D
weights, and from what was trained on films, on controls (grey bodies, shapes, fractals, films with
shuffled labels) and on films in few and in many textures. Same network, same order of clips, same budget
(`protocol` has the three comparisons); video-level accuracy; a bootstrap over people and seeds together
of every difference; and the trend over the number of textures by a test that is fixed here, beforehand:
the slope of top-1 over log10 of the number, two-sided, at 5 %.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from action_recog.errors import BadInput
from action_recog.experiment.arms import PretrainedInTextures, PretrainingVideos
from action_recog.experiment.labelled_splits import LabelledSplits
from action_recog.experiment.ledger import Request, with_earlier, write_ledger
from action_recog.experiment.output import write_table
from action_recog.experiment.processes import run_all
from action_recog.experiment.protocol import (
    COMPARISONS,
    Comparison,
    ExperimentData,
    ExperimentProtocol,
)
from action_recog.experiment.results import RunResult, Table, compare_arms
from action_recog.experiment.trainings import Run, Trainings
from action_recog.training.messages import announce
from action_recog.training.options import ComputeOptions, TrainingOptions
from action_recog.training.processes import process_rank

NAMES_SHOWN = 10  # of videos that cannot be decoded


def run_experiment(
    data: ExperimentData,
    protocol: ExperimentProtocol,
    out: Path,
    *,
    seeds: Sequence[int] = (0,),
    comparisons: Sequence[Comparison] = COMPARISONS,
    compute: ComputeOptions | None = None,
    workers: int = 1,
    strict: bool = False,
) -> Table:
    """Run every arm on every split and seed, and leave the tables in `out`.

    The same call with the same `out` goes on where it was stopped, and says what it re-uses; a call with
    other arms, splits, seeds or shares adds them to those of the folder. A run folder of other data is
    refused, by the content of the videos.

    Args:
        data: Where the data lie, and which arms there are.
        protocol: Network, views and budgets.
        out: Folder for a run folder per training, and for the tables and pictures.
        seeds: One round of trainings per seed.
        comparisons: What the arms have in common, each a table; the first of `COMPARISONS` leads.
        compute: Device, precision and threads of each training.
        workers: Trainings side by side, each in a process; the results do not depend on it.
        strict: Refuse videos that cannot be decoded, instead of leaving them out.

    Returns:
        The table, with what was run in its `facts`.

    Raises:
        BadInput: For data that cannot be used, shares of the labels with training to convergence alone,
            a test video that is missing or cannot be decoded (without `data.skip_missing`), a run folder
            of another configuration or of other data; with `strict` also when any video cannot be
            decoded.
    """
    began = time.perf_counter()
    compute = compute or ComputeOptions()
    if workers > 1 and compute.devices * compute.nodes > 1:
        raise BadInput(
            f"{workers} trainings side by side, each on {compute.devices} devices of {compute.nodes} "
            "machines: expected one at a time; give --workers 1"
        )
    chosen = tuple(name for name in COMPARISONS if name in comparisons)
    if not chosen or not seeds:
        raise BadInput("an experiment has at least one comparison and one seed")
    request = with_earlier(Request(data, tuple(seeds), chosen), out)
    if set(request.data.label_shares) != {100} and request.comparisons == ("end-point",):
        raise BadInput(
            "--label-share: learning curves are trained by steps, not to convergence; add equal-steps or "
            "head-start to --compare"
        )
    if notice := repeated_decoding(compute, workers=workers):
        announce(notice)
    trainings = Trainings(request.data, protocol, out, compute)
    trainings.decode_all()
    if strict and trainings.store.failures:
        _refuse_failures(trainings.store.failures)
    trainings.hash_all()
    runs = planned_runs(trainings, request)
    pretrainings = [
        (arm.name, seed) for seed in request.seeds for arm in trainings.arms.values() if arm.source
    ]
    distinct = list(dict.fromkeys(run for group in runs.values() for run in group))
    results = dict(zip(distinct, run_all(trainings, pretrainings, distinct, workers=workers)))
    write_ledger(request, out)
    table = _table(
        trainings, request, {key: [results[r] for r in group] for key, group in runs.items()}
    )
    seconds = round(time.perf_counter() - began, 1)
    table = replace(table, facts={**_facts(trainings, request), "seconds": seconds})
    if process_rank() == 0:
        write_table(table, out)
    return table


def repeated_decoding(compute: ComputeOptions, *, workers: int) -> str | None:
    """Tell who is about to wait for it that several processes decode the same videos.

    Args:
        compute: Devices, and whether reduced frames are kept on disk.
        workers: Trainings side by side.

    Returns:
        A line; None where each video is decoded once.
    """
    if compute.frames_folder is not None:
        return None
    if workers > 1:
        count, kind = workers, "trainings side by side"
    elif compute.devices * compute.nodes > 1:
        count, kind = compute.devices * compute.nodes, "processes of a training"
    else:
        return None
    return (
        f"{count} {kind} decode videos anew in each process, and keep frames in the memory of each; with "
        "--frame-store DIR every video is decoded once for all of them"
    )


def protocol_of_epochs(
    data: ExperimentData,
    protocol: ExperimentProtocol,
    *,
    epochs_pretrain: int | None = None,
    epochs_finetune: int | None = None,
) -> ExperimentProtocol:
    """The protocol whose budgets are so many epochs, in steps that are the same for every arm.

    Args:
        data: Where the data lie.
        protocol: Protocol whose budgets are replaced where epochs are given.
        epochs_pretrain: Epochs of the largest set that is pretrained on.
        epochs_finetune: Epochs of the largest training list.

    Returns:
        The protocol.

    Raises:
        BadInput: For data that cannot be used.
    """

    def steps(options: TrainingOptions, epochs: int, sizes: Iterable[int]) -> TrainingOptions:
        largest = max(sizes)
        return replace(options, steps=epochs * (largest // min(options.batch, largest)))

    if epochs_pretrain is not None:
        videos = PretrainingVideos(data, protocol.film_label)
        sizes = [len(videos_of_arm) for videos_of_arm in videos.sets.values()]
        if data.diversity:
            sizes.append(len(videos.of_textures(min(data.diversity), 0)))
        if sizes:
            pretraining = steps(protocol.pretraining, epochs_pretrain, sizes)
            protocol = replace(protocol, pretraining=pretraining)
    if epochs_finetune is not None:
        splits = LabelledSplits(data, protocol.held_out_groups).splits.values()
        finetuning = steps(
            protocol.finetuning, epochs_finetune, [len(split.train) for split in splits]
        )
        protocol = replace(protocol, finetuning=finetuning)
    return protocol


def planned_runs(trainings: Trainings, request: Request) -> dict[tuple[Comparison, int], list[Run]]:
    """The runs of every comparison and share of the labels; comparisons may share runs.

    Comparisons by steps have learning curves; training to convergence needs groups to hold out, which a
    tenth of the labels has not got.

    Args:
        trainings: Arms and protocol.
        request: Seeds, splits, shares and comparisons.

    Returns:
        Runs by comparison and percentage of the labelled videos, those with all labels first.
    """
    tables = [(comparison, 100) for comparison in request.comparisons]
    tables += [
        (comparison, share)
        for comparison in request.comparisons
        for share in sorted(request.data.label_shares)
        if share != 100 and comparison != "end-point"
    ]
    return {
        (comparison, share): [
            Run(
                arm=arm.name,
                split=split,
                seed=seed,
                share=share,
                steps=trainings.protocol.labelled_steps(
                    comparison, pretrained=arm.source is not None
                ),
            )
            for seed in request.seeds
            for split in request.data.splits
            for arm in trainings.arms.values()
        ]
        for comparison, share in tables
    }


def _refuse_failures(failures: dict[Path, str]) -> None:
    reasons = list(failures.values())
    further = [path.name for path in failures][1:NAMES_SHOWN]
    remaining = len(reasons) - 1 - len(further)
    raise BadInput(
        f"{len(reasons)} videos cannot be decoded; {reasons[0]}"
        + (f"; the others: {', '.join(further)}" if further else "")
        + (f" and {remaining} more" if remaining else "")
    )


def _table(
    trainings: Trainings,
    request: Request,
    results: dict[tuple[Comparison, int], list[RunResult]],
) -> Table:
    arms = list(trainings.arms.values())
    sets = trainings.pretraining_videos
    splits = trainings.labelled.splits
    classes = next(iter(splits.values())).test.classes
    textures = [(arm.name, arm.count) for arm in arms if isinstance(arm, PretrainedInTextures)]
    films_generated = any(s.stand_in for s in sets.sets.values())
    films_generated |= any(film.stand_in for film in sets.films)
    videos_generated = any(s.train.stand_in or s.test.stand_in for s in splits.values())
    kinds = (("videos", videos_generated), ("films", films_generated))
    partial = trainings.labelled.partial
    return Table(
        comparisons=tuple(
            compare_arms(
                runs,
                comparison=comparison,
                share=share,
                inits=[arm.name for arm in arms],
                initial_weights=[arm.initial_weights for arm in arms],
                classes=len(classes),
                textures=textures,
            )
            for (comparison, share), runs in results.items()
        ),
        classes=classes,
        stand_in=tuple(kind for kind, generated in kinds if generated),
        partial="; ".join(f"split {split}: {text}" for split, text in partial.items()),
        validation=request.data.validate,
    )


def _facts(trainings: Trainings, request: Request) -> dict[str, Any]:
    labelled, sets, store = trainings.labelled, trainings.pretraining_videos, trainings.store
    all_sets = dict(sets.sets)
    if request.data.diversity:
        for count in sorted(request.data.diversity):
            arm = PretrainedInTextures(count)
            all_sets[arm.name] = sets.of_textures(count, request.seeds[0])
    return {
        "protocol": json.loads(json.dumps(asdict(trainings.protocol))),
        "seeds": list(request.seeds),
        "splits": list(request.data.splits),
        "training_videos": {k: len(s.train) for k, s in labelled.splits.items()},
        "test_videos": {k: len(s.test) for k, s in labelled.splits.items()},
        "listed_test_videos": {k: s.listed_test for k, s in labelled.splits.items()},
        "films": {name: len(videos) for name, videos in all_sets.items()},
        "film_classes": {name: list(videos.classes) for name, videos in all_sets.items()},
        "decoders": store.decoders(),
        "damaged": {p.name: note for p, note in sorted(store.notes.items())},
        "left_out": {p.name: reason for p, reason in sorted(store.failures.items())},
        "missing": {k: len(names) for k, names in labelled.missing.items()},
    }
