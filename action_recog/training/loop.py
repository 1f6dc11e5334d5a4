"""Training of a clip classifier with Lightning Fabric.

SGD with Nesterov momentum (the paper's) or AdamW (for few steps), no weight decay on batch
normalisation (section 4.1; the authors' code).
One epoch sees one random clip of every video. What is drawn depends on (seed, epoch, video) alone,
so neither the number of loading threads nor an interruption changes a byte of the result. The budget
is counted in optimiser steps, since epochs of two sets are two amounts of training; the last epoch is
cut where the budget ends.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import math
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from msgspec import Meta
from torch import Tensor, nn
from tqdm import tqdm

from action_recog.errors import BadInput
from action_recog.json_files import decode_json, read_bounded_file, read_json
from action_recog.training.checkpoints import (
    load_checkpoint,
    require_finite,
    revision,
    save_checkpoint,
    write_text_whole,
)
from action_recog.training.clip_batches import ClipBatches
from action_recog.training.convergence import HeldOutCheck, Plateau, best_check, convergence
from action_recog.training.messages import announce
from action_recog.training.optimiser_step import take_step
from action_recog.training.processes import join_batch_norm
from action_recog.videos.content import ContentDigests
from action_recog.videos.frame_store import FrameStore
from action_recog.videos.labelled_videos import VideoSet
from action_recog.videos.views import ViewOptions, standardise

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch.utils.tensorboard import SummaryWriter

Precision = Literal["auto", "bf16-mixed", "16-mixed", "32-true"]


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Optimiser and schedule of a training.

    `steps` are the optimiser's steps, at most where `plateau` says when to stop. `lr` is the learning
    rate for a batch of `batch` clips. "step" divides it by ten at `decays` (shares of the training),
    "cosine" takes it to zero, with `plateau` the held-out videos say when it is divided by ten; all
    after a linear warm-up over the share `warmup` of the steps, or over `plateau.warmup_steps`.
    `precise_bn` batches re-estimate the batch normalisation at the end; a checkpoint is written every
    `checkpoint_every` epochs. A batch goes through the network in `parts`, and its gradient is cut to
    the length `gradient_norm`.
    """

    steps: int
    batch: int = 64
    lr: float = 0.01
    optimiser: Literal["sgd", "adamw"] = "sgd"
    schedule: Literal["cosine", "step"] = "cosine"
    decays: tuple[float, ...] = (0.375, 0.75)
    warmup: float = 0.0
    plateau: Plateau | None = None
    momentum: float = 0.9
    weight_decay: float = 1e-4
    label_smoothing: float = 0.0
    precise_bn: int = 0
    checkpoint_every: int = 1
    parts: int = 1
    gradient_norm: float | None = None


@dataclass(frozen=True, kw_only=True)
class ComputeOptions:
    """Where and how to compute; none of it is part of what is measured, except `precision`.

    `device` is cpu, cuda or cuda:N; `threads` are those that a training computes with; `workers` are
    the threads that load clips, beside the training's own; `quiet` hides the progress bars. `devices`
    processes on each of `nodes` machines share every batch and every test set. `loaders` processes load
    clips in place of threads, from the reduced frames that are kept in `frames_folder`; frames that are
    kept there are JPEGs, and so part of what is measured.
    """

    device: str = "cpu"
    devices: int = 1
    nodes: int = 1
    threads: int = 1
    precision: Precision = "auto"
    workers: int = 0
    loaders: int = 0
    frames_folder: Path | None = None
    quiet: bool = False


def resolve_precision(precision: Precision, device: str) -> str:
    """Fabric's name of the precision to compute in.

    "auto" is mixed bfloat16 where the device multiplies it natively, else float32 on a CPU and
    mixed float16 on a GPU. It depends on the machine alone, not on a timing, so that it repeats.
    """
    if precision != "auto":
        return precision
    if device.startswith("cuda"):
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    return "bf16-mixed" if _cpu_multiplies_bf16() else "32-true"


def _cpu_multiplies_bf16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False
    return bool({"amx_bf16", "avx512_bf16"} & set(flags))


