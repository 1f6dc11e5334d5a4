"""PN-GAN's weights on disk: generator, canonical poses and both feature networks in one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from textures.checkpoints import load_networks, save_networks
from textures.pn_gan.canonical_poses import CLUSTERS, CanonicalPoses
from textures.pn_gan.features import FeatureConfig, MergedFeatureNetwork
from textures.pn_gan.networks import PoseGanConfig, PoseGenerator

KIND = "pn-gan"


@dataclass(frozen=True, kw_only=True)
class PnGanConfig:
    """The shapes of all that is stored."""

    gan: PoseGanConfig = field(default_factory=PoseGanConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    clusters: int = CLUSTERS

    @classmethod
    def from_card(cls, gan: Mapping[str, Any], features: Mapping[str, Any], clusters: int) -> Any:
        """The configuration of a card's fields."""
        return cls(gan=PoseGanConfig(**gan), features=FeatureConfig(**features), clusters=clusters)


@dataclass(frozen=True)
class PnGanNetworks:
    """All networks: of crops as they are ("original") and in canonical poses ("normalised")."""

    generator: PoseGenerator
    poses: CanonicalPoses
    original: MergedFeatureNetwork
    normalised: MergedFeatureNetwork

    def by_name(self) -> dict[str, nn.Module]:
        """The networks by the names under which they are stored."""
        return {
            "generator": self.generator,
            "poses": self.poses,
            "original": self.original,
            "normalised": self.normalised,
        }


def build_pn_gan(config: PnGanConfig) -> PnGanNetworks:
    """Untrained networks of a configuration."""
    return PnGanNetworks(
        generator=PoseGenerator(config.gan),
        poses=CanonicalPoses(count=config.clusters),
        original=MergedFeatureNetwork(config.features),
        normalised=MergedFeatureNetwork(config.features),
    )


def save_pn_gan(path: Path, networks: PnGanNetworks, config: PnGanConfig, **card: object) -> None:
    """Write the networks, floats in half precision, and their card."""
    save_networks(path, KIND, networks.by_name(), config, half_precision=True, **card)


def load_pn_gan(path: Path, *, device: str = "cpu") -> tuple[PnGanNetworks, dict[str, Any]]:
    """Trained networks, in evaluation mode, and their card. Raises BadInput."""
    return load_networks(
        path,
        KIND,
        lambda **fields: PnGanConfig.from_card(**fields),
        build_pn_gan,
        PnGanNetworks.by_name,
        device=device,
    )
