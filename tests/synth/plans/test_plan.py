"""Plans: a shorter one begins a longer one, splits share nobody, textures take turns, pairs are pairs."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocap.errors import BadInput
from synth.plans.clip_order import frames_at
from synth.plans.coverage import coverage
from synth.plans.film_splits import split_among
from synth.plans.plan import make_plan
from synth.plans.plan_row import (
    PLAN_VERSION,
    parse_shard,
    read_plan,
    rows_of_shard,
    write_plan,
)
from synth.plans.preset import Windows, read_preset
from tests.synth.plan_inputs import ENTRIES, FOLDER, TEXTURES, entry, plan, texture


def test_a_shorter_plan_is_the_beginning_of_a_longer_one():
    long, short = plan(clips=8), plan(clips=4)
    assert short == long[:4]
    turned = {"": TEXTURES[::-1]}
    assert plan(clips=4, entries=ENTRIES[::-1], libraries=turned) == short
    assert plan(clips=4, seed=8) != short


def test_without_a_number_every_window_comes_once():
    rows = plan(clips=None)
    windows = Windows()
    expected = {
        (e.name, start) for e in ENTRIES for start in windows.starts(frames_at(e, 30.0), stride=50)
    }
    assert len(rows) == len(expected)
    assert {(row.sequence, row.start) for row in rows} == expected


def owners(rows, key) -> dict:
    """The one split of each value of `key`."""
    found = {}
    for row in rows:
        assert found.setdefault(key(row), row.split) == row.split
    return found


def test_splits_share_no_identity_motion_background_or_shape():
    photographs = [f"{i}.jpg" for i in range(20)]
    rows = plan(clips=45, photographs=photographs)
    assert {row.split for row in rows} == {"train", "val", "test"}
    of_texture = {t.file: t.split for t in TEXTURES}
    assert all(of_texture[row.texture] == row.split for row in rows)
    for key in ("identity", "sequence", "betas"):
        owners(rows, lambda row, key=key: getattr(row, key))
    owners(rows, lambda row: row.background["photograph"])
    train = [row for row in rows if row.split == "train"]
    assert {row.category for row in train} == {"walk", "run", "jump"}


def test_many_subjects_are_split_by_subject():
    entries = [entry(s, t, "walk", 200) for s in range(1, 21) for t in (1,)]
    counts = Counter(owners(plan(entries=entries, clips=None), lambda row: row.subject).values())
    assert counts == {"train": 16, "val": 2, "test": 2}


def test_preset_surreal_is_surreals():
    entries = [entry(s, 1, "walk", 1200) for s in (1, 2, 3, 6, 7, 8)]
    rows = plan(preset="surreal", entries=entries, clips=None)
    assert Counter(r.stem.split("/")[1] for r in rows) == {"run0": 30, "run1": 48, "run2": 24}
    assert {(r.stem.split("/")[1], r.stride) for r in rows} == {
        ("run0", 50), ("run1", 30), ("run2", 70),
    }  # fmt: skip
    assert owners(rows, lambda row: row.subject) == {
        "01": "train", "02": "train", "08": "train", "03": "test", "06": "test", "07": "test",
    }  # fmt: skip
    row = rows[0]
    assert (row.width, row.height, row.fps, row.view.focal) == (320, 240, 30.0, 600.0)
    assert {row.gender for row in rows} == {"female", "male"}
    distances = np.array([row.view.distance for row in rows])
    assert distances.mean() == pytest.approx(8, abs=0.3) and distances.std() == pytest.approx(
        1, abs=0.3
    )
    light = np.array([row.light["coefficients"] for row in rows])
    assert ((light[:, 0] >= 0.5) & (light[:, 0] <= 1.4)).all()
    assert ((light[:, 1] <= 0) & (light[:, 1] >= -0.7)).all()
    assert {row.view.move for row in rows} == {"still"}


def test_the_papers_set_takes_so_many_motions_and_the_best_textures():
    entries = [entry(s, t, "walk", 400) for s in range(1, 60) for t in range(1, 50)]
    rows = plan(preset="surreal++", entries=entries, clips=None, overrides=["textures.limit=6"])
    assert len({row.sequence for row in rows}) == 2607
    best = {t.file for t in sorted(TEXTURES, key=lambda t: -t.scores["reid_cosine"])[:6]}
    assert {row.texture for row in rows} <= best


def test_plans_with_other_limits_differ_in_the_texture_alone_within_a_split():
    """The best texture is of one split, the best six of two: then the motions of a split differ, too."""

    def planned(limit, *overrides):
        return plan(clips=40, overrides=[f"textures.limit={limit}", ALONE, *overrides])

    rows = {limit: planned(limit, "textures.splits=train") for limit in (1, 6)}
    assert [len({row.texture for row in rows[limit]}) for limit in (1, 6)] == [1, 6]
    for few, many in zip(rows[1], rows[6], strict=True):
        few, many = (dataclasses.replace(row, texture="", identity="") for row in (few, many))
        assert few == many
    assert len({row.split for row in planned(0)}) == 3  # without it, all are used
    with pytest.raises(
        BadInput, match=r"none of .* textures is of textures\.splits val; they are of train"
    ):
        plan(
            libraries={"": [t for t in TEXTURES if t.split == "train"]},
            overrides=["textures.splits=val"],
        )


def test_only_splits_that_have_textures_are_used():
    trained = [t for t in TEXTURES if t.split == "train"]
    rows = plan(libraries={"": trained}, clips=9)
    assert {row.split for row in rows} == {"train"}
    said = []
    entries = [entry(s, 1, "walk", 400) for s in (1, 2, 3)]
    rows = plan(
        libraries={"": trained}, entries=entries, preset="surreal", clips=None, report=said.append
    )
    assert {row.subject for row in rows} == {"01", "02"}
    assert (
        len(said) == 1 and "03_01.amc: its subject belongs to a split without textures" in said[0]
    )


def test_one_person_in_two_splits_is_refused():
    with pytest.raises(BadInput, match=r"identity 0: 0_0.png is in split train, 0_9.png in test"):
        plan(libraries={"": [*TEXTURES, texture(0, "test", 9)]})


ALONE = "scenes.shared=false"


def test_a_place_does_not_tell_what_is_done_in_it():
    """Place and light are seen with every category once, but for those of the last round."""
    for photographs in ((), [f"{i}.jpg" for i in range(20)]):
        rows = [r for r in plan(clips=200, photographs=photographs) if r.split == "train"]
        places: dict[str, list[str]] = {}
        for row in rows:
            place = json.dumps([row.background, row.light])
            places.setdefault(place, []).append(row.category)
        everything = Counter(row.category for row in rows)
        assert set(everything) == {"walk", "run", "jump"}
        assert all(len(set(seen)) == len(seen) for seen in places.values())
        whole = [seen for seen in places.values() if len(seen) == 3]
        assert len(whole) == min(everything.values()) and len(places) == max(everything.values())
        assert len({row.view for row in rows}) == len({row.betas for row in rows}) == len(rows)
    rows = plan(clips=45, overrides=[ALONE])
    assert len({row.background["painted"] for row in rows}) == 45
    assert plan(clips=9, overrides=[ALONE]) == rows[:9]


def test_a_handful_of_films_shows_a_handful_of_people_in_as_many_places():
    crowd = [texture(i, "train", score=0.5) for i in range(34)]
    rows = plan(libraries={"": crowd}, clips=6)
    assert len({row.identity for row in rows}) == len({json.dumps(row.background) for row in rows})
    assert len({row.identity for row in rows}) == 6
    longer = plan(libraries={"": crowd}, clips=40)
    assert longer[:6] == rows and len({row.identity for row in longer[:34]}) == 34


def test_places_do_not_depend_on_how_many_textures_there_are():
    crowd = [texture(i, "train", score=i / 50) for i in range(34)]
    plans = [
        plan(libraries={"": crowd}, clips=80, overrides=[f"textures.limit={limit}"])
        for limit in (1, 5, 34)
    ]
    assert [len({row.texture for row in rows}) for rows in plans] == [1, 5, 34]
    alike = [
        [dataclasses.replace(r, texture="", identity="", stand_in=False) for r in rows]
        for rows in plans
    ]
    assert alike[0] == alike[1] == alike[2]


def test_a_person_does_not_tell_what_is_done():
    """Everyone is seen with every category as often as with any other, give or take two clips."""
    rows = [row for row in plan(clips=600) if row.split == "train"]
    seen: dict[str, Counter[str]] = {}
    for row in rows:
        seen.setdefault(row.category, Counter())[row.identity] += 1
    assert set(seen) == {"walk", "run", "jump"}
    for people in seen.values():
        assert len(people) == 6 and max(people.values()) - min(people.values()) <= 2


def test_people_and_their_textures_take_turns():
    rows = [row for row in plan(clips=600) if row.split == "train"]
    people = Counter(row.identity for row in rows)
    assert len(people) == 6 and max(people.values()) - min(people.values()) <= 1
    rows = [row for row in plan(clips=200, overrides=[ALONE]) if row.split == "train"]
    people = Counter(row.identity for row in rows)
    worn = Counter(row.texture for row in rows)
    assert max(people.values()) - min(people.values()) <= 1
    assert max(worn.values()) - min(worn.values()) <= 1
    # Not in one order for ever: who follows whom changes from round to round.
    identities = [row.identity for row in rows]
    follows = set(itertools.pairwise(identities))
    assert len(follows) > len(people)
    some = [texture(1, "train", v) for v in range(5)] + [texture(2, "train")]
    rows = plan(libraries={"": some}, clips=60, overrides=["textures.balance=texture", ALONE])
    assert set(Counter(row.texture for row in rows).values()) == {10}


def test_better_textures_are_worn_more_where_asked():
    some = [texture(1, "train", 0, score=0.9), texture(1, "train", 1, score=0.3)]
    rows = plan(libraries={"": some}, clips=400, overrides=["textures.quality=1", ALONE])
    worn = Counter(row.texture for row in rows)
    assert worn["1_0.png"] / 400 == pytest.approx(0.75, abs=0.07)
    rows = plan(libraries={"": some}, clips=9, overrides=["textures.least.reid_cosine=0.5"])
    assert {row.texture for row in rows} == {"1_0.png"}
    with pytest.raises(BadInput, match=r"none of 2 textures reaches reid_cosine 0.95"):
        plan(libraries={"": some}, overrides=["textures.least.reid_cosine=0.95"])
    with pytest.raises(BadInput, match="has no score blur"):
        plan(libraries={"": some}, overrides=["textures.least.blur=1"])


def test_two_libraries_give_pairs_that_differ_in_the_texture_alone():
    other = [texture(100 + i, ("train", "val", "test")[i % 3]) for i in range(9)]
    plans = make_plan(
        preset=read_preset("standard"),
        entries=ENTRIES,
        motion_folder=FOLDER,
        libraries={"ours": TEXTURES, "theirs": other},
        clips=30,
        seed=7,
    )
    assert list(plans) == ["ours", "theirs"]
    alone = ("texture", "identity", "library")
    for mine, theirs in zip(plans["ours"], plans["theirs"], strict=True):
        first, second = vars(mine), vars(theirs)
        assert {key for key in first if first[key] != second[key]} == set(alone)
    assert {row.texture for row in plans["theirs"]} <= {t.file for t in other}


@given(st.integers(1, 60), st.integers(0, 5))
def test_every_split_gets_a_share(count, seed):
    of = split_among([str(i) for i in range(count)], ["train", "val", "test"], seed)
    assert len(of) == count
    assert len(set(of.values())) == min(3, count)
    if count >= 10:
        shares = [sum(1 for s in of.values() if s == split) for split in ("train", "val", "test")]
        assert shares[0] >= 0.7 * count


def test_rows_survive_the_file_exactly(tmp_path):
    rows = plan(clips=20, overrides=["light.kinds={sh = 1, sun-sky = 1, lamps = 1}"])
    path = tmp_path / "plan.jsonl"
    write_plan(path, rows)
    assert read_plan(path) == rows


def test_damaged_plans_and_those_of_another_version_are_refused(tmp_path):
    row = plan()[0]
    path = tmp_path / "plan.jsonl"
    with pytest.raises(BadInput, match=r"plan\.jsonl: no such plan"):
        read_plan(path)
    old = json.dumps({**json.loads(row.to_json()), "version": 1})
    for line, message in (
        ("{}", f"a plan of version 1, expected {PLAN_VERSION}; plan again"),
        (old, f"a plan of version 1, expected {PLAN_VERSION}"),
        ("[1]", "not a clip's row"),
        ("{", "not a clip's row"),
        (row.to_json().replace('"clip"', '"clap"'), "not a clip's row: .*clap"),
        (row.to_json(), "stands twice"),
    ):
        path.write_text(row.to_json() + "\n" + line + "\n")
        with pytest.raises(BadInput, match=rf"plan\.jsonl, line 2: .*{message}"):
            read_plan(path)
    path.write_text("\n")
    with pytest.raises(BadInput, match="without clips"):
        read_plan(path)


def test_motions_that_cannot_be_filmed_are_reported_and_replaced():
    asked = []

    def unfit(entries):
        asked.append([e.name for e in entries])
        return {e.name: f"{e.name} flips" for e in entries if e.name == "02_02"}

    lines = []
    rows = plan(clips=9, unfit=unfit, report=lines.append)
    assert lines == ["02_02 flips"]
    assert len(rows) == 9 and "02_02" not in {row.sequence for row in rows}
    assert len(asked) == 2  # once for the first plan, once for the one without it
    with pytest.raises(BadInput, match="no clip can be made"):
        plan(entries=[ENTRIES[4]], unfit=unfit)


def test_too_few_photographs_are_refused():
    with pytest.raises(BadInput, match="2 photographs for 3 splits"):
        plan(photographs=["a.jpg", "b.jpg"])


def test_betas_keep_out_monsters():
    betas = np.array([row.betas for row in plan(clips=60)])
    assert np.abs(betas).max() <= 2.0 and betas.std() > 0.8


def test_stand_ins_are_marked():
    assert not any(row.stand_in for row in plan(clips=2))
    assert {row.collection for row in plan(clips=2)} == {"cmu"}
    assert all(row.stand_in for row in plan(clips=2, stand_in=True))
    assert {row.collection for row in plan(clips=2, stand_in=True)} == {"stand-in"}
    painted = [dataclasses.replace(t, stand_in=True) for t in TEXTURES]
    assert all(row.stand_in for row in plan(clips=2, libraries={"": painted}))


def test_coverage_counts_what_is_there():
    rows = plan(clips=45)
    text = coverage(rows)
    frames = sum(row.frames for row in rows)
    assert f"all  : 45 clips, {frames:,} frames" in text
    train = [row for row in rows if row.split == "train"]
    worn = Counter(row.texture for row in train).values()
    assert f"textures worn {min(worn)} to {max(worn)} times each" in text
    assert "lights: sh 45" in text and "walk 15" in text


@given(st.integers(1, 9), st.integers(0, 40))
def test_shards_share_out_every_row_once(shards, count):
    rows = list(range(count))
    parts = [rows_of_shard(rows, (k, shards)) for k in range(1, shards + 1)]
    assert sorted(row for part in parts for row in part) == rows
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/2", "1/", "-1/2"])
def test_shards_that_are_none(text):
    assert parse_shard("2/3") == (2, 3)
    with pytest.raises(BadInput, match="--shard"):
        parse_shard(text)
