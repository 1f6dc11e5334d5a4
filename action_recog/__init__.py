"""Films worth learning from: non-local networks, video protocols and the UCF101 experiment.

The nouns of the package, imported when they are used:

    >>> from action_recog import NonLocalBlock
    >>> import torch
    >>> clip = torch.randn(1, 8, 2, 4, 4)
    >>> torch.equal(NonLocalBlock(8)(clip), clip)  # a new block is the identity
    True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from action_recog.datasets.films import read_films as read_films
    from action_recog.datasets.ucf101 import load_split as load_split
    from action_recog.errors import BadInput as BadInput
    from action_recog.experiment.experiment import run_experiment as run_experiment
    from action_recog.networks.cost import NetworkCost as NetworkCost
    from action_recog.networks.cost import network_cost as network_cost
    from action_recog.networks.nonlocal_block import NonLocalBlock as NonLocalBlock
    from action_recog.networks.resnet3d import ResNet3D as ResNet3D
    from action_recog.networks.resnet3d import network as network
    from action_recog.videos.decoding import open_video as open_video
    from action_recog.videos.labelled_videos import VideoSet as VideoSet
    from action_recog.videos.views import ViewOptions as ViewOptions

_MODULES = {
    "read_films": "action_recog.datasets.films",
    "load_split": "action_recog.datasets.ucf101",
    "BadInput": "action_recog.errors",
    "run_experiment": "action_recog.experiment.experiment",
    "NetworkCost": "action_recog.networks.cost",
    "network_cost": "action_recog.networks.cost",
    "NonLocalBlock": "action_recog.networks.nonlocal_block",
    "ResNet3D": "action_recog.networks.resnet3d",
    "network": "action_recog.networks.resnet3d",
    "open_video": "action_recog.videos.decoding",
    "VideoSet": "action_recog.videos.labelled_videos",
    "ViewOptions": "action_recog.videos.views",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_MODULES]
