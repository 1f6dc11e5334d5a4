"""A small skeleton with CMU's bone names, for tests that need no captured file."""

from __future__ import annotations

import numpy as np

from mocap.retargeting.skeleton import Bone, Skeleton

_CHAINS = {
    "root": (
        ("lowerback", (0, 1, 0), 0.12),
        ("upperback", (0, 1, 0), 0.12),
        ("thorax", (0, 1, 0), 0.12),
        ("lowerneck", (0, 1, 0), 0.09),
        ("upperneck", (0, 1, 0), 0.09),
        ("head", (0, 1, 0), 0.09),
    )
}
_LEG = (
    ("hipjoint", (0.64, -0.72, 0.2), 0.14),
    ("femur", (0.342, -0.94, 0), 0.43),
    ("tibia", (0.342, -0.94, 0), 0.41),
    ("foot", (0.0885, -0.2432, 0.966), 0.13),
    ("toes", (0, 0, 1), 0.06),
)
_ARM = (
    ("clavicle", (0.97, 0.24, 0), 0.2),
    ("humerus", (1, 0, 0), 0.28),
    ("radius", (1, 0, 0), 0.19),
    ("wrist", (1, 0, 0), 0.09),
    ("hand", (1, 0, 0), 0.04),
    ("fingers", (1, 0, 0), 0.03),
)


def cmu_like() -> Skeleton:
    """CMU's rest pose (arms out, legs 40 degrees apart); every bone has three free angles."""
    bones = [Bone("root", (0.0, 0.0, 0.0), 0.0, dofs=("tx", "ty", "tz", "rx", "ry", "rz"))]
    parents = [-1]
    index = {"root": 0}

    def add(name: str, parent: str, direction, length: float) -> None:
        vector = np.asarray(direction, dtype=float)
        vector = tuple(float(v) for v in vector / np.linalg.norm(vector))
        bones.append(Bone(name, vector, length, dofs=("rx", "ry", "rz")))
        parents.append(index[parent])
        index[name] = len(bones) - 1

    previous = "root"
    for name, direction, length in _CHAINS["root"]:
        add(name, previous, direction, length)
        previous = name
    for side, x in (("l", 1), ("r", -1)):
        for chain, start in ((_LEG, "root"), (_ARM, "thorax")):
            previous = start
            for name, (dx, dy, dz), length in chain:
                add(side + name, previous, (x * dx, dy, dz), length)
                previous = side + name
    return Skeleton(tuple(bones), tuple(parents), "cmu-like")
