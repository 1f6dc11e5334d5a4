"""Plans of several people and occluders: the first as ever, the others fit and of the split."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mocap.errors import BadInput
from synth.plans.clip_order import frames_at
from synth.plans.coverage import coverage
from synth.plans.plan_row import PlanRow
from synth.plans.preset import CROWD_CHANNELS, read_preset
from tests.synth.plan_inputs import ENTRIES, FOLDER, TEXTURES, plan

CROWD = ("people.count=1,4", "occluders.count=0,3")


def test_the_first_people_are_those_of_a_plan_without_others():
    alone, crowd = (
        plan(clips=30, overrides=("textures.balance=random",)),
        plan(clips=30, overrides=("textures.balance=random", *CROWD)),
    )
    assert {len(row.genders) for row in crowd} == {1, 2, 3, 4}
    assert {len(row.occluders) for row in crowd} == {0, 1, 2, 3}
    for a, b in zip(alone, crowd):
        assert replace(b, figures=(), occluders=(), channels=a.channels) == a


def test_a_plan_of_one_person_says_nothing_of_others():
    for row in plan(clips=3, overrides=("people.count=1", "occluders.count=0")):
        assert not {"figures", "occluders"} & set(json.loads(row.to_json()))
    assert plan(clips=3) == plan(clips=3, overrides=("people.count=1", "occluders.count=0"))


@pytest.mark.parametrize("balance", ["identity", "texture", "random"])
def test_others_are_of_the_split_other_people_and_long_enough(balance):
    sources = {entry.source_in(FOLDER): entry for entry in ENTRIES}
    split_of = {t.file: t.split for t in TEXTURES}
    rows = plan(clips=40, overrides=("people.count=2,4", f"textures.balance={balance}"))
    motion_splits: dict[str, set[str]] = {}
    for row in rows:
        several = len({t.identity for t in TEXTURES if t.split == row.split}) >= len(row.identities)
        assert len(set(row.identities)) == len(row.identities) or not several
        for person in (row, *row.figures):
            entry = sources[person.source]
            assert entry.category == row.category and entry.name == person.sequence
            assert person.start + row.frames <= frames_at(entry, row.fps)
            assert split_of[person.texture] == row.split
            motion_splits.setdefault(entry.name, set()).add(row.split)
    assert all(len(splits) == 1 for splits in motion_splits.values())


def test_any_company_mixes_categories():
    sources = {entry.source_in(FOLDER): entry for entry in ENTRIES}
    rows = plan(clips=30, overrides=("people.count=3", "people.company=any"))
    assert any(sources[f.source].category != row.category for row in rows for f in row.figures)


def test_a_longer_plan_begins_with_a_shorter_one_and_rows_come_back():
    rows = plan(clips=25, overrides=CROWD)
    assert rows[:10] == plan(clips=10, overrides=CROWD)
    for row in rows:
        assert PlanRow.from_json(row.to_json()) == row
        assert PlanRow.from_json(row.to_json()).to_json() == row.to_json()


def test_motions_that_are_not_fit_are_nobodys():
    def unfit(entries):
        return {e.name: f"{e.name}: not fit" for e in entries if e.name == "01_01"}

    before = plan(clips=40, overrides=("people.count=3",))
    assert any(f.sequence == "01_01" for row in before for f in row.figures)
    rows = plan(clips=40, overrides=("people.count=3",), unfit=unfit)
    assert not any(p.sequence == "01_01" for row in rows for p in (row, *row.figures))


def test_plans_of_two_libraries_differ_in_textures_alone():
    from synth.plans.plan import make_plan

    other = [replace(t, file=f"b{t.file}", identity=f"b{t.identity}") for t in TEXTURES[::-1]]
    plans = make_plan(
        preset=read_preset("standard", CROWD),
        entries=ENTRIES,
        motion_folder=FOLDER,
        libraries={"a": TEXTURES, "b": other},
        clips=12,
        seed=7,
    )
    blank = {"texture": "", "identity": ""}
    for a, b in zip(plans["a"], plans["b"]):
        assert a.textures != b.textures
        a, b = (
            replace(r, **blank, library="", figures=tuple(replace(f, **blank) for f in r.figures))
            for r in (a, b)
        )
        assert a == b


def test_channels_of_a_crowd_hold_instances_unless_others_are_asked_for():
    assert read_preset("standard", ["people.count=2"]).film.channels == CROWD_CHANNELS
    assert read_preset("standard", ["occluders.count=0,1"]).film.channels == CROWD_CHANNELS
    asked = ["people.count=2", "film.channels=segm"]
    assert read_preset("standard", asked).film.channels == ("segm",)
    assert "instances" not in read_preset("standard").film.channels


def test_clothes_are_drawn_by_their_shares_and_change_nothing_else():
    shares = "clothes.shares={skirt=0.5,coat=1,dress=1,hat=0.2}"
    plain, rows = (
        plan(clips=60, overrides=("people.count=2",)),
        plan(clips=60, overrides=("people.count=2", shares)),
    )
    worn = [clothes.pieces for row in rows for clothes in row.clothes_of_people]
    assert all(len({"coat", "dress", "skirt"} & set(pieces)) == 1 for pieces in worn)
    assert {piece for pieces in worn for piece in pieces} == {"coat", "dress", "skirt", "hat"}
    assert 10 < sum("hat" in pieces for pieces in worn) < 40
    assert not any("shoes" in pieces for pieces in worn)
    for a, b in zip(plain, rows):
        figures = tuple(replace(figure, clothes=None) for figure in b.figures)
        assert replace(b, clothes=None, figures=figures) == a
        assert PlanRow.from_json(b.to_json()) == b
    assert "clothes" not in json.loads(plan(clips=1)[0].to_json())
    still = plan(clips=60, overrides=("people.count=2", shares, "clothes.swing=false"))
    for a, b in zip(rows, still):
        for swinging, hanging in zip(a.clothes_of_people, b.clothes_of_people):
            assert swinging.swing and hanging == replace(swinging, swing=False)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["people.count=0"], "people.count"),
        (["people.count=6"], "people.count"),
        (["people.count=3,1"], "people.count is .3, 1., expected a number or .low, high."),
        (["people.count=[]"], "people.count is .., expected a number"),
        (["people.company=friends"], "people.company is 'friends', expected one of category, any"),
        (["occluders.count=-1"], "occluders.count"),
        (["occluders.kinds=car"], "occluders.kinds is 'car', expected one of box, pole, plant"),
        (["people.count=2", "film.layout=surreal"], "people.count is up to 2, .*--layout compact"),
        (["clothes.shares={cape=1}"], "clothes.shares is 'cape', expected one of dress"),
        (["clothes.shares={hat=2}"], "clothes.*shares"),
        (
            ["clothes.shares={hat=0.5}", "film.layout=surreal"],
            "clothes.shares is up to 0.5, .*compact",
        ),
        (["occluders.count=1", "film.layout=surreal"], "occluders.count is up to 1, .*knows one"),
    ],
)
def test_presets_that_no_film_can_be_made_of_are_refused(overrides, words):
    with pytest.raises(BadInput, match=words):
        read_preset("standard", overrides)


def test_rows_of_several_in_surreals_layout_are_refused():
    (row,) = plan(clips=1, preset="surreal")
    (crowd,) = plan(clips=1, overrides=("people.count=2", "occluders.count=1"))
    for change in ({"figures": crowd.figures}, {"occluders": crowd.occluders}):
        line = replace(row, **change).to_json()
        with pytest.raises(
            BadInput, match="one person and no occluder; plan with --layout compact"
        ):
            PlanRow.from_json(line)
    fields = json.loads(crowd.to_json())
    fields["figures"][0]["texture"] = "../secret.png"
    with pytest.raises(BadInput, match="field figures"):
        PlanRow.from_json(json.dumps(fields))


def test_the_coverage_counts_everybody():
    rows = plan(clips=20, overrides=("people.count=3", "occluders.count=1"))
    text = coverage(rows)
    assert "people in a clip: 3 in 20 clips" in text
    assert "occluders: " in text and "in 20 clips" in text
