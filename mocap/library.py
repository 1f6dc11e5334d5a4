"""A folder of Acclaim motions: what is in it, and each motion as SMPL poses.

Layouts: CMU's own, ``subject/subject.asf`` beside ``subject/subject_trial.amc``, or all files in one
folder. Acclaim files carry no frame rate; it is looked up in a ``motion_index.csv`` beside the motions
(or above them, inside the folder), else in the facts about CMU's database that come with the package.
"""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from mocap.acclaim import count_frames, read_amc, read_asf
from mocap.body import Body
from mocap.categories import categorise
from mocap.errors import BadInput
from mocap.motion import Motion, resample
from mocap.retarget import retarget
from mocap.skeleton import Skeleton

INDEX_NAME = "motion_index.csv"
INDEX_COLUMNS = (
    "motion",
    "subject",
    "trial",
    "subject_title",
    "description",
    "framerate_fps",
    "fps_source",
)
_CMU_INDEX = Path(__file__).with_name("cmu_index.csv")


@dataclass(frozen=True)
class MotionEntry:
    """One motion file that can be used. ``fps`` and ``frames`` are the file's own.

    name, subject, trial: "02_01", "02", "01"; description: the index's words, or the category where
    the index has none; skeleton: the .asf file that belongs to ``path``.
    """

    name: str
    subject: str
    trial: str
    description: str
    category: str
    fps: float
    path: Path
    skeleton: Path
    frames: int

    @property
    def seconds(self) -> float:
        return self.frames / self.fps


@dataclass(frozen=True)
class MotionLibrary:
    """The usable motions of a folder, sorted by name, and the files that were left out and why."""

    folder: Path
    entries: tuple[MotionEntry, ...]
    skipped: tuple[tuple[Path, str], ...]

    def __len__(self) -> int:
        return len(self.entries)

    def categories(self) -> dict[str, list[MotionEntry]]:
        """Entries by category, the largest category first."""
        groups: dict[str, list[MotionEntry]] = {}
        for entry in self.entries:
            groups.setdefault(entry.category, []).append(entry)
        return dict(sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])))

    def table(self) -> str:
        """The motions as lines of text, and how many each category has."""
        lines = [
            f"{'motion':10} {'category':13} {'fps':>5} {'frames':>7} {'seconds':>8}  description"
        ]
        for e in self.entries:
            lines.append(
                f"{e.name:10} {e.category:13} {e.fps:5.0f} {e.frames:7d} {e.seconds:8.1f}  "
                f"{e.description}"
            )
        counts = ", ".join(f"{name} {len(group)}" for name, group in self.categories().items())
        return "\n".join([*lines, f"{len(self)} motions: {counts}"])

    def to_json(self) -> str:
        """The motions, the categories' counts and what was left out, as one JSON object."""
        rows = [
            {**asdict(e), "path": str(e.path), "skeleton": str(e.skeleton), "seconds": e.seconds}
            for e in self.entries
        ]
        counts = {name: len(group) for name, group in self.categories().items()}
        skipped = [{"path": str(path), "reason": reason} for path, reason in self.skipped]
        return json.dumps({"motions": rows, "categories": counts, "skipped": skipped}, indent=1)


