"""A clip on disk: its film, its `_info.mat` and its channels, written, published and read.

A clip `<stem>` is `<stem>.mp4`, `<stem>_info.mat` (`synth.clips.clip_info`), one or two files per
channel (`synth.clips.channel_files`) and, but in SURREAL's layout, `<stem>_check.json`, the verdict of
its checks (`synth.checks.clip_results`). Everything of a clip is written in a folder of its own and
then moved into place, `_info.mat` last: a clip is published when that file is there. The same arrays
give the same bytes (no time stamps). `synth.clips.conventions`, written as conventions.json, says what
the numbers mean.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mocap.errors import BadInput
from mocap.files import atomic_write
from synth.clips.channel_files import clip_files, read_channels, write_channels
from synth.clips.clip_info import (
    info_fields,
    joint_truth,
    posed_clip_of,
    read_info,
    row_of,
    write_info,
)
from synth.clips.clip_lines import ClipLine, write_clip_lines
from synth.clips.conventions import CONVENTIONS
from synth.clips.mat_files import read_mat
from synth.clips.video_files import read_video, write_video
from synth.plans.plan_row import PlanRow
from synth.scene.ground_truth import GroundTruth
from synth.scene.posed_clip import PosedClip

__all__ = [
    *("CONVENTIONS", "Clip", "clip_files", "is_published", "publish", "published_row"),
    *(
        "find_clips",
        "read_clip",
        "read_posed_clip",
        "read_video",
        "write_clip",
        "write_conventions",
    ),
    *("write_index", "write_video"),
]


INFO = "_info.mat"


@dataclass(frozen=True)
class Clip:
    """A clip read back: `frames` (T,H,W,3) RGB uint8, ground truth and `info` (see CONVENTIONS)."""

    frames: np.ndarray
    truth: GroundTruth
    info: dict[str, Any]


def write_clip(
    folder: Path,
    row: PlanRow,
    frames: np.ndarray,
    truth: GroundTruth,
    posed_clip: PosedClip,
    *,
    versions: dict[str, str],
    check: str = "",
) -> None:
    """Write the files of a clip into `folder`, the row's channels in the row's layout.

    `frames` are (T,H,W,3) RGB uint8. `check`: as of `info_fields`; in the layout "compact" the file of
    the clip's verdict (`synth.checks.clip_results`) is yet to come.
    """
    stem = stem_in(folder, row)
    write_video(Path(f"{stem}.mp4"), frames, row.fps, mirrored=row.film_mirrored)
    write_channels(stem, truth, row.channels, row.layout, cameras=posed_clip.cameras)
    fields = info_fields(row, truth, posed_clip, versions=versions, check=check)
    write_info(f"{stem}_info.mat", fields)


def stem_in(folder: Path, row: PlanRow) -> Path:
    """A clip's path without suffix in a `folder` of its own, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / Path(row.stem).name


def row_files(row: PlanRow) -> list[str]:
    """Suffixes of all files of the clip of a row."""
    return clip_files(row.channels, row.layout, sharp=row.lens.sharp)


def publish(folder: Path, out: Path, row: PlanRow) -> None:
    """Move a clip that lies whole in `folder` to its place under `out`."""
    target = out / row.stem
    target.parent.mkdir(parents=True, exist_ok=True)
    for suffix in row_files(row):
        os.replace(folder / (target.name + suffix), f"{target}{suffix}")


def is_published(out: Path, row: PlanRow) -> bool:
    """Whether every file of the clip is in place."""
    stem = out / row.stem
    return all(Path(f"{stem}{end}").is_file() for end in row_files(row))


def published_stems(out: Path, rows: Iterable[PlanRow]) -> set[str]:
    """The stems of the rows whose clips are published, by one look at each folder."""
    names: dict[str, frozenset[str]] = {}
    ends: dict[tuple[tuple[str, ...], str, bool], list[str]] = {}
    published: set[str] = set()
    for row in rows:
        parent, _, name = row.stem.rpartition("/")
        if parent not in names:
            try:
                names[parent] = frozenset(os.listdir(out / parent))
            except FileNotFoundError:
                names[parent] = frozenset()
        key = (row.channels, row.layout, row.lens.sharp)
        if key not in ends:
            ends[key] = row_files(row)
        if all(name + end in names[parent] for end in ends[key]):
            published.add(row.stem)
    return published


