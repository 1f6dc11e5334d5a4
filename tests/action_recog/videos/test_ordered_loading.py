"""Items come in the order of their keys, however long each takes."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from action_recog.videos.ordered_loading import load_in_order


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
