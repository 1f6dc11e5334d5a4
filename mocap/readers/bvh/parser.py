"""BVH files: a tree of joints with offsets, and its channels frame by frame.

The format states neither units nor axes nor what its zero pose looks like, and its frame time is often
wrong; `mocap.readers.bvh.skeleton` infers those from the skeleton. Here is only what is written.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mocap.errors import BadInput
from mocap.retargeting.skeleton import axis_rotations

CHANNELS = ("Xposition", "Yposition", "Zposition", "Xrotation", "Yrotation", "Zrotation")
_CHANNEL = {name.lower(): name for name in CHANNELS}
_MAX_JOINTS = 1000
_MAX_POSITIONS = 20_000_000  # frames times joints: an hour of 50 joints at 120 frames per second
_MAX_BYTES = 1 << 30
_BULK = 1 << 16  # bytes from which compiled reading is worth its start


@dataclass(frozen=True)
class BvhMotion:
    """A BVH file as it is written: the file's own units of length, radians.

    names: joints, parents first. parents: (J,) indices, -1 for the root. offsets: (J, 3) float64 from
    the parent's joint. ends: (J, 3) offset of each joint's first End Site, nan where it has none.
    channels: per joint the channel names in the file's order. values: (T, C) float64, angles in radians,
    columns joint by joint. frame_time: seconds per frame as the header says, or nan. path: the file.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    ends: np.ndarray
    channels: tuple[tuple[str, ...], ...]
    values: np.ndarray
    frame_time: float
    path: Path

    def __len__(self) -> int:
        return len(self.values)

    @property
    def index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}


def read_bvh(path: Path | str) -> BvhMotion:
    """Read a BVH file as it is written.

    Raises:
        BadInput: With file, line and reason, where the file cannot be understood.
    """
    path = Path(path)
    return _Reader(path, _text(path)).motion()


def read_bvh_start(path: Path | str, frames: int = 2) -> tuple[BvhMotion, int]:
    """The first frames of a BVH file, and how many it holds, an added rest frame included.

    The numbers between the first frames and the last are not looked at, unless the number of rows is
    not the header's or the last one is cut short: then the whole file is read.

    Args:
        path: A .bvh file.
        frames: How many of its first frames to read.

    Raises:
        BadInput: As `read_bvh` does.
    """
    path = Path(path)
    reader = _Reader(path, _text(path))
    data = reader.text[reader.data_start :].strip()
    last = data[max(data.rfind("\n"), data.rfind("\r")) + 1 :]
    width = sum(len(names or ()) for names in reader.channels)
    if data.count("\n") + 1 != reader.count or len(last.split()) != width:
        whole = reader.motion()
        return replace(whole, values=whole.values[:frames]), len(whole)
    start = "\n".join(data.split("\n", frames)[:frames])
    count, reader.count = reader.count, min(reader.count, frames)
    reader.text = reader.text[: reader.data_start] + start
    return reader.motion(), count


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise BadInput(
                f"{path}: found {path.stat().st_size} bytes, expected at most {_MAX_BYTES}; "
                "cut the motion into parts"
            )
        return path.read_bytes().removeprefix(codecs.BOM_UTF8).decode("latin-1")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check the path") from error


