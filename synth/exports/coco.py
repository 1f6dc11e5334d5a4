"""Films' labels as COCO's: keypoints, boxes and masks of everybody in each frame.

Each person that a frame shows has an annotation; whoever is wholly hidden has none. Masks of one of
several people, or of people behind occluders, come from the channel `instances`.

COCO's 17 keypoints are a face and twelve joints. The joints are SMPL's, which lie inside the body where
COCO's annotators clicked on its surface; nose, eyes and ears are no joints of SMPL and are not labelled.
All of SMPL's 24 are there, too, under their names. COCO counts pixels: the first pixel's centre is 0,
where it is 0.5 in our conventions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mocap.bodies.body import JOINT_NAMES, PARENTS
from mocap.errors import BadInput
from mocap.files import atomic_write
from synth.clips.channel_files import stored_channels
from synth.clips.clip import Clip, find_clips, read_clip
from synth.clips.clip_info import read_info, row_of
from synth.exports.run_lengths import run_length_text, run_lengths
from synth.plans.plan_row import PlanRow
from textures.library import write_image

COCO_KEYPOINTS = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder"),
    *("right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip"),
    *("right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)
"""COCO's order of a person's keypoints."""

_COCO_BONES = (
    *((16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9)),
    *((8, 10), (9, 11), (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7)),
)
_NOT_LABELLED, _HIDDEN, _VISIBLE = 0, 1, 2
_PIXEL = 0.5  # of the first pixel's centre in our conventions
_CATEGORY = 1

CATEGORY: dict[str, Any] = {
    "id": _CATEGORY,
    "name": "person",
    "supercategory": "person",
    "keypoints": list(COCO_KEYPOINTS),
    "skeleton": [list(bone) for bone in _COCO_BONES],
    "smpl_keypoints": list(JOINT_NAMES),
    "smpl_skeleton": [[parent + 1, joint + 1] for joint, parent in enumerate(PARENTS) if joint],
}
"""COCO's person, with SMPL's joints beside COCO's."""


@dataclass(frozen=True)
class CocoSummary:
    """What was written: pictures, people in them, and what was left out with the reason."""

    images: int
    annotations: int
    left_out: list[str] = field(default_factory=list)


