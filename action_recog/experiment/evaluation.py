"""Video-level accuracy: the softmax of every view, averaged over the views of a video.

Not clip accuracy, and not a vote: the field's favourite mistakes (section 4.1 of the non-local
paper averages softmax scores over 10 clips x 3 crops).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from action_recog.training.loop import Machine
from action_recog.videos.frame_store import FrameStore
from action_recog.videos.labelled_videos import VideoSet
from action_recog.videos.views import ViewOptions, standardise, test_indices, test_views


class TestClips(Dataset):
    """Video number -> all its views, uint8 (views,3,T,size,size)."""

    __test__ = False

    def __init__(self, videos: VideoSet, store: FrameStore, views: ViewOptions) -> None:
        self.videos, self.store, self.views = videos, store, views

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, index: int) -> Tensor:
        video = self.videos.videos[index]
        stored = self.store[video.path]
        clips = test_indices(stored.count, self.views, frame_rate=stored.frame_rate)
        frames = self.store.frames(video.path, clips.reshape(-1))
        frames = frames.reshape(*clips.shape, *frames.shape[1:])
        return torch.from_numpy(np.concatenate([test_views(clip, self.views) for clip in frames]))


def _chunks(loader: DataLoader, views: int, at_once: int) -> Iterator[Tensor]:
    """Views of consecutive videos, about `at_once` at a time, whole videos only."""
    waiting: list[Tensor] = []
    for video in loader:
        waiting.append(video)
        if len(waiting) * views >= at_once:
            yield torch.cat(waiting)
            waiting = []
    if waiting:
        yield torch.cat(waiting)


@torch.no_grad()
def predict(
    network: nn.Module,
    videos: VideoSet,
    *,
    views: ViewOptions,
    store: FrameStore,
    fabric,
    machine: Machine | None = None,
    at_once: int = 64,
    title: str = "Testing",
) -> np.ndarray:
    """Class probabilities (videos, classes) float32: the mean softmax over each video's views."""
    machine = machine or Machine()
    count = views.test_clips * views.test_crops
    loader = DataLoader(
        TestClips(videos, store, views), batch_size=None, num_workers=machine.workers
    )
    training = network.training
    network.eval()
    found = []
    with tqdm(
        total=len(videos), desc=title, unit="video", disable=machine.quiet, mininterval=1.0
    ) as bar:
        for chunk in _chunks(loader, count, at_once):
            clips = standardise(chunk.to(fabric.device))
            clips = clips.contiguous(memory_format=torch.channels_last_3d)
            with fabric.autocast():
                logits = network(clips)
            softmax = torch.softmax(logits.float(), dim=1)
            found.append(softmax.reshape(-1, count, softmax.shape[1]).mean(1).cpu().numpy())
            bar.update(len(found[-1]))
    network.train(training)
    return np.concatenate(found)


@dataclass(frozen=True)
class VideoScores:
    """Per video: whether the label is the best class, and whether it is among the best five."""

    top1: np.ndarray
    top5: np.ndarray

    def percentages(self) -> tuple[float, float]:
        return 100 * float(self.top1.mean()), 100 * float(self.top5.mean())


def score(probabilities: np.ndarray, labels: np.ndarray) -> VideoScores:
    """Top-1 and top-5 of probabilities (N,C) against labels (N,).

    The rank of a label counts the classes that are better, and those equal to it before it.

    >>> found = score(np.array([[0.2, 0.5, 0.3], [0.1, 0.6, 0.3]]), np.array([1, 2]))
    >>> found.percentages()
    (50.0, 100.0)
    """
    own = np.take_along_axis(probabilities, labels[:, None], axis=1)
    before = np.arange(probabilities.shape[1])[None] < labels[:, None]
    rank = ((probabilities > own) | ((probabilities == own) & before)).sum(1)
    return VideoScores(rank < 1, rank < 5)


@dataclass(frozen=True)
class PairedDifference:
    """Accuracy of A minus accuracy of B in percentage points, with a bootstrap interval (95 %) and
    a two-sided p value for "no difference"."""

    difference: float
    low: float
    high: float
    p: float


def paired_bootstrap(
    a: np.ndarray,
    b: np.ndarray,
    *,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
    draws: int = 10_000,
) -> PairedDifference:
    """Resample videos (or whole `groups` of them) with both systems' results kept together.

    `a` and `b` (N,) hold each video's result, 0..1. Videos of one group show the same scene, so
    resampling groups gives the wider and more honest interval.
    """
    names = np.arange(len(a)) if groups is None else np.unique(groups, return_inverse=True)[1]
    units = int(names.max()) + 1
    gain = np.bincount(names, weights=np.asarray(a, float) - np.asarray(b, float), minlength=units)
    size = np.bincount(names, minlength=units).astype(float)
    means = np.empty(draws)
    for begin in range(0, draws, 500):
        chosen = rng.integers(0, units, (min(500, draws - begin), units))
        means[begin : begin + len(chosen)] = gain[chosen].sum(1) / size[chosen].sum(1)
    low, high = np.percentile(100 * means, [2.5, 97.5])
    tail = min(np.count_nonzero(means <= 0), np.count_nonzero(means >= 0))
    return PairedDifference(
        100 * float(gain.sum() / size.sum()),
        float(low),
        float(high),
        min(1.0, 2 * (tail + 1) / (draws + 1)),
    )
