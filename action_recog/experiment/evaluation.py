"""Video-level accuracy: the softmax of every view, averaged over the views of a video.

Not clip accuracy, and not a vote: the field's favourite mistakes (section 4.1 of the non-local
paper averages softmax scores over 10 clips x 3 crops).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from action_recog.errors import BadInput
from action_recog.training.options import ComputeOptions
from action_recog.training.processes import rows_of_all, share_of
from action_recog.videos.frame_store import FrameStore
from action_recog.videos.labelled_videos import LabelledVideo, VideoSet
from action_recog.videos.ordered_loading import load_in_order
from action_recog.videos.views import ViewOptions, standardise, test_indices, test_views

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def _test_clips(video: LabelledVideo, store: FrameStore, views: ViewOptions) -> Tensor:
    """All views of a video, uint8 (views,3,T,size,size)."""
    stored = store[video.path]
    clips = test_indices(stored.count, views, frame_rate=stored.frame_rate)
    frames = store.frames(video.path, clips.reshape(-1))
    frames = frames.reshape(*clips.shape, *frames.shape[1:])
    return torch.from_numpy(np.concatenate([test_views(clip, views) for clip in frames]))


def _chunks(videos: Iterable[Tensor], views: int, views_per_batch: int) -> Iterator[Tensor]:
    """Views of consecutive videos, about `views_per_batch` at a time, whole videos only."""
    waiting: list[Tensor] = []
    for video in videos:
        waiting.append(video)
        if len(waiting) * views >= views_per_batch:
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
    fabric: Fabric,
    compute: ComputeOptions | None = None,
    views_per_batch: int = 64,
    title: str = "Testing",
) -> np.ndarray:
    """Predict the class probabilities of every video: the mean softmax over its views.

    Several processes test each video once between them, and all return the whole.

    Args:
        network: Network over clips, on the device of `fabric`; its mode is restored afterwards.
        videos: Videos to test.
        views: How the views of a video are cut.
        store: Decoded frames, filled with these videos.
        fabric: Device and precision.
        compute: Loading threads and whether to show progress.
        views_per_batch: Number of views that go through the network together, about.
        title: Text of the progress bar.

    Returns:
        Probabilities (videos, classes) float32.

    Raises:
        BadInput: For a network whose predictions are not finite.
    """
    compute = compute or ComputeOptions()
    count = views.test_clips * views.test_crops
    numbers = share_of(range(len(videos)), fabric)
    loaded = load_in_order(
        lambda number: _test_clips(videos.videos[number], store, views),
        numbers,
        threads=compute.workers,
    )
    training = network.training
    network.eval()
    probabilities = []
    with tqdm(
        total=len(numbers), desc=title, unit="video", disable=compute.quiet, mininterval=1.0
    ) as bar:
        for chunk in _chunks(loaded, count, views_per_batch):
            clips = standardise(chunk.to(fabric.device))
            clips = clips.contiguous(memory_format=torch.channels_last_3d)
            with fabric.autocast():
                logits = network(clips)
            softmax = torch.softmax(logits.float(), dim=1)
            mean = softmax.reshape(-1, count, softmax.shape[1]).mean(1)
            probabilities.append(mean.cpu().numpy())
            bar.update(len(mean))
    network.train(training)
    predictions = rows_of_all(probabilities, fabric)
    require_finite_predictions(predictions)
    return predictions


def require_finite_predictions(probabilities: np.ndarray) -> None:
    """Check that every probability (videos, classes) is finite. Raises BadInput otherwise."""
    broken = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
    if len(broken):
        raise BadInput(
            f"predictions of {len(broken)} of {len(probabilities)} videos are NaN or infinite, the "
            f"first is number {broken[0]}; expected finite probabilities; train again with "
            "--precision 32-true"
        )


@dataclass(frozen=True)
class VideoScores:
    """Per video: whether the label is the best class, and whether it is among the best five."""

    top1: np.ndarray
    top5: np.ndarray

    def percentages(self) -> tuple[float, float]:
        """Top-1 and top-5 accuracy in per cent."""
        return 100 * float(self.top1.mean()), 100 * float(self.top5.mean())


def score(probabilities: np.ndarray, labels: np.ndarray) -> VideoScores:
    """Score predictions against labels: top-1 and top-5.

    The rank of a label counts the classes that are better, and those equal to it before it.

    Args:
        probabilities: Class probabilities (N,C).
        labels: Class numbers (N,), from 0.

    Returns:
        Per video, whether the prediction is right.

    Raises:
        BadInput: For a probability that is not finite: NaN compares as if it were right.

    >>> scores = score(np.array([[0.2, 0.5, 0.3], [0.1, 0.6, 0.3]]), np.array([1, 2]))
    >>> scores.percentages()
    (50.0, 100.0)
    """
    require_finite_predictions(probabilities)
    of_label = np.take_along_axis(probabilities, labels[:, None], axis=1)
    before = np.arange(probabilities.shape[1])[None] < labels[:, None]
    rank = ((probabilities > of_label) | ((probabilities == of_label) & before)).sum(1)
    return VideoScores(rank < 1, rank < 5)
