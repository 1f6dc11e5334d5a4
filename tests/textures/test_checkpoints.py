"""Weights and their cards that nobody vouches for."""

from __future__ import annotations

import hashlib
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
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    expected = {"kind": "line", "config": {"width": 3}, "data": "none", "weights_sha256": digest}
    assert card == expected
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


def test_a_swapped_or_torn_pair_is_refused(tmp_path, weights):
    other = tmp_path / "other.safetensors"
    save_networks(other, "line", {"line": network_of(Widths())}, Widths(), data="none")
    good = weights.read_bytes()

    weights.write_bytes(other.read_bytes())  # of the same shapes: only the digest tells
    with pytest.raises(BadInput, match=r"line\.safetensors: sha256 .*line\.json is the card of"):
        load_network(weights, "line", Widths, network_of)
    for torn in (good[:-3], good[:4], b""):
        weights.write_bytes(torn)
        with pytest.raises(BadInput, match=r"line\.safetensors"):
            load_network(weights, "line", Widths, network_of)
    weights.write_bytes(good)
    load_network(weights, "line", Widths, network_of)


@pytest.mark.parametrize(
    "change", [{"config": {"width": 4}}, {"weights_sha256": None}, {"weights_sha256": "0" * 64}]
)
def test_a_card_that_is_not_that_of_the_weights_is_refused(weights, change):
    card = weights.with_suffix(".json")
    card.write_text(json.dumps({**json.loads(card.read_text()), **change}))
    with pytest.raises(BadInput, match=r"line\.(json|safetensors): .*run the command that made"):
        read_card(weights, "line")


def test_equal_networks_are_equal_bytes_whatever_their_cards_say_of_their_making(tmp_path):
    network = network_of(Widths())
    for name, command in (("a", "synth train a"), ("b", "synth train b")):
        path = tmp_path / f"{name}.safetensors"
        save_networks(path, "line", {"line": network}, Widths(), command=command)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
