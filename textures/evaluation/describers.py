"""Networks that describe crops by unit vectors, whatever made them: what re-ID evaluation compares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import cv2
import numpy as np

from mocap.errors import BadInput
from textures.checkpoints import card_kind
from textures.evaluation.networks import NETWORKS
from textures.evaluation.pose_features import PnGanDescriber, PoseFeatureDescriber
from textures.pn_gan.normalisers import GeneratorNormaliser, PoseNormaliser
from textures.pn_gan.weights import KIND, load_pn_gan
from textures.reid.evaluation import describe
from textures.reid.pcb import PCB, load_pcb

SHIPPED = "shipped"
JUDGES = ("omz-0277",)  # installed networks that describe crops; they are no rivals
CROP_SIZE = (128, 64)
BATCH = 64
TRAINING_WORDS = ("bodies fitted by", "supervised by", "perceptual network")  # of a card's data


class Describer(Protocol):
    """Something that describes crops.

    name: in tables. descriptor: what its vectors are, in words. training: what it was trained on.
    """

    name: str
    descriptor: str
    training: str

    def unit_descriptors(self, images: Iterable[np.ndarray]) -> np.ndarray:
        """Unit vectors (N,D) of crops (h,w,3) uint8 RGB of any size."""
        ...


class PcbDescriber:
    """A re-ID network of `synth train reid`."""

    def __init__(
        self,
        name: str,
        network: PCB,
        card: Mapping[str, Any],
        *,
        mirrored: bool = True,
        device: str = "cpu",
    ) -> None:
        """Keep the network, on its device already, and what its card says."""
        self.name, self.network, self.mirrored, self.device = name, network, mirrored, device
        self.descriptor = f"{network.config.label}, {descriptor_kind(mirrored)}"
        self.training = training_in_words(card)

    def unit_descriptors(self, images: Iterable[np.ndarray]) -> np.ndarray:
        """Unit vectors (N,D) of crops (h,w,3) uint8 RGB.

        Market-1501's size goes in as it is, as in training; others are brought to the network's.
        """
        size = (self.network.config.height, self.network.config.width)
        rows, batch = [], []
        for image in images:
            batch.append(_network_sized(image, size))
            if len(batch) == BATCH:
                rows.append(self._described(batch))
                batch = []
        if batch:
            rows.append(self._described(batch))
        return np.concatenate(rows)

    def _described(self, images: Sequence[np.ndarray]) -> np.ndarray:
        sizes = [image.shape for image in images]
        rows: list[np.ndarray | None] = [None] * len(images)
        for shape in dict.fromkeys(sizes):
            chosen = [index for index, other in enumerate(sizes) if other == shape]
            stacked = np.stack([images[index] for index in chosen])
            vectors = describe(self.network, stacked, device=self.device, mirrored=self.mirrored)
            for index, vector in zip(chosen, vectors):
                rows[index] = vector
        return np.stack([row for row in rows if row is not None])


def _network_sized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if image.shape[:2] in (CROP_SIZE, size):
        return image
    method = cv2.INTER_AREA if image.shape[0] > size[0] else cv2.INTER_LINEAR
    return cv2.resize(image, size[::-1], interpolation=method)


class JudgeDescriber:
    """A foreign network that is installed here."""

    training = "other people's data, Market-1501's training folder among them"
    descriptor = "mean with the mirror image"

    def __init__(self, name: str, networks: Path | None) -> None:
        """Open the network. Raises BadInput where it is not installed."""
        path = NETWORKS[name].locate(networks)
        if path is None:
            raise BadInput(f"{name}: not installed; to get it: {NETWORKS[name].advice}")
        self.name = name
        self.unit_descriptors = NETWORKS[name].load(path).unit_descriptors


def descriptor_kind(mirrored: bool) -> str:
    """What a descriptor is of, in words."""
    return "mean with the mirror image" if mirrored else "without the mirror image"


def training_in_words(card: Mapping[str, Any]) -> str:
    """What a card says of its network's training: data, people, steps."""
    data = card.get("data") or {}
    words = [str(data.get("set", "unknown data"))]
    if "identities" in data:
        words.append(f"{data['identities']:,} people in {data['crops']:,} crops")
    if "held out" in data:
        words.append(f"without {data['held out']}")
    words += [f"{name} {data[name]}" for name in TRAINING_WORDS if name in data]
    if "steps" in card:
        words.append(f"{card['steps']:,} steps")
    return ", ".join(words)


