"""What films are worth: the experiment of RSTG's section 5, table 3.

For every split and seed one network per arm is trained on UCF101: from scratch, and for each film
folder from a network that was first trained on the films with the motion's category as its class.
Same network, same schedule, same order of clips; video-level accuracy; mean and standard deviation
over the splits; and a paired bootstrap over the test videos of every gain.

What arms have in common is `Experiment`; in what they differ is their `Arm`, and `arms_of` lists
them.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from action_recog.datasets.films import FilmLabel, read_films
from action_recog.datasets.ucf101 import load_split
from action_recog.errors import BadInput
from action_recog.experiment import results
from action_recog.experiment.evaluation import predict, require_finite_predictions, score
from action_recog.json_files import read_json
from action_recog.networks.resnet3d import ResNet3D, inflate_state, network
from action_recog.training.checkpoints import (
    load_2d_weights,
    load_checkpoint,
    transfer,
    write_text_whole,
)
from action_recog.training.loop import ComputeOptions, TrainingOptions, make_fabric, train
from action_recog.training.messages import announce
from action_recog.videos.content import ContentDigests
from action_recog.videos.frame_store import FrameStore
from action_recog.videos.labelled_videos import VideoSet
from action_recog.videos.views import ViewOptions

SCRATCH = "from scratch"
NAMES_SHOWN = 10  # of videos that cannot be decoded


@dataclass(frozen=True, kw_only=True)
class ExperimentProtocol:
    """Network, views and schedules of an experiment; `PRESETS` holds the named ones.

    `arch` is a name that `network` takes; `film_label` the field of a film that is its class.
    """

    arch: str
    views: ViewOptions
    pretraining: TrainingOptions
    finetuning: TrainingOptions
    dropout: float = 0.5
    film_label: FilmLabel = "category"


_SMALL = TrainingOptions(
    epochs=50,
    optimiser="adamw",
    batch=16,
    lr=0.002,
    weight_decay=0.02,
    warmup_epochs=5,
    precise_bn=8,
    checkpoint_every=10,
)

PRESETS: dict[str, ExperimentProtocol] = {
    # The network and views of the non-local paper (8 x 8 variant, 30 views). RSTG publishes no
    # schedule; this one is usual for UCF101's 9.5k training videos.
    "paper": ExperimentProtocol(
        arch="i3d-nl-r50",
        views=ViewOptions(),
        pretraining=TrainingOptions(epochs=30, batch=64, lr=0.01, schedule="step", precise_bn=200),
        finetuning=TrainingOptions(epochs=50, batch=64, lr=0.01, schedule="step", precise_bn=200),
    ),
    # The same method for two processor cores and some hundred short videos.
    "small": ExperimentProtocol(
        arch="i3d-nl-r10",
        views=ViewOptions(
            frames=8,
            stride=4,
            size=64,
            jitter=(66, 84),
            colour=0.2,
            test_size=64,
            test_clips=3,
            test_crops=3,
        ),
        pretraining=_SMALL,
        finetuning=_SMALL,
        dropout=0.0,
    ),
}


@dataclass(frozen=True, kw_only=True)
class ExperimentData:
    """Where the data lie: UCF101's videos and lists, and film folders by name.

    `splits` are those of UCF101; `film_splits` the splits of the motions whose films are used;
    `weights_2d` a file of 2D weights that every network starts from.
    """

    videos: Path
    lists: Path
    films: Mapping[str, Path]
    splits: tuple[int, ...] = (1, 2, 3)
    film_splits: tuple[str, ...] = ("train", "val", "test")
    weights_2d: Path | None = None
    skip_missing: bool = False


class Arm(Protocol):
    """One way to initialise the network that is then trained and tested on UCF101."""

    @property
    def name(self) -> str:
        """Name of the arm in the tables, unique in an experiment."""
        ...

    @property
    def pretrainings(self) -> int:
        """Number of trainings per seed before the one on UCF101."""
        ...

    def pretrained(self, experiment: Experiment, seed: int) -> Path | None:
        """Path of the checkpoint to start from, trained now; None starts as networks are made."""
        ...


@dataclass(frozen=True)
class FromScratch:
    """The network as it is made: random, or inflated from 2D weights."""

    name: str = SCRATCH
    pretrainings: int = 0

    def pretrained(self, experiment: Experiment, seed: int) -> Path | None:
        """Nothing is trained before."""
        return None


@dataclass(frozen=True)
class PretrainedOnFilms:
    """The network trained on the film folder of this name."""

    name: str
    pretrainings: int = 1

    def pretrained(self, experiment: Experiment, seed: int) -> Path | None:
        """Train on the films."""
        return experiment.pretrain(self.name, seed)


def arms_of(data: ExperimentData) -> tuple[Arm, ...]:
    """The arms of an experiment; the others are compared with the first."""
    return (FromScratch(), *(PretrainedOnFilms(name) for name in data.films))


class Experiment:
    """Data, decoded frames and device that all arms share, and the trainings.

    The run folders lie in `out`. Raises BadInput for data that cannot be used.
    """

    def __init__(
        self,
        data: ExperimentData,
        protocol: ExperimentProtocol,
        out: Path,
        seeds: Sequence[int],
        compute: ComputeOptions,
    ) -> None:
        self.data, self.protocol, self.out = data, protocol, out
        self.seeds, self.compute = tuple(seeds), compute
        self.fabric = make_fabric(compute)
        self.missing: dict[int, list[str]] = {}
        self.film_sets = {
            name: read_films(path, label=protocol.film_label, splits=data.film_splits)
            for name, path in data.films.items()
        }
        self.split_sets: dict[int, tuple[VideoSet, VideoSet]] = {}
        for split in data.splits:
            train_set, test_set, missing = load_split(
                data.videos, data.lists, split, skip_missing=data.skip_missing
            )
            self.split_sets[split] = train_set, test_set
            self.missing[split] = missing
        self.weights_2d = load_2d_weights(data.weights_2d) if data.weights_2d else None
        self.store = FrameStore(
            short_side=protocol.views.stored_short_side, most_frames=protocol.views.most_frames
        )
        all_sets = [*self.film_sets.values(), *(s for p in self.split_sets.values() for s in p)]
        self.store.fill((v.path for s in all_sets for v in s.videos), quiet=compute.quiet)
        self.film_sets = {n: self.store.readable(s) for n, s in self.film_sets.items()}
        self.split_sets = {
            n: (self.store.readable(a), self.store.readable(b))
            for n, (a, b) in self.split_sets.items()
        }
        for videos in all_sets:
            if not len(self.store.readable(videos)):
                first = next(iter(self.store.failures.values()))
                raise BadInput(f"{videos.name}: not one video could be decoded; the first: {first}")
        self.arms = arms_of(data)
        self.digests = ContentDigests(out / "content_digests.json")
        self.training = 0
        self.trainings = len(self.seeds) * sum(
            arm.pretrainings + len(data.splits) for arm in self.arms
        )

    def _new_network(self, classes: int, seed: int) -> ResNet3D:
        torch.manual_seed(seed)
        net = network(
            self.protocol.arch,
            classes=classes,
            frames=self.protocol.views.frames,
            dropout=self.protocol.dropout,
        )
        if self.weights_2d is not None:
            try:
                net.load_state_dict(inflate_state(self.weights_2d, net))
            except ValueError as error:
                raise BadInput(f"{self.data.weights_2d}: {error}") from None
        return net

    def _network_facts(self) -> dict[str, Any]:
        protocol = self.protocol
        start, weights = "scratch", self.data.weights_2d
        if weights is not None:
            start = f"2D {weights.name}, {self.digests.of_file(weights)}"
        return {"arch": protocol.arch, "dropout": protocol.dropout, "start": start}

    def _next_title(self, text: str) -> str:
        self.training += 1
        return f"[{self.training}/{self.trainings}] {text}"

    def _train(
        self,
        net: ResNet3D,
        videos: VideoSet,
        options: TrainingOptions,
        *,
        seed: int,
        folder: Path,
        facts: dict[str, Any],
        title: str,
    ) -> None:
        train(
            net,
            videos,
            views=self.protocol.views,
            options=options,
            seed=seed,
            store=self.store,
            fabric=self.fabric,
            folder=folder,
            facts=facts,
            title=title,
            compute=self.compute,
            digests=self.digests,
        )
        write_text_whole(self.out / "content_digests.json", self.digests.text())

    def pretrain(self, name: str, seed: int) -> Path:
        """Train on the film folder of a name; returns the checkpoint's path."""
        films = self.film_sets[name]
        folder = self.out / "pretraining" / name / f"seed{seed}"
        net = self._new_network(len(films.classes), seed)
        self._train(
            net,
            films,
            self.protocol.pretraining,
            seed=seed,
            folder=folder,
            facts={**self._network_facts(), "data": films.name},
            title=self._next_title(f"Pretraining on {name}"),
        )
        return folder / "network.safetensors"

    def finetune(
        self, split: int, seed: int, init: str, checkpoint: Path | None
    ) -> results.RunResult:
        """Train on a split of UCF101, and test.

        Args:
            split: Split of UCF101.
            seed: Seed of the network and of the order of the clips.
            init: Name of the arm.
            checkpoint: Checkpoint to start from; without it the network starts as it is made.

        Returns:
            The result per test video.
        """
        began = time.perf_counter()
        train_set, test_set = self.split_sets[split]
        net = self._new_network(len(train_set.classes), seed)
        facts = {**self._network_facts(), "data": train_set.name}
        if checkpoint is not None:
            weights, sidecar = load_checkpoint(checkpoint)
            transfer(weights, net)
            facts["start"] = f"{init}, {sidecar['sha256']}"
        folder = self.out / f"split{split}" / init.replace(" ", "-") / f"seed{seed}"
        title = self._next_title(f"Split {split}, {init}")
        self._train(
            net,
            train_set,
            self.protocol.finetuning,
            seed=seed,
            folder=folder,
            facts=facts,
            title=title,
        )
        probabilities = self._predict(net, test_set, folder, title=f"{title}, testing")
        labels = np.array([v.label for v in test_set.videos])
        scores = score(probabilities, labels)
        return results.RunResult(
            init=init,
            split=split,
            seed=seed,
            names=tuple(v.name for v in test_set.videos),
            groups=tuple(v.group for v in test_set.videos),
            top1=scores.top1,
            top5=scores.top5,
            seconds=time.perf_counter() - began,
        )

    def _predict(
        self, net: ResNet3D, test_set: VideoSet, folder: Path, *, title: str
    ) -> np.ndarray:
        """Probabilities of the test videos; those of a finished run are read back."""
        _, sidecar = load_checkpoint(folder / "network.safetensors")
        key = {
            "network": sidecar["sha256"],
            "views": json.loads(json.dumps(asdict(self.protocol.views))),
            "videos": [v.name for v in test_set.videos],
            "content": self.digests.of_videos(test_set),
        }
        facts, file = folder / "predictions.json", folder / "predictions.npy"
        if facts.is_file() or file.is_file():
            try:
                probabilities = _stored_predictions(facts, key, len(test_set.classes))
            except BadInput as error:
                announce(f"{title}: predicts again, because {error}")
            else:
                announce(f"{title}: re-uses {file}, of the same network and test videos")
                return probabilities
        probabilities = predict(
            net,
            test_set,
            views=self.protocol.views,
            store=self.store,
            fabric=self.fabric,
            compute=self.compute,
            title=title,
        )
        array = io.BytesIO()
        np.save(array, probabilities, allow_pickle=False)
        facts.unlink(missing_ok=True)
        file.write_bytes(array.getvalue())
        digest = hashlib.sha256(array.getvalue()).hexdigest()
        write_text_whole(facts, json.dumps({**key, "sha256": digest}, indent=1) + "\n")
        return probabilities


