"""Seeds of a plan: another one gives other people, other bodies and other splits."""

from __future__ import annotations

import pytest

from synth.plans.film_splits import split_among, split_motions
from synth.plans.preset import TextureSampling
from synth.plans.texture_sampler import TextureSampler
from tests.synth.plan_inputs import TEXTURES, entry, plan
from textures.library import SPLITS


def test_textures_take_their_turns_in_an_order_of_the_seed():
    def order(seed: int) -> list[str]:
        sampler = TextureSampler(TEXTURES, TextureSampling(), seed)
        return [sampler.next_texture("walk", None).identity for _ in range(20)]

    orders = [order(seed) for seed in range(6)]
    assert len({tuple(names) for names in orders}) == 6 and order(0) == orders[0]
    for names in orders:  # two rounds, each in an order of its own
        assert set(names[:10]) == set(names[10:]) == {t.identity for t in TEXTURES}


@pytest.mark.parametrize("rule", ["motion", "subject", "hash"])
def test_another_seed_holds_out_others(rule):
    entries = [entry(subject, 1, "walk", 400) for subject in range(1, 41)]

    def held_out(seed: int) -> frozenset[str]:
        split = split_motions(entries, SPLITS, rule=rule, seed=seed)
        return frozenset(name for name, part in split.items() if part != "train")

    sets = [held_out(seed) for seed in range(5)]
    assert len(set(sets)) == 5 and held_out(0) == sets[0] and all(sets)


def test_names_are_split_by_the_seed_and_not_by_their_order():
    names = [str(number) for number in range(30)]
    assert split_among(names, SPLITS, 1) == split_among(names[::-1], SPLITS, 1)
    assert split_among(names, SPLITS, 1) != split_among(names, SPLITS, 2)


def test_clips_of_the_same_name_have_other_bodies_and_cameras_under_another_seed():
    one, other = ({row.stem: row for row in plan(clips=40, seed=seed)} for seed in (1, 2))
    shared = one.keys() & other.keys()
    assert len(shared) > 5
    for stem in shared:
        assert one[stem].betas != other[stem].betas and one[stem].view != other[stem].view
