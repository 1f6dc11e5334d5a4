"""The worst of a figure over many clips, and who has it."""

from __future__ import annotations

import math

import pytest

from synth.checks.check import CheckResult
from synth.checks.clip_checks import CHECKS
from synth.checks.clip_results import ClipResults
from synth.checks.inspection import Inspection
from synth.checks.summary import summary_fields, worst_of


@pytest.mark.parametrize("check, name", [(c, f.name) for c in CHECKS for f in c.figures][:4])
def test_a_figure_that_is_no_number_is_worse_than_any(check, name):
    (figure,) = [f for f in check.figures if f.name == name]
    values = {"small": 0.1, "no number": math.nan, "large": 7.0}
    inspections = [
        Inspection(stem, ClipResults({check.name: CheckResult({name: value})}), (), ())
        for stem, value in values.items()
    ]
    worst = worst_of(inspections, figure, check)
    assert worst is not None and worst.stem == "no number"
    assert summary_fields(inspections)["checks"][check.name]["figures"][name]["worst"] == "nan"
    least = {True: "small", False: "large"}[figure.worst == "least"]
    assert worst_of([inspections[0], inspections[2]], figure, check).stem == least
