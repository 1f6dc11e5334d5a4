"""One figure's motion written as BVH on other hierarchies: other frames, axes, units, orders, joints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial.transform import Rotation

from mocap.readers.bvh.skeleton import MOTIONBUILDER
from mocap.retargeting.skeleton import Skeleton, forward_kinematics
from mocap.rotations import unit

Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


@dataclass(frozen=True)
class Figure:
    """Joints (parents first), offsets and ends (J, 3) in their frames, rotations (T, J, 3, 3) in the
    world, root positions (T, 3); shifts: places (T, 3) below their parents of joints that wander."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    ends: np.ndarray
    rotations: np.ndarray
    root: np.ndarray
    shifts: Mapping[int, np.ndarray] = field(default_factory=dict)

    def children(self, joint: int) -> list[int]:
        return [i for i, parent in enumerate(self.parents) if parent == joint]


def figure_of(
    skeleton: Skeleton, frames: np.ndarray, *, names: Mapping[str, str] | None = None
) -> Figure:
    """An Acclaim motion's joints: each begins where its bone's parent ends. Metres."""
    rotations, ends = forward_kinematics(skeleton, frames)
    reach = np.array([np.array(b.direction) * b.length for b in skeleton.bones])
    offsets = np.array([reach[p] if p >= 0 else np.zeros(3) for p in skeleton.parents])
    if names is None:
        names = {bone: joint for joint, bone in MOTIONBUILDER.items()}
        names |= {"lhipjoint": "LHipJoint", "rhipjoint": "RHipJoint"}
    tips = np.where(
        np.array([i in skeleton.parents for i in range(len(reach))])[:, None], np.nan, reach
    )
    called = tuple(names.get(bone, bone) for bone in skeleton.names)
    return Figure(called, skeleton.parents, offsets, tips, rotations, ends[:, 0])


def main_bone(figure: Figure, joint: int) -> np.ndarray:
    """Where a joint's bone leads: to the child with most joints below it, or to its end."""

    def size(j: int) -> int:
        return 1 + sum(size(child) for child in figure.children(j))

    children = [c for c in figure.children(joint) if np.linalg.norm(figure.offsets[c]) > 1e-6]
    middle = [c for c in children if not figure.names[c].lower().startswith(("l", "r"))]
    if children:
        return figure.offsets[max(middle or children, key=size)]
    return np.nan_to_num(figure.ends[joint])


def rebased(figure: Figure, frames: np.ndarray) -> Figure:
    """The same motion with joint frames turned by `frames` (J, 3, 3)."""
    offsets = figure.offsets.copy()
    for joint, parent in enumerate(figure.parents):
        if parent >= 0:
            offsets[joint] = frames[parent].T @ figure.offsets[joint]
    ends = (np.swapaxes(frames, -1, -2) @ figure.ends[..., None])[..., 0]
    return replace(figure, offsets=offsets, ends=ends, rotations=figure.rotations @ frames)


def bones_along(figure: Figure, axis: np.ndarray, seed: int = 0) -> Figure:
    """Every joint's bone along `axis` in its frame, with any twist about it."""
    rng = np.random.default_rng(seed)
    frames = np.empty((len(figure.names), 3, 3))
    for joint in range(len(frames)):
        bone = main_bone(figure, joint)
        if np.linalg.norm(bone) < 1e-9:
            frames[joint] = Rotation.random(random_state=rng).as_matrix()
            continue
        turn, _ = Rotation.align_vectors([bone / np.linalg.norm(bone)], [axis])
        twist = Rotation.from_rotvec(rng.uniform(-np.pi, np.pi) * axis)
        frames[joint] = (turn * twist).as_matrix()
    return rebased(figure, frames)


def knotted(figure: Figure, seed: int = 0) -> Figure:
    """Joint frames at random."""
    rng = np.random.default_rng(seed)
    return rebased(figure, Rotation.random(len(figure.names), random_state=rng).as_matrix())


