"""What `_info.mat` says beyond SURREAL's one body: several people, their clothes, occluders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from mocap.errors import BadInput
from mocap.parsing.json_files import decode_json
from synth.clips.mat_files import text_of
from synth.garments.clothing import ClothesDraw
from synth.plans.plan_row import MAX_OCCLUDERS, MAX_PEOPLE
from synth.scene.occluders import Occluder

_ADVICE = "remove the clip's files and render it again"


def people_of(info: dict[str, Any], path: Path) -> int:
    """How many people are in a clip. Raises BadInput where `people` is not a number of people."""
    value = np.asarray(info.get("people", np.ones((1, 1), np.uint8)))
    if value.shape != (1, 1) or value.dtype != np.uint8 or not 1 <= value[0, 0] <= MAX_PEOPLE:
        raise BadInput(
            f"{path}: people is {value.dtype} {value.shape} {value.ravel()[:3].tolist()}, expected uint8 "
            f"(1, 1), 1 to {MAX_PEOPLE}; {_ADVICE}"
        )
    return int(value[0, 0])


@dataclass(frozen=True, kw_only=True)
class _Occluders:
    """What the text `occluders` of an `_info.mat` lists."""

    occluders: Annotated[tuple[Occluder, ...], Meta(max_length=MAX_OCCLUDERS)]


def occluders_of(info: dict[str, Any], path: Path) -> tuple[Occluder, ...]:
    """The occluders of a clip. Raises BadInput where their text is not a list of such."""
    text = text_of(info.get("occluders", "[]"))
    try:
        return decode_json(
            f'{{"occluders": {text}}}'.encode("utf-8", "replace"), _Occluders
        ).occluders
    except BadInput as error:
        raise BadInput(f"{path}: {error}, expected a list of occluders; {_ADVICE}") from None


@dataclass(frozen=True, kw_only=True)
class _Clothes:
    """What the text `clothes` of an `_info.mat` lists."""

    clothes: Annotated[tuple[ClothesDraw | None, ...], Meta(max_length=MAX_PEOPLE)]


def clothes_of(info: dict[str, Any], path: Path, people: int) -> tuple[ClothesDraw | None, ...]:
    """What the people of a clip wear. Raises BadInput where the text is not a list of that."""
    if "clothes" not in info:
        return (None,) * people
    text = f'{{"clothes": {text_of(info["clothes"])}}}'
    try:
        clothing = decode_json(text.encode("utf-8", "replace"), _Clothes).clothes
        if len(clothing) != people:
            raise BadInput(f"clothes of {len(clothing)} people, found {people} people")
    except BadInput as error:
        raise BadInput(f"{path}: {error}, expected clothes of everybody; {_ADVICE}") from None
    return clothing
