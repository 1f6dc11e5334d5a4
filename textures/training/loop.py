"""The training loop shared by the three networks: one Fabric loop, resumable, the same from the
same seed.

A run is a folder: config.json, metrics.jsonl, TensorBoard events and checkpoint.safetensors
(network, optimiser and step in one file, so that it is whole or absent). All randomness of step k
comes from (seed, rank, k): a run that was stopped and taken up again draws what an unbroken one
would have drawn.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file, save_file
from torch import nn
from tqdm import tqdm

from mocap.errors import BadInput
from mocap.files import written_whole

Losses = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast. ``warm_up`` steps up to ``rate``, then a cosine down to a hundredth of
    it (or, with ``cosine=False``, a constant rate, as the paper has it).
    """

    steps: int
    rate: float = 1e-3
    warm_up: int = 100
    cosine: bool = True
    weight_decay: float = 1e-5
    seed: int = 0
    report_every: int = 50
    checkpoint_every: int = 500

    def rate_at(self, step: int) -> float:
        if step < self.warm_up:
            return self.rate * (step + 1) / self.warm_up
        if not self.cosine:
            return self.rate
        progress = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return self.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def make_fabric(device: str = "auto", *, half: bool = False, devices: int | str = 1) -> Fabric:
    """Fabric for a device name ("cpu", "cuda", "auto"); ``half`` runs matrix products in bfloat16."""
    return Fabric(
        accelerator=device, devices=devices, precision="bf16-mixed" if half else "32-true"
    )


def optimise(
    network: nn.Module,
    step_losses: Callable[[nn.Module, np.random.Generator], Losses],
    *,
    folder: Path,
    schedule: Schedule,
    fabric: Fabric,
    configuration: dict[str, object],
    name: str,
    measure: Callable[[nn.Module], dict[str, float]] | None = None,
    measure_every: int = 0,
) -> dict[str, float]:
    """Train ``network`` for ``schedule.steps`` steps; returns the last measured figures (or the
    last losses).

    step_losses(network, rng) draws a batch and gives named terms; their sum is minimised (AdamW).
    measure(network) gives held-out figures. A folder with a checkpoint of the same configuration is
    taken up where it stopped; one of another configuration raises BadInput.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _check_configuration(folder, {"schedule": dataclasses.asdict(schedule), **configuration})
    torch.manual_seed(schedule.seed)
    optimiser = torch.optim.AdamW(
        (p for p in network.parameters() if p.requires_grad),
        lr=schedule.rate,
        weight_decay=schedule.weight_decay,
    )
    checkpoint = folder / "checkpoint.safetensors"
    first = load_checkpoint(checkpoint, network, optimiser) if checkpoint.is_file() else 0
    wrapped, optimiser = fabric.setup(network, optimiser)
    writer = _Writer(folder) if fabric.is_global_zero else None
    figures: dict[str, float] = {}
    wrapped.train()
    bar = tqdm(
        range(first, schedule.steps),
        initial=first,
        total=schedule.steps,
        desc=name,
        mininterval=2.0,
        disable=not fabric.is_global_zero,
    )
    for step in bar:
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate_at(step)
        torch.manual_seed(_seed(schedule.seed, fabric.global_rank, step))
        rng = np.random.default_rng([schedule.seed, fabric.global_rank, step])
        terms = step_losses(wrapped, rng)
        loss = sum(terms.values())
        if not torch.isfinite(loss):
            raise FloatingPointError(f"{name}: loss {loss.item()} at step {step}; lower the rate")
        optimiser.zero_grad(set_to_none=True)
        fabric.backward(loss)
        fabric.clip_gradients(wrapped, optimiser, max_norm=5.0)
        optimiser.step()
        done = step + 1
        if writer and (done % schedule.report_every == 0 or done == schedule.steps):
            figures = {"loss": loss.item(), **{k: v.item() for k, v in terms.items()}}
            bar.set_postfix(loss=f"{loss.item():.4f}", refresh=False)
            writer.write(done, figures)
        if measure and (done == schedule.steps or (measure_every and done % measure_every == 0)):
            wrapped.eval()
            with torch.no_grad():
                figures = measure(network)
            wrapped.train()
            if writer:
                writer.write(done, figures)
                tqdm.write(
                    f"{name} {done}: " + ", ".join(f"{k} {v:.4g}" for k, v in figures.items())
                )
        if writer and (done % schedule.checkpoint_every == 0 or done == schedule.steps):
            save_checkpoint(checkpoint, network, optimiser, done)
    if first >= schedule.steps and measure:
        network.eval()
        with torch.no_grad():
            figures = measure(network)
    if writer:
        writer.close()
    network.eval()
    return figures


def save_checkpoint(
    path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, step: int
) -> None:
    """Network, optimiser and step in one safetensors file."""
    tensors = {f"network.{k}": v for k, v in network.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v) for k, v in state.items()}
    tensors["step"] = torch.tensor(step)
    tensors = {k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()}
    with written_whole(path) as temporary:
        save_file(tensors, temporary)


def load_checkpoint(path: Path, network: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """Take up network and optimiser; returns the number of steps done. Raises BadInput."""
    try:
        tensors = load_file(path)
        step = int(tensors.pop("step"))
        network.load_state_dict(
            {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}
        )
    except Exception as error:  # damaged, or of another network
        raise BadInput(f"{path}: cannot be resumed ({error}); remove it to start again") from None
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, index, name = key.split(".", 2)
            state.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict(
        {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}
    )
    return step


def _check_configuration(folder: Path, configuration: dict[str, object]) -> None:
    path = folder / "config.json"
    wanted = json.loads(json.dumps(configuration))
    started = path.is_file() and (folder / "checkpoint.safetensors").is_file()
    if started and json.loads(path.read_text()) != wanted:
        raise BadInput(
            f"{path}: this run was started with other settings; give another folder or remove it"
        )
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(wanted, indent=2) + "\n")


def _seed(seed: int, rank: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, rank, step]).generate_state(1)[0])


class _Writer:
    """metrics.jsonl and TensorBoard events of one run."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.lines = (folder / "metrics.jsonl").open("a")
        self.events = SummaryWriter(folder)

    def write(self, step: int, figures: dict[str, float]) -> None:
        self.lines.write(json.dumps({"step": step, **figures}) + "\n")
        self.lines.flush()
        for name, value in figures.items():
            self.events.add_scalar(name, value, step)

    def close(self) -> None:
        self.lines.close()
        self.events.close()
