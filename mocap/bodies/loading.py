"""The door to all bodies: the free one, or one from the user's own model file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mocap.bodies.body import JOINT_NAMES, PARENTS, PART_NAMES, Body
from mocap.bodies.free_body import load_free_body
from mocap.bodies.smpl_body import load_smpl_body
from mocap.errors import BadInput


def load_body(
    source: str | Path | None = None, *, uv: str | Path | None = None, gender: str | None = None
) -> Body:
    """The free body, or SMPL, SMPL-H or SMPL-X from the user's file.

    Args:
        source: the model file (.npz or .pkl); None for the free body.
        uv: the .obj with the UVs of `source`.
        gender: of the free body, "neutral" by default.

    Raises:
        BadInput: for a file that cannot be used, and where `uv` comes without a file or `gender` with
            one.
    """
    if source is None:
        if uv is not None:
            raise BadInput(
                f"{uv}: the free body has its own UVs; give the model file they belong to."
            )
        return load_free_body(gender=gender or "neutral")
    if gender is not None:
        raise BadInput(
            f"{source}: a model file is of one gender; choose among files, not with a gender."
        )
    return load_smpl_body(source, uv=uv)


@dataclass(frozen=True)
class BodySource:
    """Where bodies come from: the free body, or the user's own model file.

    Attributes:
        file: the model file, which then stands for every gender; None for the free body.
        uv: the .obj with the file's UVs.
    """

    file: Path | None = None
    uv: Path | None = None

    def load(self, gender: str) -> Body:
        """The body for a row's gender.

        Raises:
            BadInput: for a file that cannot be used.
        """
        if self.file is None:
            return load_body(gender=gender)
        return load_body(self.file, uv=self.uv)


def heights(body: Body, *, beta: int, values: tuple[float, ...]) -> tuple[float, ...]:
    """Heights of the T-posed body along one shape direction.

    Args:
        body: the body.
        beta: which of the shape directions.
        values: of that beta; the others are 0.

    Returns:
        Metres, one for each value.
    """
    y, direction = body.template[:, 1], body.shape_directions[:, 1, beta]
    return tuple(float(np.ptp(y + value * direction)) for value in values)


def describe(body: Body) -> str:
    """What a body holds, as lines of text: sizes, joints, betas, UV layout, parts, notes."""
    lines = [
        f"{body.name}: {len(body.template):,} vertices, {len(body.faces):,} faces, "
        f"{float(np.ptp(body.template[:, 1])):.3f} m tall",
        f"UV layout {body.uv_layout}: {len(body.uv):,} UVs",
        "pose corrections: " + ("none" if body.pose_directions is None else "yes (207 directions)"),
        "",
        "joint                 parent                x       y       z   (metres, at rest)",
    ]
    for name, parent, (x, y, z) in zip(JOINT_NAMES, PARENTS, body.rest_joints):
        parent_name = JOINT_NAMES[parent] if parent >= 0 else "-"
        lines.append(f"{name:<20}  {parent_name:<16}  {x:+7.3f} {y:+7.3f} {z:+7.3f}")
    lines += ["", "beta   height at -2     at +2   largest move of a vertex, metres per unit"]
    for beta in range(body.shape_directions.shape[2]):
        low, high = heights(body, beta=beta, values=(-2, 2))
        largest = float(np.linalg.norm(body.shape_directions[:, :, beta], axis=1).max())
        lines.append(f"{beta:>4}   {low:>10.3f} m {high:>7.3f} m   {largest:.4f}")
    counts = np.bincount(body.face_parts, minlength=len(PART_NAMES) + 1)
    lines += ["", "part (faces): " + _parts(counts)]
    absent = [name for number, name in enumerate(PART_NAMES, 1) if not counts[number]]
    if absent:
        lines.append("no face has the part: " + ", ".join(absent))
    lines.append(
        f"head mask {int(body.head_faces.sum()):,} faces, hand mask {int(body.hand_faces.sum()):,}"
    )
    lines += [f"note: {note}" for note in body.notes]
    return "\n".join(lines)


def body_facts(body: Body) -> dict[str, Any]:
    """What a body holds, in JSON's types: what `describe` says, in metres."""
    counts = np.bincount(body.face_parts, minlength=len(PART_NAMES) + 1)
    return {
        "name": body.name,
        "vertices": len(body.template),
        "faces": len(body.faces),
        "height": float(np.ptp(body.template[:, 1])),
        "uv_layout": body.uv_layout,
        "uvs": len(body.uv),
        "pose_corrections": body.pose_directions is not None,
        "joints": {
            name: {"parent": JOINT_NAMES[parent] if parent >= 0 else None, "position": point}
            for name, parent, point in zip(JOINT_NAMES, PARENTS, body.rest_joints.tolist())
        },
        "heights": [
            heights(body, beta=beta, values=(-2, 2))
            for beta in range(body.shape_directions.shape[2])
        ],
        "part_faces": {name: int(counts[n]) for n, name in enumerate(PART_NAMES, 1)},
        "head_faces": int(body.head_faces.sum()),
        "hand_faces": int(body.hand_faces.sum()),
        "notes": list(body.notes),
    }


def _parts(counts: np.ndarray) -> str:
    return ", ".join(
        f"{number} {name} ({counts[number]})" for number, name in enumerate(PART_NAMES, 1)
    )
