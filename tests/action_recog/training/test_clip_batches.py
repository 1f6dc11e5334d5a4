"""Which clips an epoch has: of its seed, its number and the video, and of nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from action_recog.training.clip_batches import ClipBatches
from action_recog.videos.frame_store import StoredVideo
from action_recog.videos.labelled_videos import LabelledVideo, VideoSet
from action_recog.videos.views import ViewOptions

VIEWS = ViewOptions(frames=4, stride=2, size=16, jitter=(16, 24), colour=0.3, test_size=16)
COUNT = 11


class _Noise:
    """A store of videos of noise, all of one length."""

    def __init__(self) -> None:
        self.pictures = np.random.default_rng(0).integers(0, 255, (COUNT, 40, 24, 32, 3), np.uint8)

    def __getitem__(self, path: Path) -> StoredVideo:
        return StoredVideo(path, 40, 25.0, "linear", None)

    def frames(self, path: Path, indices: np.ndarray) -> np.ndarray:
        return self.pictures[int(path.stem)][indices]


def batches(seed: int, *, size: int = 4) -> ClipBatches:
    videos = tuple(LabelledVideo(Path(f"{n}.avi"), f"v{n}", n % 3, "g") for n in range(COUNT))
    return ClipBatches(
        VideoSet("toy", ("a", "b", "c"), videos, True), _Noise(), VIEWS, batch=size, seed=seed
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [((1, 0, 5), (2, 0, 5)), ((1, 0, 5), (1, 1, 5)), ((1, 0, 5), (1, 0, 6))],
    ids=["seed", "epoch", "video"],
)
def test_a_clip_is_of_its_seed_its_epoch_and_its_video(one, other):
    clips = [batches(seed).clip(epoch, index) for seed, epoch, index in (one, one, other)]
    assert torch.equal(clips[0], clips[1]) and not torch.equal(clips[0], clips[2])


def test_every_seed_cuts_its_own_clips_of_a_video():
    """Not only their order is the seed's: the spread over seeds would be too small."""
    clips = torch.stack([batches(seed).clip(0, 3) for seed in range(6)])
    assert len(torch.unique(clips, dim=0)) == 6


def test_an_epoch_takes_each_video_once_at_most_in_an_order_of_its_own_with_its_label(monkeypatch):
    monkeypatch.setattr(ClipBatches, "clip", lambda self, epoch, index: torch.tensor([index]))

    def order(seed: int, epoch: int) -> list[int]:
        drawn = list(batches(seed).of_epoch(epoch))
        numbers = torch.cat([clips[:, 0] for clips, _ in drawn])
        assert [len(clips) for clips, _ in drawn] == [4, 4]
        assert torch.equal(torch.cat([labels for _, labels in drawn]), numbers % 3)
        assert len(set(numbers.tolist())) == 8
        return numbers.tolist()

    epochs = [order(7, epoch) for epoch in range(12)]
    assert order(7, 0) == epochs[0] != order(8, 0)
    assert len({tuple(numbers) for numbers in epochs}) == 12
    # Three of eleven are left out of an epoch: over a training, each of them has its turn.
    assert set().union(*epochs) == set(range(COUNT))
