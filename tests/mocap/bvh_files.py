"""BVH text of figures that tests make up, with any names, channel order and numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ROOT6 = ("Xposition", "Yposition", "Zposition", "Zrotation", "Xrotation", "Yrotation")
ZXY = ("Zrotation", "Xrotation", "Yrotation")

# A person of 1.7 m in the T-pose, facing +z: name, parent, offset (metres); ends where limbs end.
PERSON = [
    ("Hips", None, (0, 0, 0)),
    ("Spine", "Hips", (0, 0.12, 0)),
    ("Chest", "Spine", (0, 0.2, 0)),
    ("Neck", "Chest", (0, 0.2, 0)),
    ("Head", "Neck", (0, 0.1, 0)),
    *(
        (side + name, (side if own else "") + parent, (sign * x, y, z))
        for side, sign in (("Left", 1), ("Right", -1))
        for name, parent, own, (x, y, z) in (
            ("Collar", "Chest", False, (0.03, 0.15, 0)),
            ("Shoulder", "Collar", True, (0.15, 0, 0)),
            ("Elbow", "Shoulder", True, (0.28, 0, 0)),
            ("Wrist", "Elbow", True, (0.25, 0, 0)),
            ("Hip", "Hips", False, (0.09, -0.05, 0)),
            ("Knee", "Hip", True, (0, -0.42, 0)),
            ("Ankle", "Knee", True, (0, -0.40, 0)),
            ("Toe", "Ankle", True, (0, -0.06, 0.13)),
        )
    ),
]
END = {"Head": (0, 0.15, 0), "Wrist": (0.1, 0, 0), "Toe": (0, 0, 0.06)}


def bvh_text(
    figure: Sequence = PERSON,
    frames: np.ndarray | None = None,
    *,
    scale: float = 1.0,
    channels: dict[str, Sequence[str]] | None = None,
    frame_time: float = 1 / 60,
    rename=lambda name: name,
    turn: np.ndarray | None = None,
) -> str:
    """`frames` (T, C) degrees and units, channels joint by joint in the order of the text.

    Offsets are times `scale`; `turn` (3, 3) turns all of them; `channels` overrides the usual
    six of the root and three of others by name.
    """
    channels = channels or {}
    children = {name: [row for row in figure if row[1] == name] for name, _, _ in figure}
    lines, order = ["HIERARCHY"], []
    turn = np.eye(3) if turn is None else turn

    def write(row, depth: int) -> None:
        name, parent, offset = row
        pad = "  " * depth
        own = channels.get(name, ROOT6 if parent is None else ZXY)
        order.append((name, own))
        lines.append(f"{pad}{'ROOT' if parent is None else 'JOINT'} {rename(name)}")
        lines.append(pad + "{")
        numbers = " ".join(f"{v:.9g}" for v in scale * (turn @ np.array(offset, dtype=float)))
        lines.append(f"{pad}  OFFSET {numbers}")
        lines.append(f"{pad}  CHANNELS {len(own)} {' '.join(own)}")
        for child in children[name]:
            write(child, depth + 1)
        if not children[name]:
            end = next((v for k, v in END.items() if name.endswith(k)), (0, 0.1, 0))
            if name.startswith("Right"):
                end = (-end[0], end[1], end[2])
            numbers = " ".join(f"{v:.9g}" for v in scale * (turn @ np.array(end, dtype=float)))
            lines.append(f"{pad}  End Site")
            lines.append(pad + "  {")
            lines.append(f"{pad}    OFFSET {numbers}")
            lines.append(pad + "  }")
        lines.append(pad + "}")

    write(figure[0], 0)
    width = sum(len(own) for _, own in order)
    frames = np.zeros((2, width)) if frames is None else frames
    assert frames.shape[1] == width
    lines += ["MOTION", f"Frames: {len(frames)}", f"Frame Time: {frame_time:.8g}"]
    lines += [" ".join(f"{v:.9g}" for v in row) for row in frames]
    return "\n".join(lines) + "\n"


def column(name: str, channel: str, figure: Sequence = PERSON) -> int:
    """Column of a joint's channel in `bvh_text` frames with the usual channels."""
    children = {row[0]: [other for other in figure if other[1] == row[0]] for row in figure}
    order: list[str] = []

    def walk(row) -> None:
        order.append(row[0])
        for child in children[row[0]]:
            walk(child)

    walk(figure[0])
    at = 0
    for other in order:
        own = ROOT6 if other == figure[0][0] else ZXY
        if other == name:
            return at + own.index(channel)
        at += len(own)
    raise KeyError(name)