class _Reader:
    """Hierarchy and header at once; the numbers on demand."""

    def __init__(self, path: Path, text: str):
        self.path, self.text = path, text
        start = re.search(r"^[ \t]*MOTION\b[ \t]*:?[ \t]*\r?$", text, re.MULTILINE | re.IGNORECASE)
        if start is None:
            raise BadInput(
                f"{path}: no line MOTION found, expected a BVH file with HIERARCHY and MOTION; "
                "fetch the file again"
            )
        self.names: list[str] = []
        self.parents: list[int] = []
        self.offsets: list[tuple[float, ...] | None] = []
        self.ends: list[tuple[float, ...] | None] = []
        self.channels: list[tuple[str, ...] | None] = []
        self._read_hierarchy(text[: start.start()])
        self.motion_line = text.count("\n", 0, start.start()) + 1
        self._read_header(start.end())

    def fail(self, number: int, actual: str, expected: str) -> BadInput:
        return BadInput(
            f"{self.path}, line {number}: found {actual}, expected {expected}; "
            "fetch the file again or correct the line"
        )

    def _read_hierarchy(self, text: str) -> None:
        open_joints: list[int] = []  # joints whose braces are open; -1 stands for an End Site
        pending: int | None = None  # a joint named, its brace not yet seen
        begun = False
        number = 0
        for number, line in enumerate(text.splitlines(), start=1):
            for words in _statements(line):
                key = words[0].upper()
                if not begun:
                    if key != "HIERARCHY":
                        raise self.fail(number, f"'{_short(line)}'", "HIERARCHY")
                    begun = True
                elif pending is not None:
                    if key != "{":
                        raise self.fail(number, f"'{_short(line)}'", "'{'")
                    open_joints.append(pending)
                    pending = None
                elif key in ("ROOT", "JOINT"):
                    pending = self._open(number, key, words, open_joints)
                elif key == "END":
                    if not open_joints or open_joints[-1] < 0:
                        raise self.fail(number, f"'{_short(line)}'", "a joint around an End Site")
                    pending = -1
                elif key == "}":
                    if not open_joints:
                        raise self.fail(number, "'}'", "'ROOT' or 'MOTION'")
                    self._close(number, open_joints.pop())
                elif key == "OFFSET" and open_joints:
                    self._offset(number, words, open_joints)
                elif key == "CHANNELS" and open_joints and open_joints[-1] >= 0:
                    self._channels(number, words, open_joints[-1])
                else:
                    raise self.fail(
                        number, f"'{_short(line)}'", "JOINT, End Site, OFFSET, CHANNELS or braces"
                    )
        if open_joints or pending is not None:
            raise self.fail(number + 1, "MOTION", "'}'")
        if not self.names:
            raise self.fail(number + 1, "MOTION", "HIERARCHY and ROOT before it")

    def _open(self, number: int, key: str, words: list[str], open_joints: list[int]) -> int:
        name = " ".join(words[1:])
        if not name:
            raise self.fail(number, f"{key} without a name", "its name")
        if (key == "ROOT") != (not open_joints):
            raise self.fail(number, f"'{key} {name}'", "JOINTs inside one ROOT")
        if key == "ROOT" and self.names:
            raise self.fail(number, f"a second ROOT '{name}'", "one figure a file: split it in two")
        if open_joints and open_joints[-1] < 0:
            raise self.fail(number, f"'{key} {name}'", "nothing but an OFFSET in an End Site")
        if name in self.names:
            raise self.fail(number, f"a second joint '{name}'", "one of each name")
        if len(self.names) >= _MAX_JOINTS:
            raise self.fail(number, f"joint {_MAX_JOINTS + 1}", f"at most {_MAX_JOINTS} joints")
        self.names.append(name)
        self.parents.append(open_joints[-1] if open_joints else -1)
        self.offsets.append(None)
        self.ends.append(None)
        self.channels.append(None)
        return len(self.names) - 1

    def _close(self, number: int, joint: int) -> None:
        if joint >= 0 and self.offsets[joint] is None:
            raise self.fail(number, f"the end of joint '{self.names[joint]}'", "its OFFSET first")

    def _offset(self, number: int, words: list[str], open_joints: list[int]) -> None:
        try:
            values = tuple(float(word) for word in words[1:])
        except ValueError:
            values = ()
        if len(values) != 3 or not np.isfinite(values).all() or max(map(abs, values)) > 1e9:
            raise self.fail(number, f"'{_short(' '.join(words))}'", "OFFSET and three numbers")
        if open_joints[-1] >= 0:
            if self.offsets[open_joints[-1]] is not None:
                raise self.fail(number, "a second OFFSET", "one a joint")
            self.offsets[open_joints[-1]] = values
        elif self.ends[open_joints[-2]] is None:
            self.ends[open_joints[-2]] = values

    def _channels(self, number: int, words: list[str], joint: int) -> None:
        names = tuple(_CHANNEL.get(word.lower(), "") for word in words[2:])
        if (
            len(words) < 2
            or words[1] != str(len(names))
            or "" in names
            or len(set(names)) != len(names)
        ):
            raise self.fail(
                number,
                f"'{_short(' '.join(words))}'",
                f"CHANNELS, how many, and as many different ones of {', '.join(CHANNELS)}",
            )
        if self.channels[joint] is not None:
            raise self.fail(number, "a second CHANNELS", "one a joint")
        self.channels[joint] = names

    def _read_header(self, start: int) -> None:
        frames = re.compile(r"\s*Frames[ \t]*:[ \t]*(\S*)[ \t]*\r?(?:\n|\Z)", re.IGNORECASE)
        time = re.compile(r"\s*Frame[ \t]+Time[ \t]*:[ \t]*(\S*)[ \t]*\r?(?:\n|\Z)", re.IGNORECASE)
        match = frames.match(self.text, start)
        digits = match.group(1) if match else ""
        if match is None or not (
            digits.isascii() and digits.isdigit() and len(digits) < 10 and int(digits) > 0
        ):
            actual = f"'Frames: {_short(digits)}'" if match else "something else"
            raise self.fail(self.motion_line + 1, actual, "'Frames:' and how many, more than none")
        self.count = int(digits)
        match_time = time.match(self.text, match.end())
        seconds = match_time.group(1) if match_time else "nan"
        try:
            self.frame_time = float(seconds)
        except ValueError:
            raise self.fail(
                self.motion_line + 2,
                f"'Frame Time: {_short(seconds)}'",
                "'Frame Time:' and seconds",
            ) from None
        if not (np.isfinite(self.frame_time) and self.frame_time > 0):
            self.frame_time = np.nan
        self.data_start = match_time.end() if match_time else match.end()

    def motion(self) -> BvhMotion:
        columns = [channel for names in self.channels for channel in names or ()]
        width = len(columns)
        if not width:
            raise BadInput(f"{self.path}: no joint has CHANNELS, expected some; nothing moves here")
        if self.count * len(self.names) > _MAX_POSITIONS:
            raise BadInput(
                f"{self.path}: found {self.count} frames of {len(self.names)} joints, expected at most "
                f"{_MAX_POSITIONS // len(self.names)}; cut the motion into parts"
            )
        values = self._numbers(width)
        turning = np.array([name.endswith("rotation") for name in columns])
        no_end = (np.nan,) * 3
        return BvhMotion(
            tuple(self.names),
            tuple(self.parents),
            np.array(self.offsets, dtype=np.float64),
            np.array([end or no_end for end in self.ends], dtype=np.float64),
            tuple(names or () for names in self.channels),
            values * np.where(turning, np.pi / 180, 1.0),
            self.frame_time,
            self.path,
        )

    def _numbers(self, width: int) -> np.ndarray:
        data = self.text[self.data_start :]
        if len(data) > _BULK:
            from mocap.parsing.number_text import read_numbers  # loads a compiler's run time

            values = read_numbers(data.encode("latin-1"), self.count * width)
            if values is not None:
                return values.reshape(self.count, width)
        words = data.split()
        if len(words) == self.count * width and "_" not in data:
            try:
                values = np.array(list(map(float, words))).reshape(self.count, width)
            except ValueError:
                values = np.array([np.nan])
            if np.isfinite(values).all():
                return values
        first = self.text.count("\n", 0, self.data_start) + 1
        row = 0
        for number, line in enumerate(data.splitlines(), start=first):
            words = line.split()
            if not words:
                continue
            row += 1
            try:
                numbers = [float(word) for word in words]
            except ValueError:
                numbers = [np.nan]
            if len(numbers) != width or not np.isfinite(numbers).all() or "_" in line:
                raise self.fail(
                    number,
                    f"frame {row}: {len(words)} values '{_short(line)}'",
                    f"{width} finite numbers",
                )
        raise BadInput(
            f"{self.path}: found {row} frames, expected the {self.count} of 'Frames:'; the file is cut "
            "short or two are joined: fetch it again, or correct the number"
        )


