"""Weights and their cards that nobody vouches for."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from mocap.errors import BadInput
from textures.checkpoints import WEIGHTS, load_network, read_card, save_networks


@dataclass(frozen=True, kw_only=True)
class Widths:
    width: int = 3


def network_of(config):
    return nn.Linear(config.width, 2)


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "line.safetensors"
    save_networks(path, "line", {"line": network_of(Widths())}, Widths(), data="none")
    return path


def test_what_is_written_is_read_back(weights):
    network, card = load_network(weights, "line", Widths, network_of)
    assert card == {"kind": "line", "config": {"width": 3}, "data": "none"}
    assert torch.isfinite(network.weight).all()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("half", [False, True])
def test_numbers_that_are_not_finite_are_refused_with_the_tensor(tmp_path, value, half):
    network = network_of(Widths())
    with torch.no_grad():
        network.weight[1, 2] = value
    path = tmp_path / "line.safetensors"
    save_networks(path, "line", {"line": network}, Widths(), half_precision=half)
    expected = r"line\.safetensors: tensor weight has 1 of 6 numbers that are not finite"
    with pytest.raises(BadInput, match=expected):
        load_network(path, "line", Widths, network_of)


@pytest.mark.parametrize(
    "text, words",
    [
        ("{}", "no field kind"),
        ('{"kind": "line", "config": []}', r"field config is \[\], expected a JSON object"),
        ('{"kind": 3, "config": {}}', "field kind is 3, expected text"),
        ('{"kind": "line", "config": {"width": NaN}}', "config.width is NaN"),
        ('{"kind": "net", "config": {}}', "weights of kind net, expected line"),
        ("[", "not JSON"),
    ],
)
def test_bad_cards_are_refused_with_the_field(weights, text, words):
    weights.with_suffix(".json").write_text(text)
    with pytest.raises(BadInput, match=rf"line\.json: .*{words}"):
        read_card(weights, "line")


def test_shipped_cards_are_good():
    cards = sorted(WEIGHTS.glob("*.json"))
    assert cards
    for card in cards:
        read_card(card.with_suffix(".safetensors"), json.loads(card.read_text())["kind"])
