"""Published tables: figures of made-up images, the published ones beside them."""

from __future__ import annotations

import numpy as np
import pytest

from textures.evaluation.published_tables import table_lines, table_summaries
from textures.texture_method import ComparedImages, PublishedTable

TABLE = PublishedTable(
    title="Table 9",
    columns={"PSNR": ("psnr@strict",), "LPIPS": ("st-lpips",), "FID": ("fid",)},
    rows={"near": {"PSNR": 21.5, "LPIPS": 0.2}, "far": {"PSNR": 11.0}},
    data="Of nobody.",
)


def items():
    for person in (4, 4, 7):
        target = np.full((16, 16, 3), 100, np.uint8)
        images = {"near": target + np.uint8(person), "far": target + np.uint8(20)}
        mask = np.ones((16, 16), bool)
        yield "", ComparedImages(person=person, images=images, target=target, mask=mask)


class Counting:
    def distance(self, a, b):
        return float(np.abs(a.astype(int) - b).mean())


def test_figures_are_means_over_items_and_order_rows():
    psnr, lpips, fid = table_summaries(TABLE, items(), networks={"st-lpips": Counting()}, seed=0)
    near = [10 * np.log10(255**2 / error**2) for error in (4, 4, 7)]
    assert psnr.figures["near"].mean.value == pytest.approx(np.mean(near))
    assert (psnr.figures["near"].items, psnr.figures["near"].people) == (3, 2)
    assert psnr.differences[0].order == "better" and psnr.higher_is_better
    assert lpips.figures["near"].mean.value == pytest.approx(5) and not lpips.higher_is_better
    assert lpips.differences[0].difference.value == pytest.approx(15)
    assert "not computed" in fid.not_computed and not fid.figures


def test_lines_have_the_published_figures_and_say_what_was_not_computed():
    lines = table_lines(TABLE, table_summaries(TABLE, items(), networks={}, seed=0))
    assert lines[:2] == ["Table 9", "Of nobody."]
    row = next(line for line in lines if line.startswith("  near"))
    assert "published PSNR 21.5" in row and "3 items of 2 people" in row
    assert any("pip install --no-deps stlpips-pytorch" in line for line in lines)
    assert any("near" in line and "published LPIPS 0.2" in line for line in lines)
