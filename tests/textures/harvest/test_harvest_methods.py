"""Every method that is registered makes a library of textures from a folder of crops."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from tests.textures.ddff.test_ddff_networks import TINY as TINY_DDFF
from tests.textures.sampler_refiner.test_sampler_networks import TINY as TINY_SAMPLER
from textures.harvest.harvest import harvest
from textures.harvest.harvester import Harvester
from textures.methods import METHODS
from textures.texture_method import load_method

CONFIGS = {"sampler-refiner": TINY_SAMPLER, "ddff": TINY_DDFF}


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_a_folder_of_crops_becomes_a_library(name, weights, body, fitter, crops, tmp_path):
    torch.manual_seed(0)
    untrained = METHODS[name](CONFIGS[name], body)
    path = tmp_path / "untrained.safetensors"
    untrained.save(path, metrics={})
    method = load_method(METHODS[name], body, path)
    harvester = Harvester(
        body, method, fitter, reid=weights / "reid.safetensors", size=48, limits=None
    )
    result = harvest(
        crops, tmp_path / "textures", harvester, licence="own-photographs", report=lambda line: None
    )
    assert len(result.entries) == 3 and not result.left_out  # two crops are of one person
    for entry in result.entries:
        texture = cv2.imread(str(tmp_path / "textures" / entry.file))
        assert texture.shape == (48, 48, 3) and np.ptp(texture) > 0
    assert method.tag in (tmp_path / "textures" / "textures.jsonl").read_text()
