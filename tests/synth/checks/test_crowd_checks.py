"""The checks on several people: an honest clip passes, and each fault between people is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from synth.checks.clip_checks import run_checks
from synth.checks.clip_data import ClipData
from tests.synth.crowd_clip import filmed_crowd


@pytest.fixture(scope="module")
def honest(body, tmp_path_factory) -> ClipData:
    return filmed_crowd(body, tmp_path_factory.mktemp("film"))


def swapped(instances: np.ndarray) -> np.ndarray:
    """The first person and the second."""
    return np.array([0, 2, 1, 3, 4, 5], np.uint8)[instances]


def other_joints(values: np.ndarray) -> np.ndarray:
    """Of the first person and the second."""
    return np.concatenate([values[:, 24:48], values[:, :24], values[:, 48:]], axis=1)


def test_an_honest_clip_passes_every_check(honest):
    results = run_checks(honest)
    assert not [finding for result in results.values() for finding in result.findings]
    assert not [result.not_run for result in results.values() if result.not_run]
    assert results["support"].figures["instance_of_other"] == 0
    assert results["joint_parts"].figures["joint_on_other_person"] < 0.02


FAULTS: list[tuple[str, str, Callable]] = [
    ("support", "two people swapped", lambda t: {"instances": swapped(t.instances), "uv": t.uv}),
    (
        "support",
        "an occluder that is a person",
        lambda t: {
            "instances": np.where(t.instances == 4, 3, t.instances),
            "face": None,
            "uv": None,
        },
    ),
    (
        "support",
        "a person who is an occluder",
        lambda t: {"parts": np.where(t.instances == 2, 25, t.parts)},
    ),
    (
        "support",
        "instances of the frame before",
        lambda t: {"instances": np.roll(t.instances, 1, axis=0)},
    ),
    (
        "joint_parts",
        "joints of two people exchanged",
        lambda t: {name: other_joints(getattr(t, name)) for name in ("joints2d", "joints_visible")},
    ),
    (
        "recomputation",
        "two people swapped",
        lambda t: {"instances": swapped(t.instances)},
    ),
    (
        "joints3d",
        "joints of two people exchanged",
        lambda t: {"joints3d": other_joints(t.joints3d)},
    ),
]


@pytest.mark.parametrize(
    ("check", "fault", "change"), FAULTS, ids=[f"{c}: {f}" for c, f, _ in FAULTS]
)
def test_a_fault_between_people_turns_its_check_red(honest, check, fault, change):
    truth = replace(honest.truth, **change(honest.truth))
    assert run_checks(replace(honest, truth=truth))[check].findings
