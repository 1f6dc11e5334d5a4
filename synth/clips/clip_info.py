"""`_info.mat`: SURREAL's fields, and all that a clip's ground truth can be computed from again.

What each field means is said in `synth.clips.conventions`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mocap.bodies.body import Body
from mocap.errors import BadInput
from mocap.motion import Motion
from mocap.parsing.json_files import Label, decode_json
from synth.clips.conventions import GENDERS
from synth.clips.mat_files import cell, read_mat, text_of, write_mat
from synth.clips.surreal_camera import surreal_camera
from synth.clips.surreal_info import from_surreal_info, to_surreal_info
from synth.plans.plan_row import MAX_SIDE, PlanRow
from synth.scene.backdrop import ClipBackground
from synth.scene.ground_truth import GroundTruth
from synth.scene.lights.registry import light_from_fields
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.posed_clip import PosedClip, ground_point, pose_clip
from textures.visibility.camera import Camera

CHECK = "check"  # the variable of the layout "surreal" that holds what the checks measured

_ADVICE = "remove the clip's files and render it again"
_LARGEST = 1e9  # of any number: metres, pixels, radians
_SHAPES = {  # of the fields that readers rely on; T is the number of frames
    "joints2D": ("float32", (2, 24, "T")),
    "joints3D": ("float32", (3, 24, "T")),
    "joints3D_camera": ("float32", (3, 24, "T")),
    "joints_visible": ("uint8", (24, "T")),
    "joints_inside": ("uint8", (24, "T")),
    "pose": ("float32", (72, "T")),
    "trans": ("float32", (3, "T")),
    "shape": ("float32", (10, "T")),
    "K": ("float64", (3, 3, "T")),
    "R": ("float64", (3, 3, "T")),
    "t": ("float64", (3, "T")),
    "pose_ends": ("float32", (72, 2)),
    "trans_ends": ("float32", (3, 2)),
    "K_ends": ("float64", (3, 3, 2)),
    "R_ends": ("float64", (3, 3, 2)),
    "t_ends": ("float64", (3, 2)),
    "flow_ends": ("uint8", (1, 2)),
    "placement": ("float64", (1, 2)),
    "image_size": ("int32", (1, 2)),
}


def info_fields(
    row: PlanRow,
    truth: GroundTruth,
    posed_clip: PosedClip,
    *,
    versions: dict[str, str],
    check: str = "",
) -> dict[str, Any]:
    """The variables of a clip's `_info.mat`. Poses and cameras keep every bit.

    Args:
        row: the clip's row of the plan; its layout says whose meaning the variables have.
        truth: the labels of its joints.
        posed_clip: its poses and cameras.
        versions: of the programs, and the body's name and build.
        check: what the clip's checks measured, JSON, for the layout "surreal", which has no file for it.

    Raises:
        BadInput: a clip in the layout "surreal" whose cameras SURREAL's cannot be.
    """
    count = len(posed_clip)
    inner, ends = slice(1, -1), slice(None, None, count + 1)

    def by_frame(values: Sequence[np.ndarray] | np.ndarray, dtype: type) -> np.ndarray:
        """T of (...) as (..., T)."""
        return np.moveaxis(np.asarray(values, dtype=dtype), 0, -1)

    def steady(values: Sequence[float] | np.ndarray) -> np.ndarray:
        """(n) the same in every frame: (n, T)."""
        return np.repeat(np.asarray(values, np.float32)[:, None], count, axis=1)

    intrinsics = [camera.intrinsics for camera in posed_clip.cameras]
    rotations = [camera.rotation for camera in posed_clip.cameras]
    translations = [camera.translation for camera in posed_clip.cameras]
    camera = posed_clip.cameras[1]
    is_harmonic = row.light["kind"] == SphericalHarmonics.kind
    harmonics = row.light["coefficients"] if is_harmonic else np.zeros(9)
    fields = {
        # SURREAL's fields
        "bg": cell(_background_name(row), count),
        "camDist": np.array([[posed_clip.distance]], np.float32),
        "camLoc": camera.position.astype(np.float32)[:, None],
        "clipNo": np.array([[row.clip]], np.float64),
        "cloth": cell(row.texture, count),
        "gender": np.full((count, 1), GENDERS[row.gender], np.uint8),
        "joints2D": truth.joints2d.transpose(2, 1, 0),
        "joints3D": truth.joints3d.transpose(2, 1, 0),
        "light": steady(harmonics),
        "pose": by_frame(posed_clip.pose[inner], np.float32),
        "sequence": Path(row.stem).name,
        "shape": steady(posed_clip.betas),
        "source": row.collection,
        "stride": np.array([[row.stride]], np.uint8),
        "zrot": np.full((count, 1), posed_clip.yaw, np.float32),
        # what it lacked
        "trans": by_frame(posed_clip.translation[inner], np.float32),
        "K": by_frame(intrinsics[inner], np.float64),
        "R": by_frame(rotations[inner], np.float64),
        "t": by_frame(translations[inner], np.float64),
        "joints3D_camera": truth.require("joints_camera").transpose(2, 1, 0),
        "joints_visible": truth.require("joints_visible").T.astype(np.uint8),
        "joints_inside": truth.require("joints_inside").T.astype(np.uint8),
        "pose_ends": by_frame(posed_clip.pose[ends], np.float32),
        "trans_ends": by_frame(posed_clip.translation[ends], np.float32),
        "K_ends": by_frame(intrinsics[ends], np.float64),
        "R_ends": by_frame(rotations[ends], np.float64),
        "t_ends": by_frame(translations[ends], np.float64),
        "flow_ends": np.array([posed_clip.ends], np.uint8),
        "placement": np.array([[posed_clip.yaw, posed_clip.distance]], np.float64),
        "image_size": np.array([[camera.width, camera.height]], np.int32),
        "fps": np.array([[row.fps]], np.float64),
        "seed": np.array([[row.seed]], np.int64),
        "frame_indices": np.arange(row.start, row.start + count, dtype=np.int32)[None],
        "light_kind": row.light["kind"],
        "light_fields": json.dumps(dict(row.light), sort_keys=True),
        "category": row.category,
        "subject": row.subject,
        "split": row.split,
        "identity": row.identity,
        "uv_layout": row.uv_layout,
        "stand_in": np.array([[row.stand_in]], np.uint8),
        "plan_row": row.to_json(),
        "versions": json.dumps(versions, sort_keys=True),
    }
    if row.scene_place is not None:
        fields["background_yaw"] = np.array([[posed_clip.background_yaw]], np.float64)
    if not row.film_mirrored:
        return fields
    return to_surreal_info(fields, surreal_camera(posed_clip.cameras)) | {CHECK: check}


def _background_name(row: PlanRow) -> str:
    """The file of the background, or that it is painted."""
    ((kind, value),) = row.background.items()
    return kind if kind == "painted" else str(value)


def write_info(path: Path | str, fields: dict[str, Any]) -> None:
    """Write `info_fields` as a MAT file; the same fields, the same bytes."""
    write_mat(path, fields)


def read_info(stem: Path | str) -> dict[str, Any]:
    """The variables of a clip's `_info.mat` in our conventions, whichever its layout.

    Of the layout "surreal" `film_mirrored` is there and says that the files show the world in a mirror.
    Raises BadInput when it is missing, damaged or not of a clip of ours.
    """
    path = Path(f"{stem}_info.mat")
    if not path.is_file():
        raise BadInput(f"{path}: no such file; expected a clip that `synth render-videos` wrote")
    info = read_mat(path, advice=_ADVICE)
    joints = info.get("joints2D", np.zeros(0))
    count = joints.shape[2] if joints.ndim == 3 else 0
    for name, (dtype, shape) in _SHAPES.items():
        expected = tuple(count if n == "T" else n for n in shape)
        if (
            name not in info
            or info[name].shape != expected
            or info[name].dtype != dtype
            or not count
        ):
            actual = f"{info[name].dtype} {info[name].shape}" if name in info else "none"
            raise BadInput(f"{path}: {name} is {actual}, expected {dtype} {shape}; {_ADVICE}")
        lowest = 16 if name == "image_size" else -_LARGEST
        highest = MAX_SIDE if name == "image_size" else _LARGEST
        if not ((info[name] >= lowest) & (info[name] <= highest)).all():  # NaN is not either
            raise BadInput(
                f"{path}: {name} has numbers that are not finite or not within {lowest:g} and "
                f"{highest:g}; {_ADVICE}"
            )
    if (yaw := info.get("background_yaw", np.zeros((1, 1)))).shape != (1, 1) or not (
        yaw.dtype == np.float64 and abs(float(yaw[0, 0])) <= _LARGEST
    ):
        raise BadInput(
            f"{path}: background_yaw is {yaw.dtype} {yaw.shape}, expected a number; {_ADVICE}"
        )
    if "film_mirrored" in info:
        return from_surreal_info(info, path)
    if '"layout": "surreal"' in text_of(info.get("plan_row", "")):
        raise BadInput(
            f"{path}: a clip in SURREAL's layout without film_mirrored, as earlier versions wrote them, "
            f"which were not SURREAL's mirrored geometry; {_ADVICE}"
        )
    return info


@dataclass(frozen=True, kw_only=True)
class ClipVersions:
    """What made a clip. `body_build` is "" in clips of before there was one."""

    body: Label
    renderer: Label = "?"
    surrealpp: Label = "?"
    body_build: Label = ""


def versions_of(info: dict[str, Any], stem: object) -> ClipVersions:
    """What made the clip of an `_info.mat`. Raises BadInput where it does not say so."""
    text = text_of(info.get("versions", ""))
    try:
        return decode_json(text.encode("utf-8", "replace"), ClipVersions, extra_fields=True)
    except BadInput as error:
        raise BadInput(
            f"{stem}_info.mat: its versions name no body ({error}); render the clip again"
        ) from None


def row_of(info: dict[str, Any]) -> PlanRow:
    """The row by which the clip was made. Raises ValueError where there is none."""
    try:
        return PlanRow.from_json(text_of(info.get("plan_row", "")))
    except BadInput as error:  # callers know the file and say so
        raise ValueError(str(error)) from None


def planned_clip(row: PlanRow, motion: Motion, body: Body) -> PosedClip:
    """The geometry of a plan's row: `motion` at the row's frame rate, made for `body`."""
    return pose_clip(
        motion,
        body,
        row.view,
        betas=row.betas,
        start=row.start,
        frames=row.frames,
        height=row.height,
        width=row.width,
        photograph=row.scene_place and row.scene_place.photograph,
    )


def clip_background(
    row: PlanRow,
    posed_clip: PosedClip,
    joints: np.ndarray,
    *,
    photographs: Path | None,
    environments: Path | None,
) -> ClipBackground:
    """What stands behind a clip.

    Args:
        row: of the plan.
        posed_clip: its cameras.
        joints: (T+2,24,3) metres in the world.
        photographs: the folder of the photographs, if it is at hand.
        environments: the folder of the environments, if it is at hand.
    """
    return ClipBackground(
        background=row.background,
        scene_place=row.scene_place,
        cameras=posed_clip.cameras[1:-1],
        ground=ground_point(joints),
        reach=_reach(joints),
        light=light_from_fields(row.light),
        photograph_yaw=posed_clip.background_yaw,
        photographs=photographs,
        environments=environments,
    )


def _reach(joints: np.ndarray) -> float:
    """Metres along the floor from the middle of a clip's way to the farthest joint."""
    middle = np.array(ground_point(joints))
    return float(np.linalg.norm((joints[1:-1] - middle)[..., [0, 2]], axis=-1).max())


