"""Labelled or detected joints in files, as evidence: a CSV of joints, or OpenPose's JSON.

The CSV has a line per crop: `image` and, for each joint, `NAME_x` and `NAME_y` in pixels of the crop
(empty where unknown), with the joints of Market-1501's published labels or any of `LANDMARKS`.
OpenPose writes `STEM_keypoints.json` beside each other; BODY_25 and COCO (18) are read.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mocap.errors import BadInput
from mocap.parsing.json_files import read_json
from textures.evidence.evidence import Evidence, no_evidence
from textures.evidence.landmarks import INDEX, LANDMARKS
from textures.library import sha256_of

# Names in Market-1501's joints.csv by ours: people clicked on the shoulder's top and the hip's crest.
MARKET_NAMES = {
    "head_top": "head_top",
    **{
        f"{side}_{theirs}": f"{side}_{ours}"
        for side in ("left", "right")
        for theirs, ours in {
            **{"shoulder": "acromion", "elbow": "elbow", "wrist": "wrist"},
            **{"hip": "iliac_crest", "knee": "knee", "ankle": "ankle"},
        }.items()
    },
}
_NOT_LANDMARKS = ("neck_right", "neck_left")  # edges of the neck, which turn with the view
_OPENPOSE_COMMON = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist"),
    *("left_shoulder", "left_elbow", "left_wrist"),
)
_LEGS = ("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle")
_FACE = ("", "", "right_ear", "left_ear")  # eyes are no landmarks
OPENPOSE_ORDERS: dict[int, tuple[str, ...]] = {
    18: (*_OPENPOSE_COMMON, *_LEGS, *_FACE),
    25: (
        *_OPENPOSE_COMMON,
        "",  # the middle of the hips
        *_LEGS,
        *_FACE,
        *("left_toe", "", "left_heel", "right_toe", "", "right_heel"),
    ),
}
"""OpenPose's keypoints by number of keypoints; an empty name is no landmark."""


class JointTable:
    """Joints of crops by file name, as a source of evidence."""

    def __init__(self, name: str, tag: str, rows: Mapping[str, np.ndarray]) -> None:
        """Keep the joints.

        Args:
            name: of the source.
            tag: name and digest of the files.
            rows: by file name, or a path that ends with it, (L,3): pixels x, y and confidence of each
                landmark.
        """
        self.name, self.tag = name, tag
        self.rows = dict(rows)

    def observe(self, names: Sequence[str], images: Sequence[np.ndarray]) -> Evidence:
        """The joints of the named crops; a crop without a line has no evidence."""
        evidence = no_evidence(self.name, len(names))
        for index, name in enumerate(names):
            row = self._row(name)
            if row is not None:
                evidence.landmarks[index] = row[:, :2]
                evidence.confidence[index] = row[:, 2]
        return evidence

    def _row(self, name: str) -> np.ndarray | None:
        """The row of the longest end of a path that the table has."""
        parts = Path(name).parts
        ends = ("/".join(parts[first:]) for first in range(len(parts)))
        return next((self.rows[end] for end in ends if end in self.rows), None)


def read_joints_csv(path: Path) -> JointTable:
    """Read a CSV of joints.

    Raises:
        BadInput: for a file that is missing or no such table, with the line.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = _columns(path, reader.fieldnames or [])
            rows = {}
            for record in reader:
                image = record.get("image") or ""
                if not image:
                    raise BadInput(f"{path}, line {reader.line_num}: no file name under 'image'")
                rows[Path(image).as_posix()] = _row(path, reader.line_num, record, columns)
    except OSError as error:
        raise BadInput(f"{path}: cannot be opened ({error.strerror}); check the path") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: not a table in UTF-8 ({error})") from None
    if not rows:
        raise BadInput(f"{path}: no line of joints; expected one per crop below the header")
    return JointTable(path.stem, f"{path.stem}-{sha256_of(path)[:8]}", rows)


def _columns(path: Path, header: Sequence[str]) -> dict[str, str]:
    """Landmark by the columns' joint name."""
    joints = {name[:-2] for name in header if name.endswith(("_x", "_y"))}
    columns = {}
    for joint in sorted(joints):
        landmark = MARKET_NAMES.get(joint) or (joint if joint in INDEX else None)
        if landmark and {f"{joint}_x", f"{joint}_y"} <= set(header):
            columns[joint] = landmark
        elif joint not in _NOT_LANDMARKS:
            raise BadInput(
                f"{path}: unknown joint {joint!r}; expected {', '.join(MARKET_NAMES)}, "
                f"or {', '.join(LANDMARKS)}"
            )
    if "image" not in header or not columns:
        raise BadInput(f"{path}: expected a header with 'image' and columns such as left_knee_x")
    return columns


def _row(
    path: Path, line: int, record: Mapping[str, str | None], columns: Mapping[str, str]
) -> np.ndarray:
    row = np.zeros((len(LANDMARKS), 3), np.float32)
    for joint, landmark in columns.items():
        texts = [record.get(f"{joint}_x") or "", record.get(f"{joint}_y") or ""]
        if not any(texts):
            continue
        try:
            values = [float(text) for text in texts]
        except ValueError:
            values = [math.nan]
        if not all(math.isfinite(value) and abs(value) < 1e6 for value in values):
            raise BadInput(
                f"{path}, line {line}: {joint} is {', '.join(map(repr, texts))}; expected two pixels"
            )
        row[INDEX[landmark]] = (*values, 1.0)
    return row


@dataclass(frozen=True)
class _OpenPosePerson:
    pose_keypoints_2d: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class _OpenPoseFile:
    people: list[_OpenPosePerson]


def read_openpose_folder(folder: Path) -> JointTable:
    """Read OpenPose's JSON files of a folder of crops; of several people the surest is taken.

    A crop's name is the file's without `_keypoints.json`, whatever the picture's suffix.

    Raises:
        BadInput: for a folder without such files, or a file that is none.
    """
    folder = Path(folder)
    files = sorted(folder.glob("*_keypoints.json"))
    if not files:
        raise BadInput(f"{folder}: no *_keypoints.json found; expected OpenPose's JSON files")
    rows = {}
    for path in files:
        advice = "write it again with OpenPose's --write_json"
        content = read_json(path, _OpenPoseFile, advice=advice, extra_fields=True)
        people = [_openpose_row(path, person.pose_keypoints_2d) for person in content.people]
        if people:
            stem = path.name.removesuffix("_keypoints.json")
            rows[stem] = max(people, key=lambda row: float(row[:, 2].sum()))
    digest = hashlib.sha256("".join(map(sha256_of, files)).encode()).hexdigest()
    name = folder.name or "openpose"
    return _StemTable(name, f"{name}-{digest[:8]}", rows)


class _StemTable(JointTable):
    """A table whose names have no suffix."""

    def observe(self, names: Sequence[str], images: Sequence[np.ndarray]) -> Evidence:
        return super().observe([Path(name).with_suffix("").as_posix() for name in names], images)


def _openpose_row(path: Path, numbers: Sequence[float]) -> np.ndarray:
    order = OPENPOSE_ORDERS.get(len(numbers) // 3)
    if order is None or len(numbers) % 3:
        raise BadInput(f"{path}: {len(numbers)} numbers, expected 75 (BODY_25) or 54 (COCO)")
    row = np.zeros((len(LANDMARKS), 3), np.float32)
    for name, (x, y, confidence) in zip(order, np.reshape(numbers, (-1, 3))):
        if name and confidence > 0:
            row[INDEX[name]] = (x, y, min(float(confidence), 1.0))
    return row
