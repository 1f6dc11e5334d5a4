"""An experiment's files: table.txt, .csv, .json and .html, and the pictures beside them."""

from __future__ import annotations

import base64
import html
import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from action_recog.experiment.arms import folder_name
from action_recog.experiment.charts import line_chart, matrix_chart
from action_recog.experiment.curves import Curve, mean_curve
from action_recog.experiment.results import ComparisonTable, Table, confusion
from action_recog.experiment.text_tables import (
    HEADINGS,
    class_cells,
    csv_table,
    detectable_text,
    json_table,
    learning_cells,
    learning_pair_cells,
    pair_cells,
    paper_cells,
    row_cells,
    scope_text,
    text_table,
    trend_text,
)
from action_recog.training.checkpoints import write_text_whole

_STYLE = """
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
  table { border-collapse: collapse; margin: 1rem 0; }
  td, th { padding: .25rem .7rem; text-align: right; }
  th { border-bottom: 2px solid #888; } td { border-bottom: 1px solid #ddd; }
  td:first-child, th:first-child { text-align: left; }
  .two td:nth-child(2), .two th:nth-child(2) { text-align: left; }
  .label { background: #ffe9b0; padding: .2rem .5rem; }
  .partial { background: #ffc9c0; padding: .2rem .5rem; }
  .scroll { overflow-x: auto; } .quiet { color: #666; } img { max-width: 100%; }
"""
_HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>What films are worth</title>
"""


def charts_of(table: Table, out: Path) -> dict[str, bytes]:
    """Draw the pictures of an experiment.

    Args:
        table: Results.
        out: Folder with the run folders, whose metrics are read.

    Returns:
        PNG files by name: training curves and held-out curves by comparison, its learning curve over
        shares of the labels, and a confusion matrix for every arm of the leading comparison.
    """
    charts: dict[str, bytes] = {}
    for table_part in table.comparisons:
        if table_part.share != 100:
            continue
        title = HEADINGS[table_part.comparison][0]
        charts |= _step_charts(table_part, out, title=title, note=table.data)
    for tables in table.learning_curves:
        name = f"learning_{tables[0].comparison}.png"
        charts[name] = _learning_chart(tables, note=table.data)
    for row in table.rows:
        matrix = confusion(table.leading.runs, row.init, len(table.classes))
        charts[f"confusion_{folder_name(row.init)}.png"] = matrix_chart(
            matrix,
            table.classes,
            title=f"{row.init}: label (row) taken for (column), %",
            note=table.data,
        )
    return charts


def _step_charts(
    table_part: ComparisonTable, out: Path, *, title: str, note: str
) -> dict[str, bytes]:
    charts = {}
    for key, label, file in (
        ("training_accuracy", "training accuracy, clips", "training"),
        ("held_out_accuracy", "accuracy of the held-out videos", "held_out"),
    ):
        curves = []
        for row in table_part.rows:
            folders = [out / run.folder for run in table_part.runs if run.init == row.init]
            curve = mean_curve(row.init, folders, key)
            if curve is not None:
                curves.append(curve)
        if curves:
            charts[f"{file}_{table_part.comparison}.png"] = line_chart(
                curves,
                title=f"{title}: {label}",
                x_label="optimiser steps on the labelled videos",
                y_label="",
                y_range=(0.0, 1.0),
                note=note,
            )
    return charts


def _learning_chart(tables: Sequence[ComparisonTable], *, note: str) -> bytes:
    shares = np.array([table_part.share for table_part in tables], float)
    curves, bands = [], []
    for row in tables[-1].rows:
        top1 = np.array([table_part.row(row.init).top1 for table_part in tables])
        spread = np.array([table_part.row(row.init).top1_std or 0.0 for table_part in tables])
        curves.append(Curve(row.init, shares, top1))
        bands.append((top1 - spread, top1 + spread) if spread.any() else None)
    return line_chart(
        curves,
        title=f"{HEADINGS[tables[0].comparison][0]}: top-1 by share of the labelled videos",
        x_label="labelled videos, % of the training list",
        y_label="top-1, %; bars: standard deviation over splits",
        markers=True,
        bands=bands,
        note=note,
    )


def _html_table(cells: Sequence[Sequence[str]], *, left: int = 1) -> str:
    heading, *rows = [[html.escape(text) for text in texts] for texts in cells]
    lines = ["<tr>" + "".join(f"<th>{text}</th>" for text in heading) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{text}</td>" for text in row) + "</tr>" for row in rows]
    kind = ' class="two"' if left == 2 else ""
    return f'<div class="scroll"><table{kind}>\n' + "\n".join(lines) + "\n</table></div>"


def _picture(name: str, content: bytes) -> str:
    data = base64.b64encode(content).decode("ascii")
    return f'<img alt="{html.escape(name)}" src="data:image/png;base64,{data}">'


def html_page(table: Table, charts: dict[str, bytes]) -> str:
    """The tables with their pictures as one page that needs no other file."""
    kind = "label" if table.stand_in else "quiet"
    parts = [
        "<h1>What films are worth to a non-local network</h1>",
        f'<p><span class="{kind}">Video-level accuracy in %: {html.escape(table.data)}</span></p>',
    ]
    if table.partial:
        parts.append(f'<p class="partial">PARTIAL: {html.escape(table.partial)} missing or unreadable; '
                     "not a figure of the benchmark.</p>")  # fmt: skip
    for table_part in table.comparisons:
        if table_part.share != 100:
            continue
        title, meaning = HEADINGS[table_part.comparison]
        parts += [
            f"<h2>{html.escape(title)}</h2>",
            f"<p>{html.escape(scope_text(table_part))}. {html.escape(meaning)}</p>",
            _html_table(row_cells(table_part), left=2),
        ]
        if table_part.pairs:
            parts.append(_html_table(pair_cells(table_part)))
        parts += [
            f"<p>{html.escape(text)}</p>"
            for text in (trend_text(table_part), detectable_text(table_part))
            if text
        ]
        names = [f"{kind}_{table_part.comparison}.png" for kind in ("training", "held_out")]
        parts += [_picture(name, charts[name]) for name in names if name in charts]
    for tables in table.learning_curves:
        name = f"learning_{tables[0].comparison}.png"
        title = HEADINGS[tables[0].comparison][0]
        parts += [
            f"<h2>Learning curve: {html.escape(title)}</h2>",
            _html_table(learning_cells(tables)),
        ]
        if tables[0].pairs:
            parts.append(_html_table(learning_pair_cells(tables)))
        parts.append(_picture(name, charts[name]))
    parts += ["<h2>By class</h2>", _html_table(class_cells(table))]
    parts += [
        _picture(name, content) for name, content in charts.items() if name.startswith("confusion_")
    ]
    parts += [
        "<h2>The paper's figures</h2>",
        "<p>UCF101, three splits, one run, no uncertainty given; not measured here.</p>",
        _html_table(paper_cells()),
        '<p class="quiet">± is the standard deviation over splits. Intervals and p (two-sided) are of a '
        "bootstrap over groups or people and seeds together; 'p of all' holds for all pairs of its table "
        "(Holm). Training % is the share of the last epoch's clips that were right in training.</p>",
    ]
    if table.stand_in:
        parts.append(
            f'<p class="quiet">Measured on stand-in data ({html.escape(", ".join(table.stand_in))}): '
            "says nothing of UCF101.</p>"
        )
    head = f"{_HEAD}<style>{_STYLE}</style>\n"
    return head + "\n".join(parts) + "\n</html>\n"


def _write_bytes_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_table(table: Table, out: Path) -> None:
    """Write table.txt, table.json, table.csv and table.html in `out`, and the pictures in pictures/."""
    charts = charts_of(table, out)
    for name, content in charts.items():
        _write_bytes_whole(out / "pictures" / name, content)
    write_text_whole(out / "table.txt", text_table(table))
    write_text_whole(out / "table.csv", csv_table(table))
    write_text_whole(out / "table.html", html_page(table, charts))
    write_text_whole(
        out / "table.json", json.dumps(json_table(table), indent=1, allow_nan=False) + "\n"
    )