def keypoint_rows(joints: np.ndarray, visible: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """SMPL's keypoints (24, 3): COCO's x and y in pixels, and 0 not labelled, 1 hidden, 2 visible.

    Args:
        joints: (24, 2) pixels of our conventions.
        visible: (24,) bool.
        inside: (24,) bool, in the picture.
    """
    labels = np.where(visible, _VISIBLE, _HIDDEN)
    rows = np.column_stack([np.round(joints.astype(float) - _PIXEL, 2), labels])
    rows[~(inside & np.isfinite(joints).all(axis=1))] = 0
    return rows


def coco_order(rows: np.ndarray) -> np.ndarray:
    """COCO's keypoints (17, 3) of SMPL's (24, 3); those that SMPL has not are 0, not labelled."""
    ordered = np.zeros((len(COCO_KEYPOINTS), 3))
    for number, name in enumerate(COCO_KEYPOINTS):
        if name in JOINT_NAMES:
            ordered[number] = rows[JOINT_NAMES.index(name)]
    return ordered


def annotation_of(
    clip: Clip, frame: int, *, person: int = 0, compressed: bool = True
) -> dict[str, Any] | None:
    """A person in a frame of a clip, without ids; None where no pixel shows them.

    Args:
        clip: the clip, with the channel that masks are made of (`mask_channel`).
        frame: its number in the clip.
        person: from 0.
        compressed: the mask as pycocotools' text, else as a list of run lengths.

    Raises:
        ValueError: the clip has not that channel.
    """
    truth = clip.truth
    if mask_channel(clip.info) == "segm":
        mask = truth.require("parts")[frame] > 0
    else:
        mask = truth.require("instances")[frame] == person + 1
    if not mask.any():
        return None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    runs = run_lengths(mask)
    theirs = slice(person * len(JOINT_NAMES), (person + 1) * len(JOINT_NAMES))
    keypoints = keypoint_rows(
        truth.joints2d[frame, theirs],
        truth.require("joints_visible")[frame, theirs],
        truth.require("joints_inside")[frame, theirs],
    )
    ordered = coco_order(keypoints)
    return {
        "category_id": _CATEGORY,
        "iscrowd": 0,
        "area": int(mask.sum()),
        "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
        "segmentation": {
            "size": list(mask.shape),
            "counts": run_length_text(runs) if compressed else runs,
        },
        "keypoints": _numbers(ordered),
        "num_keypoints": int((ordered[:, 2] > 0).sum()),
        "smpl_keypoints": _numbers(keypoints),
        "smpl_num_keypoints": int((keypoints[:, 2] > 0).sum()),
    }


def mask_channel(info: dict[str, Any]) -> str:
    """The channel that says where a person of a clip is, by the variables of its `_info.mat`."""
    alone = info["joints2D"].ndim == 3 and "occluders" not in info
    return "segm" if alone else "instances"


def _numbers(rows: np.ndarray) -> list[float]:
    """Rows of x, y, label in one list, whole numbers without a point."""
    return [int(value) if value == int(value) else value for value in rows.reshape(-1).tolist()]


def export_coco(
    folder: Path,
    out: Path,
    *,
    images: Path | None = None,
    step: int = 1,
    split: str | None = None,
    clips: int | None = None,
    compressed: bool = True,
    generator: str = "SURREAL++",
    report: Callable[[str], None] = print,
) -> CocoSummary:
    """Write the labels of films as COCO's JSON; what `synth export-coco` does.

    Args:
        folder: of films, or one split of it.
        out: the .json.
        images: a folder for the frames as pictures; None where they stay in the films.
        step: of so many frames one, the first of each clip among them.
        split: "train", "val" or "test"; None for all.
        clips: only so many, evenly spread.
        compressed: masks as pycocotools' text, else as lists of run lengths.
        generator: the program's name and version.
        report: is told what is left out.

    Returns:
        How much was written, and what was not.

    Raises:
        BadInput: there is no clip that can be used.
    """
    if out.suffix.lower() != ".json":
        raise BadInput(f"--out {out}: found the ending '{out.suffix}', expected .json")
    stems = find_clips(folder)
    if split is not None:
        stems = [stem for stem in stems if stem.split("/")[0] == split]
        if not stems:
            raise BadInput(f"{folder}: no clip of the split {split} in it")
    if clips is not None and clips < len(stems):
        stems = [stems[index * len(stems) // clips] for index in range(clips)]
    left_out: list[str] = []
    pictures: list[str] = []
    people = stand_ins = 0
    with atomic_write(out) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write('{"annotations": [')
        for stem in tqdm(stems, desc=out.name, unit="clip"):
            try:
                clip, row = _labelled_clip(folder, stem)
            except BadInput as error:
                left_out.append(str(error))
                report(f"left out: {error}")
                continue
            stand_ins += row.stand_in
            for frame in range(0, len(clip.frames), step):
                number = len(pictures) + 1
                picture = _picture_line(stem, row, clip, frame)
                pictures.append(json.dumps({"id": number, **picture}))
                if images is not None:
                    with atomic_write(images / picture["file_name"]) as path:
                        write_image(path, clip.frames[frame])
                for person, identity in enumerate(row.identities):
                    shown = annotation_of(clip, frame, person=person, compressed=compressed)
                    if shown is not None:
                        people += 1
                        line = {"id": people, "image_id": number, **shown, "identity": identity}
                        file.write((",\n" if people > 1 else "\n") + json.dumps(line))
        if not pictures:
            raise BadInput(f"{folder}: none of its {len(stems)} clips has labels that can be used")
        info = _information(generator, stand_ins=stand_ins, clips=len(stems) - len(left_out))
        ending = [f'\n],\n"info": {json.dumps(info)}', '"licenses": []']
        ending.append(f'"categories": [{json.dumps(CATEGORY)}]')
        file.write(",\n".join(ending) + ',\n"images": [\n' + ",\n".join(pictures) + "\n]}\n")
    return CocoSummary(len(pictures), people, left_out)


def _labelled_clip(folder: Path, stem: str) -> tuple[Clip, PlanRow]:
    """A clip with its masks, and its row. Raises BadInput where it cannot be used."""
    channel = mask_channel(read_info(folder / stem))
    if channel not in stored_channels(folder / stem):
        raise BadInput(
            f"{folder / stem}: no {channel}, of which masks are made; "
            f"`synth ground-truth {folder} --channels {channel}` computes it again"
        )
    clip = read_clip(folder / stem, (channel,))
    try:
        row = row_of(clip.info)
        if len(row.identities) != clip.truth.people:
            raise ValueError(
                f"{clip.truth.people} people, but {len(row.identities)} in its plan_row"
            )
    except ValueError as error:
        raise BadInput(f"{folder / stem}_info.mat: {error}; render the clip again") from error
    return clip, row


def _picture_line(stem: str, row: PlanRow, clip: Clip, frame: int) -> dict[str, Any]:
    height, width = clip.frames.shape[1:3]
    line = {
        "file_name": f"{stem}/{frame:06d}.jpg",
        "width": width,
        "height": height,
        "video": f"{stem}.mp4",
        "frame": frame,
    }
    # Labels are never mirrored here; who takes frames from such a film turns them round.
    return line | ({"video_mirrored": True} if row.film_mirrored else {})


def _information(generator: str, *, stand_ins: int, clips: int) -> dict[str, Any]:
    origin = f"{clips} rendered clips"
    if stand_ins:
        origin += f", {stand_ins} of them of generated stand-ins"
    return {
        "description": f"{origin}. Joints are SMPL's, inside the body; nose, eyes and ears are not "
        "labelled (v=0). x and y count pixels from the first one's centre.",
        "contributor": generator,
        "version": "1",
    }
