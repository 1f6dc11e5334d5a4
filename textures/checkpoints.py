"""Networks on disk: safetensors beside a JSON card. Nothing is pickled.

`NAME.safetensors` holds the tensors (floats in half precision when shipped); `NAME.json` the card: kind
of network, its configuration, the data it saw, the command that made it, and its measured figures. Where
a kind has several networks, each tensor's name begins with its network's.

Weights and card know each other: the card has the sha256 of the weights, and the weights that of the
card's kind and configuration, so that neither is taken for another's.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import torch
from msgspec import Meta
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from mocap.errors import BadInput
from mocap.files import atomic_write
from mocap.parsing.json_files import Label, read_json

WEIGHTS = Path(__file__).parent / "weights"

_WEIGHTS_DIGEST = "weights_sha256"  # in cards
_CARD_DIGEST = "card_sha256"  # in the metadata of weights

Config = TypeVar("Config")
Network = TypeVar("Network", bound=nn.Module)
Networks = TypeVar("Networks")


def shipped_weights(kind: str) -> Path:
    """Where the shipped weights of a kind of network lie."""
    return WEIGHTS / f"{kind.replace('-', '_')}.safetensors"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Card:
    """What every card has."""

    kind: Label
    config: dict[str, Any]
    weights_sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None


def save_networks(
    path: Path,
    kind: str,
    networks: Mapping[str, nn.Module],
    config: Any,
    *,
    half_precision: bool = False,
    **card: object,
) -> None:
    """Write networks and their card.

    Args:
        path: of the .safetensors file; the card lies beside it, as .json.
        kind: what the weights are of ("reid", "body-fit", a texture method's name).
        networks: by name.
        config: the dataclass that they are built from.
        half_precision: store floats as float16.
        card: anything JSON takes, such as data=, command=, metrics=.
    """
    path = Path(path)
    tensors = {
        prefix + name: (t.half() if half_precision and t.is_floating_point() else t)
        .detach()
        .cpu()
        .contiguous()
        for prefix, network in _prefixes(networks)
        for name, t in network.state_dict().items()
    }
    fields = json.loads(json.dumps(dataclasses.asdict(config)))
    with atomic_write(path) as temporary:
        save_file(tensors, temporary, metadata={_CARD_DIGEST: _card_digest(kind, fields)})
        temporary.chmod(0o644)
        digest = _sha256(temporary)
    content = {"kind": kind, "config": fields, _WEIGHTS_DIGEST: digest, **card}
    with atomic_write(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")


def card_kind(path: Path) -> str:
    """The kind of network that a weights file's card names. Raises BadInput without a readable card."""
    card_path = Path(path).with_suffix(".json")
    if not card_path.is_file():
        raise BadInput(
            f"{path}: weights need both {Path(path).name} and {card_path.name}; train them or give "
            "another path"
        )
    advice = "not a weights card; train the weights again"
    return read_json(card_path, _Card, advice=advice, extra_fields=True).kind


def read_card(path: Path, kind: str) -> dict[str, Any]:
    """The card beside a weights file.

    Raises:
        BadInput: when weights or card are missing, the card is unreadable or of another kind, or the
            two are no pair.
    """
    path = Path(path)
    card_path = path.with_suffix(".json")
    if not path.is_file() or not card_path.is_file():
        raise BadInput(
            f"{path}: weights need both {path.name} and {card_path.name}; train them or give another path"
        )
    advice = "not a weights card; train the weights again"
    card = read_json(card_path, _Card, advice=advice, extra_fields=True)
    if card.kind != kind:
        raise BadInput(f"{card_path}: weights of kind {card.kind}, expected {kind}")
    _require_pair(path, card_path, card)
    return read_json(card_path, dict[str, Any], advice=advice)


def _require_pair(path: Path, card_path: Path, card: _Card) -> None:
    """Raises BadInput where weights and card are of different trainings, or one of them is torn."""
    advice = "take both files of one training, or run the command that made them again"
    if card.weights_sha256 is not None and card.weights_sha256 != (digest := _sha256(path)):
        raise BadInput(
            f"{path}: sha256 {digest[:16]}..., but {card_path.name} is the card of weights with "
            f"{card.weights_sha256[:16]}...; {advice}"
        )
    try:
        with safe_open(path, "pt") as file:
            expected = (file.metadata() or {}).get(_CARD_DIGEST)
    except Exception as error:  # the reader's errors have no common base
        reason = " ".join(str(error).split())[:200]
        raise BadInput(f"{path}: not weights that can be read ({reason}); {advice}") from None
    if expected is None:
        return  # weights of before they knew their card
    if card.weights_sha256 is None or expected != _card_digest(card.kind, card.config):
        raise BadInput(f"{card_path}: not the card of {path.name}; {advice}")


def _card_digest(kind: str, config: Mapping[str, Any]) -> str:
    """Of what the networks are built from. Not of figures and commands: equal weights, equal bytes."""
    return hashlib.sha256(json.dumps([kind, config], sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_network(
    path: Path | None,
    kind: str,
    config_type: Callable[..., Config],
    network_type: Callable[[Config], Network],
    *,
    device: str = "cpu",
) -> tuple[Network, dict[str, Any]]:
    """A kind's only network and its card, in evaluation mode.

    Args:
        path: of the weights; the shipped ones when None.
        kind: what they must be of.
        config_type: builds the configuration from the card's fields.
        network_type: builds the network from the configuration.
        device: where the network goes.

    Raises:
        BadInput: for weights that are missing, damaged, or of another kind or shape.
    """
    return load_networks(
        path, kind, config_type, network_type, lambda network: {kind: network}, device=device
    )


def load_networks(
    path: Path | None,
    kind: str,
    config_type: Callable[..., Config],
    build: Callable[[Config], Networks],
    by_name: Callable[[Networks], Mapping[str, nn.Module]],
    *,
    device: str = "cpu",
) -> tuple[Networks, dict[str, Any]]:
    """All networks of a kind and their card, in evaluation mode.

    Args:
        path: of the weights; the shipped ones when None.
        kind: what they must be of.
        config_type: builds the configuration from the card's fields.
        build: builds the networks from the configuration.
        by_name: the built ones, by the names under which they are stored.
        device: where the networks go.

    Raises:
        BadInput: for weights that are missing, damaged, or of another kind or shape.
    """
    path = Path(path) if path else shipped_weights(kind)
    card = read_card(path, kind)
    try:
        networks = build(config_type(**card["config"]))
        fill_networks(by_name(networks), load_file(path))
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    except Exception as error:  # a damaged file fails in the reader, a foreign one in the shapes
        raise BadInput(f"{path}: cannot be loaded as {kind} ({error}); train it again") from None
    for network in by_name(networks).values():
        network.eval().to(device)
    return networks, card


def fill_networks(networks: Mapping[str, nn.Module], tensors: Mapping[str, torch.Tensor]) -> None:
    """Load tensors of `save_networks` into networks, in place, floats in single precision.

    Raises:
        BadInput: a tensor with numbers that are not finite.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            count = int((~torch.isfinite(tensor)).sum())
            raise BadInput(
                f"tensor {name} has {count} of {tensor.numel()} numbers that are not finite; "
                "train the weights again"
            )
    for prefix, network in _prefixes(networks):
        network.load_state_dict(
            {
                name.removeprefix(prefix): t.float() if t.is_floating_point() else t
                for name, t in tensors.items()
                if name.startswith(prefix)
            }
        )


def weights_tag(path: Path | None, kind: str) -> str:
    """A short name for a weights file: its stem and the first digits of its sha256."""
    path = Path(path) if path else shipped_weights(kind)
    return f"{path.stem}-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"


def _prefixes(networks: Mapping[str, nn.Module]) -> list[tuple[str, nn.Module]]:
    """Each network with what its tensors' names begin with: nothing for a single one."""
    if len(networks) == 1:
        return [("", network) for network in networks.values()]
    return [(f"{name}.", network) for name, network in networks.items()]
