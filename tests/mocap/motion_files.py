"""Small motion files of every kind, all of somebody who stands and moves the arms."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mocap.bodies.body import JOINT_NAMES
from mocap.readers.acclaim.asf_amc import write_amc, write_asf
from mocap.retargeting.skeleton import Skeleton
from tests.mocap.cmu_like import cmu_like

ARMS = (JOINT_NAMES.index("left_shoulder"), JOINT_NAMES.index("right_shoulder"))


def arm_angles(count: int, fps: float, *, flip_at: int | None = None) -> np.ndarray:
    """Angle (T,) of the left arm, radians; from `flip_at` on it is turned round for 10 frames."""
    angles = 0.6 + 0.4 * np.sin(2 * np.pi * 0.8 * np.arange(count) / fps)
    if flip_at is not None:
        angles[flip_at : flip_at + 10] += 3.0
    return angles


def standing(skeleton: Skeleton, angles: np.ndarray) -> np.ndarray:
    """Frames of `skeleton`: upright, the left arm at `angles`."""
    frames = np.zeros((len(angles), len(skeleton.channels)))
    frames[:, skeleton.columns["root", "ty"]] = 0.95
    for side, sign in (("l", 1), ("r", -1)):  # legs together: the rest pose has them apart
        frames[:, skeleton.columns[f"{side}femur", "rz"]] = -np.radians(20) * sign
    frames[:, skeleton.columns["rhumerus", "rz"]] = np.radians(60)
    frames[:, skeleton.columns["lhumerus", "rz"]] = -angles
    return frames


def write_acclaim(folder: Path, name: str, angles: np.ndarray) -> Path:
    """`folder/name.amc` and its skeleton; the path of the motion."""
    folder.mkdir(parents=True, exist_ok=True)
    skeleton = cmu_like()
    write_asf(skeleton, folder / f"{name.rpartition('_')[0]}.asf")
    write_amc(skeleton, standing(skeleton, angles), folder / f"{name}.amc")
    return folder / f"{name}.amc"


def write_bvh(path: Path, angles: np.ndarray, fps: float) -> Path:
    """A BVH file on a skeleton with CMU's bone names, metres, its rest pose the zero pose."""
    skeleton = cmu_like()
    vectors = [np.array(bone.direction) * bone.length for bone in skeleton.bones]
    lines = ["HIERARCHY"]
    order: list[int] = []

    def add(bone: int, depth: int) -> None:
        order.append(bone)
        own, parent = skeleton.bones[bone], skeleton.parents[bone]
        pad = "  " * depth
        offset = vectors[parent] if parent >= 0 else np.zeros(3)
        channels = "6 Xposition Yposition Zposition" if parent < 0 else "3"
        lines.extend(
            [
                f"{pad}{'ROOT' if parent < 0 else 'JOINT'} {own.name}",
                f"{pad}{{",
                f"{pad}  OFFSET {' '.join(f'{v:.9f}' for v in offset)}",
                f"{pad}  CHANNELS {channels} Zrotation Yrotation Xrotation",
            ]
        )
        children = [i for i, p in enumerate(skeleton.parents) if p == bone]
        for child in children:
            add(child, depth + 1)
        if not children:
            end = " ".join(f"{v:.9f}" for v in vectors[bone])
            lines.extend([f"{pad}  End Site", f"{pad}  {{", f"{pad}    OFFSET {end}", f"{pad}  }}"])
        lines.append(f"{pad}}}")

    add(0, 0)
    frames = np.degrees(standing(skeleton, angles))
    lines += ["MOTION", f"Frames: {len(frames)}", f"Frame Time: {1 / fps:.9f}"]
    for row in frames:
        words = []
        for bone in order:
            name = skeleton.bones[bone].name
            if bone == 0:
                words += [np.radians(row[skeleton.columns[name, d]]) for d in ("tx", "ty", "tz")]
            words += [row[skeleton.columns[name, d]] for d in ("rz", "ry", "rx")]
        lines.append(" ".join(f"{word:.7f}" for word in words))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def poses(angles: np.ndarray, *, up: str = "y") -> np.ndarray:
    """SMPL poses (T, 72) of the same person; for `up` "z" the world is AMASS's."""
    pose = np.zeros((len(angles), 24, 3), np.float32)
    pose[:, ARMS[0], 2] = -angles
    pose[:, ARMS[1], 2] = np.radians(60)
    if up == "z":
        pose[:, 0, 0] = np.pi / 2
    return pose.reshape(len(angles), 72)


def write_amass(path: Path, angles: np.ndarray, fps: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pose = np.zeros((len(angles), 156))
    pose[:, :66] = poses(angles, up="z")[:, :66]
    np.savez(path, poses=pose, trans=np.zeros((len(angles), 3)), mocap_framerate=fps, gender="male")
    return path


def write_surreal(path: Path, sequences: dict[str, np.ndarray]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for name, angles in sequences.items():
        arrays[f"pose_{name}"] = poses(angles, up="z")
        arrays[f"trans_{name}"] = np.zeros((len(angles), 3))
    np.savez(path, **arrays)
    return path


def write_plain(path: Path, angles: np.ndarray, fps: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, poses=poses(angles), trans=np.zeros((len(angles), 3)), fps=fps)
    return path
