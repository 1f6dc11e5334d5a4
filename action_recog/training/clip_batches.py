"""Batches of training clips: what is drawn depends on (seed, epoch, video) alone."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from torch import Tensor

from action_recog.training.processes import check_batch
from action_recog.videos.frame_store import FrameStore
from action_recog.videos.labelled_videos import VideoSet
from action_recog.videos.ordered_loading import LoadingRates, OrderedLoader
from action_recog.videos.views import ViewOptions, training_indices, training_view


class ClipBatches:
    """Random clips of every video, in batches; the last videos of an epoch may fill none.

    Args:
        videos: Training set.
        store: Decoded frames, filled with these videos.
        views: How clips are cut.
        batch: Clips per batch.
        seed: With the epoch and the video's number, it determines every clip.
        threads: Threads that load clips; 0 loads in the caller's.
        rank: Number of this process, of `processes` that share every batch evenly between them.
        processes: Number of processes.
        loaders: Processes that load clips, in place of threads.
    """

    def __init__(
        self,
        videos: VideoSet,
        store: FrameStore,
        views: ViewOptions,
        *,
        batch: int,
        seed: int,
        threads: int = 0,
        rank: int = 0,
        processes: int = 1,
        loaders: int = 0,
    ) -> None:
        check_batch(batch, processes)
        self.videos, self.store, self.views = videos, store, views
        self.batch, self.seed = batch, seed
        self.rank, self.processes = rank, processes
        self._loader = OrderedLoader(self._clip_of_key, threads=threads, processes=loaders)

    @property
    def rates(self) -> LoadingRates:
        """Clips per second of the loader, and of who uses them, in the latest epoch."""
        return self._loader.rates

    def close(self) -> None:
        """End the threads or processes that load."""
        self._loader.close()

    def __getstate__(self) -> dict[str, object]:
        """What a loading process gets: no workers."""
        return {**self.__dict__, "_loader": None}

    def _clip_of_key(self, key: tuple[int, int]) -> Tensor:
        return self.clip(*key)

    def __len__(self) -> int:
        return len(self.videos) // self.batch

    def of_epoch(self, epoch: int) -> Generator[tuple[Tensor, Tensor], None, None]:
        """Draw the batches of an epoch.

        Args:
            epoch: Number of the epoch, from 0.

        Returns:
            Clips (B,3,T,size,size) uint8 and labels (B,) int64, one batch after the other; of each
            batch every process has its own part.
        """
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.videos))
        numbers = order[: len(self) * self.batch][self.rank :: self.processes].tolist()
        size = self.batch // self.processes
        clips = self._loader.load([(epoch, index) for index in numbers])
        waiting: list[Tensor] = []
        for clip in clips:
            waiting.append(clip)
            if len(waiting) == size:
                chosen, numbers = numbers[:size], numbers[size:]
                labels = torch.tensor([self.videos.videos[index].label for index in chosen])
                yield torch.stack(waiting), labels
                waiting = []

    def clip(self, epoch: int, index: int) -> Tensor:
        """Draw a video's clip (3,T,size,size) uint8 of an epoch; `index` is the video's number."""
        rng = np.random.default_rng([self.seed, epoch, index, 1])
        video = self.videos.videos[index]
        stored = self.store[video.path]
        indices = training_indices(stored.count, self.views, rng, frame_rate=stored.frame_rate)
        view = training_view(self.store.frames(video.path, indices), self.views, rng)
        return torch.from_numpy(view)