def _statements(line: str) -> list[list[str]]:
    """A line's statements: braces stand alone, everything else reaches to the next brace."""
    out = []
    for piece in re.split(r"([{}])", line):
        words = piece.split()
        if words:
            out.append(words)
    return out


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def bvh_kinematics(motion: BvhMotion) -> tuple[np.ndarray, np.ndarray]:
    """Global rotations (T, J, 3, 3) and joint positions (T, J, 3) in the file's units."""
    return chain(motion.parents, *local_motion(motion))


def local_motion(motion: BvhMotion) -> tuple[np.ndarray, np.ndarray]:
    """Each joint's rotation (T, J, 3, 3) and offset (T, J, 3) from its parent, in the parent's frame.

    Channels are applied as listed: `Zrotation Xrotation Yrotation` is Rz Rx Ry on column vectors.
    The root is where its position channels say. On other joints they are added to the offset, or stand
    for it where they hold nearly the same numbers (some writers repeat it).
    """
    count, total = len(motion), len(motion.names)
    rotations = np.empty((count, total, 3, 3))
    offsets = np.empty((count, total, 3))
    column = 0
    for joint, channels in enumerate(motion.channels):
        turn = np.broadcast_to(np.eye(3), (count, 3, 3))
        offset = motion.offsets[joint]
        shift = np.zeros((count, 3))
        for name in channels:
            column_values = motion.values[:, column]
            column += 1
            if name.endswith("rotation"):
                turn = turn @ axis_rotations(column_values, name[0])
            else:
                shift[:, "XYZ".index(name[0])] = column_values
        moved = {"XYZ".index(name[0]) for name in channels if name.endswith("position")}
        if moved:
            mean = np.where([k in moved for k in range(3)], shift.mean(axis=0), 0.0)
            # The way that a joint walks is across its offset, mostly its height, and does not count.
            length = offset @ offset
            repeats = length > 0 and 0.5 < mean @ offset / length < 1.5
            whole = joint == 0 or repeats
            for k in moved if whole else ():
                offset = np.where(np.arange(3) == k, 0.0, offset)
        rotations[:, joint] = turn
        offsets[:, joint] = offset + shift
    return rotations, offsets


def chain(
    parents: tuple[int, ...], rotations: np.ndarray, offsets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Global rotations (T, J, 3, 3) and positions (T, J, 3) of what `local_motion` gives."""
    turned, positions = rotations.copy(), offsets.copy()
    for joint, parent in enumerate(parents):
        if parent >= 0:
            turned[:, joint] = turned[:, parent] @ rotations[:, joint]
            rotated_offset = (turned[:, parent] @ offsets[:, joint][..., None])[..., 0]
            positions[:, joint] = positions[:, parent] + rotated_offset
    return turned, positions
