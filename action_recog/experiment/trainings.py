"""The trainings of an experiment, and their tests: what one process does, each run in its folder."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from action_recog.errors import BadInput
from action_recog.experiment.arms import Arm, PretrainingVideos, arms_of, folder_name
from action_recog.experiment.evaluation import predict, score
from action_recog.experiment.labelled_splits import LabelledSplits
from action_recog.experiment.predictions import reusable_predictions, write_predictions
from action_recog.experiment.protocol import ExperimentData, ExperimentProtocol
from action_recog.experiment.results import RunResult
from action_recog.networks.resnet3d import ResNet3D, inflate_state, network
from action_recog.training.checkpoints import (
    load_2d_weights,
    load_checkpoint,
    transfer,
    write_text_whole,
)
from action_recog.training.loop import train
from action_recog.training.options import ComputeOptions, make_fabric
from action_recog.training.processes import share_of, wait_for_all_processes
from action_recog.videos.content import ContentDigests
from action_recog.videos.frame_store import FrameStore
from action_recog.videos.labelled_videos import VideoSet


@dataclass(frozen=True, kw_only=True)
class Run:
    """A training on labelled videos: `steps` of them, or None until it has converged.

    `share` is the percentage of the labelled videos.
    """

    arm: str
    split: int
    seed: int
    share: int
    steps: int | None

    @property
    def title(self) -> str:
        """What a progress bar says."""
        share = "" if self.share == 100 else f", {self.share} % of the labels"
        length = "to convergence" if self.steps is None else f"{self.steps} steps"
        return f"Split {self.split}, {self.arm}{share}, seed {self.seed}, {length}"

    def folder(self, out: Path) -> Path:
        """The run's folder."""
        length = "converged" if self.steps is None else f"steps{self.steps}"
        share = "" if self.share == 100 else f"-labels{self.share}"
        return (
            out
            / f"split{self.split}"
            / folder_name(self.arm)
            / f"seed{self.seed}"
            / (length + share)
        )


