"""Networks on disk: safetensors beside a JSON card. Nothing is pickled.

``NAME.safetensors`` holds the tensors (floats in half precision when shipped); ``NAME.json`` the
card: kind of network, its configuration, the data it saw, the command that made it, and its
measured figures.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import nn

from mocap.errors import BadInput
from mocap.files import written_whole
from textures.body_fit.network import BodyFitConfig, BodyFitNetwork
from textures.reid.pcb import PCB, ReidConfig
from textures.rstg.unet import GeneratorConfig, TextureGenerator

WEIGHTS = Path(__file__).parent / "weights"
KINDS: dict[str, tuple[type, type]] = {
    "reid": (ReidConfig, PCB),
    "body-fit": (BodyFitConfig, BodyFitNetwork),
    "generator": (GeneratorConfig, TextureGenerator),
}
SHIPPED = {kind: WEIGHTS / f"{kind.replace('-', '_')}.safetensors" for kind in KINDS}


def save_network(
    path: Path, kind: str, network: nn.Module, *, half: bool = False, **card: object
) -> None:
    """Write the network's tensors to ``path`` (.safetensors) and its card beside it (.json).

    ``half``: floats as float16. ``card``: anything JSON takes, such as data=, command=, metrics=.
    """
    path = Path(path)
    tensors = {
        name: (t.half() if half and t.is_floating_point() else t).detach().cpu().contiguous()
        for name, t in network.state_dict().items()
    }
    full = {"kind": kind, "config": dataclasses.asdict(network.config), **card}
    with written_whole(path) as temporary:
        save_file(tensors, temporary)
        temporary.chmod(0o644)
    with written_whole(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(full, indent=2) + "\n")


def read_card(path: Path, kind: str | None = None) -> dict:
    """The card beside a weights file. Raises BadInput when it is missing, unreadable or of
    another kind.
    """
    path = Path(path)
    card_path = path.with_suffix(".json")
    if not path.is_file() or not card_path.is_file():
        raise BadInput(
            f"{path}: weights need both {path.name} and {card_path.name}; train them or give another path"
        )
    try:
        card = json.loads(card_path.read_text())
        found = card["kind"]
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{card_path}: not a weights card ({error!r}); train the weights again"
        ) from None
    if found not in KINDS or (kind and found != kind):
        raise BadInput(f"{card_path}: weights of kind {found}, expected {kind or ', '.join(KINDS)}")
    return card


def load_network(
    kind: str, path: Path | None = None, *, device: str = "cpu"
) -> tuple[nn.Module, dict]:
    """The network and its card, in evaluation mode; the shipped one when no path is given. Raises
    BadInput.
    """
    path = Path(path) if path else SHIPPED[kind]
    card = read_card(path, kind)
    config_type, network_type = KINDS[kind]
    try:
        network = network_type(config_type(**card["config"]))
        tensors = load_file(path)
        network.load_state_dict(
            {n: t.float() if t.is_floating_point() else t for n, t in tensors.items()}
        )
    except BadInput:
        raise
    except Exception as error:  # a damaged file fails in the reader, a foreign one in the shapes
        raise BadInput(f"{path}: cannot be loaded as {kind} ({error}); train it again") from None
    return network.eval().to(device), card


def checkpoint_tag(path: Path | None, kind: str) -> str:
    """A short name for a weights file: its stem and the first digits of its sha256."""
    path = Path(path) if path else SHIPPED[kind]
    return f"{path.stem}-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"