def _stored_predictions(facts_path: Path, key: dict[str, Any], classes: int) -> np.ndarray:
    """Read predictions back.

    Args:
        facts_path: predictions.json; predictions.npy lies beside it.
        key: What the predictions must be of; a mapping with `videos`, a list of names.
        classes: Number of classes.

    Returns:
        Probabilities (videos, classes), finite.

    Raises:
        BadInput: For predictions that are torn or of something else, saying of what.
    """
    file = facts_path.with_suffix(".npy")
    try:
        facts = read_json(facts_path, dict[str, Any], advice="it is written again")
        content = file.read_bytes()
    except (OSError, BadInput) as error:
        raise BadInput(f"{facts_path} and {file.name} cannot be read ({error})") from None
    changed = [name for name in key if facts.get(name) != key[name]]
    if changed:
        raise BadInput(f"{file} is of other: {', '.join(changed)}")
    if facts.get("sha256") != hashlib.sha256(content).hexdigest():
        raise BadInput(f"{file} does not belong to {facts_path.name}")
    try:
        probabilities = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise BadInput(f"{file} is no array ({error})") from None
    shape = (len(key["videos"]), classes)
    if probabilities.shape != shape:
        raise BadInput(f"{file} has the shape {probabilities.shape}, expected {shape}")
    require_finite_predictions(probabilities)
    return probabilities


