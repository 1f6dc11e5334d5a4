"""One table of all sets of textures as Markdown: figures, differences, and how each came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mocap.errors import BadInput
from mocap.files import atomic_write
from textures.evaluation.comparison import PairedDifference
from textures.evaluation.evaluation import TextureEvaluation
from textures.evaluation.measures import OTHER_CAMERA, SAME_VIEW, SET_MEASURES
from textures.evaluation.summary import ORDER_SIGNS, MeasureSummary

SHOWN = (
    f"ssim@rstg in a scene ({SAME_VIEW})",
    f"mask-ssim@rstg in a scene ({SAME_VIEW})",
    *SET_MEASURES,
    f"ssim@strict ({SAME_VIEW})",
    f"st-lpips ({SAME_VIEW})",
    f"efficientnet-lite0 ({SAME_VIEW})",
    f"ssim@strict ({OTHER_CAMERA})",
    f"st-lpips ({OTHER_CAMERA})",
    f"efficientnet-lite0 ({OTHER_CAMERA})",
    "rank-1@omz-0277",
    "map@omz-0277",
)
"""Measures that have a line in the table; `evaluation.json` has all."""


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One set of textures: its name, how it came about, and a paper's figures for it by measure.

    definition: of the set, in a sentence. training: in words. command: that made it. All three are empty
    where nothing is known.
    """

    name: str
    definition: str = ""
    training: str = ""
    command: str = ""
    published: dict[str, float] = field(default_factory=dict)


def markdown_lines(
    rows: Sequence[TableRow],
    summaries: Sequence[MeasureSummary],
    *,
    against: str,
    protocol: str,
    command: str,
    notes: Sequence[str] = (),
) -> list[str]:
    """The table as Markdown: a line per measure and set.

    Args:
        rows: the sets, in order.
        summaries: of the measures.
        against: the set that the others are compared with, paired.
        protocol: on what it was measured, a sentence.
        command: that measured it.
        notes: further sentences.
    """
    by_name = {summary.name: summary for summary in summaries}
    shown = [by_name[name] for name in SHOWN if name in by_name]
    lines = [protocol, *notes, ""]
    lines += [
        f"| measure | set | figure [95 %] | better than {against} by [95 %] | published |",
        "| --- | --- | --- | --- | --- |",
    ]
    for summary in shown:
        if summary.not_computed is None:
            lines += _measure_lines(summary, rows, against)
        elif any(summary.name in row.published for row in rows):
            lines += [
                f"| {summary.name} | {row.name} | not computed | | {row.published[summary.name]:g} |"
                for row in rows
                if summary.name in row.published
            ]
    lines.append("")
    missing = [s for s in summaries if s.not_computed is not None and s.name in (*SHOWN, "fid")]
    lines += [f"- {summary.name}: {summary.not_computed}" for summary in missing]
    lines += ["", "| set | what it is | trained on |", "| --- | --- | --- |"]
    lines += [f"| {row.name} | {row.definition} | {row.training or 'not said'} |" for row in rows]
    commands = [row.command for row in rows if row.command]
    return [*lines, "", "```sh", *commands, command, "```"]


def protocol_in_words(evaluation: TextureEvaluation, images: str, limit: int | None) -> str:
    """On what an evaluation was made: people, photographs of `images`, fits."""
    count = f"{limit} photographs of each, at most" if limit else "one photograph of each camera"
    return (
        f"{evaluation.people} people of {images}, {count}, bodies fitted by {evaluation.fitted_by}, "
        "intervals over people."
    )


def _measure_lines(summary: MeasureSummary, rows: Sequence[TableRow], against: str) -> list[str]:
    arrow = "higher is better" if summary.higher_is_better else "lower is better"
    lines: list[str] = []
    names = [row.name for row in rows]
    for name in [*names, *(n for n in summary.figures if n not in names)]:
        if name not in summary.figures:
            continue
        row = next((row for row in rows if row.name == name), None)
        published = row.published.get(summary.name) if row else None
        label = "" if lines else f"{summary.name}, {arrow}"
        cells = [
            label,
            name,
            str(summary.figures[name].mean),
            _difference(summary.differences, name, against),
            "" if published is None else f"{published:g}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _difference(differences: Sequence[PairedDifference], name: str, against: str) -> str:
    """How much better a set is than `against`, whichever of the two stands first."""
    for item in differences:
        if (item.first, item.second) == (name, against):
            return f"{ORDER_SIGNS[item.order]} {item.difference}"
        if (item.first, item.second) == (against, name):
            turned = item.turned()
            return f"{ORDER_SIGNS[turned.order]} {turned.difference}"
    return ""


def write_between_markers(path: Path, name: str, lines: Sequence[str]) -> None:
    """Put lines between a text file's markers, in place of what is there.

    Args:
        path: of the file, which appears whole.
        name: of the markers, `<!-- begin NAME -->` and `<!-- end NAME -->`, each a line of its own.
        lines: that go between them.

    Raises:
        BadInput: for a file that cannot be read, or without exactly these markers.
    """
    text = marked_text(path, name)
    with atomic_write(path) as temporary:
        temporary.write_text(text[0] + "\n".join(lines) + "\n" + text[1], encoding="utf-8")


def marked_text(path: Path, name: str) -> tuple[str, str]:
    """What stands before and after the place between a text file's markers, these included.

    Raises:
        BadInput: for a file that cannot be read, or without exactly these markers.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as text ({error}); check the path") from None
    marks = [f"<!-- begin {name} -->\n", f"<!-- end {name} -->"]
    counts = [text.count(mark) for mark in marks]
    first, last = text.find(marks[0]), text.find(marks[1])
    if counts != [1, 1] or last < first:
        raise BadInput(
            f"{path}: found {counts[0]} lines {marks[0].strip()} and {counts[1]} lines {marks[1]}; "
            "expected one of each, in this order; put them where the table is to stand"
        )
    return text[: first + len(marks[0])], text[last:]
