"""The training loop of every network here: one Fabric loop, resumable, the same from the same seed.

A run is a folder: config.json, metrics.jsonl, TensorBoard events and checkpoint.safetensors (networks,
optimisers and step in one file, so that it is whole or absent). All randomness of step k comes from
(seed, rank, k): a run that was stopped and taken up again draws what an unbroken one would have drawn.

A step has one or more phases, each with its own optimiser: a network that is trained alone has one, an
adversarial method has one for the generator and one for the discriminator.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file, save_file
from torch import nn
from tqdm import tqdm

from mocap.errors import BadInput
from mocap.files import atomic_write

Losses = dict[str, torch.Tensor]
Networks = Mapping[str, nn.Module]
Batch = Any
"""What one step is trained on; only the method that draws it knows what it is."""

OPTIMISERS: dict[str, type[torch.optim.Adam] | type[torch.optim.AdamW]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
}


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast a run trains.

    `warm_up` steps lead up to `lr`, then a cosine down to a hundredth of it (or, without `cosine`, a
    constant rate, as the paper has it). `optimiser` is "adamw" or "adam", whose weight decay is part
    of the gradient. `clip` bounds the norm of each network's gradient in a phase; 0 leaves it alone.
    """

    steps: int
    lr: float = 1e-3
    warm_up: int = 100
    cosine: bool = True
    optimiser: str = "adamw"
    weight_decay: float = 1e-5
    clip: float = 5.0
    seed: int = 0
    report_every: int = 50
    checkpoint_every: int = 500

    def __post_init__(self) -> None:
        if self.optimiser not in OPTIMISERS:
            raise BadInput(f"optimiser {self.optimiser}: expected one of {', '.join(OPTIMISERS)}")
        if self.steps < 1 or not self.lr > 0:
            raise BadInput(f"{self.steps} steps at rate {self.lr}: expected both more than 0")

    def lr_of_step(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        if step < self.warm_up:
            return self.lr * (step + 1) / self.warm_up
        if not self.cosine:
            return self.lr
        progress = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return self.lr * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


@dataclass(frozen=True)
class Phase:
    """The part of a step that one optimiser takes.

    Args:
        networks: names of the networks that it updates; the others stand still meanwhile.
        losses: gives the named terms of a batch, whose sum is minimised.
        lr_factor: times the schedule's learning rate.
        betas: Adam's.
    """

    networks: tuple[str, ...]
    losses: Callable[[Networks, Batch, np.random.Generator], Losses]
    lr_factor: float = 1.0
    betas: tuple[float, float] = (0.9, 0.999)


@dataclass(frozen=True)
class TrainingStep:
    """What happens in every step of a training.

    Args:
        phases: by name, taken in this order, all on the same batch.
        draw_batch: draws a batch; all its randomness comes from the generator it is given.
        measure: held-out figures of the networks.
    """

    phases: Mapping[str, Phase]
    draw_batch: Callable[[np.random.Generator], Batch]
    measure: Callable[[Networks], dict[str, float]] | None = None


def make_fabric(
    device: str = "auto", *, half_precision: bool = False, devices: int | str = 1
) -> Fabric:
    """Fabric for a device name: "cpu", "cuda" or "auto".

    With `half_precision` matrix products run in bfloat16.
    """
    return Fabric(
        accelerator=device, devices=devices, precision="bf16-mixed" if half_precision else "32-true"
    )


def train_networks(
    networks: Networks,
    step: TrainingStep,
    *,
    folder: Path,
    schedule: Schedule,
    fabric: Fabric,
    configuration: dict[str, object],
    name: str,
    measure_every: int = 0,
) -> dict[str, float]:
    """Train networks in place for the schedule's steps.

    Args:
        networks: by name; they end in evaluation mode.
        step: what a step does.
        folder: of the run. With a checkpoint of the same configuration the run goes on from there.
        schedule: how long and how fast.
        fabric: device, precision and processes.
        configuration: what else the weights depend on, as JSON takes it.
        name: of the run, for messages.
        measure_every: steps between two measurements; the last step is always measured.

    Returns:
        The last measured figures, or the last losses where nothing is measured.

    Raises:
        BadInput: for a folder with a run of another configuration, or a damaged checkpoint.
        FloatingPointError: for a loss that is not finite.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _check_configuration(folder, {"schedule": dataclasses.asdict(schedule), **configuration})
    torch.manual_seed(schedule.seed)
    wrapped = {key: fabric.setup_module(network) for key, network in networks.items()}
    optimisers = {key: _optimiser(phase, networks, schedule) for key, phase in step.phases.items()}
    checkpoint = folder / "checkpoint.safetensors"
    first = load_checkpoint(checkpoint, networks, optimisers) if checkpoint.is_file() else 0
    # One optimiser in, one wrapped optimiser out; the annotation speaks of tuples as well.
    steppers = {
        key: cast(torch.optim.Optimizer, fabric.setup_optimizers(optimiser))
        for key, optimiser in optimisers.items()
    }
    log = RunLog(folder) if fabric.is_global_zero else None
    figures: dict[str, float] = {}
    _set_training(wrapped.values(), True)
    bar = tqdm(
        range(first, schedule.steps),
        initial=first,
        total=schedule.steps,
        desc=name,
        mininterval=2.0,
        disable=not fabric.is_global_zero,
    )
    for index in bar:
        torch.manual_seed(_seed(schedule.seed, fabric.global_rank, index))
        rng = np.random.default_rng([schedule.seed, fabric.global_rank, index])
        batch = step.draw_batch(rng)
        terms: Losses = {}
        for key, phase in step.phases.items():
            for group in optimisers[key].param_groups:
                group["lr"] = schedule.lr_of_step(index) * phase.lr_factor
            with _others_frozen(networks, phase.networks):
                losses = phase.losses(wrapped, batch, rng)
                total = torch.stack([term.float() for term in losses.values()]).sum()
                if not torch.isfinite(total):
                    raise FloatingPointError(
                        f"{name}: loss {total.item()} of {key} at step {index}; lower the rate"
                    )
                steppers[key].zero_grad(set_to_none=True)
                fabric.backward(total)
            if schedule.clip:
                for member in phase.networks:
                    fabric.clip_gradients(wrapped[member], steppers[key], max_norm=schedule.clip)
            steppers[key].step()
            terms |= losses if len(step.phases) == 1 else _prefixed(key, losses)
        completed = index + 1
        if log and (completed % schedule.report_every == 0 or completed == schedule.steps):
            figures = {key: term.item() for key, term in terms.items()}
            figures = {"loss": sum(figures.values()), **figures}
            bar.set_postfix(loss=f"{figures['loss']:.4f}", refresh=False)
            log.write(completed, figures)
        if step.measure and (
            completed == schedule.steps or (measure_every and completed % measure_every == 0)
        ):
            figures = _measured(step.measure, networks)
            _set_training(wrapped.values(), True)
            if log:
                log.write(completed, figures)
                tqdm.write(
                    f"{name} {completed}: " + ", ".join(f"{k} {v:.4g}" for k, v in figures.items())
                )
        if log and (completed % schedule.checkpoint_every == 0 or completed == schedule.steps):
            save_checkpoint(checkpoint, networks, optimisers, completed)
    if first >= schedule.steps and step.measure:
        figures = _measured(step.measure, networks)
    if log:
        log.close()
    _set_training(networks.values(), False)
    return figures


def _optimiser(phase: Phase, networks: Networks, schedule: Schedule) -> torch.optim.Optimizer:
    parameters = [
        parameter
        for name in phase.networks
        for parameter in networks[name].parameters()
        if parameter.requires_grad
    ]
    return OPTIMISERS[schedule.optimiser](
        parameters, lr=schedule.lr, betas=phase.betas, weight_decay=schedule.weight_decay
    )


@contextmanager
def _others_frozen(networks: Networks, updated: Sequence[str]) -> Iterator[None]:
    """Gradients pass through the networks that a phase does not update, but none reaches them."""
    frozen = [
        parameter
        for name, network in networks.items()
        if name not in updated
        for parameter in network.parameters()
        if parameter.requires_grad
    ]
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)


def _prefixed(key: str, losses: Losses) -> Losses:
    return {f"{key}/{name}": value for name, value in losses.items()}


def _set_training(networks: Any, training: bool) -> None:
    for network in networks:
        network.train(training)


@torch.no_grad()
def _measured(
    measure: Callable[[Networks], dict[str, float]], networks: Networks
) -> dict[str, float]:
    _set_training(networks.values(), False)
    return measure(networks)


def save_checkpoint(
    path: Path, networks: Networks, optimisers: Mapping[str, torch.optim.Optimizer], step: int
) -> None:
    """Write networks, optimisers and step as one safetensors file."""
    tensors: dict[str, torch.Tensor] = {"step": torch.tensor(step)}
    for name, network in networks.items():
        tensors |= {f"network.{name}.{k}": v for k, v in network.state_dict().items()}
    for name, optimiser in optimisers.items():
        for index, state in optimiser.state_dict()["state"].items():
            tensors |= {
                f"optimiser.{name}.{index}.{k}": torch.as_tensor(v) for k, v in state.items()
            }
    tensors = {k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()}
    with atomic_write(path) as temporary:
        save_file(tensors, temporary)


def load_checkpoint(
    path: Path, networks: Networks, optimisers: Mapping[str, torch.optim.Optimizer]
) -> int:
    """Take up networks and optimisers in place; returns the number of steps done.

    Raises:
        BadInput: for a checkpoint that is damaged or of other networks.
    """
    try:
        tensors = load_file(path)
        steps = int(tensors["step"])
        for name, network in networks.items():
            network.load_state_dict(_with_prefix(tensors, f"network.{name}."))
        for name, optimiser in optimisers.items():
            states: dict[int, dict[str, torch.Tensor]] = {}
            for key, value in _with_prefix(tensors, f"optimiser.{name}.").items():
                index, _, field = key.partition(".")
                states.setdefault(int(index), {})[field] = value
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": states, "param_groups": groups})
    except Exception as error:  # damaged, or of another network
        raise BadInput(f"{path}: cannot be resumed ({error}); remove it to start again") from None
    return steps


def _with_prefix(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _check_configuration(folder: Path, configuration: dict[str, object]) -> None:
    path = folder / "config.json"
    requested = json.loads(json.dumps(configuration))
    started = path.is_file() and (folder / "checkpoint.safetensors").is_file()
    if started and json.loads(path.read_text()) != requested:
        raise BadInput(
            f"{path}: this run was started with other settings; give another folder or remove it"
        )
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(requested, indent=2) + "\n")


def _seed(seed: int, rank: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, rank, step]).generate_state(1)[0])


class RunLog:
    """metrics.jsonl and TensorBoard events of one run."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.lines = (folder / "metrics.jsonl").open("a")
        self.events = SummaryWriter(folder)

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Append the figures of a step."""
        self.lines.write(json.dumps({"step": step, **figures}) + "\n")
        self.lines.flush()
        for name, value in figures.items():
            self.events.add_scalar(name, value, step)

    def close(self) -> None:
        """Close both files."""
        self.lines.close()
        self.events.close()
