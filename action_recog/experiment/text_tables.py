"""Tables of an experiment for a terminal, as CSV and as JSON; all of them carry what the data are."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from action_recog.experiment.results import PAPER_TABLE_3, ComparisonTable, Pair, Row, Table
from action_recog.training.checkpoints import revision

HEADINGS = {
    "equal-steps": (
        "Equal steps in all",
        "What an arm spends on films it does not have for the labelled videos.",
    ),
    "head-start": (
        "Head start: equal steps on the labelled videos",
        "Steps in all differ, so a difference here says how far ahead an arm is by then, not what its "
        "films are worth.",
    ),
    "end-point": (
        "End point: every arm to convergence",
        "Until videos of groups held out of the training list stop improving, at most the cap.",
    ),
}


def count_text(number: float) -> str:
    """A mean number of steps with separators."""
    return f"{number:,.0f}"


def p_text(p: float) -> str:
    """A p value with four digits."""
    return f"{p:.4f}" if p >= 0.0001 else "<0.0001"


def mean_text(mean: float, deviation: float | None) -> str:
    """A mean over splits with its standard deviation; that of one split is not known."""
    return f"{mean:.2f}" if deviation is None else f"{mean:.2f} ± {deviation:.2f}"


def steps_text(row: Row) -> str:
    """Steps on films, on labelled videos, and in all."""
    before, after = row.pretraining_steps, row.labelled_steps
    return f"{count_text(before)} + {count_text(after)} = {count_text(before + after)}"


def difference_text(pair: Pair) -> str:
    """A difference with its interval."""
    c = pair.contrast
    return f"{c.difference:+.2f} [{c.low:+.2f}, {c.high:+.2f}]"


def scope_text(table: ComparisonTable) -> str:
    """How many splits, seeds, videos and people a comparison rests on."""
    splits, seeds = len(table.splits), table.seeds
    return (
        f"{splits} split{'s' * (splits > 1)}, {seeds} seed{'s' * (seeds > 1)}, {table.videos} test "
        f"videos of {table.units} groups or people"
    )


def detectable_text(table: ComparisonTable) -> str:
    """How small an effect could have been seen."""
    if not table.pairs:
        return ""
    values = [pair.contrast.detectable for pair in table.pairs]
    low, high = min(values), max(values)
    points = f"{high:.1f}" if high - low < 0.05 else f"{low:.1f} to {high:.1f} (by pair)"
    text = f"An effect under {points} points could not have been seen (5 %, two-sided, power 80 %)."
    if table.units < 2:
        text += " With one group of test videos nothing can be said of further."
    if table.seeds < 2:
        text += " With one seed the intervals leave out how trainings differ by chance."
    return text


def aligned(cells: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """Lines of a table whose first row is the heading; the first `left` columns are left-aligned."""
    widths = [max(len(texts[i]) for texts in cells) for i in range(len(cells[0]))]
    lines = []
    for number, texts in enumerate(cells):
        padded = [
            c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(texts, widths))
        ]
        lines.append("  ".join(padded).rstrip())
        if number == 0:
            lines.append("  ".join("-" * w for w in widths))
    return lines


def row_cells(table: ComparisonTable) -> list[list[str]]:
    """Heading and rows of the arms."""
    cells = [
        ["arm", "initial weights", "steps: films + labelled = in all", "epochs", "training %",
         "top-1", "top-5", *(f"split {s}" for s in table.splits)]
    ]  # fmt: skip
    for row in table.rows:
        capped = f" ({row.capped} of {row.runs} capped)" if row.capped else ""
        cells.append(
            [
                row.init,
                row.initial_weights,
                steps_text(row) + capped,
                f"{row.epochs:.0f}",
                f"{row.training_accuracy:.1f}",
                mean_text(row.top1, row.top1_std),
                mean_text(row.top5, row.top5_std),
                *(f"{row.top1_by_split[s]:.2f}" for s in table.splits),
            ]
        )
    return cells


def pair_cells(table: ComparisonTable) -> list[list[str]]:
    """Heading and rows of the differences of all pairs."""
    cells = [["difference in top-1", "points [95 %]", "p", "p of all", "to be seen from"]]
    for pair in table.pairs:
        cells.append(
            [
                f"{pair.a} - {pair.b}",
                difference_text(pair),
                p_text(pair.contrast.p),
                p_text(pair.p_holm),
                f"{pair.contrast.detectable:.1f}",
            ]
        )
    return cells


def trend_text(table: ComparisonTable) -> str:
    """The test of the trend over the number of textures, which was fixed beforehand."""
    if table.trend is None:
        return ""
    t = table.trend
    return (
        f"Trend (the test fixed beforehand: slope over log10 of the number of textures, two-sided): "
        f"{t.difference:+.2f} [{t.low:+.2f}, {t.high:+.2f}] points per tenfold, p {p_text(t.p)}; a slope "
        f"under {t.detectable:.1f} could not have been seen."
    )


def learning_cells(tables: Sequence[ComparisonTable]) -> list[list[str]]:
    """Heading and rows of a learning curve: top-1 of every arm by share of the labels."""
    cells = [["top-1 by share of the labels", *(f"{t.share} %" for t in tables)]]
    for row in tables[-1].rows:
        cells.append([row.init, *(f"{table.row(row.init).top1:.2f}" for table in tables)])
    return cells


def learning_pair_cells(tables: Sequence[ComparisonTable]) -> list[list[str]]:
    """Heading and rows of a learning curve: the differences of all pairs by share of the labels."""
    cells = [
        ["difference by share of the labels, points [95 %]", *(f"{t.share} %" for t in tables)]
    ]
    for pairs in zip(*(table.pairs for table in tables), strict=True):
        cells.append([f"{pairs[0].a} - {pairs[0].b}", *(difference_text(pair) for pair in pairs)])
    return cells


def class_cells(table: Table) -> list[list[str]]:
    """Heading and rows of top-1 by class: the first arm's, and the gain of the further."""
    first, *further = table.rows
    cells = [["top-1 by class", first.init, *(f"{row.init} (gain)" for row in further)]]
    for number, name in enumerate(table.classes):
        base = first.class_top1[number]
        if base is None:
            continue
        gains = [(row.class_top1[number] or 0.0) - base for row in further]
        cells.append([name, f"{base:.1f}", *(f"{gain:+.1f}" for gain in gains)])
    return cells


