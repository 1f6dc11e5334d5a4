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
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from tqdm import tqdm

from action_recog.errors import BadInput
from action_recog.training.batch_norm import precise_batch_norm_after
from action_recog.training.checkpoints import (
    load_checkpoint,
    write_text_whole,
)
from action_recog.training.clip_batches import ClipBatches
from action_recog.training.convergence import HeldOutCheck, best_check, convergence
from action_recog.training.messages import announce
from action_recog.training.optimiser import learning_rate, make_optimiser
from action_recog.training.optimiser_step import take_step
from action_recog.training.options import ComputeOptions, TrainingOptions, resolve_precision
from action_recog.training.processes import join_batch_norm
from action_recog.training.run_folder import (
    TrainingProgress,
    restore_progress,
    run_is_finished,
    save_progress,
    save_trained,
    truncate_metrics,
)
from action_recog.videos.content import ContentDigests
from action_recog.videos.frame_store import FrameStore
from action_recog.videos.labelled_videos import VideoSet
from action_recog.videos.views import ViewOptions, standardise

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch.utils.tensorboard import SummaryWriter


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
    optimiser = make_optimiser(network, options)
    module, optimiser = fabric.setup(network, optimiser)
    checkpoint = folder / "checkpoint.safetensors"
    progress = restore_progress(checkpoint, network, optimiser, config, title=title)
    first_epoch = progress.epochs_done
    write_text_whole(folder / "config.json", json.dumps(config, indent=1) + "\n")
    truncate_metrics(folder / "metrics.jsonl", first_epoch, title=title)
    if progress.is_over(epochs, options) and run_is_finished(
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
            precise_batch_norm_after(batches, epochs, network, options, fabric)
        if finished or progress.epochs_done % options.checkpoint_every == 0:
            save_progress(checkpoint, progress, network, optimiser, config)
    bar.close()
    if writer is not None:
        writer.close()
    if options.plateau:
        network.load_state_dict(progress.best)
        if options.precise_bn:
            precise_batch_norm_after(batches, epochs, network, options, fabric)
    batches.close()
    metrics = _final_metrics(progress, options)
    save_trained(folder / "network.safetensors", network, config, metrics)
    return metrics


def _recent_accuracy(right: int, clips: int, before: Mapping[str, float], videos: int) -> float:
    """Share of the latest clips that were right; a cut epoch is taken with the one before it."""
    if clips < videos / 2 and before:
        right += round(before["accuracy"] * before["clips"])
        clips += int(before["clips"])
    return right / clips


def _final_metrics(progress: TrainingProgress, options: TrainingOptions) -> dict[str, Any]:
    metrics = progress.best_metrics if options.plateau else progress.metrics
    return {**metrics, "steps_in_all": progress.metrics["step"]}


def _event_writer(folder: Path, *, fresh: bool) -> SummaryWriter:
    from torch.utils.tensorboard import SummaryWriter

    events = folder / "events"
    if fresh and events.is_dir():
        shutil.rmtree(events)
    return SummaryWriter(log_dir=os.fspath(events))
