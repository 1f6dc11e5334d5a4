"""SURREAL's `smpl_data.npz` (Varol et al., 2017): CMU's motions as SMPL poses, in one archive.

For every sequence it holds `pose_<sequence>` (T, 72) and `trans_<sequence>` (T, 3), beside body
shapes and a regressor that are not looked at. The archive has 2.5 GB; only the members that are needed
are read. The world is z up. SURREAL keeps every fourth frame of each sequence, which makes 30 frames per
second of CMU's 120; its author confirms (github.com/gulvarol/surreal, issue 31) that the sequences CMU
recorded at 60 are in there at 60, so the rate is CMU's own for sequences that CMU's database names.
"""

from __future__ import annotations

import csv
import re
from functools import lru_cache
from pathlib import Path

from mocap.errors import BadInput
from mocap.files import CMU_INDEX
from mocap.parsing.array_files import ArrayFile
from mocap.readers.motion_format import MotionFormat, StoredMotion
from mocap.readers.smpl.pose_arrays import WHOLE, image_labels, read_pose_arrays, whole_poses
from mocap.readers.smpl.recording import Recording, read_translation

SURREAL_FPS = 120.0
_POSE, _TRANSLATION = "pose_", "trans_"
_SEQUENCE = re.compile(r"(?:ung_)?(\d+)_(\w+)")


def list_surreal(path: Path | str) -> tuple[StoredMotion, ...]:
    """The sequences of SURREAL's archive, sorted by name; no pose is decoded.

    Raises:
        BadInput: With the member's name, where one is damaged.
    """
    path = Path(path)
    with ArrayFile(path) as arrays:
        out = []
        for name in sequences(arrays):
            frames = whole_poses(arrays, _POSE + name).frames
            out.append(StoredMotion(*_names(name), frames, _rate(name), "surreal", path))
    if not out:
        raise BadInput(
            f"{path}: no arrays pose_* and trans_*, expected SURREAL's smpl_data.npz; check the path"
        )
    return tuple(out)


def read_surreal(path: Path | str, name: str) -> Recording:
    """One sequence of SURREAL's archive, by name.

    Raises:
        BadInput: With file and array, where there is no such sequence or it is damaged.
    """
    path = Path(path)
    with ArrayFile(path) as arrays:
        if _POSE + name not in arrays or _TRANSLATION + name not in arrays:
            available = sequences(arrays)
            raise BadInput(
                f"{path}: no sequence '{name}' among {len(available)}, expected arrays pose_{name} and "
                f"trans_{name}; choose one that is there, for example "
                f"{', '.join(available[:3]) or 'none'}"
            )
        pose, dropped = read_pose_arrays(arrays, whole_poses(arrays, _POSE + name))
        translation = read_translation(arrays, _TRANSLATION + name, len(pose))
    return Recording(pose, translation, "z", _rate(name), *_names(name), str(path), dropped=dropped)


def sequences(arrays: ArrayFile) -> list[str]:
    """Names for which the archive has both a pose and a translation, sorted."""
    poses = (name.removeprefix(_POSE) for name in arrays.names if name.startswith(_POSE))
    paths = {name.removeprefix(_TRANSLATION) for name in arrays.names}
    return sorted(name for name in poses if name in paths)


def _names(name: str) -> tuple[str, str, str]:
    """(name, subject, trial): "01_02" and "ung_01_02" are both of CMU's subject 01."""
    match = _SEQUENCE.fullmatch(name)
    if match:
        return name, match.group(1), match.group(2)
    subject, _, trial = name.partition("_")
    return name, subject, trial or name


def _rate(name: str) -> float:
    return _cmu_rates().get(name.removeprefix("ung_"), SURREAL_FPS)


@lru_cache(maxsize=1)
def _cmu_rates() -> dict[str, float]:
    with CMU_INDEX.open(newline="", encoding="ascii") as file:
        return {row["motion"]: float(row["fps"]) for row in csv.DictReader(file)}


def _is_surreal(path: Path) -> bool:
    with ArrayFile(path) as arrays:
        named = any(name in arrays for name in WHOLE) or image_labels(arrays)
        return not named and bool(sequences(arrays))


def _list(path: Path, skeleton: Path | None) -> tuple[StoredMotion, ...]:
    return list_surreal(path)


def _read(path: Path, *, skeleton: Path | None, member: str, fps: float | None) -> Recording:
    if not member:
        raise BadInput(
            f"{path}: an archive of many motions, expected the name of one; give a sequence such "
            "as 01_01"
        )
    return read_surreal(path, member)


SURREAL = MotionFormat(
    name="surreal",
    suffixes=(".npz", ".npy"),
    list_motions=_list,
    read=_read,
    recognises=_is_surreal,
    holds_many=True,
)
