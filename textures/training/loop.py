"""The training loop of every network here: one Fabric loop, resumable, the same from the same seed.

A run is a folder: config.json, metrics.jsonl, TensorBoard events and checkpoint.safetensors (networks,
optimisers, step and the run's configuration in one file, so that it is whole or absent, and cannot be
taken for another run's). A run whose checkpoint is damaged starts again and says so. All randomness of
step k comes from (seed, rank, k): a run that was stopped and taken up again draws what an unbroken one
would have drawn.

A step has one or more phases, each with its own optimiser: a network that is trained alone has one, an
adversarial method has one for the generator and one for the discriminator. Networks that are trained one
after the other have phases of which each takes part in some of the run's steps alone.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from tqdm import tqdm

from mocap.errors import BadInput
from mocap.files import atomic_write
from mocap.parsing.json_files import read_json, read_json_records

Losses = dict[str, torch.Tensor]
Networks = Mapping[str, nn.Module]
Batch = Any
"""What one step is trained on; only the method that draws it knows what it is."""

_CONFIGURATION = "configuration"  # in a checkpoint's metadata

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
        begin: the run's step, counted from 0, that is the phase's first.
        end: the step that is not the phase's any more; the run's end when None.
    """

    networks: tuple[str, ...]
    losses: Callable[[Networks, Batch, np.random.Generator], Losses]
    lr_factor: float = 1.0
    betas: tuple[float, float] = (0.9, 0.999)
    begin: int = 0
    end: int | None = None

    def takes_part(self, step: int) -> bool:
        """Whether the phase is taken in a step of the run."""
        return self.begin <= step and (self.end is None or step < self.end)

    def lr_of_step(self, schedule: Schedule, step: int) -> float:
        """The learning rate of a step: the schedule's, stretched over the steps that are the phase's."""
        steps = (schedule.steps if self.end is None else self.end) - self.begin
        stretched = dataclasses.replace(schedule, steps=steps)
        return stretched.lr_of_step(step - self.begin) * self.lr_factor


@dataclass(frozen=True)
class TrainingStep:
    """What happens in every step of a training.

    Args:
        phases: by name, taken in this order, all on the same batch.
        draw_batch: draws a batch; all its randomness comes from the generator it is given.
        measure: held-out figures of the networks.
        batch_name: what messages call a batch besides its step.
    """

    phases: Mapping[str, Phase]
    draw_batch: Callable[[np.random.Generator], Batch]
    measure: Callable[[Networks], dict[str, float]] | None = None
    batch_name: Callable[[Batch], str] | None = None


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
        BadInput: for a folder with a run of another configuration.
        FloatingPointError: for a loss that is not finite.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    requested = {"schedule": dataclasses.asdict(schedule), **configuration}
    text = json.dumps(requested, sort_keys=True)
    checkpoint = folder / "checkpoint.safetensors"
    _check_configuration(folder, checkpoint, text)
    say = _say if fabric.is_global_zero else lambda line: None
    torch.manual_seed(schedule.seed)
    wrapped = {key: fabric.setup_module(network) for key, network in networks.items()}
    optimisers = {key: _optimiser(phase, networks, schedule) for key, phase in step.phases.items()}
    first = 0
    if checkpoint.is_file():
        try:
            first = load_checkpoint(checkpoint, networks, optimisers)
            say(f"{name}: goes on after step {first} of {schedule.steps} ({checkpoint})")
        except BadInput as error:
            say(f"{name}: {error}; the run starts again from its first step")
    if fabric.is_global_zero:  # after the others have looked, too
        _write_configuration(folder, requested)
    # One optimiser in, one wrapped optimiser out; the annotation speaks of tuples as well.
    steppers = {
        key: cast(torch.optim.Optimizer, fabric.setup_optimizers(optimiser))
        for key, optimiser in optimisers.items()
    }
    log = RunLog(folder, first) if fabric.is_global_zero else None
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
            if not phase.takes_part(index):
                continue
            for group in optimisers[key].param_groups:
                group["lr"] = phase.lr_of_step(schedule, index)
            with _others_frozen(networks, phase.networks):
                losses = phase.losses(wrapped, batch, rng)
                total = torch.stack([term.float() for term in losses.values()]).sum()
                if not torch.isfinite(total):
                    crops = f", {step.batch_name(batch)}" if step.batch_name else ""
                    raise FloatingPointError(
                        f"{name}: loss {total.item()} of {key} at step {index}{crops}; lower the rate"
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
            save_checkpoint(checkpoint, networks, optimisers, completed, configuration=text)
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
    path: Path,
    networks: Networks,
    optimisers: Mapping[str, torch.optim.Optimizer],
    step: int,
    *,
    configuration: str = "",
) -> None:
    """Write networks, optimisers and step as one safetensors file, with the run's configuration."""
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
        save_file(tensors, temporary, metadata={_CONFIGURATION: configuration})


