"""Tiny untrained networks, and crops of noise that they make textures of."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from mocap.bodies.skinning import Skinning
from textures.body_fit.fitting import BodyFitter, FitWeights
from textures.checkpoints import save_networks
from textures.evidence.network import LandmarkConfig, LandmarkNetwork
from textures.evidence.sources import SourceOptions, open_sources
from textures.harvest.harvester import Harvester
from textures.methods import METHODS
from textures.reid.pcb import PCB, ReidConfig
from textures.rstg.unet import GeneratorConfig, TextureGenerator
from textures.texture_method import load_method

SMALL_GENERATOR = GeneratorConfig(channels=4, height=32, width=32, texture_size=32, projection=True)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Tiny untrained networks on disk."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    networks = {
        "body-fit": LandmarkNetwork(LandmarkConfig(depth=10, channels=8, features=16, hidden=32)),
        "generator": TextureGenerator(SMALL_GENERATOR),
        "reid": PCB(
            ReidConfig(
                depth=10, channels=8, classes=3, stripes=4, embedding=16, height=64, width=32
            )
        ),
    }
    for kind, network in networks.items():
        save_networks(
            folder / f"{kind}.safetensors",
            kind,
            {kind: network},
            network.config,
            half_precision=True,
            metrics={},
        )
    return folder


@pytest.fixture(scope="module")
def fitter(weights, body):
    """An untrained network's evidence, hardly fitted."""
    options = SourceOptions(weights=weights / "body-fit.safetensors")
    return BodyFitter(
        body,
        Skinning(body),
        open_sources(["network"], options),
        weights=FitWeights(landmark_steps=2, mask_steps=1),
    )


@pytest.fixture(scope="module")
def harvester(weights, body, fitter):
    return Harvester(
        body,
        load_method(METHODS["rstg"], body, weights / "generator.safetensors"),
        fitter,
        reid=weights / "reid.safetensors",
        size=48,
    )


@pytest.fixture
def crops(tmp_path):
    folder = tmp_path / "crops"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (
        "0002_c1s1_000451_03.jpg",
        "0002_c2s1_000500_01.jpg",
        "0007_c1s1_000001_01.jpg",
        "me.png",
    ):
        image = cv2.resize(rng.integers(0, 255, (8, 4, 3), dtype=np.uint8), (64, 128))
        cv2.imwrite(str(folder / name), image)
    return folder