def paper_cells() -> list[list[str]]:
    """Heading and rows of the paper's table 3."""
    heading = ["the paper's Table 3 (UCF101, not measured here)", "top-1", "top-5"]
    return [heading, *([n, f"{a:.2f}", f"{b:.2f}"] for n, a, b in PAPER_TABLE_3)]


def text_table(table: Table) -> str:
    """The tables for a terminal."""
    lines = [f"Video-level accuracy in %: {table.data}", ""]
    for comparison in table.comparisons:
        if comparison.share != 100:
            continue
        title, meaning = HEADINGS[comparison.comparison]
        lines += [f"{title}. {scope_text(comparison)}.", meaning, ""]
        lines += [*aligned(row_cells(comparison), left=2), ""]
        if comparison.pairs:
            lines += [*aligned(pair_cells(comparison)), ""]
        notes = (trend_text(comparison), detectable_text(comparison))
        lines += [*(note for note in notes if note), ""]
    for tables in table.learning_curves:
        lines += [f"Learning curve. {HEADINGS[tables[0].comparison][0]}.", ""]
        lines += [*aligned(learning_cells(tables)), ""]
        if tables[0].pairs:
            lines += [*aligned(learning_pair_cells(tables)), ""]
    if len(table.classes) <= 20:
        lines += [*aligned(class_cells(table)), ""]
    lines += [*aligned(paper_cells()), ""]
    lines += [
        "± is the standard deviation over splits. Intervals and p (two-sided) are of a bootstrap over",
        "groups or people and seeds together; 'p of all' holds for all pairs of its table (Holm).",
    ]
    if table.stand_in:
        lines.append(
            f"Measured on stand-in data ({', '.join(table.stand_in)}): says nothing of UCF101."
        )
    if table.partial:
        lines.append(
            f"PARTIAL: {table.partial} missing or unreadable; not a figure of the benchmark."
        )
    return "\n".join(lines) + "\n"


def csv_table(table: Table) -> str:
    """One line per comparison, share, arm and split, and one for the mean with the gain."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["comparison", "labels_percent", "initialisation", "initial_weights", "split", "top1", "top5",
         "top1_std", "top5_std", "pretraining_steps", "labelled_steps", "epochs", "training_accuracy",
         "gain", "gain_low", "gain_high", "p", "detectable", "data", "partial"]
    )  # fmt: skip
    for table_part in table.comparisons:
        for row in table_part.rows:
            start = [table_part.comparison, table_part.share, row.init, row.initial_weights]
            end = [table.data, table.partial]
            for split in row.top1_by_split:
                top = [f"{row.top1_by_split[split]:.4f}", f"{row.top5_by_split[split]:.4f}"]
                writer.writerow([*start, split, *top, *[""] * 11, *end])
            gain = row.gain
            numbers = (
                [gain.difference, gain.low, gain.high, gain.p, gain.detectable] if gain else []
            )
            writer.writerow(
                [*start, "mean"]
                + [
                    "" if v is None else f"{v:.4f}"
                    for v in (row.top1, row.top5, row.top1_std, row.top5_std)
                ]
                + [f"{v:.1f}" for v in (row.pretraining_steps, row.labelled_steps, row.epochs)]
                + [f"{row.training_accuracy:.4f}"]
                + ([f"{v:.4f}" for v in numbers] or [""] * 5)
                + end
            )
    return text.getvalue()


def json_table(table: Table) -> dict[str, Any]:
    """Everything but the single videos' results, for a report."""
    return {
        "data": table.data,
        "stand_in": list(table.stand_in),
        "partial": table.partial,
        "validation": table.validation,
        "comparison": table.leading.comparison,
        "rows": [asdict(row) for row in table.rows],
        "comparisons": [
            {
                "comparison": table_part.comparison,
                "labels_percent": table_part.share,
                "meaning": " ".join(HEADINGS[table_part.comparison]),
                "groups_or_people": table_part.units,
                "seeds": table_part.seeds,
                "test_videos": table_part.videos,
                "rows": [asdict(row) for row in table_part.rows],
                "pairs": [asdict(pair) for pair in table_part.pairs],
                "trend": asdict(table_part.trend) if table_part.trend else None,
                "detectable": detectable_text(table_part),
            }
            for table_part in table.comparisons
        ],
        "classes": list(table.classes),
        "paper_table_3": [
            {"training_data": name, "top1": top1, "top5": top5}
            for name, top1, top5 in PAPER_TABLE_3
        ],
        "runs": [
            {
                "init": run.init,
                "split": run.split,
                "seed": run.seed,
                "labels_percent": run.share,
                "converged": run.converged,
                "videos": len(run.names),
                "top1": 100 * float(run.top1.mean()),
                "top5": 100 * float(run.top5.mean()),
                "pretraining_steps": run.pretraining_steps,
                "labelled_steps": run.labelled_steps,
                "folder": run.folder,
                "seconds": round(run.seconds, 1),
            }
            for run in table.runs
        ],
        "git_revision": revision(),
        **table.facts,
    }
