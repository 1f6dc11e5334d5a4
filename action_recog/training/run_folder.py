"""The folder of a training: checkpoints to go on from, and what may be re-used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
from msgspec import Meta
from torch import Tensor, nn

from action_recog.errors import BadInput
from action_recog.json_files import decode_json, read_bounded_file, read_json
from action_recog.training.checkpoints import (
    load_checkpoint,
    revision,
    save_checkpoint,
    write_text_whole,
)
from action_recog.training.convergence import HeldOutCheck, convergence
from action_recog.training.messages import announce
from action_recog.training.options import TrainingOptions

_Figure = Annotated[int, Meta(ge=0, le=2**53)] | float


@dataclass(frozen=True, kw_only=True)
class _RunCard:
    """The card of a checkpoint after a full epoch."""

    config: dict[str, Any]
    epochs_done: Annotated[int, Meta(ge=1, le=10**6)]
    metrics: dict[str, _Figure]
    checks: list[HeldOutCheck] = field(default_factory=list)
    best_metrics: dict[str, _Figure] = field(default_factory=dict)


@dataclass
class TrainingProgress:
    """How far a training is; `best` is the state of the network at the best check, if any."""

    epochs_done: int = 0
    metrics: dict[str, Any] = field(default_factory=dict)
    checks: list[HeldOutCheck] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_metrics: dict[str, Any] = field(default_factory=dict)

    def is_over(self, epochs: int, options: TrainingOptions) -> bool:
        """Whether the budget of epochs is used up or the held-out videos have ended the training."""
        if options.plateau and convergence(self.checks, options.plateau)[1]:
            return True
        return self.epochs_done >= epochs


def _optimiser_state(network: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"optimiser.{key}.{name}": value
        for name, parameter in network.named_parameters()
        for key, value in optimiser.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def _differences(stored: dict[str, Any], config: dict[str, Any]) -> str:
    """The keys in which two configurations differ, with both values."""
    values = []
    for key in sorted(stored.keys() | config.keys()):
        old, new = stored.get(key), config.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            if old != new:
                values.append(f"{key}: {_differences(old, new)}")
        elif old != new:
            values.append(f"{key} was {_short(old)}, is {_short(new)}")
    return ", ".join(values)


def _short(value: object) -> str:
    text = "not recorded" if value is None else json.dumps(value)
    return text if len(text) <= 90 else f"{text[:87]}..."


def _refuse_another_run(path: Path, stored: dict[str, Any], config: dict[str, Any]) -> None:
    if stored == config:
        return
    if stored.get("content") != config["content"]:
        kind = "with other data (content: names, labels and bytes of the videos)"
    else:
        kind = "with another configuration"
    raise BadInput(
        f"{path}: was written by a run {kind}: {_differences(stored, config)}; "
        "give another output folder, or remove this one"
    )


def restore_progress(
    path: Path,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    config: dict[str, Any],
    *,
    title: str,
) -> TrainingProgress:
    """Load a checkpoint into network and optimiser.

    Returns:
        How far the training is: at its beginning where there is no checkpoint, or a torn one, which
        is said.

    Raises:
        BadInput: For the checkpoint of another configuration or of other data.
    """
    card_path = path.with_suffix(".json")
    if not path.is_file() and not card_path.is_file():
        return TrainingProgress()
    try:
        card = read_json(card_path, _RunCard, advice="it is written again")
    except BadInput as error:
        announce(f"{title}: starts again, because its checkpoint's card cannot be read: {error}")
        return TrainingProgress()
    _refuse_another_run(path, card.config, config)
    try:
        tensors, _ = load_checkpoint(path)
        epochs = int(config["epochs"])
        if card.epochs_done > epochs:
            raise BadInput(f"{card_path}: {card.epochs_done} epochs of {epochs} are done")
        expected = {"step", "clips", "accuracy", "training_accuracy"}
        for metrics in (card.metrics, card.best_metrics if card.checks else card.metrics):
            if not metrics.keys() >= expected:
                raise BadInput(
                    f"{card_path}: the metrics lack some of {', '.join(sorted(expected))}"
                )
        state, optimiser_state = _fitting_states(tensors, network)
        best = _network_state(tensors, network, prefix="best") if card.checks else {}
    except BadInput as error:
        announce(f"{title}: starts again, because its checkpoint cannot be used: {error}")
        return TrainingProgress()
    network.load_state_dict(state)
    optimiser.state.update(optimiser_state)
    return TrainingProgress(card.epochs_done, card.metrics, card.checks, best, card.best_metrics)


def _network_state(
    tensors: Mapping[str, Tensor], network: nn.Module, *, prefix: str
) -> dict[str, Tensor]:
    """The network's state among tensors. Raises BadInput for those of another network."""
    state = {}
    for name, value in network.state_dict().items():
        stored = tensors.get(f"{prefix}.{name}")
        if stored is None or stored.shape != value.shape:
            shape = "nothing" if stored is None else str(tuple(stored.shape))
            raise BadInput(f"found {shape} for {name}, expected {tuple(value.shape)}")
        state[name] = stored
    return state


