"""`_info.mat`: SURREAL's fields, and all that a clip's ground truth can be computed from again.

What each field means is said in `synth.clips.conventions`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mocap.bodies.body import Body
from mocap.errors import BadInput
from mocap.motion import Motion
from mocap.parsing.json_files import Label, decode_json
from synth.clips.conventions import GENDERS
from synth.clips.mat_files import cell, read_mat, text_of, write_mat
from synth.clips.scene_info import clothes_of, occluders_of, people_of
from synth.clips.surreal_camera import surreal_camera
from synth.clips.surreal_info import from_surreal_info, to_surreal_info
from synth.plans.plan_row import MAX_SIDE, FigureRow, PlanRow
from synth.scene.backdrop import ClipBackground
from synth.scene.ground_truth import GroundTruth
from synth.scene.lights.registry import light_from_fields
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.posed_clip import (
    FigureMotion,
    PosedClip,
    PosedFigure,
    ground_point,
    pose_clip,
)
from textures.visibility.camera import Camera

CHECK = "check"  # the variable of the layout "surreal" that holds what the checks measured

_ADVICE = "remove the clip's files and render it again"
_LARGEST = 1e9  # of any number: metres, pixels, radians
_SHAPES = {  # of the fields that readers rely on; T frames, and P people, an axis that one has not
    "joints2D": ("float32", (2, 24, "T", "P")),
    "joints3D": ("float32", (3, 24, "T", "P")),
    "joints3D_camera": ("float32", (3, 24, "T", "P")),
    "joints_visible": ("uint8", (24, "T", "P")),
    "joints_inside": ("uint8", (24, "T", "P")),
    "pose": ("float32", (72, "T", "P")),
    "trans": ("float32", (3, "T", "P")),
    "shape": ("float32", (10, "T", "P")),
    "K": ("float64", (3, 3, "T")),
    "R": ("float64", (3, 3, "T")),
    "t": ("float64", (3, "T")),
    "pose_ends": ("float32", (72, 2, "P")),
    "trans_ends": ("float32", (3, 2, "P")),
    "K_ends": ("float64", (3, 3, 2)),
    "R_ends": ("float64", (3, 3, 2)),
    "t_ends": ("float64", (3, 2)),
    "flow_ends": ("uint8", (1, 2)),
    "placement": ("float64", (1, 2)),
    "image_size": ("int32", (1, 2)),
    "fps": ("float64", (1, 1)),
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
        BadInput: a clip in the layout "surreal" whose cameras SURREAL's cannot be, or one of several
            people or with occluders.
    """
    count = len(posed_clip)
    inner, ends = slice(1, -1), slice(None, None, count + 1)

    def by_frame(values: Sequence[np.ndarray] | np.ndarray, dtype: type) -> np.ndarray:
        """T of (...) as (..., T)."""
        return np.moveaxis(np.asarray(values, dtype=dtype), 0, -1)

    def steady(values: Sequence[float] | np.ndarray) -> np.ndarray:
        """(n) the same in every frame: (n, T)."""
        return np.repeat(np.asarray(values, np.float32)[:, None], count, axis=1)

    def by_person(values: Sequence[np.ndarray]) -> np.ndarray:
        """P of (...) as (..., P); of one person as they are."""
        return values[0] if len(values) == 1 else np.stack(values, axis=-1)

    def of_joints(values: np.ndarray, dtype: type = np.float32) -> np.ndarray:
        """(T, 24P, ...) as (..., 24, T, P); of one person (..., 24, T)."""
        people = np.split(values, truth.people, axis=1)
        return by_person([person.T.astype(dtype, copy=False) for person in people])

    figures = posed_clip.figures
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
        "cloth": _cells(row.textures, count),
        "gender": np.repeat(np.array([[GENDERS[g] for g in row.genders]], np.uint8), count, axis=0),
        "joints2D": of_joints(truth.joints2d),
        "joints3D": of_joints(truth.joints3d),
        "light": steady(harmonics),
        "pose": by_person([by_frame(figure.pose[inner], np.float32) for figure in figures]),
        "sequence": Path(row.stem).name,
        "shape": by_person([steady(figure.betas) for figure in figures]),
        "source": row.collection,
        "stride": np.array([[row.stride]], np.uint8),
        "zrot": np.full((count, 1), posed_clip.yaw, np.float32),
        # what it lacked
        "trans": by_person([by_frame(figure.translation[inner], np.float32) for figure in figures]),
        "K": by_frame(intrinsics[inner], np.float64),
        "R": by_frame(rotations[inner], np.float64),
        "t": by_frame(translations[inner], np.float64),
        "joints3D_camera": of_joints(truth.require("joints_camera")),
        "joints_visible": of_joints(truth.require("joints_visible"), np.uint8),
        "joints_inside": of_joints(truth.require("joints_inside"), np.uint8),
        "pose_ends": by_person([by_frame(figure.pose[ends], np.float32) for figure in figures]),
        "trans_ends": by_person(
            [by_frame(figure.translation[ends], np.float32) for figure in figures]
        ),
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
        "lens_fields": json.dumps(vars(row.lens), sort_keys=True),
        "category": row.category,
        "subject": row.subject,
        "split": row.split,
        "identity": row.identity,
        "uv_layout": row.uv_layout,
        "stand_in": np.array([[row.stand_in]], np.uint8),
        "plan_row": row.to_json(),
        "versions": json.dumps(versions, sort_keys=True),
    }
    if len(figures) > 1:
        fields["people"] = np.array([[len(figures)]], np.uint8)
    if posed_clip.occluders:
        fields["occluders"] = json.dumps([asdict(item) for item in posed_clip.occluders])
    if row.scene_place is not None:
        fields["background_yaw"] = np.array([[posed_clip.background_yaw]], np.float64)
    dressed = any(figure.clothes for figure in figures)
    if dressed:
        clothes = [figure.clothes and asdict(figure.clothes) for figure in figures]
        fields["clothes"] = json.dumps(clothes)
    if not row.film_mirrored:
        return fields
    if len(figures) > 1 or posed_clip.occluders or dressed:
        raise BadInput(
            f"{row.stem}: {len(figures)} people and {len(posed_clip.occluders)} occluders in the layout "
            f"surreal{', clothes' * dressed}, expected one person, no occluder and no clothes; choose "
            "--layout compact"
        )
    return to_surreal_info(fields, surreal_camera(posed_clip.cameras)) | {CHECK: check}