def load_checkpoint(
    path: Path, networks: Networks, optimisers: Mapping[str, torch.optim.Optimizer]
) -> int:
    """Take up networks and optimisers, all or none of them; returns the number of steps done.

    Raises:
        BadInput: for a checkpoint that is damaged, of other networks, or not finite.
    """
    before = copy.deepcopy(
        (
            {name: network.state_dict() for name, network in networks.items()},
            {name: optimiser.state_dict() for name, optimiser in optimisers.items()},
        )
    )
    try:
        tensors = load_file(path)
        for key, value in tensors.items():
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                raise ValueError(f"{key} has numbers that are not finite")
        steps = int(tensors["step"])
        if steps < 1:
            raise ValueError(f"step {steps}, expected at least 1")
        for name, network in networks.items():
            network.load_state_dict(_with_prefix(tensors, f"network.{name}."))
        for name, optimiser in optimisers.items():
            _load_optimiser(optimiser, _with_prefix(tensors, f"optimiser.{name}."))
    except Exception as error:  # damaged, or of another network
        for name, state in before[0].items():
            networks[name].load_state_dict(state)
        for name, state in before[1].items():
            optimisers[name].load_state_dict(state)
        reason = " ".join(str(error).split())[:200]
        raise BadInput(f"{path}: cannot be resumed ({reason})") from None
    return steps


def _load_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Fill the state of an optimiser. Raises ValueError where it is not that of its parameters."""
    states: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        number, _, field = key.partition(".")
        states.setdefault(int(number), {})[field] = value
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for index, state in states.items():
        for field, value in state.items():
            if index >= len(parameters) or (
                value.ndim and field != "step" and value.shape != parameters[index].shape
            ):
                raise ValueError(f"optimiser state {index}.{field} fits no parameter")
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": states, "param_groups": groups})


def _with_prefix(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stderr)


def _check_configuration(folder: Path, checkpoint: Path, requested: str) -> None:
    """Raises BadInput where the checkpoint is of a run with another configuration.

    The checkpoint says so itself; config.json is for readers, and for checkpoints of before.
    """
    if not checkpoint.is_file():
        return
    path = folder / "config.json"
    try:
        with safe_open(checkpoint, "pt") as file:
            earlier = (file.metadata() or {}).get(_CONFIGURATION, "")
    except Exception:  # damaged: found again, and said, when it is loaded
        return
    if not earlier:
        try:
            earlier = json.dumps(
                read_json(path, dict[str, Any], advice="it is written again"), sort_keys=True
            )
        except BadInput as error:
            _say(f"{checkpoint}: of an unknown run ({error}); the run starts again")
            checkpoint.unlink(missing_ok=True)
            return
    if earlier != requested:
        raise BadInput(
            f"{path}: this run was started with other settings; give another folder or remove it"
        )


def _write_configuration(folder: Path, configuration: dict[str, object]) -> None:
    with atomic_write(folder / "config.json") as temporary:
        temporary.write_text(json.dumps(configuration, indent=2) + "\n", encoding="utf-8")


def _seed(seed: int, rank: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, rank, step]).generate_state(1)[0])


class RunLog:
    """metrics.jsonl and TensorBoard events of one run.

    Args:
        folder: of the run.
        steps: that it has behind it. Lines of later ones, which are done again, are taken out, and so
            are torn ones.
    """

    def __init__(self, folder: Path, steps: int = 0) -> None:
        from torch.utils.tensorboard import SummaryWriter

        path = folder / "metrics.jsonl"
        _keep_lines(path, steps)
        self.lines = path.open("a", encoding="utf-8")
        self.events = SummaryWriter(folder)

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Append the figures of a step."""
        numbers = {key: value if math.isfinite(value) else None for key, value in figures.items()}
        self.lines.write(json.dumps({"step": step, **numbers}) + "\n")
        self.lines.flush()
        for name, value in figures.items():
            self.events.add_scalar(name, value, step)

    def close(self) -> None:
        """Close both files."""
        self.lines.close()
        self.events.close()


def _keep_lines(path: Path, steps: int) -> None:
    """Leave in metrics.jsonl the lines up to a step, and say where some are torn."""
    records = read_json_records(path, dict[str, float | None])
    if records.torn:
        line = f"{path}: {len(records.torn)} torn lines are taken out, the first {records.torn[0]}"
        _say(line)
    kept_lines = [line for line in records.values if 0 < (line.get("step") or 0) <= steps]
    if records.torn or len(kept_lines) < len(records.values):
        with atomic_write(path) as temporary:
            text = "".join(json.dumps(_with_whole_step(line)) + "\n" for line in kept_lines)
            temporary.write_text(text, encoding="utf-8")


def _with_whole_step(line: dict[str, float | None]) -> dict[str, float | None]:
    return {**line, "step": int(line["step"] or 0)}
