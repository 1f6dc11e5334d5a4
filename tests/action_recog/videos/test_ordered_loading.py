"""Items come in the order of their keys, however long each takes."""

from __future__ import annotations

import itertools
import os
import threading
import time

import numpy as np
import pytest
import torch

from action_recog.errors import BadInput
from action_recog.videos.ordered_loading import OrderedLoader, load_in_order


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_items_come_in_order_and_each_is_loaded_once(threads):
    loaded: list[int] = []

    def load(key: int) -> int:
        np.linalg.svd(np.ones((1 + (key * 37) % 60,) * 2))  # some take longer
        loaded.append(key)
        return key * key

    assert list(load_in_order(load, range(50), threads=threads)) == [n * n for n in range(50)]
    assert sorted(loaded) == list(range(50))


def test_few_items_wait():
    loaded: list[int] = []
    items = load_in_order(lambda key: loaded.append(key), range(1000), threads=2)
    next(items)
    items.close()
    assert len(loaded) < 20


@pytest.mark.parametrize("threads", [0, 2])
def test_an_error_of_one_item_is_raised_in_its_turn_and_no_thread_is_left(threads):
    def load(key: int) -> float:
        return 1 / (3 - key)

    items = load_in_order(load, range(10), threads=threads)
    assert [next(items) for _ in range(3)] == [1 / 3, 1 / 2, 1]
    with pytest.raises(ZeroDivisionError):
        next(items)
    assert not [t for t in threading.enumerate() if t.name.startswith("loader")]


def squared(key: int) -> torch.Tensor:
    if key == 13:
        raise BadInput("thirteen")
    if key == 99:
        os._exit(1)
    return torch.full((3, 2), key * key)


def test_processes_give_the_same_items_in_order_and_live_on():
    with OrderedLoader(squared, processes=2) as loader:
        for _ in range(2):
            items = list(loader.load(range(12)))
            assert [int(item[0, 0]) for item in items] == [n * n for n in range(12)]
            assert loader.rates.items == 12 and loader.rates.loader > 0
        with pytest.raises(BadInput, match="thirteen"):
            list(loader.load(range(20)))
        assert int(next(iter(loader.load([5])))[0, 0]) == 25
        with pytest.raises(BadInput, match="one of 2 loading processes died"):
            list(loader.load([1, 99]))


def test_shards_together_are_all_items():
    loader = OrderedLoader(lambda key: key)
    parts = [list(loader.load(range(11), shard=(k, 3))) for k in range(3)]
    assert parts[1] == [1, 4, 7, 10] and sorted(itertools.chain(*parts)) == list(range(11))


@pytest.mark.parametrize("threads", [0, 2])
def test_rates_tell_who_waits_for_whom(threads):
    """A loader of 10 ms an item beside a user of 40 ms, and the other way round."""
    for loading, use in ((0.01, 0.04), (0.04, 0.01)):
        with OrderedLoader(lambda _, s=loading: time.sleep(s), threads=threads) as loader:
            for _ in loader.load(range(8)):
                time.sleep(use)
            rates = loader.rates
        # Sleeping takes at least its time, and on a busy machine longer: both rates are bounded.
        assert 0 < rates.loader <= max(1, threads) / loading
        assert 0 < rates.consumer <= 8 / (7 * use) * 1.01
        assert "loader" in str(rates) and "network" in str(rates)
