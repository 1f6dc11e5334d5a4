"""The table as Markdown, and its place in a file."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.errors import BadInput
from textures.evaluation.comparison import figure, paired_difference
from textures.evaluation.markdown_table import (
    TableRow,
    markdown_lines,
    marked_text,
    write_between_markers,
)
from textures.evaluation.summary import MeasureSummary

NAME = "st-lpips (own view)"


def summaries():
    values = {
        name: {(f"p{k}", "1"): base + 0.01 * k for k in range(9)}
        for name, base in (("full", 0.2), ("other", 0.3), ("the photographs", 0.1))
    }
    rng = np.random.default_rng
    pairs = [("full", "other"), ("full", "the photographs"), ("other", "the photographs")]
    measured = MeasureSummary(
        name=NAME,
        definition="A distance.",
        higher_is_better=False,
        figures={name: figure(x, rng(0)) for name, x in values.items()},
        differences=tuple(
            paired_difference(a, b, values, rng(0), higher_is_better=False) for a, b in pairs
        ),
    )
    missing = MeasureSummary(
        name="is@rstg",
        definition="A score.",
        higher_is_better=True,
        figures={},
        differences=(),
        not_computed="not computed: no weights",
    )
    return [measured, missing]


def cells(lines, name):
    return [[c.strip() for c in line.split("|")[1:-1]] for line in lines if f"| {name} |" in line]


def test_every_set_has_its_figure_its_difference_and_what_was_published():
    rows = [
        TableRow(name="full", training="some crops, 10 steps", command="synth train x"),
        TableRow(name="other", published={"is@rstg": 3.96, NAME: 0.25}),
    ]
    lines = markdown_lines(
        rows, summaries(), against="full", protocol="Nine people.", command="synth y"
    )
    assert lines[0] == "Nine people."
    other = next(c for c in cells(lines, "other") if c[2].startswith("0.340"))
    assert other[3].startswith("< -0.100 [-0.100, -0.100]") and other[4] == "0.25"
    photographs = cells(lines, "the photographs")[0]
    assert photographs[3].startswith("> 0.100") and photographs[4] == ""
    full = next(c for c in cells(lines, "full") if c[0])
    assert full[0] == f"{NAME}, lower is better" and full[3] == ""
    assert ["is@rstg", "other", "not computed", "", "3.96"] in cells(lines, "other")
    assert "- is@rstg: not computed: no weights" in lines
    assert "| full |  | some crops, 10 steps |" in lines
    assert lines[-4:] == ["```sh", "synth train x", "synth y", "```"]


def test_the_table_takes_the_place_between_its_markers(tmp_path):
    path = tmp_path / "results.md"
    text = "# a\n<!-- begin t -->\nold\n<!-- end t -->\nb\n<!-- begin u -->\n<!-- end u -->\n"
    path.write_text(text)
    for _ in range(2):  # again gives the same
        write_between_markers(path, "t", ["| new |", "| --- |"])
        assert path.read_text() == text.replace("old", "| new |\n| --- |")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<!-- begin t -->\n",
        "<!-- end t -->\n<!-- begin t -->\n",
        "<!-- begin t -->\n<!-- end t -->" * 2,
    ],
)
def test_a_file_without_exactly_its_markers_is_left_as_it_is(tmp_path, text):
    path = tmp_path / "results.md"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"results\.md: found \d lines <!-- begin t -->"):
        write_between_markers(path, "t", ["x"])
    assert path.read_text() == text
    with pytest.raises(BadInput, match="cannot be read as text"):
        marked_text(tmp_path / "nowhere.md", "t")