def carried_by_children(figure: Figure, seed: int = 0) -> Figure:
    """The root turns by itself; joints at its very place, one for each child, carry the body."""
    rng = np.random.default_rng(seed)
    count = len(figure.root)
    wandering = Rotation.from_rotvec(
        np.cumsum(rng.normal(0, 0.02, (count, 3)), axis=0) + rng.uniform(-2, 2, 3)
    ).as_matrix()
    names, parents = list(figure.names), list(figure.parents)
    offsets, ends = list(figure.offsets), list(figure.ends)
    rotations = [figure.rotations[:, j] for j in range(len(names))]
    for child in figure.children(0):
        if np.linalg.norm(figure.offsets[child]) < 1e-9:
            continue  # it is at the root already
        names.append(f"{figure.names[child]}Carrier")
        parents.append(0)
        offsets.append(np.zeros(3))
        ends.append(np.full(3, np.nan))
        rotations.append(figure.rotations[:, 0])
        parents[child] = len(names) - 1
    rotations[0] = wandering
    return ordered(
        Figure(
            tuple(names),
            tuple(parents),
            np.array(offsets),
            np.array(ends),
            np.stack(rotations, axis=1),
            figure.root,
        )
    )


def with_twist_joints(figure: Figure, limbs: tuple[str, ...], seed: int = 0) -> Figure:
    """Bones of `limbs` in two halves: the first half is free of twist, the second turns as the bone."""
    names, parents = list(figure.names), list(figure.parents)
    offsets, ends = list(figure.offsets), list(figure.ends)
    rotations = [figure.rotations[:, j] for j in range(len(names))]
    rng = np.random.default_rng(seed)
    for name in limbs:
        joint = figure.names.index(name)
        (child,) = [c for c in figure.children(joint) if np.linalg.norm(offsets[c]) > 1e-9]
        axis = offsets[child] / np.linalg.norm(offsets[child])
        angle = np.cumsum(rng.normal(0, 0.02, len(figure.root)))
        names.append(f"{name}Roll")
        parents.append(joint)
        offsets.append(offsets[child] / 2)
        ends.append(np.full(3, np.nan))
        rotations.append(figure.rotations[:, joint])
        rotations[joint] = (
            figure.rotations[:, joint] @ Rotation.from_rotvec(angle[:, None] * axis).as_matrix()
        )
        parents[child] = len(names) - 1
        offsets[child] = offsets[child] / 2
    return ordered(
        Figure(
            tuple(names),
            tuple(parents),
            np.array(offsets),
            np.array(ends),
            np.stack(rotations, axis=1),
            figure.root,
        )
    )


def with_free_twist(figure: Figure, seed: int = 0) -> Figure:
    """Joints that lead to one other turn about that bone as they like: only positions tell the pose."""
    rng = np.random.default_rng(seed)
    rotations = figure.rotations.copy()
    for joint in range(1, len(figure.names)):
        leading = [c for c in figure.children(joint) if np.linalg.norm(figure.offsets[c]) > 1e-9]
        if len(figure.children(joint)) != 1 or not leading:
            continue
        axis = unit(figure.offsets[leading[0]])
        angle = np.cumsum(rng.normal(0, 0.04, len(rotations))) + rng.uniform(-3, 3)
        twist = Rotation.from_rotvec(angle[:, None] * axis).as_matrix()
        rotations[:, joint] = rotations[:, joint] @ twist
    return replace(figure, rotations=rotations)


def with_end_joints(figure: Figure) -> Figure:
    """Joints where there were End Sites, which turn as the joints before them."""
    last = [j for j in range(len(figure.names)) if not figure.children(j)]
    return ordered(
        replace(
            figure,
            names=(*figure.names, *(f"{figure.names[j]}End" for j in last)),
            parents=(*figure.parents, *last),
            offsets=np.concatenate([figure.offsets, np.nan_to_num(figure.ends[last])]),
            ends=np.full((len(figure.names) + len(last), 3), np.nan),
            rotations=np.concatenate([figure.rotations, figure.rotations[:, last]], axis=1),
        )
    )


