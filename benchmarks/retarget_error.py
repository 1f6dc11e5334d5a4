"""How far retargeted joints are from the captured skeleton's, and whether feet slide or sink.

    python benchmarks/retarget_error.py FOLDER [--json]

reads every .amc and .bvh below FOLDER and prints one row a file and one column a joint, in
centimetres, means over frames, both sides together:

*in the body's lengths* (the measure that the retargeting is held to): the captured skeleton, frame by
frame, with every bone as long as the body's and pointing as captured, laid over the body between the
hips. The trunk is two bones, from between the hips to between the shoulders and to the neck; the half
shoulders hang on the one, the head on the other. SMPL's pelvis, spine and collars have no counterpart in
captured skeletons and are left out.

*fitted*: the captured skeleton as it is, scaled as a whole (the scale that fits best over the motion)
and laid over the body by the mean of the joints.

*one scale*: the captured skeleton as it is, scaled as a whole by the ratio of the legs, laid over the
body between the hips: differences between the two people's proportions are errors here.

*less a constant*: the same, less each joint's own mean over the file, seen from the body's bone that
ends there: where in the flesh a joint's centre is put, and how long bones are, is constant and goes;
what is left is movement.

Feet, for motions whose index says walk or run: ``slide`` is the horizontal way of a standing foot from
one frame to the next at 30 fps (mean, 95% and the largest; of its sole's points within 1 cm of the
floor, frames in which the captured ankle and toes are still); ``sunk`` is the deepest point under the
floor in any frame.

Last, the motions that are there in two files: the mean distance of the body's joints, frame by frame.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

from mocap.bodies.body import JOINT_NAMES, PARENTS
from mocap.bodies.free_body import load_free_body
from mocap.errors import BadInput
from mocap.library.motion_library import open_motion_library
from mocap.readers.acclaim.asf_amc import read_amc, read_asf
from mocap.readers.acclaim.capture import acclaim_capture
from mocap.readers.bvh.capture import bvh_capture, cmu_name
from mocap.readers.bvh.parser import read_bvh
from mocap.retargeting.capture import SIDES, Capture
from mocap.retargeting.ground import (
    Soles,
    chain_joints,
    global_rotations,
    soles_of,
    standing_feet,
    treading_feet,
)
from mocap.retargeting.retarget import leg_length, retarget
from mocap.rotations import unit

LIMB_JOINTS = ("hip", "knee", "ankle", "foot", "shoulder", "elbow", "wrist", "hand")
KINDS = {
    "lengths": "in the body's lengths",
    "fitted": "fitted",
    "one_scale": "one scale",
    "moving": "one scale, less a constant",
}
JOINTS = (*LIMB_JOINTS, "neck", "head")


def middle(places, joint: str) -> np.ndarray:
    return (places[f"left_{joint}"] + places[f"right_{joint}"]) / 2


def in_body_lengths(capture: Capture, soles: Soles) -> dict[str, np.ndarray]:
    """Captured joints (T, 3) with the body's bone lengths, the middle of the hips at the origin."""
    own = dict(zip(JOINT_NAMES, soles.joints, strict=True))
    own["hips"], own["shoulders"] = middle(own, "hip"), middle(own, "shoulder")
    seen = dict(capture.joints)
    seen["hips"], seen["shoulders"] = middle(seen, "hip"), middle(seen, "shoulder")
    out = {"hips": np.zeros((len(capture), 3))}
    bones = [("hips", "shoulders"), ("hips", "neck"), ("neck", "head")]
    for side in SIDES:
        for middle_, chain in (
            ("hips", ("hip", "knee", "ankle", "foot")),
            ("shoulders", ("shoulder", "elbow", "wrist", "hand")),
        ):
            names = [middle_, *(f"{side}_{joint}" for joint in chain)]
            bones += list(pairwise(names))
    for start, stop in bones:
        if stop in seen and start in out:
            length = np.linalg.norm(own[stop] - own[start])
            out[stop] = out[start] + length * unit(seen[stop] - seen[start])
    return {name: place for name, place in out.items() if name in JOINT_NAMES}


