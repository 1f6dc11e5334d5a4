"""A study's score as lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from synth.study.power import CHANCE, power_rows
from synth.study.scoring import StudyScore


def study_score_lines(score: StudyScore) -> list[str]:
    """What a score says, in the order in which it is to be read."""
    first, second = score.sets
    lines = [f"{score.question} {first} against {second}"]
    if score.stand_in:
        lines.append("stand-in data: textures of generated photographs; this measures the software")
    lines.append(
        f"{len(score.counted)} of {len(score.raters)} raters count, on {score.pairs} pairs of "
        f"{score.people} people; {score.rule}"
    )
    lines += [
        f"  left out: {rater.rater}, {rater.left_out}" for rater in score.raters if rater.left_out
    ]
    if score.share is not None:
        share = score.share
        lines.append(
            f"{first} preferred in {share.value:.1f} % [{share.low:.1f}, {share.high:.1f}], "
            f"p = {share.p:.4f} against 50 %; seen in four studies of five: {share.detectable:.1f} points"
        )
        if len(score.counted) < 2 or score.people < 2:
            lines.append("  one rater or person alone says nothing of others: no interval")
    if score.alpha is not None:
        lines.append(f"agreement between raters: Krippendorff's alpha {score.alpha:.3f}")
    if score.consistency is not None:
        repeats = sum(rater.repeats for rater in score.counted)
        lines.append(
            f"repeats answered as before, sides exchanged: {score.consistency:.1f} % of {repeats}"
        )
    if score.lefts is not None:
        lines.append(f"left side chosen: {score.lefts:.1f} %")
    lines += power_lines("if every choice were a coin's", power_rows(CHANCE))
    if score.variance is not None:
        variance = score.variance
        lines += power_lines(
            "as raters and pairs differ here "
            f"(variance {variance.rater:.3f}, {variance.pair:.3f}, of a choice {variance.choice:.3f})",
            power_rows(variance),
        )
    lines += [f"ignored: {reason}: {count}" for reason, count in score.refusals.items()]
    return lines


def power_lines(basis: str, rows: Sequence[Mapping[str, int | None]]) -> list[str]:
    """How many raters see 60 against 40 per cent, on how many pairs each."""
    cells = [
        f"{row['raters']} raters x {row['pairs']} pairs"
        if row["raters"] is not None
        else f"no number of raters x {row['pairs']} pairs"
        for row in rows
    ]
    return [f"to see 60 % against 40 %, {basis}: {', '.join(cells)}"]
