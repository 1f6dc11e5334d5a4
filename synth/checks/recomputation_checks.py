"""The check of a clip's channels against the same channels computed again."""

from __future__ import annotations

from synth.checks.check import Check, Figure
from synth.checks.clip_data import required
from synth.checks.recomputation_figures import recomputation_figures

RECOMPUTATION = Check(
    name="recomputation",
    needs=("recomputed",),
    measure=lambda data: recomputation_figures(data.truth, required(data.recomputed)),
    figures=(
        # good: 0, on the machine that rendered
        Figure("other_values", "values that are others when computed again", "%", limit=0.005),
    ),
)