def errors(
    capture: Capture, rotations: np.ndarray, joints: np.ndarray, soles: Soles
) -> dict[str, dict[str, float]]:
    """Mean distances (metres) by joint, for each of ``KINDS``."""
    placed = dict(zip(JOINT_NAMES, np.moveaxis(joints, 1, 0), strict=True))
    own = middle(placed, "hip")
    scale = leg_length(soles) / capture.leg_length
    seen = middle(capture.joints, "hip")
    whole = {name: scale * (place - seen) for name, place in capture.joints.items()}
    names = list(whole)
    cloud = np.stack([capture.joints[name] for name in names], axis=1)
    target = np.stack([placed[name] for name in names], axis=1)
    cloud, centre = cloud - cloud.mean(1, keepdims=True), target.mean(1, keepdims=True)
    cloud *= (cloud * (target - centre)).sum() / (cloud * cloud).sum()
    cloud += centre - own[:, None]
    fitted = dict(zip(names, np.moveaxis(cloud, 1, 0), strict=True))
    moving = {}
    for name, place in whole.items():
        bone = rotations[:, PARENTS[JOINT_NAMES.index(name)]]
        away = np.einsum("tji,tj->ti", bone, place - (placed[name] - own))
        away -= away.mean(axis=0)
        moving[name] = placed[name] - own + np.einsum("tij,tj->ti", bone, away)
    out = {}
    kinds = (in_body_lengths(capture, soles), fitted, whole, moving)
    for kind, expected in zip(KINDS, kinds, strict=True):
        by_joint: dict[str, list[float]] = {}
        for name, place in expected.items():
            error = np.linalg.norm(placed[name] - own - place, axis=-1).mean()
            by_joint.setdefault(name.rpartition("_")[2], []).append(float(error))
        out[kind] = {joint: float(np.mean(values)) for joint, values in by_joint.items()}
    return out


def feet(
    capture: Capture, pose: np.ndarray, pelvis: np.ndarray, soles: Soles, fps: float
) -> dict[str, float]:
    """Slide of standing feet in metres a frame at 30 fps, and the deepest sinking in metres."""
    rotations = global_rotations(pose)
    positions = chain_joints(rotations, soles.joints) + pelvis[:, None]
    standing = standing_feet(capture.pair("ankle"), capture.pair("foot"), fps)
    step = max(1, round(fps / 30))
    treading = treading_feet(capture.pair("foot"), fps)
    ways, balls, deepest = [], [], 0.0
    for side, (vertices, weights) in enumerate(soles.feet):
        points = np.zeros((len(pose), len(vertices), 3))
        for joint in np.flatnonzero(weights.max(axis=0) > 1e-3):
            turned = (vertices - soles.joints[joint]) @ np.swapaxes(rotations[:, joint], -1, -2)
            points += weights[:, joint, None] * (turned + positions[:, None, joint])
        deepest = min(deepest, float(points[..., 1].min()))
        ball = positions[::step, JOINT_NAMES.index(f"{SIDES[side]}_foot")]
        bears = treading[::step, side]
        both = bears[:-1] & bears[1:]
        balls.extend(np.linalg.norm(np.diff(ball, axis=0)[both][:, [0, 2]], axis=1))
        points, still = points[::step], standing[::step, side]
        for t in np.flatnonzero(still[:-1] & still[1:]):
            down = (points[t, :, 1] < 0.01) & (points[t + 1, :, 1] < 0.01)
            if down.any():
                moved = points[t + 1, down] - points[t, down]
                ways.append(np.linalg.norm(moved[:, [0, 2]], axis=1).mean())
    ways = np.array(ways) if ways else np.full(1, np.nan)
    balls = np.array(balls) if balls else np.full(1, np.nan)
    return {
        "ball": float(balls.mean()),
        "ball_p95": float(np.percentile(balls, 95)),
        "ball_max": float(balls.max()),
        "ball_steps": int(np.isfinite(balls).sum()),
        "mean": float(ways.mean()),
        "p95": float(np.percentile(ways, 95)),
        "max": float(ways.max()),
        "sunk": -deepest,
        "steps": int(np.isfinite(ways).sum()),
    }