def run_experiment(
    data: ExperimentData,
    protocol: ExperimentProtocol,
    out: Path,
    *,
    seeds: Sequence[int] = (0,),
    compute: ComputeOptions | None = None,
    strict: bool = False,
) -> results.Table:
    """Run every arm on every split and seed, and leave the table in `out`.

    The same call with the same `out` goes on where it was stopped, and says what it re-uses; a
    run folder of other data is refused, by the content of the videos.

    Args:
        data: Where the data lie.
        protocol: Network, views and schedules.
        out: Folder for a run folder per training, and for table.txt, table.json and table.csv.
        seeds: One round of trainings per seed.
        compute: Device, precision and loading threads.
        strict: Refuse videos that cannot be decoded, instead of leaving them out.

    Returns:
        The table, with what was run in its `facts`.

    Raises:
        BadInput: For data that cannot be used, a film folder called "from scratch", a run folder
            of another configuration or of other data; with `strict` also when a video cannot be decoded.
    """
    if SCRATCH in data.films:
        raise BadInput(f"a film folder cannot be called {SCRATCH!r}; name it otherwise")
    began = time.perf_counter()
    compute = compute or ComputeOptions()
    experiment = Experiment(data, protocol, out, seeds, compute)
    if strict and experiment.store.failures:
        reasons = list(experiment.store.failures.values())
        further = [path.name for path in experiment.store.failures][1:NAMES_SHOWN]
        remaining = len(reasons) - 1 - len(further)
        raise BadInput(
            f"{len(reasons)} videos cannot be decoded; {reasons[0]}"
            + (f"; the others: {', '.join(further)}" if further else "")
            + (f" and {remaining} more" if remaining else "")
        )
    runs: list[results.RunResult] = []
    for seed in seeds:
        checkpoints = {arm.name: arm.pretrained(experiment, seed) for arm in experiment.arms}
        for split in data.splits:
            for init, checkpoint in checkpoints.items():
                runs.append(experiment.finetune(split, seed, init, checkpoint))
    stand_in = [
        kind
        for kind, generated in (
            ("videos", any(a.stand_in or b.stand_in for a, b in experiment.split_sets.values())),
            ("films", any(f.stand_in for f in experiment.film_sets.values())),
        )
        if generated
    ]
    table = results.summarise(
        runs,
        inits=[arm.name for arm in experiment.arms],
        stand_in=tuple(stand_in),
    )
    table = replace(
        table,
        facts={
            "protocol": json.loads(json.dumps(asdict(protocol))),
            "seeds": list(seeds),
            "splits": list(data.splits),
            "classes": len(next(iter(experiment.split_sets.values()))[0].classes),
            "training_videos": {k: len(a) for k, (a, _) in experiment.split_sets.items()},
            "test_videos": {k: len(b) for k, (_, b) in experiment.split_sets.items()},
            "films": {k: len(f) for k, f in experiment.film_sets.items()},
            "film_classes": {k: list(f.classes) for k, f in experiment.film_sets.items()},
            "decoders": experiment.store.decoders(),
            "damaged": {p.name: note for p, note in sorted(experiment.store.notes.items())},
            "left_out": {p.name: reason for p, reason in sorted(experiment.store.failures.items())},
            "missing": {k: len(m) for k, m in experiment.missing.items()},
            "seconds": round(time.perf_counter() - began, 1),
        },
    )
    results.write_table(table, out)
    return table
