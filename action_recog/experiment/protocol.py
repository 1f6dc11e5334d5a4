"""What an experiment is: data, arms' sources, network, views, budgets, and the named presets.

Three comparisons, each of which gives every arm the same:

- `equal-steps`: the same optimiser steps in all. What an arm spends on films it does not have for the
  labelled videos. This is the one that claims rest on.
- `head-start`: the same steps on the labelled videos. Pretrained arms have had more in all, which the
  table says; a difference here says how far ahead they are by then, not what films are worth.
- `end-point`: as many steps as it takes, on every arm's account: training goes on until videos of groups
  that were held out of the training list stop improving, up to a cap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from action_recog.datasets.films import FilmLabel
from action_recog.training.convergence import Plateau
from action_recog.training.options import TrainingOptions
from action_recog.videos.views import ViewOptions

Comparison = Literal["equal-steps", "head-start", "end-point"]
COMPARISONS: tuple[Comparison, ...] = ("equal-steps", "head-start", "end-point")

GroupUnit = Literal["auto", "class", "person"]
"""Whether UCF101's groups are of one class each, or group k of every class shows person k."""


@dataclass(frozen=True, kw_only=True)
class ExperimentProtocol:
    """Network, views and schedules of an experiment; `PRESETS` holds the named ones.

    `arch` is a name that `network` takes; `film_label` the field of a film that is its class;
    `convergence` is the training to convergence, whose `steps` are its cap; `held_out_groups` are those
    per class that end it, or that `validate` tests on.
    """

    arch: str
    views: ViewOptions
    pretraining: TrainingOptions
    finetuning: TrainingOptions
    convergence: TrainingOptions
    dropout: float = 0.5
    film_label: FilmLabel = "category"
    held_out_groups: int = 2

    def labelled_steps(self, comparison: Comparison, *, pretrained: bool) -> int | None:
        """Steps on the labelled videos for an arm, None until it has converged."""
        if comparison == "end-point":
            return None
        if comparison == "equal-steps" and not pretrained:
            return self.pretraining.steps + self.finetuning.steps
        return self.finetuning.steps


@dataclass(frozen=True, kw_only=True)
class ExperimentData:
    """Where the data lie: UCF101's videos and lists, and what arms are pretrained on.

    `films` are folders of films or of class folders by the arm's name; for those in `shuffled` there is
    an arm with shuffled labels, too. `diversity` are numbers of textures to choose from the films of
    `diversity_films` at equal clips and motions. `splits` are those of UCF101; `film_splits` the splits
    of the motions whose films are used; `label_shares` are percentages of the labelled videos;
    `weights_2d` a file of 2D weights, an arm of its own, from which pretraining starts, too, with
    `pretrain_from_2d`. With `validate` no test list is opened: groups held out of the training lists are
    tested on.
    """

    videos: Path
    lists: Path
    films: Mapping[str, Path]
    splits: tuple[int, ...] = (1, 2, 3)
    film_splits: tuple[str, ...] = ("train", "val", "test")
    shuffled: tuple[str, ...] = ()
    diversity: tuple[int, ...] = ()
    diversity_films: Path | None = None
    label_shares: tuple[int, ...] = (100,)
    weights_2d: Path | None = None
    pretrain_from_2d: bool = False
    groups: GroupUnit = "auto"
    skip_missing: bool = False
    validate: bool = False


_SMALL = TrainingOptions(
    steps=600,
    optimiser="adamw",
    batch=16,
    lr=0.002,
    weight_decay=0.02,
    warmup=0.1,
    precise_bn=8,
    checkpoint_every=10,
)

PRESETS: dict[str, ExperimentProtocol] = {
    # The network and views of the non-local paper (8 x 8 variant, 30 views). RSTG publishes no
    # schedule; this one is usual for UCF101's 9.5k training videos. It was chosen on nothing of ours: it
    # awaits `synth eval-ucf101 --preset paper --validate` with other `--lr-...` on a machine that has
    # UCF101 and a GPU.
    "paper": ExperimentProtocol(
        arch="i3d-nl-r50",
        views=ViewOptions(),
        pretraining=TrainingOptions(
            steps=31_680, batch=64, lr=0.01, schedule="step", precise_bn=200
        ),
        finetuning=TrainingOptions(steps=7_450, batch=64, lr=0.01, schedule="step", precise_bn=200),
        convergence=TrainingOptions(
            steps=60_000,
            batch=64,
            lr=0.01,
            precise_bn=200,
            plateau=Plateau(check_every=745, patience=5, drops=2),
        ),
        held_out_groups=3,
    ),
    # The same method for two processor cores and some hundred short videos. Batch, optimiser, rate and
    # decay are older than the rule that no test list may choose them. `synth eval-ucf101 --videos UCF101
    # --validate --compare head-start,end-point --lr-finetune RATE --out RATE` for 0.001, 0.002 and 0.004
    # chooses the rate: that of the best end point is taken. On 52 videos of a stand-in (docs/results.md)
    # the three could not be told apart after 600 steps, and the rate has stayed.
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
        convergence=TrainingOptions(
            steps=6_000,
            optimiser="adamw",
            batch=16,
            lr=0.002,
            weight_decay=0.02,
            precise_bn=8,
            checkpoint_every=10,
            plateau=Plateau(check_every=100, patience=6, drops=1, warmup_steps=60),
        ),
        dropout=0.0,
    ),
}