def make_fabric(compute: ComputeOptions) -> Fabric:
    """Launch a Fabric on one device, or on several, each with a process of its own.

    Args:
        compute: Device and precision.

    Returns:
        The Fabric.

    Raises:
        BadInput: For a device that does not exist or is not available.
    """
    from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    kind, _, index = compute.device.partition(":")
    if kind not in ("cpu", "cuda"):
        raise BadInput(f"--device {compute.device}: expected cpu, cuda or cuda:N")
    if kind == "cuda" and not torch.cuda.is_available():
        raise BadInput(f"--device {compute.device}: no CUDA device is available here; use cpu")
    if kind == "cuda" and index and int(index) >= torch.cuda.device_count():
        raise BadInput(
            f"--device {compute.device}: found {torch.cuda.device_count()} CUDA devices, "
            "counted from cuda:0; give one of them"
        )
    count = torch.cuda.device_count()
    if compute.devices > 1 and index:
        raise BadInput(f"--device {compute.device} is one device, not {compute.devices}; give cuda")
    if kind == "cuda" and compute.devices > count:
        raise BadInput(f"{compute.devices} devices: found {count} CUDA devices; give at most those")
    fabric = Fabric(
        accelerator=kind,
        devices=[int(index)] if index else compute.devices,
        num_nodes=compute.nodes,
        strategy="ddp" if compute.devices * compute.nodes > 1 else "auto",
        precision=resolve_precision(compute.precision, compute.device),  # type: ignore[arg-type]
    )
    fabric.launch()
    return fabric


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Divide the parameters into those with weight decay and those of batch normalisation.

    Args:
        network: Network to train.
        weight_decay: Weight decay of everything but batch normalisation.

    Returns:
        Two groups for an optimiser of torch: decayed, and not decayed.
    """
    normalised = {
        id(parameter)
        for module in network.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
        for parameter in module.parameters(recurse=False)
    }
    decayed = [p for p in network.parameters() if id(p) not in normalised]
    free = [p for p in network.parameters() if id(p) in normalised]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]


def learning_rate(options: TrainingOptions, step: int, *, drops: int = 0) -> float:
    """The learning rate of a step.

    Args:
        options: Schedule.
        step: Number of the step, from 0.
        drops: How often the held-out videos have stopped to improve; for a plateau alone.
    """
    plateau = options.plateau
    warmup = plateau.warmup_steps if plateau else options.warmup * options.steps
    if step < warmup:
        return options.lr * (0.01 + 0.99 * step / warmup)
    if plateau:
        return options.lr * 0.1**drops
    share = step / options.steps
    if options.schedule == "cosine":
        return options.lr * 0.5 * (1 + math.cos(math.pi * share))
    return options.lr * 0.1 ** sum(share >= decay for decay in options.decays)


def _optimiser(network: nn.Module, options: TrainingOptions) -> torch.optim.Optimizer:
    groups = parameter_groups(network, options.weight_decay)
    if options.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=options.lr)
    return torch.optim.SGD(
        groups, lr=options.lr, momentum=options.momentum, nesterov=options.momentum > 0
    )


def _optimiser_state(network: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"optimiser.{key}.{name}": value
        for name, parameter in network.named_parameters()
        for key, value in optimiser.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


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
class _Progress:
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


def _restore(
    path: Path,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    config: dict[str, Any],
    *,
    title: str,
) -> _Progress:
    """Load a checkpoint into network and optimiser.

    Returns:
        How far the training is: at its beginning where there is no checkpoint, or a torn one, which
        is said.

    Raises:
        BadInput: For the checkpoint of another configuration or of other data.
    """
    card_path = path.with_suffix(".json")
    if not path.is_file() and not card_path.is_file():
        return _Progress()
    try:
        card = read_json(card_path, _RunCard, advice="it is written again")
    except BadInput as error:
        announce(f"{title}: starts again, because its checkpoint's card cannot be read: {error}")
        return _Progress()
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
        return _Progress()
    network.load_state_dict(state)
    optimiser.state.update(optimiser_state)
    return _Progress(card.epochs_done, card.metrics, card.checks, best, card.best_metrics)


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


def _is_finished(path: Path, config: dict[str, Any], *, title: str) -> bool:
    """Whether the network of a run is there and whole; says so where it is there and torn."""
    if not path.is_file() and not path.with_suffix(".json").is_file():
        return False
    try:
        _, facts = load_checkpoint(path)
        return facts.get("config") == config
    except BadInput as error:
        announce(f"{title}: written again from its last checkpoint, because {error}")
        return False


def _truncate_metrics(path: Path, epochs: int, *, title: str) -> list[dict[str, Any]]:
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


@torch.no_grad()
def precise_batch_norm(network: nn.Module, batches: list[Tensor], fabric: Fabric) -> None:
    """Re-estimate the running mean and variance of every batch normalisation.

    They become the plain average over the batches, all with the network's final weights.

    Args:
        network: Network that is changed in place; its mode is restored afterwards.
        batches: Clips (B,3,T,H,W) uint8.
        fabric: Device and precision.

    Raises:
        BadInput: For a mean or variance that is not finite.
    """
    layers = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a cumulative average
    training = network.training
    network.train()
    with fabric.autocast():
        for clips in batches:
            network(standardise(clips.to(fabric.device)))
    network.train(training)
    for layer, momentum in zip(layers, momenta):
        layer.momentum = momentum
    require_finite(dict(network.named_buffers()), "batch statistics of the trained network")


def train(
    network: nn.Module,
    videos: VideoSet,
    *,
    views: ViewOptions,
    options: TrainingOptions,
    seed: int,
    store: FrameStore,
    fabric: Fabric,
    folder: Path,
    facts: dict[str, Any],
    title: str,
    compute: ComputeOptions | None = None,
    digests: ContentDigests | None = None,
    held_out: Callable[[nn.Module], tuple[float, float]] | None = None,
) -> dict[str, Any]:
    """Train a network in place and leave a run folder.

    The folder holds config.json, metrics.jsonl, TensorBoard events, checkpoint.safetensors (network
    and optimiser after a full epoch) and, when finished, network.safetensors. A folder of the same
    configuration and data is continued, or only loaded when it is finished; a folder with a torn
    checkpoint starts again. A line on stderr says which.

    Args:
        network: Network over clips.
        videos: Training set.
        views: How clips are cut.
        options: Optimiser and schedule.
        seed: With the epoch and the video's number, it determines every clip.
        store: Decoded frames, filled with these videos.
        fabric: Device and precision, made from `compute`.
        folder: Run folder.
        facts: JSON values that config.json and the sidecars carry besides.
        title: Text of the progress bar.
        compute: Loading threads, precision, and whether to show progress.
        digests: Digests of files that are known; by default all videos are hashed.
        held_out: Gives the accuracy (0..1) and the mean log loss of a network on the held-out videos;
            what they are belongs in `facts`. With `options.plateau` alone.

    Returns:
        Metrics of the last epoch, or of the best with `options.plateau`; `step` counts the optimiser's
        steps until then, `steps_in_all` also those after it; `training_accuracy` is the share of the
        clips that were right, over half an epoch at least.

    Raises:
        BadInput: For fewer than two videos, a folder of another configuration or of other data,
            and a loss or network that is not finite.
    """
    compute = compute or ComputeOptions()
    if len(videos) < 2:
        raise BadInput(f"{videos.name}: {len(videos)} videos; training wants at least two")
    if (options.plateau is None) != (held_out is None):
        raise ValueError("held-out videos and a plateau belong together")
    batch = min(options.batch, len(videos))
    steps_per_epoch = len(videos) // batch
    epochs = -(-options.steps // steps_per_epoch)
    config = {
        **facts,
        "epochs": epochs,
        "views": asdict(views),
        "training": asdict(options),
        "seed": seed,
        "videos": len(videos),
        "content": (digests or ContentDigests()).of_videos(videos),
        "classes": list(videos.classes),
        "stand_in": videos.stand_in,
        "precision": resolve_precision(compute.precision, compute.device),
        "frames": store.pixels,
    }
    config = json.loads(json.dumps(config))
    layout = torch.channels_last_3d
    network.to(memory_format=layout)  # type: ignore[call-overload]  # missing in torch's types
    if fabric.world_size > 1:
        join_batch_norm(network, fabric.device.type)
    optimiser = _optimiser(network, options)
    module, optimiser = fabric.setup(network, optimiser)
    checkpoint = folder / "checkpoint.safetensors"
    progress = _restore(checkpoint, network, optimiser, config, title=title)
    first_epoch = progress.epochs_done
    write_text_whole(folder / "config.json", json.dumps(config, indent=1) + "\n")
    _truncate_metrics(folder / "metrics.jsonl", first_epoch, title=title)
    if progress.is_over(epochs, options) and _is_finished(
        folder / "network.safetensors", config, title=title
    ):
        announce(f"{title}: re-uses {folder}, trained on the same data with the same options")
        network.load_state_dict(load_checkpoint(folder / "network.safetensors")[0])
        return _final_metrics(progress, options)
    if first_epoch:
        announce(f"{title}: goes on after epoch {first_epoch} of {epochs} in {folder}")

    batches = ClipBatches(
        videos,
        store,
        views,
        batch=batch,
        seed=seed,
        threads=compute.workers,
        loaders=compute.loaders,
        rank=fabric.global_rank,
        processes=fabric.world_size,
    )
    writer = _event_writer(folder, fresh=first_epoch == 0) if fabric.is_global_zero else None
    step_count = min(first_epoch * steps_per_epoch, options.steps)
    bar = tqdm(
        total=options.steps,
        initial=step_count,
        desc=title,
        unit="step",
        disable=compute.quiet or not fabric.is_global_zero,
        mininterval=1.0,
    )
    while not progress.is_over(epochs, options):
        epoch = progress.epochs_done
        torch.manual_seed((seed * 1_000_003 + epoch) % 2**63)  # dropout
        module.train()
        drops = convergence(progress.checks, options.plateau)[0] if options.plateau else 0
        began = time.perf_counter()
        losses, right, count = 0.0, 0, 0
        in_epoch = min(steps_per_epoch, options.steps - step_count)
        # Closed where the budget ends within the epoch, so that no thread loads on.
        with contextlib.closing(batches.of_epoch(epoch)) as epoch_batches:
            for clips, labels in itertools.islice(epoch_batches, in_epoch):
                rate = learning_rate(options, step_count, drops=drops)
                for group in optimiser.param_groups:
                    group["lr"] = rate
                clips = standardise(clips.to(fabric.device)).contiguous(memory_format=layout)
                labels = labels.to(fabric.device)
                loss, logits = take_step(
                    module,
                    optimiser,
                    clips,
                    labels,
                    fabric=fabric,
                    label_smoothing=options.label_smoothing,
                    parts=options.parts,
                    gradient_norm=options.gradient_norm,
                )
                if not torch.isfinite(loss):
                    raise BadInput(
                        f"{folder}: {title}: the loss is {float(loss)} in epoch {epoch + 1}, "
                        f"step {step_count % steps_per_epoch + 1} of {steps_per_epoch}, in "
                        f"{config['precision']}; expected a finite number; remove the folder and "
                        "train again with --precision 32-true"
                    )
                hits = fabric.all_reduce((logits.argmax(1) == labels).sum(), reduce_op="sum")
                right += int(torch.as_tensor(hits))
                losses += float(loss) * batch
                count += batch
                step_count += 1
                bar.update(1)
        row: dict[str, Any] = {
            "epoch": epoch,
            "step": step_count,
            "clips": count,
            "loss": losses / count,
            "accuracy": right / count,
            "training_accuracy": _recent_accuracy(right, count, progress.metrics, len(videos)),
            "lr": rate,
            "clips_per_second": count / (time.perf_counter() - began),
        }
        progress.epochs_done, progress.metrics = epoch + 1, row
        last = progress.epochs_done == epochs
        if options.plateau and held_out is not None:
            interval = options.plateau.check_every
            if last or step_count // interval > (step_count - in_epoch) // interval:
                accuracy, log_loss = held_out(network)
                row |= {"held_out_accuracy": accuracy, "held_out_loss": log_loss}
                check = HeldOutCheck(step=step_count, accuracy=accuracy, loss=log_loss)
                progress.checks.append(check)
                if best_check(progress.checks) == len(progress.checks) - 1:
                    state = network.state_dict()
                    progress.best = {k: v.detach().cpu().clone() for k, v in state.items()}
                    progress.best_metrics = row
        shown = f"loss={row['loss']:.3f}, acc={100 * row['accuracy']:.0f}%"
        bar.set_postfix_str(f"{shown}, {batches.rates}")
        if writer is not None:
            with (folder / "metrics.jsonl").open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(row) + "\n")
            for name in row.keys() - {"epoch", "step", "clips", "training_accuracy"}:
                writer.add_scalar(name, row[name], epoch)
        finished = progress.is_over(epochs, options)
        if finished and options.precise_bn and not options.plateau:
            _precise_batch_norm_after(batches, epochs, network, options, fabric)
        if finished or progress.epochs_done % options.checkpoint_every == 0:
            _save_progress(checkpoint, progress, network, optimiser, config)
    bar.close()
    if writer is not None:
        writer.close()
    if options.plateau:
        network.load_state_dict(progress.best)
        if options.precise_bn:
            _precise_batch_norm_after(batches, epochs, network, options, fabric)
    batches.close()
    metrics = _final_metrics(progress, options)
    save_checkpoint(
        folder / "network.safetensors",
        network.state_dict(),
        {"config": config, "metrics": metrics, "git_revision": revision()},
    )
    return metrics


def _recent_accuracy(right: int, clips: int, before: Mapping[str, float], videos: int) -> float:
    """Share of the latest clips that were right; a cut epoch is taken with the one before it."""
    if clips < videos / 2 and before:
        right += round(before["accuracy"] * before["clips"])
        clips += int(before["clips"])
    return right / clips


def _final_metrics(progress: _Progress, options: TrainingOptions) -> dict[str, Any]:
    metrics = progress.best_metrics if options.plateau else progress.metrics
    return {**metrics, "steps_in_all": progress.metrics["step"]}


def _save_progress(
    path: Path,
    progress: _Progress,
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


def _precise_batch_norm_after(
    batches: ClipBatches,
    epochs: int,
    network: nn.Module,
    options: TrainingOptions,
    fabric: Fabric,
) -> None:
    """Re-estimate batch normalisation on clips of the epoch after the last."""
    later = itertools.islice(batches.of_epoch(epochs), options.precise_bn)
    precise_batch_norm(network, [clips for clips, _ in later], fabric)


def _event_writer(folder: Path, *, fresh: bool) -> SummaryWriter:
    from torch.utils.tensorboard import SummaryWriter

    events = folder / "events"
    if fresh and events.is_dir():
        shutil.rmtree(events)
    return SummaryWriter(log_dir=os.fspath(events))
