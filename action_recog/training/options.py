"""What a training of a clip classifier does, and where it computes."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from action_recog.errors import BadInput
from action_recog.training.convergence import Plateau

if TYPE_CHECKING:
    from lightning_fabric import Fabric

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
        BadInput: For a device that does not exist or is not available, and for several where this process
            cannot be started again for each.
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
    processes = compute.devices * compute.nodes
    launched = "LOCAL_RANK" in os.environ or "SLURM_PROCID" in os.environ
    if processes > 1 and not launched and not Path(sys.argv[0]).is_file():
        raise BadInput(
            f"{processes} processes: each runs this command again, which is no file ({sys.argv[0]!r}); "
            "start it as `synth`, or start all with torchrun"
        )
    fabric = Fabric(
        accelerator=kind,
        devices=[int(index)] if index else compute.devices,
        num_nodes=compute.nodes,
        strategy="ddp" if processes > 1 else "auto",
        precision=resolve_precision(compute.precision, compute.device),  # type: ignore[arg-type]
    )
    fabric.launch()
    return fabric
