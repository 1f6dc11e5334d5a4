"""Parts of labelled sets, the same for every arm: shares of the labels, textures, shuffled labels."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from action_recog.datasets.films import Film
from action_recog.errors import BadInput
from action_recog.videos.labelled_videos import VideoSet


def _shuffle_key(seed: int, *words: str) -> bytes:
    """A place in an order that depends on the seed and the words alone."""
    return hashlib.sha256("\0".join([str(seed), *words]).encode()).digest()


def label_share(train: VideoSet, percent: int, *, seed: int) -> VideoSet:
    """A share of the labelled videos, by whole groups of every class.

    Shares of one seed are nested: 10 % lie within 25 %. Groups that several classes have (people) are
    taken in the same order in each.

    Args:
        train: Training set.
        percent: Share of every class's groups, 1..100; rounded up, so that no class is left out.
        seed: Seed of the order of the groups.

    Returns:
        The chosen videos in their order.
    """
    if percent == 100:
        return train
    by_class: dict[int, set[str]] = defaultdict(set)
    for video in train.videos:
        by_class[video.label].add(video.group)
    chosen = set()
    for label, groups in by_class.items():
        names = sorted(groups, key=lambda group: _shuffle_key(seed, group))
        chosen |= {(label, name) for name in names[: math.ceil(len(names) * percent / 100)]}
    return train.subset(
        (v for v in train.videos if (v.label, v.group) in chosen),
        name=f"{train.name}, {percent} % of the labels",
    )


def shuffle_labels(videos: VideoSet, *, seed: int) -> VideoSet:
    """The same videos and as many of every class, but each with the label of another at random.

    Args:
        videos: Labelled videos.
        seed: Seed of the permutation.

    Returns:
        The videos in their order.
    """
    order = np.random.default_rng([seed, len(videos)]).permutation(len(videos))
    labels = [videos.videos[index].label for index in order]
    return videos.subset(
        (replace(video, label=label) for video, label in zip(videos.videos, labels)),
        name=f"{videos.name}, labels shuffled",
    )


def groups_of_people(videos: VideoSet) -> VideoSet:
    """The same videos in groups by number alone, where group k of every class shows person k."""
    return videos.subset(
        (
            replace(video, group=re.sub(r"^.*_(?=g\d+$)", "", video.group))
            for video in videos.videos
        ),
        name=videos.name,
    )


def choose_by_texture(
    films: Sequence[Film], counts: Sequence[int], *, seed: int
) -> dict[int, list[Film]]:
    """Choose as many films of the same motions in few textures and in many.

    Textures are nested: those of a small count are among those of a larger one. Those with most films
    come first, since the films of the smallest count are all taken, and for every other count as many
    of every sequence, of the same windows of the motion where there are such, spread over the textures.

    Args:
        films: Films with their textures.
        counts: Numbers of textures.
        seed: Decides between equals.

    Returns:
        The films of every count, each list as long as the others.

    Raises:
        BadInput: Where the films are too few or have too few textures, saying what to render.
    """
    uses = Counter(film.texture for film in films)
    if "" in uses:
        raise BadInput(f"{uses['']} films do not tell their texture in clips.jsonl; render again")
    # A film that two of the folders hold counts once.
    films = list({(_window(film), film.texture): film for film in reversed(films)}.values())[::-1]
    uses = Counter(film.texture for film in films)
    ranked = sorted(uses, key=lambda name: (-uses[name], _shuffle_key(seed, name)))
    counts = sorted(set(counts))
    if counts[-1] > len(ranked):
        raise BadInput(
            f"--diversity {counts[-1]}: the films show {len(ranked)} textures; render more, or ask for "
            "fewer"
        )
    reference = [film for film in films if film.texture in ranked[: counts[0]]]
    quota = Counter(film.sequence for film in reference)
    windows = {_window(film) for film in reference}
    chosen = {
        count: _spread(films, set(ranked[:count]), quota, windows, seed=seed) for count in counts
    }
    for count, selection in chosen.items():
        _show_missing(selection, [film for film in films if film.texture in ranked[:count]])
    for count, selection in chosen.items():
        shown = len({film.texture for film in selection})
        if shown != count:
            raise BadInput(
                f"--diversity {count}: {len(reference)} films show {counts[0]} texture(s), and as many "
                f"of the same motions show only {shown} of {count}; film the same motions in more "
                f"textures: `synth render-videos --set textures.limit={counts[0]} --out "
                f"FILMS/{counts[0]}`, likewise for each number, and give FILMS"
            )
    return chosen


def _window(film: Film) -> tuple[str, str]:
    """Sequence and window of a film: clips of a window have one file name."""
    return film.sequence, PurePosixPath(film.name).name


def _spread(
    films: Sequence[Film],
    textures: set[str],
    quota: Counter[str],
    windows: set[tuple[str, str]],
    *,
    seed: int,
) -> list[Film]:
    """As many films of every sequence as its quota, spread over textures and windows."""
    by_sequence: dict[str, list[Film]] = defaultdict(list)
    for film in films:
        if film.texture in textures:
            by_sequence[film.sequence].append(film)
    uses: Counter[str] = Counter()
    selection = []
    for sequence in sorted(quota):
        candidates = sorted(
            by_sequence[sequence], key=lambda film: _shuffle_key(seed, film.name, film.texture)
        )
        filmed: Counter[tuple[str, str]] = Counter()
        for _ in range(quota[sequence]):
            best = min(
                candidates,
                key=lambda film: (
                    filmed[_window(film)],
                    uses[film.texture],
                    _window(film) not in windows,
                ),
            )
            candidates.remove(best)
            filmed[_window(best)] += 1
            uses[best.texture] += 1
            selection.append(best)
    return selection


def _show_missing(selection: list[Film], candidates: Sequence[Film]) -> None:
    """Exchange films, in place, until as many textures are shown as exchanges can show.

    A film gives way to another of its window, or else of its motion, so that what is done stays the same.
    Films that were spread one after the other leave textures out where there are hardly more films than
    textures: a texture with a single film may find its place taken by one that had others.
    """
    for scope in (_window, lambda film: (film.sequence, "")):
        for texture in sorted({film.texture for film in candidates}):
            if texture not in {film.texture for film in selection}:
                for slot, film in _exchanges(selection, candidates, texture, scope):
                    selection[slot] = film


def _exchanges(
    selection: Sequence[Film],
    candidates: Sequence[Film],
    texture: str,
    scope: Callable[[Film], tuple[str, str]],
) -> list[tuple[int, Film]]:
    """The fewest exchanges that show one more texture and leave none out; none where there are no such.

    Args:
        selection: Films that are shown.
        candidates: All films.
        texture: One that is not shown.
        scope: Films of one scope can be exchanged.

    Returns:
        Numbers in the selection, and the films that come there.
    """
    uses = Counter(film.texture for film in selection)
    shown = {(_window(film), film.texture) for film in selection}
    slots: dict[tuple[str, str], list[int]] = defaultdict(list)
    for slot, film in enumerate(selection):
        slots[scope(film)].append(slot)
    reserves: dict[str, list[Film]] = defaultdict(list)
    for film in candidates:
        if (_window(film), film.texture) not in shown:
            reserves[film.texture].append(film)
    paths: dict[str, list[tuple[int, Film]]] = {texture: []}
    waiting = deque([texture])
    while waiting:
        displaced = waiting.popleft()
        for film in reserves[displaced]:
            for slot in slots[scope(film)]:
                path, other = [*paths[displaced], (slot, film)], selection[slot].texture
                if uses[other] > 1:
                    return path
                if other not in paths:
                    paths[other] = path
                    waiting.append(other)
    return []