def _cells(textures: Sequence[str], count: int) -> np.ndarray:
    """The textures of P people as P x T cells."""
    return np.concatenate([cell(texture, count) for texture in textures])


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
    people = people_of(info, path)
    joints = np.asarray(info.get("joints2D", np.zeros(0)))
    count = joints.shape[2] if joints.ndim in (3, 4) else 0
    for name, (dtype, shape) in _SHAPES.items():
        sizes = {"T": count, "P": people}
        expected = tuple(
            sizes[n] if isinstance(n, str) else n for n in shape if n != "P" or people > 1
        )
        if (
            name not in info
            or info[name].shape != expected
            or info[name].dtype != dtype
            or not count
        ):
            actual = f"{info[name].dtype} {info[name].shape}" if name in info else "none"
            raise BadInput(f"{path}: {name} is {actual}, expected {dtype} {shape}; {_ADVICE}")
        lowest = {"image_size": 16.0, "fps": 1e-9}.get(name, -_LARGEST)
        highest = MAX_SIDE if name == "image_size" else _LARGEST
        if not ((info[name] >= lowest) & (info[name] <= highest)).all():  # NaN is not either
            raise BadInput(
                f"{path}: {name} has numbers that are not finite or not within {lowest:g} and "
                f"{highest:g}; {_ADVICE}"
            )
    occluders_of(info, path)
    if (yaw := info.get("background_yaw", np.zeros((1, 1)))).shape != (1, 1) or not (
        yaw.dtype == np.float64 and abs(float(yaw[0, 0])) <= _LARGEST
    ):
        raise BadInput(
            f"{path}: background_yaw is {yaw.dtype} {yaw.shape}, expected a number; {_ADVICE}"
        )
    clothes_of(info, path, people)
    if "film_mirrored" in info:
        if people > 1 or "occluders" in info or "clothes" in info:
            raise BadInput(
                f"{path}: several people, occluders or clothes in SURREAL's layout, expected one body; "
                f"{_ADVICE}"
            )
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


