"""Subject splits: SURREAL's own, and one for any people."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocap.errors import BadInput
from mocap.files import CMU_INDEX
from mocap.library.splits import SURREAL_TEST_SUBJECTS, hashed_split, split_subjects, surreal_split


def test_surreals_thirty_test_subjects_are_its_own_and_all_in_cmus_database():
    assert len(SURREAL_TEST_SUBJECTS) == 30
    with CMU_INDEX.open() as file:
        subjects = {row["motion"].split("_")[0] for row in csv.DictReader(file)}
    of = split_subjects(subjects, "surreal")
    tested = {int(subject) for subject, split in of.items() if split == "test"}
    # Some of SURREAL's subjects have no motion in the published index; none is trained on.
    assert tested <= SURREAL_TEST_SUBJECTS and len(tested) >= 28
    assert set(of.values()) == {"train", "test"}
    assert surreal_split("133") == "test" and surreal_split("132") == "train"
    assert surreal_split("3") == surreal_split("03") == "test"


def test_surreals_split_refuses_people_it_does_not_know():
    with pytest.raises(BadInput, match=r"subject 'Rory'.*hash"):
        split_subjects(["02", "Rory"], "surreal")
    with pytest.raises(BadInput, match="expected one of surreal, hash"):
        split_subjects(["02"], "random")


@given(st.text(max_size=20), st.lists(st.text(max_size=5), max_size=5), st.integers(0, 9))
def test_a_subjects_split_depends_on_nobody_else(subject, others, seed):
    alone = split_subjects([subject], "hash", seed=seed)[subject]
    assert split_subjects([*others, subject], "hash", seed=seed)[subject] == alone


def test_shares_are_met_on_average_and_seeds_differ():
    names = [f"person {i}" for i in range(5000)]
    splits = [hashed_split(name) for name in names]
    assert abs(splits.count("train") / 5000 - 0.8) < 0.02
    assert abs(splits.count("test") / 5000 - 0.1) < 0.02
    assert splits != [hashed_split(name, seed=1) for name in names]
    assert {hashed_split(name, shares={"a": 0, "b": 2}) for name in names[:50]} == {"b"}
    with pytest.raises(ValueError):
        hashed_split("x", shares={"a": 0.0})
