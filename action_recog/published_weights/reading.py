"""Published weights as tensors under our names, out of the files that their publishers hand out."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from action_recog.errors import BadInput
from action_recog.published_weights.name_layouts import LAYOUTS, layout_of

# Under which key files keep the parameters beside an optimiser and the like.
_WRAPPERS = ("model_state", "state_dict", "model", "blobs")
_EPSILON = 1e-5  # of every batch normalisation here


def read_published_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read weights that others have published.

    Args:
        path: A .safetensors file, or one that `torch.save` wrote (.pth, .pyth, .pt): tensors by name,
            also beside other things under `state_dict`, `model_state` or `model`. Nothing but tensors
            and plain values is unpickled.

    Returns:
        The tensors under our names, on the CPU, float32.

    Raises:
        BadInput: For a file that is missing or holds something else, or names of no known layout.
    """
    path = Path(path)
    if path.suffix.lower() == ".pkl":
        raise BadInput(
            f"{path}: a pickle, as Caffe2 writes it, is not read here; expected tensors; convert it: "
            f"synth convert-weights {path} {path.with_suffix('.safetensors').name}"
        )
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(str(path))
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
        tensors = _tensors_of(content)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file of weights") from None
    except Exception as error:
        raise BadInput(
            f"{path}: not a state dict of tensors ({type(error).__name__}); expected a .safetensors "
            "file, or one of torch that holds nothing but tensors and plain values"
        ) from None
    try:
        return translated_state(tensors)
    except ValueError as error:
        raise BadInput(f"{path}: {error}") from None


def _tensors_of(content: Any) -> dict[str, Tensor]:
    """The tensors by name within what a file holds. Raises TypeError where it holds something else."""
    for key in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping):
        raise TypeError("no tensors by name")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise TypeError("no tensors by name")
    return {name.removeprefix("module."): value for name, value in content.items()}


def translated_state(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give a publisher's tensors our names.

    What a publisher leaves out because it changes nothing is filled in: a bias of a non-local block, its
    normalisation, and the statistics of a normalisation that was frozen to a scale and a shift.

    Args:
        tensors: Tensors under the names of one of `LAYOUTS`.

    Returns:
        The tensors under our names, float32. One that no rule knows keeps its name.

    Raises:
        ValueError: For names of no known layout, or two that become one.
    """
    layout = LAYOUTS[layout_of(tensors)]
    state: dict[str, Tensor] = {}
    for name, value in tensors.items():
        our_name = layout.rename(name)
        if our_name is None:
            continue
        if our_name in state:
            raise ValueError(f"two parameters are our {our_name}, the second is {name}")
        state[our_name] = value.float()
    _fill_in_what_changes_nothing(state)
    for name in ("fc.weight", *(n for n in state if n.endswith(".pair.weight"))):
        if name in state:  # a fully convolutional classifier, or w_f as a convolution
            state[name] = state[name].flatten(1)
    return state


def _fill_in_what_changes_nothing(state: dict[str, Tensor]) -> None:
    blocks = {name.removesuffix("out.weight") for name in state if _is_output(name)}
    for block in blocks:
        for layer in ("theta", "phi", "g", "out"):
            weight = state.get(f"{block}{layer}.weight")
            if weight is not None:
                state.setdefault(f"{block}{layer}.bias", torch.zeros(len(weight)))
        if f"{block}bn.weight" not in state:
            channels = len(state[f"{block}out.weight"])
            state[f"{block}bn.weight"] = torch.ones(channels)
            state[f"{block}bn.bias"] = torch.zeros(channels)
    for name in list(state):
        layer, _, end = name.rpartition(".")
        normalises = re.search(r"(^|\.)bn\d?$|downsample\.1$", layer)
        if end == "weight" and normalises:
            channels = len(state[name])
            if f"{layer}.running_mean" not in state and f"{layer}.running_var" not in state:
                state[f"{layer}.running_mean"] = torch.zeros(channels)
                state[f"{layer}.running_var"] = torch.full((channels,), 1 - _EPSILON)


def _is_output(name: str) -> bool:
    return name.startswith("nonlocal_blocks.") and name.endswith(".out.weight")
