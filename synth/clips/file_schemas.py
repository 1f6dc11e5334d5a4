"""JSON Schemas of the JSON Lines files of plans, films and textures: of one line each."""

from __future__ import annotations

from typing import Any

from mocap.parsing.json_schemas import json_schema
from synth.clips.clip_lines import ClipLine
from synth.plans.plan_row import PLAN_VERSION, PlanRow
from textures.library import TextureEntry


def file_schemas() -> dict[str, dict[str, Any]]:
    """The schemas by the files' names: plan, clips, textures."""
    plan = json_schema(PlanRow, title=f"A line of plan.jsonl, version {PLAN_VERSION}")
    plan["properties"]["version"] = {"const": PLAN_VERSION}
    return {
        "plan": plan,
        "clips": json_schema(ClipLine, title="A line of clips.jsonl, of a film folder"),
        "textures": json_schema(
            TextureEntry, title="A line of textures.jsonl, of a texture library"
        ),
    }
