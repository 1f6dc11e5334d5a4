"""clips.jsonl: the index of a film folder, one JSON object per published clip."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from mocap.errors import BadInput
from mocap.files import atomic_write
from mocap.parsing.json_files import (
    Label,
    RelativePath,
    choice,
    decode_json,
    path_inside,
    read_json_lines,
)
from synth.plans.plan_row import MAX_FRAMES
from textures.library import SPLITS

CLIP_INDEX = "clips.jsonl"
_ADVICE = "run `synth render-videos` again"


@dataclass(frozen=True, kw_only=True)
class ClipLine:
    """A line of clips.jsonl: fields of the clip's row; `path` is that of its files without suffix."""

    path: RelativePath
    sequence: Label
    category: Label
    split: Annotated[str, choice(SPLITS)]
    frames: Annotated[int, Meta(ge=1, le=MAX_FRAMES)]
    fps: Annotated[float, Meta(gt=0, le=1000)]
    texture: RelativePath
    identity: Label
    stand_in: bool


def write_clip_lines(folder: Path, lines: Iterable[ClipLine]) -> None:
    """Write clips.jsonl of a film folder, whole."""
    with atomic_write(folder / CLIP_INDEX) as path:
        text = "".join(json.dumps(asdict(line)) + "\n" for line in lines)
        path.write_text(text, encoding="utf-8")


def read_clip_lines(
    folder: Path, *, leave_out: Callable[[str], None] | None = None
) -> list[dict[str, Any]]:
    """The lines of a film folder's clips.jsonl, as `ClipLine` has them.

    Args:
        folder: of films.
        leave_out: called with file, line and reason of a line that is not a clip's, or of a clip that
            lies outside of the folder, which is then passed over; None: such a line is refused.

    Raises:
        BadInput: a missing or empty index, one without any clip, a refused line.
    """
    index = Path(folder) / CLIP_INDEX
    if not index.is_file():
        raise BadInput(f"{index}: no such file; expected a folder that `synth render-videos` wrote")
    lines: list[dict[str, Any]] = []
    bad = []
    for label, text in read_json_lines(index, advice=_ADVICE):
        try:
            line = decode_json(text, ClipLine)
            path_inside(folder, line.path)
        except BadInput as error:
            reason = f"{label}: not a clip: {error}; {_ADVICE}"
            if leave_out is None:
                raise BadInput(reason) from None
            bad.append(reason)
            continue
        lines.append(asdict(line))
    if bad and not lines:
        raise BadInput(bad[0])
    if leave_out is not None:
        for reason in bad:
            leave_out(reason)
    if not lines:
        raise BadInput(f"{index}: lists no clip; {_ADVICE}")
    return lines
