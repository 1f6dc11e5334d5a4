"""A folder of motions of any kind: what is in it, and each motion as SMPL poses.

Files may be Acclaim (CMU's own `02/02.asf` beside `02/02_01.amc`, or all in one folder), BVH,
AMASS's and SURREAL's .npz, and plain SMPL arrays, in any mixture. Frame rates and descriptions that the
files lack come from a `motion_index.csv` beside the motions (or above them, inside the folder), else
from the facts about CMU's database that come with the package.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from mocap.bodies.body import Body
from mocap.errors import BadInput
from mocap.files import CMU_INDEX
from mocap.library.categories import categorise
from mocap.library.folder_index import ListedFile, list_folder
from mocap.library.motion_entry import MotionEntry
from mocap.library.verdict_cache import VerdictCache
from mocap.motion import Motion, resample
from mocap.readers.formats import FORMATS, SUFFIXES
from mocap.readers.motion_format import StoredMotion
from mocap.readers.smpl.recording import Recording
from mocap.retargeting.capture import Capture
from mocap.retargeting.retarget import retarget

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

    def select(
        self,
        *,
        categories: Iterable[str] = (),
        subjects: Iterable[str] = (),
        verdict: str | None = None,
        least_seconds: float = 0.0,
    ) -> MotionLibrary:
        """The motions that meet all of some conditions, as a library.

        Args:
            categories: Of one of these; none for any.
            subjects: Of one of these; none for any.
            verdict: "good" or "bad"; None for any, or none at all.
            least_seconds: At least so long.

        Raises:
            BadInput: Where no motion has a category or subject, naming those that are there.
        """
        categories, subjects = list(categories), list(subjects)
        _refuse_unknown("category", categories, [e.category for e in self.entries])
        _refuse_unknown("subject", subjects, [e.subject for e in self.entries])
        return replace(
            self,
            entries=tuple(
                e
                for e in self.entries
                if (not categories or e.category in categories)
                and (not subjects or e.subject in subjects)
                and e.seconds >= least_seconds
                and (
                    verdict is None
                    or (e.verdict is not None and e.verdict.good == (verdict == "good"))
                )
            ),
        )

    def table(self) -> str:
        """The motions as lines of text, and how many each category has."""
        name_width = max([10, *(len(e.name) for e in self.entries)])
        subject_width = max([7, *(len(e.subject) for e in self.entries)])
        lines = [
            f"{'motion':{name_width}} {'subject':{subject_width}} {'category':13} "
            f"{'fps':>5} {'seconds':>8}  {'verdict':8} description"
        ]
        for e in self.entries:
            verdict = "-" if e.verdict is None else "good" if e.verdict.good else "bad"
            lines.append(
                f"{e.name:{name_width}} {e.subject:{subject_width}} {e.category:13} "
                f"{e.fps:5.4g} {e.seconds:8.1f}  {verdict:8} {e.description}"
            )
            if e.verdict is not None:
                lines += [f"{'':{name_width}}   {reason}" for reason in e.verdict.reasons]
        counts = ", ".join(f"{name} {len(group)}" for name, group in self.categories().items())
        lines.append(f"{len(self)} motions: {counts}")
        judged = [e.verdict.good for e in self.entries if e.verdict is not None]
        if judged:
            unknown = len(self) - len(judged)
            lines.append(
                f"{sum(judged)} good, {len(judged) - sum(judged)} bad, {unknown} not looked at"
            )
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The motions, the categories' counts and what was left out, in JSON's types."""
        counts = {name: len(group) for name, group in self.categories().items()}
        skipped = [{"path": str(path), "reason": reason} for path, reason in self.skipped]
        rows = [_as_json(entry) for entry in self.entries]
        return {"motions": rows, "categories": counts, "skipped": skipped}

    def to_json(self) -> str:
        """The motions, the categories' counts and what was left out, as one JSON object."""
        return json.dumps(self.as_dict(), indent=1)


