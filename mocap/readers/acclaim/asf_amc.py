"""Acclaim skeletons (.asf) and motions (.amc), the native form of the CMU motion capture data.

An .asf file gives the rest pose (see `mocap.retargeting.skeleton`); an .amc file gives, frame by
frame, the angles of each bone and the position of the root. Values are held in metres and radians
whatever the file says: one unit of length is 0.0254 / `length` metres, as CMU defines it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Container, Iterable
from pathlib import Path

import numpy as np

from mocap.errors import BadInput
from mocap.files import atomic_write
from mocap.retargeting.skeleton import INCH, Bone, Skeleton

ROTATION_DOFS = ("rx", "ry", "rz")
TRANSLATION_DOFS = ("tx", "ty", "tz")
STRETCH_DOFS = (*TRANSLATION_DOFS, "l")  # of bones other than the root: read, and left out of poses
# Of the numbers that a person's skeleton and its motion can need, in the file's units.
_LARGEST = 1e6
_BULK = 1 << 16  # bytes from which compiled reading is worth its start
_FRAME_LINE = re.compile(rb"^[ \t]*\d+[ \t]*\r?$", re.MULTILINE)


class _Lines:
    """Lines of a text file without comments and blank lines, as (line number, words)."""

    def __init__(self, path: Path):
        self.path = path
        try:
            text = path.read_bytes().removeprefix(codecs.BOM_UTF8).decode("latin-1")
        except OSError as error:
            raise BadInput(f"{path}: cannot be read ({error.strerror}); check the path") from error
        self.rows = []
        for number, line in enumerate(text.splitlines(), start=1):
            words = line.split("#", 1)[0].replace("(", " ").replace(")", " ").split()
            if words:
                self.rows.append((number, words))

    def fail(self, number: int, actual: str, expected: str) -> BadInput:
        return BadInput(
            f"{self.path}, line {number}: found {actual}, expected {expected}; "
            "fetch the file again or correct the line"
        )

    def numbers(
        self, number: int, words: list[str], count: int, *, endless: bool = False
    ) -> tuple[float, ...]:
        """As many numbers as `count`, of a plausible size; infinite ones too where `endless`."""
        try:
            values = tuple(float(word) for word in words)
        except ValueError:
            values = ()
        good = all(abs(v) <= _LARGEST or (endless and np.isinf(v)) for v in values)
        if len(values) != count or not good:
            raise self.fail(
                number, f"'{' '.join(words)}'", f"{count} numbers of at most {_LARGEST:g}"
            )
        return values

    def vector(self, number: int, words: list[str], scale: float) -> tuple[float, float, float]:
        """Three numbers, scaled."""
        x, y, z = self.numbers(number, words, 3)
        return scale * x, scale * y, scale * z

    def order(self, number: int, word: str) -> str:
        if sorted(word.upper()) != ["X", "Y", "Z"]:
            raise self.fail(number, f"'{word}'", "an axis order such as XYZ")
        return word.upper()


def read_asf(path: Path | str) -> Skeleton:
    """Read an Acclaim skeleton.

    Args:
        path: An .asf file.

    Returns:
        Lengths in metres, angles in radians, parents before children.

    Raises:
        BadInput: With file and line, where the file cannot be understood.
    """
    path = Path(path)
    lines = _Lines(path)
    sections: dict[str, list[tuple[int, list[str]]]] = {}
    current: list[tuple[int, list[str]]] | None = None
    for number, words in lines.rows:
        if words[0].startswith(":"):
            current = sections.setdefault(words[0].lower(), [])
            if len(words) > 1:
                current.append((number, words[1:]))
        elif current is not None:
            current.append((number, words))
    for needed in (":root", ":bonedata", ":hierarchy"):
        if not sections.get(needed):
            raise BadInput(
                f"{path}: no {needed} section found, expected a whole Acclaim skeleton; "
                "fetch the .asf file again"
            )
    length_unit, degrees = 1.0, True
    for number, words in sections.get(":units", []):
        if words[0].lower() == "length":
            length_unit = lines.numbers(number, words[1:], 1)[0]
            if length_unit <= 0:
                raise lines.fail(number, f"a length unit of {length_unit}", "a positive number")
        elif words[0].lower() == "angle":
            degrees = words[-1].lower().startswith("deg")
    unit, turn = INCH / length_unit, np.pi / 180 if degrees else 1.0
    root, position = _read_root(lines, sections[":root"], unit, turn)
    bones = _read_bones(lines, sections[":bonedata"], unit, turn)
    ordered, parents = _read_hierarchy(lines, sections[":hierarchy"], root, bones)
    name = " ".join(sections.get(":name", [(0, [path.stem])])[0][1])
    return Skeleton(ordered, parents, name, length_unit, position, degrees)


def _read_root(
    lines: _Lines, rows: list, unit: float, turn: float
) -> tuple[Bone, tuple[float, float, float]]:
    dofs, axis_order = TRANSLATION_DOFS + ROTATION_DOFS, "XYZ"
    position, orientation = (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
    for number, words in rows:
        key = words[0].lower()
        if key == "order":
            dofs = tuple(word.lower() for word in words[1:])
            allowed = set(dofs) <= set(TRANSLATION_DOFS + ROTATION_DOFS)
            if not allowed or len(set(dofs)) != len(dofs):
                raise lines.fail(number, f"'{' '.join(words)}'", "channels from TX TY TZ RX RY RZ")
        elif key == "axis":
            axis_order = lines.order(number, words[-1])
        elif key == "position":
            position = lines.vector(number, words[1:], unit)
        elif key == "orientation":
            orientation = lines.vector(number, words[1:], turn)
    return Bone("root", (0.0, 0.0, 0.0), 0.0, orientation, axis_order, dofs), position


def _read_bones(lines: _Lines, rows: list, unit: float, turn: float) -> dict[str, Bone]:
    bones: dict[str, Bone] = {}
    fields: dict | None = None
    limits: list[tuple[float, float]] = []
    in_limits = False
    for number, words in rows:
        key = words[0].lower()
        if key == "begin":
            fields, limits, in_limits = {"line": number}, [], False
        elif fields is None:
            raise lines.fail(number, f"'{' '.join(words)}'", "'begin'")
        elif key == "end":
            for needed in ("name", "direction", "length"):
                if needed not in fields:
                    raise lines.fail(number, "the end of a bone", f"its '{needed}' first")
            del fields["line"]
            if fields["name"] in bones or fields["name"] == "root":
                raise lines.fail(number, f"a second bone '{fields['name']}'", "one of each name")
            bones[fields["name"]] = Bone(limits=tuple(limits), **fields)
            fields = None
        elif key == "name":
            fields["name"] = " ".join(words[1:])
            if not fields["name"]:
                raise lines.fail(number, "a bone without a name", "its name")
        elif key == "direction":
            vector = np.array(lines.numbers(number, words[1:], 3))
            norm = float(np.linalg.norm(vector))
            if norm < 1e-6:
                raise lines.fail(number, "a direction of length 0", "a vector")
            fields["direction"] = tuple(float(v) for v in vector / norm)
        elif key == "length":
            fields["length"] = unit * lines.numbers(number, words[1:], 1)[0]
        elif key == "axis":
            if len(words) == 5:
                fields["axis_order"] = lines.order(number, words[4])
            fields["axis"] = lines.vector(number, words[1:4], turn)
        elif key == "dof":
            fields["dofs"] = tuple(word.lower() for word in words[1:])
            allowed = set(fields["dofs"]) <= set(ROTATION_DOFS + STRETCH_DOFS)
            if not allowed or len(set(fields["dofs"])) != len(fields["dofs"]):
                raise lines.fail(number, f"'{' '.join(words)}'", "each once of rx ry rz tx ty tz l")
        elif key == "limits" or (in_limits and key[0] in "+-.0123456789i"):
            in_limits = True
            pair = lines.numbers(number, words[1:] if key == "limits" else words, 2, endless=True)
            limits.append((turn * pair[0], turn * pair[1]))
    if fields is not None:
        raise lines.fail(fields["line"], "a bone that is never closed", "'end'")
    return bones


def _read_hierarchy(
    lines: _Lines, rows: list, root: Bone, bones: dict[str, Bone]
) -> tuple[tuple[Bone, ...], tuple[int, ...]]:
    bones = {"root": root, **bones}
    parent_of: dict[str, str] = {}
    for number, words in rows:
        if words[0].lower() in ("begin", "end"):
            continue
        parent, remaining = split_name(words, bones)
        children = []
        while remaining:
            child, remaining = split_name(remaining, bones)
            children.append(child)
        for name in (parent, *children):
            if name not in bones:
                raise lines.fail(number, f"bone '{name}'", "one of those under :bonedata")
        for child in children:
            if child in parent_of or child == "root":
                raise lines.fail(number, f"a second parent of '{child}'", "one parent")
            parent_of[child] = parent
    ordered = ["root"]
    for parent in ordered:  # grows while it is walked: parents come first
        ordered.extend(child for child in bones if parent_of.get(child) == parent)
    lost = [name for name in bones if name not in ordered]
    if lost:
        raise BadInput(
            f"{lines.path}: bones {', '.join(lost)} hang on nothing under :hierarchy, expected "
            "every bone to lead to the root; correct the hierarchy"
        )
    parents = tuple(ordered.index(parent_of[name]) if name != "root" else -1 for name in ordered)
    return tuple(bones[name] for name in ordered), parents


def split_name(words: list[str], names: Container[str]) -> tuple[str, list[str]]:
    """The longest of `names` that `words` begin with, else the first word, and what follows."""
    for count in range(len(words), 1, -1):
        name = " ".join(words[:count])
        if name in names:
            return name, words[count:]
    return words[0], words[1:]


def read_amc(path: Path | str, skeleton: Skeleton) -> np.ndarray:
    """Read an Acclaim motion.

    Args:
        path: An .amc file.
        skeleton: The skeleton that belongs to it.

    Returns:
        (T, C) float64 in the columns `skeleton.channels`, radians and metres.

    Raises:
        BadInput: With file, line and bone, where a frame is incomplete or a value is no number.
    """
    path = Path(path)
    try:
        data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check the path") from error
    frames = _parse_bulk(data, skeleton) if len(data) > _BULK else None
    if frames is None:
        text = data.decode("latin-1")
        frames = _parse_regular(text, skeleton)
        if frames is None or not (np.abs(frames) <= _LARGEST).all():
            frames = _parse_lines(path, text, skeleton)
    turn = np.pi / 180 if _in_degrees(data[:4096].decode("latin-1"), skeleton) else 1.0
    is_angle = np.array([dof[0] == "r" for _, dof in skeleton.channels], dtype=bool)
    frames *= np.where(is_angle, turn, skeleton.metres_per_unit)
    return frames


def _in_degrees(text: str, skeleton: Skeleton) -> bool:
    for line in text.splitlines():
        word = line.strip().upper()
        if word in (":DEGREES", ":RADIANS"):
            return word == ":DEGREES"
    return skeleton.degrees


def _parse_bulk(data: bytes, skeleton: Skeleton) -> np.ndarray | None:
    """A long file of frames that are all like the first, without comments among them; else None."""
    # Loads a compiler's run time: for long files only.
    from mocap.parsing.number_text import read_named_rows

    first = _FRAME_LINE.search(data)
    if first is None or any(
        line.strip() and line.lstrip()[:1] not in b"#:"
        for line in data[: first.start()].splitlines()
    ):
        return None
    second = _FRAME_LINE.search(data, first.end())
    frame = data[first.end() : second.start() if second else len(data)].decode("latin-1")
    rows = [line.split() for line in frame.splitlines() if line.strip()]
    order = [row[0] for row in rows]
    moving = [bone.name for bone in skeleton.bones if bone.dofs]
    if len(set(order)) != len(order) or not set(moving) <= set(order) <= set(skeleton.index):
        return None
    columns = [
        [skeleton.columns[name, dof] for dof in skeleton.bones[skeleton.index[name]].dofs]
        for name in order
    ]
    names = [name.encode("latin-1") for name in order]
    return read_named_rows(memoryview(data)[first.start() :], names, columns, _LARGEST)


def _parse_regular(text: str, skeleton: Skeleton) -> np.ndarray | None:
    """The whole file at once, if every frame lists the same bones in the same order; else None."""
    if "#" in text or ":" in text:
        uncommented = (line.split("#", 1)[0] for line in text.splitlines())
        text = "\n".join(line for line in uncommented if not line.lstrip().startswith(":"))
    words = text.split()
    order: list[str] = []
    period = 1
    while period < len(words) and words[period] in skeleton.index and words[period] not in order:
        order.append(words[period])
        period += 1 + len(skeleton.bones[skeleton.index[words[period]]].dofs)
    moving = [bone.name for bone in skeleton.bones if bone.dofs]
    if period == 1 or len(words) % period or not set(moving) <= set(order):
        return None
    rows = len(words) // period
    out = np.empty((rows, len(skeleton.channels)))
    offset = 1
    try:
        if [int(word) for word in words[::period]] != list(
            range(int(words[0]), int(words[0]) + rows)
        ):
            return None
        for name in order:
            if words[offset::period].count(name) != rows:
                return None
            for k, dof in enumerate(skeleton.bones[skeleton.index[name]].dofs, start=1):
                out[:, skeleton.columns[name, dof]] = list(map(float, words[offset + k :: period]))
            offset += 1 + len(skeleton.bones[skeleton.index[name]].dofs)
    except ValueError:
        return None
    return out


def _parse_lines(path: Path, text: str, skeleton: Skeleton) -> np.ndarray:
    """Line by line: bones in any order, and a message with line and bone for what is wrong."""
    moving = {bone.name for bone in skeleton.bones if bone.dofs}
    starts: dict[str, int] = {}
    for column, (i, _) in enumerate(skeleton.channels):
        starts.setdefault(skeleton.bones[i].name, column)
    frames: list[np.ndarray] = []
    listed: set[str] = set()
    label, number = "", 0

    def close(line: int) -> None:
        missing = [bone.name for bone in skeleton.bones if bone.name in moving - listed]
        if frames and missing:
            raise BadInput(
                f"{path}, line {line}: frame {label} ends without {', '.join(missing)}, expected "
                f"{len(moving)} bones a frame; the file is cut short or belongs to another "
                "skeleton: fetch it again, or delete the incomplete frame"
            )

    lines = text.splitlines()
    torn = len(lines) if text[-1:] not in ("\n", "\r") else 0  # this line may be cut within a word
    for number, line in enumerate(lines, start=1):
        words = line.split("#", 1)[0].split()
        if not words or words[0].startswith(":"):
            continue
        if len(words) == 1 and words[0].isdigit():
            close(number)
            label, listed = words[0], set()
            frames.append(np.full(len(skeleton.channels), np.nan))
            continue
        name, values = split_name(words, skeleton.index)
        in_skeleton = name in skeleton.index
        if number == torn and (
            not in_skeleton or len(values) != len(skeleton.bones[skeleton.index[name]].dofs)
        ):
            close(number)
        if not in_skeleton:
            raise BadInput(
                f"{path}, line {number}: found bone '{name}', expected one of the skeleton "
                f"'{skeleton.name}'; use the .asf file that belongs to this motion"
            )
        if not frames:
            raise BadInput(
                f"{path}, line {number}: found bone '{name}' before any frame number, expected a "
                "frame number; fetch the file again"
            )
        dofs = skeleton.bones[skeleton.index[name]].dofs
        try:
            row = [float(value) for value in values]
        except ValueError:
            row = []
        plausible = all(abs(value) <= _LARGEST for value in row)
        if len(row) != len(dofs) or len(values) != len(dofs) or name in listed or not plausible:
            problem = f"bone {name} a second time" if name in listed else f"'{line.strip()}'"
            raise BadInput(
                f"{path}, line {number}: frame {label}: found {problem}, expected '{name}' once with "
                f"{len(dofs)} numbers ({' '.join(dofs)}) of at most {_LARGEST:g}; fetch the file again, "
                "or delete the frame"
            )
        listed.add(name)
        if row:
            frames[-1][starts[name] : starts[name] + len(row)] = row
    close(number)
    if not frames:
        raise BadInput(f"{path}: no frames found, expected an Acclaim motion; fetch the file again")
    return np.stack(frames)


def count_frames(path: Path | str, skeleton: Skeleton) -> int:
    """How many frames an .amc file holds, as a rule without reading them all.

    The last frame must be as long as the first; else, and when no frame is found, the file is read in
    full so that BadInput says what is wrong with it.
    """
    path = Path(path)
    try:
        data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check the path") from error
    labels = list(_FRAME_LINE.finditer(data))
    if len(labels) > 1:
        first = data[labels[0].end() : labels[1].start()].split()
        last = data[labels[-1].end() :].split()
        if len(first) == len(last):
            return len(labels)
    return len(read_amc(path, skeleton))


def write_asf(skeleton: Skeleton, path: Path | str) -> None:
    """Write a skeleton as an .asf file, which `read_asf` gives back (to 1e-9)."""
    unit, turn = skeleton.metres_per_unit, 180 / np.pi if skeleton.degrees else 1.0
    root = skeleton.bones[0]
    out = [
        ":version 1.10",
        f":name {skeleton.name}",
        ":units",
        "  mass 1.0",
        f"  length {skeleton.length_unit:.12g}",
        f"  angle {'deg' if skeleton.degrees else 'rad'}",
        ":documentation",
        "  written by surrealpp",
        ":root",
        f"  order {' '.join(dof.upper() for dof in root.dofs)}",
        f"  axis {root.axis_order}",
        f"  position {_words(np.array(skeleton.root_position) / unit)}",
        f"  orientation {_words(np.array(root.axis) * turn)}",
        ":bonedata",
    ]
    for i, bone in enumerate(skeleton.bones[1:], start=1):
        out += [
            "  begin",
            f"    id {i}",
            f"    name {bone.name}",
            f"    direction {_words(bone.direction)}",
            f"    length {bone.length / unit:.12g}",
            f"    axis {_words(np.array(bone.axis) * turn)} {bone.axis_order}",
        ]
        if bone.dofs:
            out.append(f"    dof {' '.join(bone.dofs)}")
        for k, (low, high) in enumerate(bone.limits):
            lead = "    limits" if k == 0 else "          "
            out.append(f"{lead} ({low * turn:.12g} {high * turn:.12g})")
        out.append("  end")
    out += [":hierarchy", "  begin"]
    for i, bone in enumerate(skeleton.bones):
        children = [b.name for b, p in zip(skeleton.bones, skeleton.parents, strict=True) if p == i]
        if children:
            out.append(f"    {bone.name} {' '.join(children)}")
    out.append("  end")
    with atomic_write(Path(path)) as temporary:
        temporary.write_text("\n".join(out) + "\n", encoding="ascii")


def write_amc(skeleton: Skeleton, frames: np.ndarray, path: Path | str) -> None:
    """Write a motion as an .amc file, in the units of the skeleton's own file.

    Args:
        skeleton: The skeleton that belongs to it.
        frames: (T, C) radians and metres, in the columns `skeleton.channels`.
        path: Where to write.
    """
    turn = 180 / np.pi if skeleton.degrees else 1.0
    is_angle = np.array([dof[0] == "r" for _, dof in skeleton.channels], dtype=bool)
    values = np.asarray(frames, dtype=np.float64)
    values = values * np.where(is_angle, turn, 1 / skeleton.metres_per_unit)
    spans, start = [], 0
    for bone in skeleton.bones:
        if bone.dofs:
            spans.append((bone.name, start, start + len(bone.dofs)))
            start += len(bone.dofs)
    out = [":FULLY-SPECIFIED", ":DEGREES" if skeleton.degrees else ":RADIANS"]
    for number, row in enumerate(values.tolist(), start=1):
        out.append(str(number))
        out.extend(f"{name} {' '.join(f'{v:.9g}' for v in row[a:b])}" for name, a, b in spans)
    with atomic_write(Path(path)) as temporary:
        temporary.write_text("\n".join(out) + "\n", encoding="ascii")


def _words(values: Iterable[float]) -> str:
    return " ".join(f"{float(v):.12g}" for v in values)
