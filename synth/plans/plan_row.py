"""One row of a plan: everything that a clip follows from, and the file of such rows.

A clip is a pure function of its row and of the files that the row names, so the number of workers,
their order, restarts and machines change no byte of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mocap.errors import BadInput
from mocap.files import atomic_write
from synth.scene.camera import View

LAYOUTS = ("surreal", "compact")
"""Layouts of the files of dense channels, see `synth.clips.channel_files`."""

PLAN_VERSION = 3  # raised whenever the same row would give another clip


@dataclass(frozen=True, kw_only=True)
class PlanRow:
    """One clip.

    Paths are relative: `source` to the motion folder, `texture` to the texture
    folder, `background["photograph"]` to the background folder (or `background["painted"]` is a
    seed), a light's `file` to the folder of environments.

    `collection` is where the motion comes from ("cmu" or "stand-in"). `start` and `frames` count
    at `fps`; `stride` is the step between windows, in percent of one. `light` holds the fields of
    a `synth.scene.lights` light. `library` names the texture library where a plan compares two.
    """

    version: int
    stem: str
    sequence: str
    clip: int
    split: str
    category: str
    subject: str
    collection: str
    source: str
    start: int
    frames: int
    fps: float
    stride: int
    gender: str
    betas: tuple[float, ...]
    library: str
    texture: str
    identity: str
    uv_layout: str
    background: Mapping[str, Any]
    width: int
    height: int
    view: View
    light: Mapping[str, Any]
    seed: int
    stand_in: bool
    engine: str
    samples: int
    channels: tuple[str, ...]
    tracks: int
    layout: str

    def to_json(self) -> str:
        """The row as a line of a plan."""
        fields = {**vars(self), "view": vars(self.view)}
        return json.dumps(fields, sort_keys=True)

    @classmethod
    def from_json(cls, line: str) -> PlanRow:
        """The row of a line of a plan. Raises ValueError when it is not one of this version."""
        try:
            fields = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"not a clip's row ({error})") from None
        if not isinstance(fields, dict):
            raise ValueError("not a clip's row, which is a JSON object")
        version = fields.get("version", 1)
        if version != PLAN_VERSION:
            raise ValueError(
                f"a plan of version {version}, expected {PLAN_VERSION}; plan again with this version "
                "of the program, or film with the one that planned it"
            )
        try:
            view = View(**{name: _tupled(value) for name, value in fields.pop("view").items()})
            named = {name: _tupled(value) for name, value in fields.items()}
            return cls(**named, view=view)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a clip's row ({error})") from None


def _tupled(value: Any) -> Any:
    return tuple(_tupled(v) for v in value) if isinstance(value, list) else value


def write_plan(path: Path, rows: Iterable[PlanRow]) -> None:
    """Write a plan, whole or not at all."""
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(row.to_json() + "\n" for row in rows)


def read_plan(path: Path) -> list[PlanRow]:
    """The rows of a plan.

    Raises:
        BadInput: with file and line, a damaged plan, one of another version and one that has a clip
            twice.
    """
    if not Path(path).is_file():
        raise BadInput(f"{path}: no such plan; make one with `synth plan`")
    rows: dict[str, PlanRow] = {}
    with Path(path).open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = PlanRow.from_json(line)
            except ValueError as error:
                raise BadInput(f"{path}, line {number}: {error}") from None
            if rows.setdefault(row.stem, row) is not row:
                raise BadInput(f"{path}, line {number}: clip {row.stem} stands twice; plan again")
    if not rows:
        raise BadInput(f"{path}: a plan without clips; plan again")
    return list(rows.values())


def rows_of_shard(rows: list[PlanRow], shard: tuple[int, int] | None) -> list[PlanRow]:
    """Every N-th row from the K-th on, for shard (K, N) with K from 1; all for None."""
    return rows if shard is None else rows[shard[0] - 1 :: shard[1]]


def parse_shard(text: str) -> tuple[int, int]:
    """(K, N) of "K/N". Raises BadInput unless 1 <= K <= N."""
    first, slash, second = text.partition("/")
    if slash and first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second):
        return int(first), int(second)
    raise BadInput(f"--shard {text}: expected K/N with K from 1 to N, as 3/16")