def open_motion_library(folder: Path | str, *, fps: float | None = None) -> MotionLibrary:
    """Look through a folder and its subfolders for motions.

    What the files hold is remembered in the user's cache folder, so that only files that changed
    since are looked into again.

    Args:
        folder: With motion files of any format.
        fps: The frame rate of motions for which neither their file nor an index beside it has one;
            without it they are skipped, but for those that CMU's index knows by their names.

    Returns:
        The motions, sorted by name; files that cannot be used, damaged indices included, are in
        `skipped` with the reason.

    Raises:
        BadInput: Where nothing in the folder can be used.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder, expected one with motions; check the path")
    files = list_folder(folder, (INDEX_NAME,))
    if not files:
        raise BadInput(
            f"{folder}: no motions found; looked in it and its subfolders for "
            f"{', '.join('*' + suffix for suffix in SUFFIXES)} (.amc files with a *.asf skeleton beside "
            "them, as in 02/02.asf and 02/02_01.amc); name the folder that holds them"
        )
    entries, skipped = [], []
    for file in files:
        if file.error:
            skipped.append((file.path, file.error))
        for stored in file.motions:
            try:
                entries.append(_entry(stored, file, fps))
            except BadInput as error:
                skipped.append((file.path, str(error)))
    if not entries:
        raise BadInput(
            f"{folder}: none of {len(files)} files can be used"
            + (f"; the first: {skipped[0][1]}" if skipped else ", they hold no motion")
        )
    entries, unreadable = VerdictCache(folder).attach(_with_unique_names(entries, folder))
    skipped += unreadable
    entries.sort(key=lambda entry: entry.name)
    return MotionLibrary(folder, tuple(entries), tuple(skipped))


def load_motion(entry: MotionEntry, body: Body, fps: float | None = 30.0) -> Motion:
    """The motion of an entry on a body of mean shape.

    Args:
        entry: One of a library's.
        body: The body that performs it.
        fps: The frame rate of the result; None for the motion's own.

    Raises:
        BadInput: Where its file or skeleton is damaged.
    """
    motion = pose_on_body(entry, read_poses(entry), body)
    return motion if fps is None else resample(motion, fps)


def read_poses(entry: MotionEntry) -> Capture | Recording:
    """The poses of an entry as its file has them: a capture, or a recording of SMPL poses.

    Raises:
        BadInput: Where its file or skeleton is damaged.
    """
    return FORMATS[entry.format].read(
        entry.path, skeleton=entry.skeleton, member=entry.member, fps=entry.fps
    )


def pose_on_body(
    entry: MotionEntry, poses: Capture | Recording, body: Body, *, step: int = 1
) -> Motion:
    """The motion of an entry on a body of mean shape.

    Args:
        entry: One of a library's.
        poses: As `read_poses` gives them.
        body: The body that performs it.
        step: Of a capture every `step`-th frame is taken, and the frame rate is as much lower.
    """
    if isinstance(poses, Recording):
        return replace(poses.to_motion(body), name=entry.name, fps=entry.fps)
    fps = entry.fps / step
    pose, translation = retarget(every_nth_frame(poses, step), body, fps=fps)
    return Motion(pose, translation, fps, entry.subject, entry.trial, entry.name, str(entry.path))


def every_nth_frame(capture: Capture, step: int) -> Capture:
    """A capture at a `step`-th of its frame rate."""
    if step == 1:
        return capture
    joints = {joint: positions[::step] for joint, positions in capture.joints.items()}
    return replace(capture, quaternions=capture.quaternions[::step], joints=joints)


def _entry(stored: StoredMotion, file: ListedFile, fps: float | None) -> MotionEntry:
    motion_format = FORMATS[stored.format]
    facts = _index_row(stored, file)
    rate = stored.fps
    if facts is not None:
        listed, category, description, by_name = facts
        if rate is None:  # a name that is also one of CMU's counts less than what the caller says
            rate = (fps or listed) if by_name else listed
    else:
        rate = rate or fps
        description = re.sub(r"[_\W]+", " ", stored.name).strip()
        category = categorise(stored.name)
    if rate is None:
        raise BadInput(
            f"{file.path}: its frame rate is in no index, expected a row for '{stored.name}' in a "
            f"{INDEX_NAME} in its folder; add one, or give the rate with --source-fps"
        )
    return MotionEntry(
        name=stored.name,
        subject=stored.subject,
        trial=stored.trial,
        description=description,
        category=category,
        fps=float(rate),
        path=file.path,
        skeleton=file.skeleton,
        frames=stored.frames,
        format=stored.format,
        member=stored.name if motion_format.holds_many else "",
    )


def _with_unique_names(entries: list[MotionEntry], folder: Path) -> list[MotionEntry]:
    """Entries under names that differ and are fit for file names.

    The second of a name takes the name of its folder before it, and so on upwards; what is the same
    even then is numbered.
    """
    used: set[str] = set()
    out = []
    ranks = {name: rank for rank, name in enumerate(FORMATS)}
    order = sorted(entries, key=lambda e: (ranks[e.format], e.source_in(folder)))
    for entry in order:
        stem = _fit(entry.name)
        name, parents = stem, list(entry.path.relative_to(folder).parts[:-1])
        while name in used and parents:
            stem = f"{_fit(parents.pop())}_{stem}"
            name = stem
        number = 2
        while name in used:
            name, number = f"{stem}-{number}", number + 1
        used.add(name)
        out.append(replace(entry, name=name))
    return out


def _fit(name: str) -> str:
    return re.sub(r"[^\w+-]+", "_", name).strip("_") or "motion"


def _index_row(stored: StoredMotion, file: ListedFile) -> tuple[float, str, str, bool] | None:
    """(frame rate, category, description) from the nearest index that has the motion.

    Last, whether that is CMU's index, which knows the motion by nothing but its name.
    """
    names = (stored.name, f"{stored.subject}_{stored.trial}")
    for index, modified in file.indices:
        rows = _read_index(index, modified)
        for name in names:
            if name in rows:
                return *rows[name], False
    for name in names:
        if name in _cmu_facts():
            return *_cmu_facts()[name], True
    return None


@lru_cache(maxsize=8)
def _read_index(path: Path, modified: int) -> dict[str, tuple[float, str, str]]:
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
    with CMU_INDEX.open(newline="", encoding="ascii") as file:
        return {
            row["motion"]: (float(row["fps"]), row["category"], row["category"])
            for row in csv.DictReader(file)
        }


def _refuse_unknown(field: str, requested: list[str], available: list[str]) -> None:
    unknown = sorted(set(requested) - set(available))
    if unknown:
        raise BadInput(
            f"{field} {', '.join(unknown)}: no motion has it, expected some of "
            f"{', '.join(sorted(set(available)))}"
        )


def _as_json(entry: MotionEntry) -> dict[str, Any]:
    fields = {name: getattr(entry, name) for name in MotionEntry.__dataclass_fields__}
    verdict = entry.verdict
    return {
        **fields,
        "path": str(entry.path),
        "skeleton": entry.skeleton and str(entry.skeleton),
        "seconds": round(entry.seconds, 4),
        "sequence_category": entry.sequence_category,
        "verdict": verdict and {"good": verdict.good, **verdict.to_json()},
    }