def posed_clip_of(info: dict[str, Any]) -> PosedClip:
    """The geometry of a clip, with the numbers of which it was rendered to the last bit."""

    def whole(name: str) -> np.ndarray:
        """A field with its ends, (T+2, ...)."""
        ends = np.moveaxis(info[f"{name}_ends"], -1, 0)
        return np.concatenate([ends[:1], np.moveaxis(info[name], -1, 0), ends[1:]])

    width, height = (int(n) for n in info["image_size"][0])
    cameras = tuple(
        Camera(
            intrinsics=intrinsics,
            rotation=rotation,
            translation=translation,
            width=width,
            height=height,
        )
        for intrinsics, rotation, translation in zip(whole("K"), whole("R"), whole("t"))
    )
    yaw, distance = (float(n) for n in info["placement"][0])
    first, last = (bool(n) for n in info["flow_ends"][0])
    return PosedClip(
        pose=whole("pose"),
        translation=whole("trans"),
        betas=info["shape"][:, 0],
        cameras=cameras,
        ends=(first, last),
        yaw=yaw,
        distance=distance,
        background_yaw=float(info["background_yaw"][0, 0]) if "background_yaw" in info else 0.0,
    )


def joint_truth(info: dict[str, Any]) -> dict[str, np.ndarray]:
    """The fields of GroundTruth about joints."""
    return {
        "joints2d": info["joints2D"].transpose(2, 1, 0),
        "joints3d": info["joints3D"].transpose(2, 1, 0),
        "joints_camera": info["joints3D_camera"].transpose(2, 1, 0),
        "joints_visible": info["joints_visible"].T > 0,
        "joints_inside": info["joints_inside"].T > 0,
    }
