"""Checkpoints: tensors as safetensors, everything else in a JSON sidecar, nothing pickled."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from action_recog.errors import BadInput


def write_text_whole(path: Path, text: str) -> None:
    """Write a text file under a temporary name in its folder and rename it."""
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


def require_finite(tensors: Mapping[str, Tensor], subject: str) -> None:
    """Check that every value of every tensor is a finite number.

    Args:
        tensors: Tensors by name.
        subject: What they are, and where, for the message.

    Raises:
        BadInput: Naming the first tensor that holds NaN or infinity.
    """
    broken = [name for name, value in tensors.items() if not bool(torch.isfinite(value).all())]
    if broken:
        count = int((~torch.isfinite(tensors[broken[0]])).sum())
        raise BadInput(
            f"{subject}: found NaN or infinity in {len(broken)} of {len(tensors)} tensors, the "
            f"first is {broken[0]} ({count} of {tensors[broken[0]].numel()} values); expected "
            "finite numbers; train again with --precision 32-true"
        )


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write a checkpoint: the tensors and their sidecar.

    The sidecar is renamed last: a pair that was interrupted is recognised by its digest.

    Args:
        path: File of the tensors (.safetensors); the sidecar (.json) lies beside it.
        tensors: Tensors by name.
        facts: JSON values of the sidecar, to which the SHA-256 of the tensors' file is added.

    Raises:
        BadInput: For tensors that are not finite; nothing is written then.
    """
    require_finite(tensors, str(path))
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
    try:
        facts = json.loads(sidecar.read_text(encoding="utf-8"))
        if not isinstance(facts, dict):
            raise ValueError(f"{sidecar.name} is no JSON object")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if facts.get("sha256") != digest:
            raise BadInput(
                f"{path}: does not belong to {sidecar.name} (its SHA-256 is {digest[:12]}, "
                f"expected {str(facts.get('sha256'))[:12]}): one of them was torn or replaced; "
                "train again"
            )
        tensors = load_file(str(path))
        require_finite(tensors, str(path))
        return tensors, facts
    except (ValueError, SafetensorError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: not a safetensors checkpoint ({error}); train again") from None


def load_2d_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read 2D weights under torchvision's names.

    Args:
        path: A .safetensors file, or a .pth state dict (tensors only).

    Returns:
        The tensors by name, on the CPU.

    Raises:
        BadInput: For a file that is missing or holds something else.
    """
    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(str(path))
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file of 2D weights") from None
    except Exception as error:
        raise BadInput(
            f"{path}: not a state dict of tensors ({type(error).__name__}); "
            "expected a .safetensors or .pth file under torchvision's names"
        ) from None


def transfer(weights: Mapping[str, Tensor], network: nn.Module) -> list[str]:
    """Copy weights into a network, all but the classifier `fc`.

    Args:
        weights: Tensors by name.
        network: Network that is changed in place.

    Returns:
        Names of the parameters that keep their values.

    Raises:
        BadInput: When a parameter of the trunk is missing or has another shape.
    """
    state = network.state_dict()
    unchanged = []
    for name, value in state.items():
        if name.startswith("fc."):
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