def planned_clip(
    row: PlanRow, motion: Motion, body: Body, *, companions: Sequence[tuple[Motion, Body]] = ()
) -> PosedClip:
    """The geometry of a plan's row.

    Args:
        row: the row.
        motion: at the row's frame rate, made for `body`.
        body: the first person's.
        companions: the motions and bodies of `row.figures`.

    Raises:
        ValueError: not as many companions as figures, and as of `pose_clip`.
    """
    figures: list[tuple[FigureRow, tuple[Motion, Body]]] = list(
        zip(row.figures, companions, strict=True)
    )
    return pose_clip(
        motion,
        body,
        row.view,
        betas=row.betas,
        start=row.start,
        frames=row.frames,
        height=row.height,
        width=row.width,
        companions=[
            FigureMotion(
                motion=other,
                body=other_body,
                betas=figure.betas,
                start=figure.start,
                heading=figure.heading,
                seed=figure.seed,
                clothes=figure.clothes,
            )
            for figure, (other, other_body) in figures
        ],
        occluders=row.occluders,
        clothes=row.clothes,
        photograph=None if row.scene_place is None else row.scene_place.photograph,
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
        joints: (T+2,24P,3) of everybody, metres in the world.
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

    def joined(values: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """(..., T) and its ends (..., 2) as (T+2, ...)."""
        ends = np.moveaxis(ends, -1, 0)
        return np.concatenate([ends[:1], np.moveaxis(values, -1, 0), ends[1:]])

    def whole(name: str) -> np.ndarray:
        """A field of the camera with its ends, (T+2, ...)."""
        return joined(info[name], info[f"{name}_ends"])

    def figure(number: int) -> PosedFigure:
        """A person, from 0."""
        names = ("pose", "pose_ends", "trans", "trans_ends", "shape")
        pose, pose_ends, trans, trans_ends, shape = (
            info[name][..., number] if info[name].ndim == 3 else info[name] for name in names
        )
        return PosedFigure(
            pose=joined(pose, pose_ends),
            translation=joined(trans, trans_ends),
            betas=shape[:, 0],
            clothes=clothing[number],
        )

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
    people = info["pose"].shape[2] if info["pose"].ndim == 3 else 1
    clothing = clothes_of(info, Path("_info.mat"), people)
    person, *companions = (figure(number) for number in range(people))
    return PosedClip(
        pose=person.pose,
        translation=person.translation,
        betas=person.betas,
        cameras=cameras,
        fps=float(info["fps"][0, 0]),
        ends=(first, last),
        yaw=yaw,
        distance=distance,
        companions=tuple(companions),
        occluders=occluders_of(info, Path("_info.mat")),
        background_yaw=float(info["background_yaw"][0, 0]) if "background_yaw" in info else 0.0,
        clothes=person.clothes,
    )


def joint_truth(info: dict[str, Any]) -> dict[str, np.ndarray]:
    """The fields of GroundTruth about joints."""
    crowded = info["joints2D"].ndim == 4

    def of_people(name: str) -> np.ndarray:
        """(..., 24, T) or (..., 24, T, P) as (T, 24P, ...)."""
        values = info[name]
        if not crowded:
            return values.T
        people = np.moveaxis(values, -1, 0)
        return np.concatenate([person.T for person in people], axis=1)

    return {
        "joints2d": of_people("joints2D"),
        "joints3d": of_people("joints3D"),
        "joints_camera": of_people("joints3D_camera"),
        "joints_visible": of_people("joints_visible") > 0,
        "joints_inside": of_people("joints_inside") > 0,
    }