@dataclass(frozen=True, kw_only=True)
class DescriberOptions:
    """How weights are opened.

    mirrored: whether mirror images count. device: where networks go. bodies: what renders people in given
    canonical poses, beside PN-GAN's generator.
    """

    mirrored: bool = True
    device: str = "cpu"
    bodies: Callable[[np.ndarray], PoseNormaliser] | None = None


Opener = Callable[[str, Path | None, DescriberOptions], Sequence[Describer]]


def _open_pcb(name: str, path: Path | None, options: DescriberOptions) -> Sequence[Describer]:
    network, card = load_pcb(path, device=options.device)
    return [PcbDescriber(name, network, card, mirrored=options.mirrored, device=options.device)]


def _open_pn_gan(name: str, path: Path | None, options: DescriberOptions) -> Sequence[Describer]:
    assert path is not None, "PN-GAN ships no weights"
    networks, card = load_pn_gan(path, device=options.device)
    poses = networks.poses.arrays()
    generator = GeneratorNormaliser(networks.generator, poses, device=options.device)
    normalisers: list[tuple[str, PoseNormaliser]] = [(name, generator)]
    if options.bodies is not None:
        normalisers.append((f"{name}, bodies:", options.bodies(poses)))
    training = training_in_words(card)
    describers = []
    for label, normaliser in normalisers:
        features = PoseFeatureDescriber(
            *(networks.original, networks.normalised, normaliser),
            mirrored=options.mirrored,
            device=options.device,
        )
        for ablation, words in features.ablations().items():
            if normaliser is not generator and not features.uses_poses(ablation):
                continue  # the same row again
            words = f"{words}, {descriptor_kind(options.mirrored)}"
            describers.append(
                PnGanDescriber(f"{label} {ablation}", words, training, features, ablation)
            )
    return describers


OPENERS: Mapping[str, Opener] = MappingProxyType({"reid": _open_pcb, KIND: _open_pn_gan})
"""By the kind on a card: what opens weights, of a name and a path."""


def open_describers(
    names: Sequence[str],
    *,
    mirrored: Sequence[bool] = (True,),
    networks: Path | None = None,
    device: str = "cpu",
    bodies: Callable[[np.ndarray], PoseNormaliser] | None = None,
) -> list[Describer]:
    """The networks that are compared.

    Args:
        names: paths of weights, "shipped", or an installed judge's name.
        mirrored: with and without mirror images, one describer for each.
        networks: folder with downloaded networks.
        device: where ours go.
        bodies: what renders people in given canonical poses, for further rows of PN-GAN's weights.

    Raises:
        BadInput: for weights that are missing, damaged or of a kind that describes no crops, and for
            bodies where no PN-GAN is among the weights.
    """
    kinds = [_kind(name) for name in names]
    if bodies is not None and KIND not in kinds:
        raise BadInput("bodies in canonical poses: no weights of `synth train pn-gan` among these")
    labels = _labels(names)
    describers: list[Describer] = []
    for name, label, kind in zip(names, labels, kinds):
        if name in JUDGES:
            describers.append(JudgeDescriber(name, networks))
            continue
        path = None if name == SHIPPED else Path(name)
        if kind not in OPENERS:
            raise BadInput(
                f"{name}: weights of kind {kind}, which describe no crops; expected "
                f"{' or '.join(OPENERS)}"
            )
        for flag in mirrored:
            suffix = "" if len(mirrored) == 1 else f" ({'with' if flag else 'no'} mirror image)"
            options = DescriberOptions(mirrored=flag, device=device, bodies=bodies)
            describers += OPENERS[kind](label + suffix, path, options)
    return describers


def _kind(name: str) -> str:
    if name in JUDGES:
        return "judge"
    return "reid" if name == SHIPPED else card_kind(Path(name))


def _labels(names: Sequence[str]) -> list[str]:
    """Short names, all different: the weights' folder, or the whole path where two have the same."""
    if twice := sorted({name for name in names if list(names).count(name) > 1}):
        raise BadInput(f"{twice[0]}: given twice; each network is compared once")
    short = [name if name in (SHIPPED, *JUDGES) else Path(name).parent.name for name in names]
    return [
        label if label and short.count(label) == 1 else name for name, label in zip(names, short)
    ]