class Trainings:
    """Data, decoded frames and device that the runs of a process share.

    The run folders lie in `out`. Raises BadInput for data that cannot be used.

    Args:
        data: Where the data lie.
        protocol: Network, views and schedules.
        out: Folder of the run folders.
        compute: Device, precision and threads.
    """

    def __init__(
        self,
        data: ExperimentData,
        protocol: ExperimentProtocol,
        out: Path,
        compute: ComputeOptions,
    ) -> None:
        self.data, self.protocol, self.out = data, protocol, out
        self.arms: dict[str, Arm] = {arm.name: arm for arm in arms_of(data)}
        self.fabric = make_fabric(compute)
        # One process of several shows bars.
        self.compute = replace(compute, quiet=compute.quiet or not self.fabric.is_global_zero)
        self.pretraining_videos = PretrainingVideos(data, protocol.film_label)
        self.labelled = LabelledSplits(data, protocol.held_out_groups)
        self.weights_2d = load_2d_weights(data.weights_2d) if data.weights_2d else None
        self.store = FrameStore(
            short_side=protocol.views.stored_short_side,
            most_frames=protocol.views.most_frames,
            folder=compute.frames_folder,
        )
        self.digests = ContentDigests(out / "content_digests.json")

    def decode_all(self) -> None:
        """Decode every video once, and leave out those that cannot be. Raises BadInput."""
        paths = [*self.pretraining_videos.paths, *self.labelled.paths]
        if self.compute.frames_folder is not None and self.fabric.world_size > 1:
            # Each process decodes some of the videos into the folder, where all then have them.
            share = share_of(range(len(paths)), self.fabric)
            self.store.fill([paths[number] for number in share], quiet=self.compute.quiet)
            wait_for_all_processes()
        self.store.fill(paths, quiet=self.compute.quiet)
        self.leave_out(self.store.failures)

    def leave_out(self, failures: dict[Path, str]) -> None:
        """Leave out videos that cannot be decoded. Raises BadInput where that is too much."""
        readable = set(self.pretraining_videos.paths) - failures.keys()
        self.labelled.keep(failures)
        self.pretraining_videos.keep(readable)

    def hash_all(self) -> None:
        """Remember the digests of all files beside the runs, where every process looks them up."""
        for path in [*self.pretraining_videos.paths, *self.labelled.paths]:
            self.digests.of_file(path)
        if self.data.weights_2d is not None:
            self.digests.of_file(self.data.weights_2d)
        write_text_whole(self.out / "content_digests.json", self.digests.text())

    def _new_network(self, classes: int, seed: int, *, inflated: bool) -> ResNet3D:
        torch.manual_seed(seed)
        net = network(
            self.protocol.arch,
            classes=classes,
            frames=self.protocol.views.frames,
            dropout=self.protocol.dropout,
        )
        if inflated and self.weights_2d is not None:
            try:
                net.load_state_dict(inflate_state(self.weights_2d, net))
            except ValueError as error:
                raise BadInput(f"{self.data.weights_2d}: {error}") from None
        return net

    def _network_facts(self, *, inflated: bool) -> dict[str, Any]:
        start, weights = "random", self.data.weights_2d
        if inflated and weights is not None:
            start = f"2D {weights.name}, {self.digests.of_file(weights)}"
        return {"arch": self.protocol.arch, "dropout": self.protocol.dropout, "start": start}

    def pretraining_folder(self, arm: str, seed: int) -> Path:
        """Folder of an arm's training before the one on labelled videos."""
        return self.out / "pretraining" / folder_name(arm) / f"seed{seed}"

    def pretrain(self, arm_name: str, seed: int) -> None:
        """Train an arm on what it is pretrained on."""
        arm = self.arms[arm_name]
        videos = arm.pretraining_set(self.pretraining_videos, seed)
        self.store.fill((v.path for v in videos.videos), quiet=True)
        net = self._new_network(len(videos.classes), seed, inflated=arm.starts_from_2d)
        train(
            net,
            videos,
            views=self.protocol.views,
            options=self.protocol.pretraining,
            seed=seed,
            store=self.store,
            fabric=self.fabric,
            folder=self.pretraining_folder(arm_name, seed),
            facts={**self._network_facts(inflated=arm.starts_from_2d), "data": videos.name},
            title=f"Pretraining on {arm_name}, seed {seed}",
            compute=self.compute,
            digests=self.digests,
        )

    def finetune(self, run: Run) -> RunResult:
        """Train on the labelled videos of a split, and test.

        Args:
            run: Which training; that which comes before it is finished.

        Returns:
            The result per test video.
        """
        began = time.perf_counter()
        arm, test_set = self.arms[run.arm], self.labelled.splits[run.split].test
        train_set, held_out = self.labelled.training_sets(
            run.split, share=run.share, seed=run.seed, to_convergence=run.steps is None
        )
        sets = (train_set, test_set, held_out) if held_out else (train_set, test_set)
        self.store.fill((v.path for videos in sets for v in videos.videos), quiet=True)
        net = self._new_network(
            len(train_set.classes), run.seed, inflated=arm.starts_from_2d and not arm.source
        )
        facts = {**self._network_facts(inflated=arm.starts_from_2d), "data": train_set.name}
        before = 0
        if arm.source is not None:
            path = self.pretraining_folder(run.arm, run.seed) / "network.safetensors"
            weights, sidecar = load_checkpoint(path)
            transfer(weights, net)
            facts["start"] = f"{run.arm}, {sidecar['sha256']}"
            before = self.protocol.pretraining.steps
        if held_out is not None:
            facts["held_out"] = self.digests.of_videos(held_out)
        options = self.protocol.convergence
        if run.steps is not None:
            options = replace(self.protocol.finetuning, steps=run.steps)
        folder = run.folder(self.out)
        metrics = train(
            net,
            train_set,
            views=self.protocol.views,
            options=options,
            seed=run.seed,
            store=self.store,
            fabric=self.fabric,
            folder=folder,
            facts=facts,
            title=run.title,
            compute=self.compute,
            digests=self.digests,
            held_out=self._held_out_measure(held_out) if held_out else None,
        )
        probabilities = self._predict(net, test_set, folder, title=f"{run.title}, testing")
        labels = np.array([v.label for v in test_set.videos])
        scores = score(probabilities, labels)
        batch = min(options.batch, len(train_set))
        return RunResult(
            init=run.arm,
            split=run.split,
            seed=run.seed,
            share=run.share,
            converged=run.steps is None,
            names=tuple(v.name for v in test_set.videos),
            groups=tuple(v.group for v in test_set.videos),
            labels=labels,
            predicted=probabilities.argmax(1),
            top1=scores.top1,
            top5=scores.top5,
            pretraining_steps=before,
            labelled_steps=int(metrics["steps_in_all"]),
            epochs=int(metrics["steps_in_all"]) * batch / len(train_set),
            capped=run.steps is None and int(metrics["steps_in_all"]) >= options.steps,
            training_accuracy=float(metrics["training_accuracy"]),
            folder=str(folder.relative_to(self.out)),
            seconds=time.perf_counter() - began,
        )

    def _held_out_measure(self, held_out: VideoSet) -> Any:
        """Accuracy and mean log loss of a network on the held-out videos, as they are tested."""
        labels = np.array([v.label for v in held_out.videos])
        quiet = replace(self.compute, quiet=True)

        def measure(net: nn.Module) -> tuple[float, float]:
            probabilities = predict(
                net,
                held_out,
                views=self.protocol.views,
                store=self.store,
                fabric=self.fabric,
                compute=quiet,
            )
            of_label = np.take_along_axis(probabilities, labels[:, None], axis=1)
            accuracy = float(score(probabilities, labels).top1.mean())
            return accuracy, float(-np.log(np.maximum(of_label, 1e-12)).mean())

        return measure

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
        stored = None
        if self.fabric.is_global_zero:
            stored = reusable_predictions(folder, key, len(test_set.classes), title=title)
        # All processes test, or none: each would wait for the others.
        stored = self.fabric.broadcast(stored)
        if stored is not None:
            return stored
        probabilities = predict(
            net,
            test_set,
            views=self.protocol.views,
            store=self.store,
            fabric=self.fabric,
            compute=self.compute,
            title=title,
        )
        if self.fabric.is_global_zero:
            write_predictions(folder, key, probabilities)
        return probabilities
