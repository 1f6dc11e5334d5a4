"""Arms: ways to initialise the network that is then trained and tested on UCF101.

An arm says what it is pretrained on, if anything; everything else is the same for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from action_recog.datasets.class_folders import read_class_folders
from action_recog.datasets.films import (
    Film,
    FilmLabel,
    is_film_folder,
    labelled_films,
    list_films,
    read_films,
)
from action_recog.datasets.subsets import choose_by_texture, shuffle_labels
from action_recog.datasets.webdataset import is_shard_folder, read_class_shards
from action_recog.errors import BadInput
from action_recog.experiment.protocol import ExperimentData
from action_recog.videos.labelled_videos import VideoSet

SCRATCH = "from scratch"


class Arm(Protocol):
    """One way to initialise the network that is then trained and tested on UCF101."""

    @property
    def name(self) -> str:
        """Name of the arm in the tables, unique in an experiment."""
        ...

    @property
    def initial_weights(self) -> str:
        """What the network is at its first step on the labelled videos."""
        ...

    @property
    def starts_from_2d(self) -> bool:
        """Whether its first step of all is taken from the 2D weights."""
        ...

    @property
    def source(self) -> str | None:
        """Name of the videos that it is pretrained on, None without pretraining."""
        ...

    def pretraining_set(self, videos: PretrainingVideos, seed: int) -> VideoSet:
        """The labelled videos that it is pretrained on with a seed."""
        ...


class PretrainingVideos:
    """The videos that arms are pretrained on, as they are listed, and which of them are readable.

    Raises BadInput for a folder that cannot be used.

    Args:
        data: Where they lie.
        label: What is the class of a film.
    """

    def __init__(self, data: ExperimentData, label: FilmLabel) -> None:
        self.data, self.label = data, label
        self.sets: dict[str, VideoSet] = {}
        for name, folder in data.films.items():
            if is_film_folder(folder):
                self.sets[name] = read_films(folder, label=label, splits=data.film_splits)
            elif is_shard_folder(folder):
                self.sets[name] = read_class_shards(folder)
            else:
                self.sets[name] = read_class_folders(folder)
        self.films: list[Film] = []
        if data.diversity:
            if data.diversity_films is None:
                raise BadInput("--diversity chooses among films; give --films FOLDER")
            self.films = list_films(data.diversity_films, splits=data.film_splits)

    @property
    def paths(self) -> list[Path]:
        """Files of all videos."""
        of_sets = [video.path for videos in self.sets.values() for video in videos.videos]
        return of_sets + [film.path for film in self.films]

    def keep(self, readable: Mapping[Path, object] | set[Path]) -> None:
        """Leave out videos that cannot be decoded. Raises BadInput where no two are left."""
        for name, videos in self.sets.items():
            remaining = [video for video in videos.videos if video.path in readable]
            if len(remaining) < 2:
                raise BadInput(f"{videos.name}: fewer than two videos could be decoded")
            self.sets[name] = videos.subset(remaining, name=videos.name)
        self.films = [film for film in self.films if film.path in readable]
        if self.data.diversity:
            choose_by_texture(self.films, self.data.diversity, seed=0)

    def of_textures(self, count: int, seed: int) -> VideoSet:
        """Films in a number of textures; those of all numbers show as many clips of equal motions."""
        films = choose_by_texture(self.films, self.data.diversity, seed=seed)[count]
        return labelled_films(films, name=f"films in {count} textures", label=self.label)


@dataclass(frozen=True)
class FromScratch:
    """The network as it is made, at random."""

    name: str = SCRATCH
    initial_weights: str = "random"
    starts_from_2d: bool = False
    source: str | None = None

    def pretraining_set(self, videos: PretrainingVideos, seed: int) -> VideoSet:
        """There is none."""
        raise LookupError("nothing is trained before")


@dataclass(frozen=True)
class From2DWeights:
    """The network inflated from the 2D weights of a file, whose own training is not counted."""

    file: str
    starts_from_2d: bool = True
    source: str | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.file} inflated"

    @property
    def initial_weights(self) -> str:
        """The file's name, since only it is known."""
        return f"2D weights {self.file}, inflated (its own steps not counted)"

    def pretraining_set(self, videos: PretrainingVideos, seed: int) -> VideoSet:
        """There is none."""
        raise LookupError("nothing is trained before")


@dataclass(frozen=True)
class Pretrained:
    """The network trained on the videos of a name before, or on them with shuffled labels."""

    source: str
    starts_from_2d: bool = False
    shuffled: bool = False

    @property
    def name(self) -> str:
        """Name of the videos."""
        return f"{self.source}, labels shuffled" if self.shuffled else self.source

    @property
    def initial_weights(self) -> str:
        """The videos, and what their training started from."""
        return f"trained on {self.name}{', from 2D weights' * self.starts_from_2d}"

    def pretraining_set(self, videos: PretrainingVideos, seed: int) -> VideoSet:
        """The videos; shuffled, each seed has labels of its own."""
        chosen = videos.sets[self.source]
        return shuffle_labels(chosen, seed=seed) if self.shuffled else chosen


@dataclass(frozen=True)
class PretrainedInTextures:
    """The network trained on films in so many textures; each seed has a choice of its own."""

    count: int
    starts_from_2d: bool = False

    @property
    def source(self) -> str:
        """Name of the choice."""
        return f"{self.count} texture{'s' * (self.count > 1)}"

    @property
    def name(self) -> str:
        """Name of the choice."""
        return self.source

    @property
    def initial_weights(self) -> str:
        """The films, and what their training started from."""
        return f"trained on films in {self.name}{', from 2D weights' * self.starts_from_2d}"

    def pretraining_set(self, videos: PretrainingVideos, seed: int) -> VideoSet:
        """The films."""
        return videos.of_textures(self.count, seed)


def arms_of(data: ExperimentData) -> tuple[Arm, ...]:
    """The arms of an experiment, from scratch first.

    Raises:
        BadInput: Where two arms have one name, or labels are to be shuffled of a set that is not there.
    """
    inflated = data.pretrain_from_2d
    if inflated and data.weights_2d is None:
        raise BadInput("pretraining from 2D weights wants a file of them; give --weights-2d FILE")
    arms: list[Arm] = [FromScratch()]
    if data.weights_2d is not None:
        arms.append(From2DWeights(data.weights_2d.name))
    arms += [Pretrained(name, inflated) for name in data.films]
    for name in data.shuffled:
        if name not in data.films:
            raise BadInput(
                f"--shuffled {name}: no such set to pretrain on; there are {', '.join(data.films)}"
            )
        arms.append(Pretrained(name, inflated, shuffled=True))
    arms += [PretrainedInTextures(count, inflated) for count in sorted(data.diversity)]
    _refuse_equal_names(arms)
    return tuple(arms)


def folder_name(arm: str) -> str:
    """The name of an arm as a folder has it."""
    return re.sub(r"[^\w.,+=-]+", "-", arm).lstrip(".")


def _refuse_equal_names(arms: Sequence[Arm]) -> None:
    names = [folder_name(arm.name) for arm in arms]
    twice = [arm.name for arm, name in zip(arms, names) if names.count(name) > 1]
    if twice:
        raise BadInput(f"two arms cannot be called {twice[0]!r}; name the videos otherwise")
