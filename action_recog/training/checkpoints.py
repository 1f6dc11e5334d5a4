"""Checkpoints: tensors as safetensors, everything else in a JSON sidecar, nothing pickled."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from action_recog.errors import BadInput
from action_recog.json_files import Sha256, read_json
from action_recog.networks.resnet3d import new_blocks, surplus_names
from action_recog.published_weights.reading import read_published_weights
from action_recog.training.processes import process_rank, wait_for_all_processes


@dataclass(frozen=True, kw_only=True)
class _Card:
    """What every sidecar has."""

    sha256: Sha256


def write_text_whole(path: Path, text: str) -> None:
    """Write a text file under a temporary name in its folder and rename it.

    Of several processes the first alone writes.
    """
    if process_rank() > 0:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        temporary.write_text(text, encoding="utf-8", newline="")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def revision() -> str:
    """The git revision of this code, or "unknown" outside a checkout."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return answer.stdout.strip() if answer.returncode == 0 else "unknown"


def require_finite(
    tensors: Mapping[str, Tensor],
    subject: str,
    *,
    advice: str = "train again with --precision 32-true",
) -> None:
    """Check that every value of every tensor is a finite number.

    Args:
        tensors: Tensors by name.
        subject: What they are, and where, for the message.
        advice: What to do about others.

    Raises:
        BadInput: Naming the first tensor that holds NaN or infinity.
    """
    broken = [name for name, value in tensors.items() if not bool(torch.isfinite(value).all())]
    if broken:
        count = int((~torch.isfinite(tensors[broken[0]])).sum())
        raise BadInput(
            f"{subject}: found NaN or infinity in {len(broken)} of {len(tensors)} tensors, the "
            f"first is {broken[0]} ({count} of {tensors[broken[0]].numel()} values); expected "
            f"finite numbers; {advice}"
        )


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write a checkpoint: the tensors and their sidecar.

    The sidecar is renamed last: a pair that was interrupted is recognised by its digest. Of several
    processes, all of which call this, the first alone writes, and the others wait for it.

    Args:
        path: File of the tensors (.safetensors); the sidecar (.json) lies beside it.
        tensors: Tensors by name.
        facts: JSON values of the sidecar, to which the SHA-256 of the tensors' file is added.

    Raises:
        BadInput: For tensors that are not finite; nothing is written then.
    """
    require_finite(tensors, str(path))
    if process_rank() == 0:
        _write_checkpoint(path, tensors, facts)
    wait_for_all_processes()


def _write_checkpoint(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, str(temporary))
        digest = hashlib.sha256(temporary.read_bytes()).hexdigest()
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sidecar = {**facts, "sha256": digest}
    write_text_whole(path.with_suffix(".json"), json.dumps(sidecar, indent=1) + "\n")


def load_checkpoint(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint.

    Args:
        path: File of the tensors (.safetensors), with its sidecar beside it.

    Returns:
        The tensors by name, on the CPU, and the facts of the sidecar.

    Raises:
        BadInput: When the pair is incomplete, does not belong together or is not finite.
    """
    path = Path(path)
    sidecar = path.with_suffix(".json")
    if not path.is_file() or not sidecar.is_file():
        raise BadInput(f"{path}: no checkpoint; expected it and {sidecar.name} beside it")
    expected = read_json(sidecar, _Card, advice="train again").sha256
    facts = read_json(sidecar, dict[str, Any], advice="train again")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if expected != digest:
        raise BadInput(
            f"{path}: does not belong to {sidecar.name} (its SHA-256 is {digest[:12]}, expected "
            f"{expected[:12]}): one of them was torn or replaced; train again"
        )
    try:
        tensors = load_file(str(path))
    except (ValueError, SafetensorError) as error:
        raise BadInput(f"{path}: not a safetensors checkpoint ({error}); train again") from None
    require_finite(tensors, str(path))
    return tensors, facts


def load_2d_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read published weights under torchvision's names.

    Args:
        path: As `read_published_weights` takes it.

    Returns:
        The tensors by name, on the CPU.

    Raises:
        BadInput: For a file that is missing or holds something else, and for numbers that are not
            finite.
    """
    weights = read_published_weights(path)
    require_finite(weights, str(path), advice="give another file with --weights-2d")
    return weights


def transfer(weights: Mapping[str, Tensor], network: nn.Module) -> list[str]:
    """Copy weights into a network, all but the classifier `fc`.

    Non-local blocks of the network that the weights have nothing of are new: they keep their values,
    with which they are the identity, so that the features are those of the weights.

    Args:
        weights: Tensors by name.
        network: Network that is changed in place.

    Returns:
        Names of the parameters that keep their values.

    Raises:
        BadInput: When a parameter of the trunk is missing or has another shape, and for weights that
            the network has no parameter for.
    """
    state = network.state_dict()
    unchanged = []
    surplus = surplus_names(weights, network)
    if surplus:
        raise BadInput(
            f"pretrained weights: found {surplus[0]}, one of {len(surplus)} that the network has not; "
            "expected its own; pretrain the same --arch, or one with fewer non-local blocks"
        )
    fresh = tuple(new_blocks(weights, network))
    for name, value in state.items():
        if name.startswith("fc.") or name.startswith(fresh):
            unchanged.append(name)
        elif name not in weights or weights[name].shape != value.shape:
            shape = tuple(weights[name].shape) if name in weights else "nothing"
            raise BadInput(
                f"pretrained weights: found {shape} for {name}, the network wants "
                f"{tuple(value.shape)}; pretrain the same --arch"
            )
        else:
            state[name] = weights[name].to(value.dtype)
    network.load_state_dict(state)
    return unchanged