def with_floor_root(figure: Figure) -> Figure:
    """A root that stays on the floor at the origin, the figure's old root a joint below it."""
    count = len(figure.root)
    return replace(
        figure,
        names=("joint_Root", *figure.names),
        parents=(-1, *(parent + 1 for parent in figure.parents)),
        offsets=np.concatenate([np.zeros((1, 3)), figure.root[:1], figure.offsets[1:]]),
        ends=np.concatenate([np.full((1, 3), np.nan), figure.ends]),
        rotations=np.concatenate(
            [np.broadcast_to(np.eye(3), (count, 1, 3, 3)), figure.rotations], axis=1
        ),
        root=np.zeros((count, 3)),
        shifts={1: figure.root},
    )


def renamed(figure: Figure, names: Mapping[str, str]) -> Figure:
    """The figure with joints of other names."""
    return replace(figure, names=tuple(names.get(name, name) for name in figure.names))


def ordered(figure: Figure) -> Figure:
    """Parents before their children, as a BVH file lists them."""
    order: list[int] = []

    def walk(joint: int) -> None:
        order.append(joint)
        for child in figure.children(joint):
            walk(child)

    walk(0)
    number = {old: new for new, old in enumerate(order)}
    return Figure(
        tuple(figure.names[j] for j in order),
        tuple(number.get(figure.parents[j], -1) for j in order),
        figure.offsets[order],
        figure.ends[order],
        figure.rotations[:, order],
        figure.root,
        {number[joint]: shift for joint, shift in figure.shifts.items()},
    )


def figure_text(
    figure: Figure,
    *,
    order: str = "ZXY",
    scale: float = 1.0,
    turn: np.ndarray | None = None,
    frame_time: float = 1 / 120,
    every_joint_moves: bool = False,
) -> str:
    """The figure as BVH: angles in `order`, lengths times `scale`, the world turned by `turn`.

    `every_joint_moves`: six channels a joint, whose positions repeat the offsets.
    """
    figure = ordered(figure)
    turn = np.eye(3) if turn is None else turn
    world = turn @ figure.rotations
    lines, columns = ["HIERARCHY"], []
    rotating = [f"{axis}rotation" for axis in order]
    moving = ["Xposition", "Yposition", "Zposition"]

    def numbers(vector: np.ndarray) -> str:
        return " ".join(f"{v:.9g}" for v in scale * vector)

    def write(joint: int, depth: int) -> None:
        pad, parent = "  " * depth, figure.parents[joint]
        lines.append(f"{pad}{'ROOT' if parent < 0 else 'JOINT'} {figure.names[joint]}")
        lines.append(pad + "{")
        lines.append(f"{pad}  OFFSET {numbers(figure.offsets[joint])}")
        channels = [*(moving if parent < 0 or every_joint_moves else ()), *rotating]
        lines.append(f"{pad}  CHANNELS {len(channels)} {' '.join(channels)}")
        if parent < 0:
            columns.append(scale * figure.root @ turn.T)
            local = world[:, joint]
        else:
            if every_joint_moves:
                still = np.tile(figure.offsets[joint], (len(world), 1))
                columns.append(scale * figure.shifts.get(joint, still))
            local = np.swapaxes(world[:, parent], -1, -2) @ world[:, joint]
        columns.append(Rotation.from_matrix(local).as_euler(order, degrees=True))
        for child in figure.children(joint):
            write(child, depth + 1)
        if not figure.children(joint):
            lines.extend([f"{pad}  End Site", pad + "  {"])
            lines.append(f"{pad}    OFFSET {numbers(np.nan_to_num(figure.ends[joint]))}")
            lines.append(pad + "  }")
        lines.append(pad + "}")

    write(0, 0)
    lines += ["MOTION", f"Frames: {len(world)}", f"Frame Time: {frame_time:.8g}"]
    lines += [" ".join(f"{v:.9g}" for v in row) for row in np.concatenate(columns, axis=1)]
    return "\n".join(lines) + "\n"
