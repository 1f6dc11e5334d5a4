"""The labelled videos of an experiment: what is trained on, tested on, and ends a training.

A training to convergence ends by groups that are held out of the training list. With `validate` the
tested videos are such groups, too (others), and no test list is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from action_recog.datasets.subsets import groups_of_people, label_share
from action_recog.datasets.ucf101 import carve_validation, load_split, load_training_set
from action_recog.errors import BadInput
from action_recog.experiment.protocol import ExperimentData
from action_recog.videos.labelled_videos import VideoSet

NAMES_SHOWN = 10


@dataclass(frozen=True)
class LabelledSplit:
    """The videos of a split that can be used, and how many are listed, without those that cannot."""

    train: VideoSet
    test: VideoSet
    listed_train: int
    listed_test: int

    @property
    def partial(self) -> str:
        """What is missing of the split, "" where it is whole."""
        parts = [
            f"{listed - len(videos)} of {listed} {side} videos"
            for side, videos, listed in (
                ("test", self.test, self.listed_test),
                ("training", self.train, self.listed_train),
            )
            if len(videos) < listed
        ]
        return " and ".join(parts)


class LabelledSplits:
    """The splits of an experiment, by number.

    Args:
        data: Where they lie.
        held_out_groups: Groups per class that are held out of a training list.

    Raises:
        BadInput: As `load_split`.
    """

    def __init__(self, data: ExperimentData, held_out_groups: int) -> None:
        self.data, self.held_out_groups = data, held_out_groups
        self.splits: dict[int, LabelledSplit] = {}
        self.missing: dict[int, list[str]] = {}
        for split in data.splits:
            if data.validate:
                listed, self.missing[split] = load_training_set(
                    data.videos, data.lists, split, skip_missing=data.skip_missing
                )
                train, test = self.carve(self._grouped(listed), split, purpose=0)
                if not len(test):
                    raise BadInput(
                        f"{data.lists}: split {split}: no group can be held out of the training list; "
                        "expected classes of at least two groups"
                    )
                counts = len(train) + len(self.missing[split]), len(test)
            else:
                train, test, self.missing[split] = load_split(
                    data.videos, data.lists, split, skip_missing=data.skip_missing
                )
                train, test = self._grouped(train), self._grouped(test)
                absent_test = _count_absent(self.missing[split], data.lists, split)
                counts = (
                    len(train) + len(self.missing[split]) - absent_test,
                    len(test) + absent_test,
                )
            self.splits[split] = LabelledSplit(train, test, *counts)

    def _grouped(self, videos: VideoSet) -> VideoSet:
        by_person = self.data.groups == "person" or (self.data.groups == "auto" and videos.stand_in)
        return groups_of_people(videos) if by_person else videos

    @property
    def paths(self) -> list[Path]:
        """Files of all videos."""
        return [
            video.path
            for split in self.splits.values()
            for videos in (split.train, split.test)
            for video in videos.videos
        ]

    def keep(self, failures: Mapping[Path, str]) -> None:
        """Leave out videos that cannot be decoded.

        Raises:
            BadInput: For a test video without `skip_missing`: accuracy on the others is another figure;
                and where all of a side cannot be decoded.
        """
        for number, split in self.splits.items():
            sides = []
            for videos in (split.train, split.test):
                remaining = videos.subset(
                    (v for v in videos.videos if v.path not in failures), name=videos.name
                )
                if not len(remaining):
                    first = failures[videos.videos[0].path]
                    raise BadInput(
                        f"{videos.name}: not one video could be decoded; the first: {first}"
                    )
                sides.append(remaining)
            unreadable = [v for v in split.test.videos if v.path in failures]
            if unreadable and not self.data.skip_missing:
                names = ", ".join(v.path.name for v in unreadable[:NAMES_SHOWN])
                raise BadInput(
                    f"{len(unreadable)} of the {split.listed_test} test videos of split {number} cannot "
                    f"be decoded ({names}), the first because: {failures[unreadable[0].path]}; accuracy "
                    "on the others would be another figure: mend them, or give --skip-missing and have "
                    "the table marked as partial"
                )
            self.splits[number] = LabelledSplit(
                sides[0], sides[1], split.listed_train, split.listed_test
            )

    def carve(self, videos: VideoSet, split: int, *, purpose: int) -> tuple[VideoSet, VideoSet]:
        """Hold groups out of a training set, the same for every arm and seed.

        Args:
            videos: Training set.
            split: Number of its split.
            purpose: 0 to test on, 1 to end a training.

        Returns:
            What remains, and the videos that are held out.
        """
        rng = np.random.default_rng([split, purpose])
        return carve_validation(videos, groups=self.held_out_groups, rng=rng)

    def training_sets(
        self, split: int, *, share: int, seed: int, to_convergence: bool
    ) -> tuple[VideoSet, VideoSet | None]:
        """What a run is trained on, and what ends it.

        Args:
            split: Number of the split.
            share: Percentage of the labelled videos.
            seed: Seed of the run: each has a share of its own.
            to_convergence: Whether held-out videos end the training.

        Returns:
            The training set, and the held-out videos of a training to convergence.

        Raises:
            BadInput: Where no group can be held out.
        """
        train = label_share(self.splits[split].train, share, seed=seed)
        if not to_convergence:
            return train, None
        train, held_out = self.carve(train, split, purpose=1)
        if not len(held_out):
            raise BadInput(
                f"{train.name}: no group can be held out of it to end a training to convergence; "
                "expected classes of at least two groups; or leave the comparison end-point out"
            )
        return train, held_out

    @property
    def partial(self) -> dict[int, str]:
        """What is missing of each split that is not whole."""
        return {n: split.partial for n, split in self.splits.items() if split.partial}


def _count_absent(missing: list[str], lists: Path, split: int) -> int:
    """How many of the missing videos are of the test list."""
    from action_recog.datasets.ucf101 import read_split

    if not missing:
        return 0
    tested = {video.relative for video in read_split(lists, split)[1]}
    return sum(name in tested for name in missing)