def _fitting_states(
    tensors: Mapping[str, Tensor], network: nn.Module
) -> tuple[dict[str, Tensor], dict[Tensor, dict[str, Tensor]]]:
    """The network's and the optimiser's state of a checkpoint.

    Raises:
        BadInput: For tensors of another network; nothing is changed then.
    """
    state = _network_state(tensors, network, prefix="network")
    optimiser_state: dict[Tensor, dict[str, Tensor]] = {}
    for name, parameter in network.named_parameters():
        for key in ("momentum_buffer", "exp_avg", "exp_avg_sq", "step"):
            saved = tensors.get(f"optimiser.{key}.{name}")
            if saved is None:
                continue
            if key != "step":
                if saved.shape != parameter.shape:
                    raise BadInput(
                        f"found {tuple(saved.shape)} for {key} of {name}, expected "
                        f"{tuple(parameter.shape)}"
                    )
                saved = torch.empty_like(parameter).copy_(saved)  # the layout of the parameter
            optimiser_state.setdefault(parameter, {})[key] = saved
    return state, optimiser_state


def run_is_finished(path: Path, config: dict[str, Any], *, title: str) -> bool:
    """Whether the network of a run is there and whole; says so where it is there and torn."""
    if not path.is_file() and not path.with_suffix(".json").is_file():
        return False
    try:
        _, facts = load_checkpoint(path)
        return facts.get("config") == config
    except BadInput as error:
        announce(f"{title}: written again from its last checkpoint, because {error}")
        return False


def truncate_metrics(path: Path, epochs: int, *, title: str) -> list[dict[str, Any]]:
    """Cut metrics.jsonl back to the epochs that the checkpoint holds; torn lines are said."""
    rows: list[dict[str, Any]] = []
    lines: list[bytes] = []
    if path.is_file():
        try:
            lines = read_bounded_file(path, advice="it is written again").splitlines()
        except BadInput as error:
            announce(f"{title}: all its lines are left out: {error}")
    for number, line in enumerate(lines, 1):
        try:
            row = decode_json(line, dict[str, _Figure])
            if not isinstance(row.get("epoch"), int):
                raise BadInput("no epoch")
        except BadInput:
            announce(f"{title}: {path}, line {number} is torn and left out")
            continue
        if row["epoch"] < epochs:
            rows.append(row)
    write_text_whole(path, "".join(json.dumps(row) + "\n" for row in rows))
    return rows


def save_progress(
    path: Path,
    progress: TrainingProgress,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    config: dict[str, Any],
) -> None:
    tensors = {f"network.{k}": v for k, v in network.state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in progress.best.items()}
    card = _RunCard(
        config=config,
        epochs_done=progress.epochs_done,
        metrics=progress.metrics,
        checks=progress.checks,
        best_metrics=progress.best_metrics,
    )
    save_checkpoint(path, {**tensors, **_optimiser_state(network, optimiser)}, asdict(card))


def save_trained(
    path: Path, network: nn.Module, config: dict[str, Any], metrics: dict[str, Any]
) -> None:
    """Write a trained network, with its run's configuration and metrics beside it."""
    facts = {"config": config, "metrics": metrics, "git_revision": revision()}
    save_checkpoint(path, network.state_dict(), facts)