def published_bytes(out: Path, row: PlanRow) -> int:
    """Bytes of a published clip's files."""
    ends = row_files(row)
    return sum(Path(f"{out / row.stem}{end}").stat().st_size for end in ends)


def published_row(out: Path, row: PlanRow) -> PlanRow | None:
    """The row by which the clip of that stem was made; None where there is no such clip.

    Raises BadInput when its `_info.mat` is damaged.
    """
    path = Path(f"{out / row.stem}_info.mat")
    if not path.is_file():
        return None
    advice = "remove the clip's files"
    try:
        return row_of(read_mat(path, ["plan_row"], advice=advice))
    except BadInput:
        raise
    except ValueError as error:
        raise BadInput(
            f"{path}: not the information of a clip of ours ({error}); {advice}"
        ) from error


def find_clips(folder: Path, count: int | None = None) -> list[str]:
    """Published clips in a folder, as paths in it without suffix, in order.

    Args:
        folder: where to look, and below.
        count: how many of them, evenly spread; None: all.

    Raises:
        BadInput: no such folder or no clip in it.
    """
    folder = Path(folder)
    if count is not None and count < 1:
        raise BadInput(f"--count-clips {count}: expected at least 1")
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; expected films of `synth render-videos`")
    stems = sorted(
        path.relative_to(folder).as_posix().removesuffix(INFO)
        for path in folder.rglob(f"*{INFO}")
        if not any(name.startswith(".partial-") for name in path.relative_to(folder).parts)
    )
    if not stems:
        raise BadInput(f"{folder}: no clip in it; expected films of `synth render-videos`")
    if count is None or count >= len(stems):
        return stems
    return [stems[index * len(stems) // count] for index in range(count)]


def clip_line(row: PlanRow) -> ClipLine:
    """The line of a clip in clips.jsonl."""
    return ClipLine(
        path=row.stem,
        sequence=row.sequence,
        category=row.category,
        split=row.split,
        frames=row.frames,
        fps=row.fps,
        texture=row.texture,
        identity=row.identity,
        stand_in=row.stand_in,
    )


def write_index(out: Path, rows: Iterable[PlanRow]) -> int:
    """Write clips.jsonl: one line per clip of `rows` that is published. Returns how many."""
    lines = [clip_line(row) for row in rows if is_published(out, row)]
    write_clip_lines(out, lines)
    return len(lines)


def write_conventions(out: Path) -> None:
    """Write conventions.json, unless it stands there already."""
    final = out / "conventions.json"
    text = json.dumps(CONVENTIONS, indent=2) + "\n"
    if final.is_file() and final.read_text(encoding="utf-8", errors="replace") == text:
        return
    with atomic_write(final) as path:
        path.write_text(text, encoding="utf-8")


def read_clip(stem: Path | str, channels: Sequence[str] | None = None) -> Clip:
    """Read a clip, in either layout, in our conventions: SURREAL's is turned round.

    Args:
        stem: the clip's path without suffix.
        channels: those that are read; None: all that are stored. Fields of others are None.

    Raises:
        BadInput: a file is missing or damaged.
    """
    info = read_info(stem)
    fields: dict[str, Any] = {"parts": None, **joint_truth(info)}
    fields |= read_channels(stem, channels, frames=info["joints2D"].shape[2])
    frames = read_video(Path(f"{stem}.mp4"), mirrored="film_mirrored" in info)
    return Clip(frames, GroundTruth(**fields), info)


def read_posed_clip(stem: Path | str) -> PosedClip:
    """The geometry of a published clip, from its `_info.mat` alone. Raises BadInput as read_clip."""
    try:
        return posed_clip_of(read_info(stem))
    except BadInput:
        raise
    except ValueError as error:  # cameras that are none
        raise BadInput(
            f"{stem}_info.mat: {error}; remove the clip's files and render it again"
        ) from error
