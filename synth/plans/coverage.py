"""What a plan covers: counts of everything that varies, as lines of text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from synth.plans.plan_row import PlanRow
from synth.plans.view_sampler import camera_sides
from synth.scene.lights.registry import light_from_fields
from textures.library import SPLITS


def coverage(rows: Sequence[PlanRow]) -> str:
    """What a plan covers, as lines of text.

    Clips, frames and hours; by split who and what is in it and how often each texture is used; then
    categories, lights, cameras and shapes.
    """
    lines = [_totals("all", rows)]
    for split in SPLITS:
        members = [row for row in rows if row.split == split]
        if members:
            lines += [_totals(split, members), f"       textures worn {_usage(members)}"]
            lines.append(f"       {_variety(members)}")
    runs = Counter((row.stem.split("/")[1], row.stride) for row in rows)
    lines.append(
        "runs: " + ", ".join(f"{run} (stride {s} %) {n:,}" for (run, s), n in sorted(runs.items()))
    )
    lines.append("categories: " + _counts(row.category for row in rows))
    lines.append("backgrounds: " + _counts(_background_kind(row) for row in rows))
    lines.append("lights: " + _counts(row.light["kind"] for row in rows))
    dark = sum(lit_share(row) < 0.5 for row in rows)
    lines.append(
        f"light: {dark:,} of {len(rows):,} clips ({100 * dark / len(rows):.1f} %) with the body more "
        "than half unlit, estimated for the side it is seen from"
    )
    lines.append("camera moves: " + _counts(row.view.move for row in rows))
    distance = np.array([row.view.distance for row in rows])
    sides = np.histogram([row.view.sides[0] for row in rows], bins=8, range=(0, 2 * np.pi))[0]
    lines.append(
        f"camera: policy {_counts(row.view.policy for row in rows)}; distance drawn "
        f"{distance.mean():.2f} ± {distance.std():.2f} m; clips in each eighth of the sides "
        f"{sides.min():,} to {sides.max():,}"
    )
    betas = np.array([row.betas for row in rows])
    lines.append(
        f"bodies: {_counts(row.gender for row in rows)}; betas spread "
        f"{betas.std(axis=0).min():.2f} to {betas.std(axis=0).max():.2f}"
    )
    if any(row.figures for row in rows):
        counts = Counter(len(row.genders) for row in rows)
        lines.append(
            "people in a clip: " + ", ".join(f"{n} in {counts[n]:,} clips" for n in sorted(counts))
        )
    if any(row.occluders for row in rows):
        kinds = _counts(occluder.kind for row in rows for occluder in row.occluders)
        lines.append(f"occluders: {kinds}, in {sum(bool(r.occluders) for r in rows):,} clips")
    if any(row.stand_in for row in rows):
        count = sum(row.stand_in for row in rows)
        lines.append(f"{count:,} of {len(rows):,} clips are made of generated stand-ins")
    return "\n".join(lines)


def coverage_counts(rows: Sequence[PlanRow]) -> dict[str, Any]:
    """How much a plan has of everything, in JSON's types: in all, by split, and by what varies."""
    return {
        "all": _split_counts(rows),
        "splits": {
            split: _split_counts(members)
            for split in SPLITS
            if (members := [row for row in rows if row.split == split])
        },
        "runs": dict(sorted(Counter(row.stem.split("/")[1] for row in rows).items())),
        "categories": dict(sorted(Counter(row.category for row in rows).items())),
        "backgrounds": dict(sorted(Counter(map(_background_kind, rows)).items())),
        "lights": dict(sorted(Counter(row.light["kind"] for row in rows).items())),
        "camera_moves": dict(sorted(Counter(row.view.move for row in rows).items())),
        "genders": dict(sorted(Counter(row.gender for row in rows).items())),
        "people": dict(sorted(Counter(len(row.genders) for row in rows).items())),
        "occluders": dict(
            sorted(Counter(item.kind for row in rows for item in row.occluders).items())
        ),
        "dark_clips": sum(lit_share(row) < 0.5 for row in rows),
        "stand_in_clips": sum(row.stand_in for row in rows),
    }


def _split_counts(rows: Sequence[PlanRow]) -> dict[str, Any]:
    return {
        "clips": len(rows),
        "frames": sum(row.frames for row in rows),
        "seconds": sum(row.frames / row.fps for row in rows),
        "motions": len({row.sequence for row in rows}),
        "subjects": len({row.subject for row in rows}),
        "textures": len({name for row in rows for name in row.textures}),
        "identities": len({name for row in rows for name in row.identities}),
    }


def lit_share(row: PlanRow) -> float:
    """How much of the body a row's light lights on the side it is seen from, estimated, in [0, 1]."""
    return float(light_from_fields(row.light).lit_shares(camera_sides(row.view)).min())


def _background_kind(row: PlanRow) -> str:
    """As the preset names it."""
    (kind,) = row.background
    return kind if row.scene_place is not None else "plate"


def _totals(name: str, rows: Sequence[PlanRow]) -> str:
    frames = sum(row.frames for row in rows)
    seconds = sum(row.frames / row.fps for row in rows)
    return (
        f"{name:5}: {len(rows):,} clips, {frames:,} frames, {seconds / 3600:.2f} hours; "
        f"{len({row.sequence for row in rows}):,} motions of {len({row.subject for row in rows}):,} "
        f"subjects, {len({name for row in rows for name in row.textures}):,} textures of "
        f"{len({name for row in rows for name in row.identities}):,} identities, "
        + _background_counts(rows)
    )


def _background_counts(rows: Sequence[PlanRow]) -> str:
    """How many files stand behind the people, and what is painted."""
    words = []
    for kind in ("photograph", "environment"):
        if names := {str(row.background.get(kind, "")) for row in rows} - {""}:
            words.append(f"{len(names):,} {kind}s")
    if any("painted" in row.background for row in rows):
        words.append("painted backgrounds")
    return ", ".join(words)


def _usage(rows: Sequence[PlanRow]) -> str:
    """How often the rarest and the commonest texture and identity are used."""
    texture = Counter(name for row in rows for name in row.textures).values()
    identity = Counter(name for row in rows for name in row.identities).values()
    return (
        f"{min(texture):,} to {max(texture):,} times each, identities {min(identity):,} to "
        f"{max(identity):,} times"
    )


def _variety(rows: Sequence[PlanRow]) -> str:
    """With how many categories people and places are filmed: with all where they tell nothing of any."""
    people: dict[str, set[str]] = {}
    backgrounds: dict[str, set[str]] = {}
    for row in rows:
        for identity in row.identities:
            people.setdefault(identity, set()).add(row.category)
        backgrounds.setdefault(json.dumps(row.background), set()).add(row.category)
    counts = [
        f"{len(groups):,} {name}, each with {min(map(len, groups.values())):,} to "
        f"{max(map(len, groups.values())):,}"
        for name, groups in (("people", people), ("places", backgrounds))
    ]
    return ", ".join(counts) + f" of {len({row.category for row in rows}):,} categories"


def _counts(values: Iterable[str]) -> str:
    counted = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count:,}" for name, count in counted)