def open_motion_library(folder: Path | str, *, fps: float | None = None) -> MotionLibrary:
    """Look through ``folder`` for motions.

    ``fps`` is the frame rate of motions that no index knows; without it they are skipped. Raises
    BadInput when nothing in the folder can be used; files that cannot be used, damaged indices
    included, are listed in ``skipped`` with the reason.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(
            f"{folder}: no such folder, expected one with Acclaim motions (.asf and .amc); check the path"
        )
    paths = sorted(path for path in folder.rglob("*.amc") if not path.name.startswith("."))
    if not paths:
        raise BadInput(
            f"{folder}: no motions found; looked in it and its subfolders for *.amc files with a *.asf "
            "skeleton beside them, as in 02/02.asf and 02/02_01.amc; name the folder that holds them"
        )
    entries, skipped = [], []
    for path in paths:
        try:
            entries.append(_entry(path, folder, fps))
        except BadInput as error:
            skipped.append((path, str(error)))
    if not entries:
        raise BadInput(
            f"{folder}: none of {len(paths)} motions can be used; the first: {skipped[0][1]}"
        )
    entries.sort(key=lambda entry: (entry.name, str(entry.path)))
    return MotionLibrary(folder, tuple(entries), tuple(skipped))


def load_motion(entry: MotionEntry, body: Body, fps: float | None = 30.0) -> Motion:
    """The motion of ``entry`` on ``body`` (mean shape), at ``fps``, or at its own rate for None.

    Raises BadInput when its file or skeleton is damaged.
    """
    skeleton = _skeleton(entry.skeleton, entry.skeleton.stat().st_mtime_ns)
    frames = read_amc(entry.path, skeleton)
    try:
        pose, translation = retarget(skeleton, frames, body, fps=entry.fps)
    except BadInput as error:
        raise BadInput(f"{entry.skeleton}: {error}") from error
    motion = Motion(
        pose, translation, entry.fps, entry.subject, entry.trial, entry.name, str(entry.path)
    )
    return motion if fps is None else resample(motion, fps)


@lru_cache(maxsize=64)
def _skeleton(path: Path, changed: int) -> Skeleton:
    return read_asf(path)


def _entry(path: Path, folder: Path, fps: float | None) -> MotionEntry:
    name = path.stem
    subject, _, trial = name.rpartition("_")
    skeleton = _skeleton_beside(path, subject)
    row = _index_row(path, folder)
    if row is not None:
        rate, category, description = row
    elif fps is not None:
        rate, category, description = float(fps), categorise(name), name
    else:
        raise BadInput(
            f"{path}: its frame rate is in no index, expected a row for '{name}' in a {INDEX_NAME} in "
            "its folder; add one, or give the rate with --fps"
        )
    frames = count_frames(path, _skeleton(skeleton, skeleton.stat().st_mtime_ns))
    subject = subject or path.parent.name
    return MotionEntry(name, subject, trial, description, category, rate, path, skeleton, frames)


def _skeleton_beside(path: Path, subject: str) -> Path:
    own = path.with_name(f"{subject}.asf")
    if own.is_file():
        return own
    others = sorted(path.parent.glob("*.asf"))
    if len(others) == 1:
        return others[0]
    found = f"{len(others)} others" if others else "none"
    raise BadInput(
        f"{path}: found {found} beside it, expected its skeleton {own.name}; put the .asf file there"
    )


def _index_row(path: Path, folder: Path) -> tuple[float, str, str] | None:
    """(frame rate, category, description) from the nearest index that has the motion."""
    place = path.parent
    while True:
        index = place / INDEX_NAME
        if index.is_file():
            row = _read_index(index, index.stat().st_mtime_ns).get(path.stem)
            if row is not None:
                return row
        if place == folder or folder not in place.parents:
            break
        place = place.parent
    return _cmu_facts().get(path.stem)


@lru_cache(maxsize=8)
def _read_index(path: Path, changed: int) -> dict[str, tuple[float, str, str]]:
    out = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        lacking = {"motion", "description", "framerate_fps"} - set(reader.fieldnames or ())
        if lacking:
            raise BadInput(
                f"{path}: no column {', '.join(sorted(lacking))}, expected {','.join(INDEX_COLUMNS)}; "
                "correct its first line"
            )
        for row in reader:
            try:
                rate = float(row["framerate_fps"])
            except (TypeError, ValueError):
                rate = 0.0
            if not 1 <= rate <= 1000:
                raise BadInput(
                    f"{path}, line {reader.line_num}: frame rate '{row['framerate_fps']}', expected "
                    "frames a second as a number; correct the line"
                )
            description = row["description"] or ""
            category = categorise(description, row.get("subject_title") or "")
            out[row["motion"]] = (rate, category, description)
    return out


@lru_cache(maxsize=1)
def _cmu_facts() -> dict[str, tuple[float, str, str]]:
    with _CMU_INDEX.open(newline="", encoding="ascii") as file:
        return {
            row["motion"]: (float(row["fps"]), row["category"], row["category"])
            for row in csv.DictReader(file)
        }