def captures(folder: Path, only: str = ""):
    """(name, capture, fps, category) of every .amc and .bvh below a folder."""
    categories = {entry.name: entry.category for entry in open_motion_library(folder).entries}
    for path in sorted([*folder.rglob("*.amc"), *folder.rglob("*.bvh")]):
        if only not in path.name:
            continue
        try:
            if path.suffix == ".amc":
                skeleton = read_asf(path.with_name(f"{path.stem.rpartition('_')[0]}.asf"))
                capture, fps = acclaim_capture(skeleton, read_amc(path, skeleton)), 120.0
            else:
                capture, fps = bvh_capture(read_bvh(path))
        except BadInput as error:
            print(f"skipped: {error}", file=sys.stderr)
            continue
        category = next((c for n, c in categories.items() if path.stem.startswith(n)), "")
        yield path, capture, fps, category


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="files whose names hold this")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    body = load_free_body()
    soles = soles_of(body)
    rows, kept = [], {}
    for path, capture, fps, category in captures(arguments.folder, arguments.only):
        pose, translation = retarget(capture, body, fps=fps)
        pelvis = translation + soles.joints[0]
        rotations = global_rotations(pose)
        joints = chain_joints(rotations, soles.joints)
        row = {"file": path.name, "frames": len(pose), "category": category}
        row |= errors(capture, rotations, joints, soles)
        if category in ("walk", "run"):
            row["feet"] = feet(capture, pose, pelvis, soles, fps)
        rows.append(row)
        world = joints + pelvis[:, None]
        kept.setdefault(cmu_name(path) or path.stem, []).append((path.name, world))
        if not arguments.json:
            print(line(row), flush=True)
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    print(summary(rows))
    for name, takes in kept.items():
        for other, joints in takes[1:]:
            print(agreement(name, takes[0], (other, joints)))


def agreement(name: str, one: tuple, other: tuple) -> str:
    """How far the joints of one motion out of two files are apart, frame by frame."""
    first, second = one[1], other[1]
    if len(first) != len(second):
        return f"{name}: {one[0]} has {len(first)} frames, {other[0]} {len(second)}"
    apart = np.linalg.norm(first - second, axis=-1).mean()
    bodies = np.linalg.norm((first - first[:, :1]) - (second - second[:, :1]), axis=-1)
    return (
        f"{name}: {one[0]} and {other[0]} apart by {100 * apart:.2f} cm in the world, "
        f"{100 * bodies.mean():.2f} over the pelvis (worst frame {100 * bodies.mean(1).max():.1f})"
    )


def line(row: dict) -> str:
    head = f"{row['file']:24}{row['frames']:6}"
    mean = [np.mean([row[k][j] for j in row[k]]) for k in KINDS]
    out = head + "".join(f"{100 * value:6.1f}" for value in mean) + " |"
    out += "".join(f"{100 * row['lengths'].get(j, np.nan):6.1f}" for j in JOINTS)
    if "feet" in row:
        f = row["feet"]
        out += f" | {100 * f['mean']:.2f} {100 * f['p95']:.2f} {100 * f['max']:.2f} of {f['steps']}"
        out += f", ball {100 * f['ball']:.2f} {100 * f['ball_p95']:.2f} {100 * f['ball_max']:.2f}"
        out += f" of {f['ball_steps']}, sunk {100 * f['sunk']:.1f}"
    return out


def summary(rows: list[dict]) -> str:
    out = [
        "",
        f"{'':30}{'len':>6}{'fit':>6}{'one':>6}{'move':>6} |"
        + "".join(f"{joint:>6.5}" for joint in JOINTS),
    ]
    out[-1] += " | slide mean 95% max, sunk"
    for key, title in KINDS.items():
        found = {j: [row[key][j] for row in rows if j in row[key]] for j in JOINTS}
        means = {j: 100 * np.mean(values) if values else np.nan for j, values in found.items()}
        whole = 100 * np.mean([np.mean(list(row[key].values())) for row in rows])
        out.append(
            f"{title:30}{whole:6.2f}                   |"
            + "".join(f"{m:6.1f}" for m in means.values())
        )
    worst = max(100 * np.mean(list(row["lengths"].values())) for row in rows)
    out.append(f"{len(rows)} files; the largest mean in the body's lengths: {worst:.2f} cm")
    walked = [row["feet"] for row in rows if "feet" in row]
    if walked:
        keys = ("mean", "p95", "max", "ball", "ball_p95", "ball_max")
        slides = [100 * np.nanmax([f[key] for f in walked]) for key in keys]
        out.append(
            f"{len(walked)} walks and runs, largest of all: slide mean {slides[0]:.2f}, 95% "
            f"{slides[1]:.2f}, max {slides[2]:.2f}; ball mean {slides[3]:.2f}, 95% {slides[4]:.2f}, max "
            f"{slides[5]:.2f} cm a frame; sunk {100 * max(f['sunk'] for f in walked):.2f} cm"
        )
    return "\n".join(out)


if __name__ == "__main__":
    main()
