"""Descriptions reduced to categories, and the shipped facts about CMU's database."""

from __future__ import annotations

import csv

import pytest

from mocap.files import CMU_INDEX
from mocap.library.categories import KEYWORDS, LAST_KEYWORDS, TITLES, categorise, reduced_index


@pytest.mark.parametrize(
    ("description", "category"),
    [
        ("walk, 90-degree left turn", "walk"),
        ("run/jog", "run"),
        ("Left_Spin_reach001", "reach"),
        ("WalkDigital8", "walk"),
        ("dance - small jetes, pirouette", "dance"),
        ("soccer - kick ball", "kick"),
        ("shooting bow and arrow", "shoot"),
        ("Pulling a Gun", "shoot"),
        ("putting on a pull over", "dress"),
        ("pull heavy object", "push_pull"),
        ("RugPullFall", "fall"),
        ("MotorCyclePose", "stand"),
        ("T-Pose", "stand"),
        ("chopping onions", "housework"),
        ("opening umbrella", "handle"),
        ("bear", "animal"),
        ("Story", "gesture"),
        ("slope 2", "walk"),
        ("synchronized jumping jacks (2 subjects - subject A)", "jumping_jack"),
        ("hop turn 90 degrees left in air", "jump"),
        ("walk, squats, run, stretch, jumps, punches, and drinking", "mixed"),
        ("Unknown", "other"),
        ("180", "other"),
    ],
)
def test_descriptions_reduce_to_the_expected_category(description, category):
    assert categorise(description) == category


@pytest.mark.parametrize(
    ("description", "title", "category"),
    [
        ("15.5 lbs", "Carry Suitcase with Varying Weights", "carry"),
        ("Pivoting", "Basketball", "basketball"),
        ("RunningStraight", "Basketball", "run"),  # the description says what it is
        ("walk", "modern dance", "walk"),
        ("turn in place", "walking", "turn"),
        ("Lean Turn Right", "Skateboard Motions", "skateboard"),
        ("Motorcycle", "Skateboard Motions", "stand"),
        ("Sad", "Various Style Walks", "walk"),  # a way of walking,
        ("sad", "actor everyday activities", "emotion"),  # and not
        ("Unknown", "jumping; pushing; emotional walks", "other"),
    ],
)
def test_titles_say_what_descriptions_leave_open(description, title, category):
    assert categorise(description, title) == category


def test_shipped_facts_are_plain_and_use_the_tables_categories_only():
    with CMU_INDEX.open(encoding="ascii") as file:
        rows = list(csv.DictReader(file))
    known = {name for table in (KEYWORDS, LAST_KEYWORDS, TITLES) for name, _ in table}
    assert {row["category"] for row in rows} <= known | {"mixed", "other"}
    assert len({row["motion"] for row in rows}) == len(rows) == 2435
    assert sum(row["category"] == "other" for row in rows) < 110
    assert sum(row["fps"] == "60" for row in rows) == 326


def test_shipped_facts_are_the_reduced_index_of_the_database(shared_data):
    with (shared_data / "cmu" / "motion_index.csv").open(newline="", encoding="utf-8") as file:
        expected = reduced_index(csv.DictReader(file))
    shipped = [
        (row["motion"], int(row["fps"]), row["category"])
        for row in csv.DictReader(CMU_INDEX.open(encoding="ascii"))
    ]
    assert shipped == expected
