"""`_info.mat` of the layout "surreal": SURREAL's names with SURREAL's meaning, and the way back.

SURREAL's functions (`get_extrinsic`, `get_intrinsic`, `rotateBody`) work on what lies in the file:
`joints3D` and `camLoc` are in its world, `joints2D` in its mirrored picture, and `pose` begins with the
pelvis in the motion's z-up world, before it is turned by `zrot`. What we add under names of our own is
in that world and picture too. The numbers by which the clip was rendered, which no turn gives back to
the last bit, lie beside them as `proper_*`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from mocap.errors import BadInput
from synth.clips.surreal_camera import MIRROR, SURREAL_ROTATION, UPRIGHT, SurrealCamera

# Variables that only this layout has, with their types and shapes; T is the number of frames.
PROPER_SHAPES: dict[str, tuple[str, tuple[int | str, ...]]] = {
    "film_mirrored": ("uint8", (1, 1)),
    "proper_pelvis": ("float32", (3, "T+2")),
    "proper_trans": ("float32", (3, "T+2")),
    "proper_R": ("float64", (3, 3)),
    "proper_t": ("float64", (3, 1)),
}
# Variables of SURREAL's that are read back beside those of every layout.
_SURREAL_SHAPES: dict[str, tuple[str, tuple[int | str, ...]]] = {
    "camLoc": ("float32", (3, 1)),
    "light": ("float32", (9, "T")),
    "zrot": ("float32", ("T", 1)),
}
_LARGEST = 1e6  # of any number of a scene
# What follows from those: SURREAL's functions use it, so it must not be another.
_DERIVED = (
    *("camLoc", "zrot", "pose", "trans", "R", "t"),
    *("pose_ends", "trans_ends", "R_ends", "t_ends"),
)
_TOLERANCE = 1e-4  # metres, radians
_ADVICE = "remove the clip's files and render it again"


def to_surreal_info(fields: dict[str, Any], camera: SurrealCamera) -> dict[str, Any]:
    """The variables of `info_fields` in the meaning that SURREAL's functions give them."""
    out = dict(fields)
    ends = fields["pose_ends"], fields["trans_ends"]
    # Where the pelvis is at rest, from which trans counts.
    start = (fields["joints3D"][:, 0] - fields["trans"])[:, :1]

    def turned(points: np.ndarray) -> np.ndarray:
        """Points (3, ...) of our world in SURREAL's."""
        return np.moveaxis(camera.to_world(np.moveaxis(points, 0, -1)), -1, 0)

    def upright(pose: np.ndarray) -> np.ndarray:
        """Poses (72,T) with the pelvis in a z-up world."""
        pelvis = Rotation.from_matrix(UPRIGHT) * Rotation.from_rotvec(pose[:3].T)
        return np.concatenate([pelvis.as_rotvec().T, pose[3:]]).astype(np.float32)

    def moved(trans: np.ndarray) -> np.ndarray:
        return (turned(start + trans) - start).astype(np.float32)

    count = fields["pose"].shape[1]
    pixels = np.moveaxis(fields["joints2D"], 0, -1)
    translation = -SURREAL_ROTATION @ camera.location[:, None]
    out["camLoc"] = camera.location.astype(np.float32)[:, None]
    number = int(fields["clipNo"][0, 0])
    out["clipNo"] = np.array([[number]], np.uint8 if number < 256 else np.uint16)
    out["joints2D"] = np.moveaxis(camera.mirrored_pixels(pixels), -1, 0).astype(np.float32)
    out["joints3D"] = turned(fields["joints3D"]).astype(np.float32)
    out["joints3D_camera"] = _mirrored_x(fields["joints3D_camera"])
    light = camera.turned_light(fields["light"][:, 0]).astype(np.float32)
    out["light"] = np.repeat(light[:, None], count, axis=1)
    out["zrot"] = np.full((count, 1), camera.zrot, np.float32)
    out["pose"], out["pose_ends"] = upright(fields["pose"]), upright(ends[0])
    out["trans"], out["trans_ends"] = moved(fields["trans"]), moved(ends[1])
    for name, frames in (("", count), ("_ends", 2)):
        out[f"R{name}"] = np.repeat(SURREAL_ROTATION[..., None], frames, axis=2)
        out[f"t{name}"] = np.repeat(translation, frames, axis=1)
    return out | {
        "film_mirrored": np.array([[1]], np.uint8),
        "proper_pelvis": _with_ends(fields["pose"][:3], ends[0][:3]),
        "proper_trans": _with_ends(fields["trans"], ends[1]),
        "proper_R": np.array(camera.rotation),
        "proper_t": np.array(camera.translation)[:, None],
    }


def from_surreal_info(info: dict[str, Any], path: Path) -> dict[str, Any]:
    """The variables in our own meaning, as `info_fields` made them.

    Poses and cameras come back to the last bit, positions to float32's. Raises BadInput, naming the
    file, where a variable of the layout has another shape or type or is not finite, where `proper_R`
    is no rotation, and where SURREAL's variables are not what follows from them.
    """
    count = info["joints2D"].shape[2]
    lengths = {"T": count, "T+2": count + 2}
    for name, (dtype, shape) in {**PROPER_SHAPES, **_SURREAL_SHAPES}.items():
        expected = tuple(lengths[n] if isinstance(n, str) else n for n in shape)
        value = np.asarray(info.get(name, np.zeros(0)))
        if value.shape != expected or value.dtype != dtype:
            actual = f"{value.dtype} {value.shape}" if name in info else "none"
            raise BadInput(f"{path}: {name} is {actual}, expected {dtype} {shape}; {_ADVICE}")
        if not (np.abs(value) <= _LARGEST).all():  # NaN is not either
            raise BadInput(
                f"{path}: {name} has numbers that are not finite or larger than {_LARGEST:g}; {_ADVICE}"
            )
    number = np.asarray(info.get("clipNo", np.zeros(0)))
    if number.shape != (1, 1) or number.dtype not in ("uint8", "uint16"):
        raise BadInput(
            f"{path}: clipNo is {number.dtype} {number.shape}, expected uint8 or uint16 (1, 1); {_ADVICE}"
        )
    rotation, translation = info["proper_R"], info["proper_t"][:, 0]
    deviation = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if deviation > _TOLERANCE:
        raise BadInput(
            f"{path}: proper_R is {deviation:.3g} from a rotation, expected at most {_TOLERANCE:g}; "
            f"{_ADVICE}"
        )
    camera = SurrealCamera(rotation, translation, int(info["image_size"][0, 0]))
    out = dict(info)

    def turned(points: np.ndarray) -> np.ndarray:
        """Points (3, ...) of SURREAL's world in ours."""
        return np.moveaxis(camera.from_world(np.moveaxis(points, 0, -1)), -1, 0)

    pixels = np.moveaxis(info["joints2D"], 0, -1)
    out["camLoc"] = (-rotation.T @ translation).astype(np.float32)[:, None]
    out["clipNo"] = info["clipNo"].astype(np.float64)
    out["joints2D"] = np.moveaxis(camera.mirrored_pixels(pixels), -1, 0).astype(np.float32)
    out["joints3D"] = turned(info["joints3D"]).astype(np.float32)
    out["joints3D_camera"] = _mirrored_x(info["joints3D_camera"])
    light = camera.turned_light(info["light"][:, 0], back=True).astype(np.float32)
    out["light"] = np.repeat(light[:, None], count, axis=1)
    out["zrot"] = np.full((count, 1), info["placement"][0, 0], np.float32)
    pelvis, trans = info["proper_pelvis"], info["proper_trans"]
    inner, outer = slice(1, -1), [0, -1]
    out["pose"] = np.concatenate([pelvis[:, inner], info["pose"][3:]])
    out["pose_ends"] = np.concatenate([pelvis[:, outer], info["pose_ends"][3:]])
    out["trans"], out["trans_ends"] = trans[:, inner], trans[:, outer]
    for name, frames in (("", count), ("_ends", 2)):
        out[f"R{name}"] = np.repeat(rotation[..., None], frames, axis=2)
        out[f"t{name}"] = np.repeat(translation[:, None], frames, axis=1)
    _check_surreals(info, to_surreal_info(out, camera), path)
    return out


def _check_surreals(info: dict[str, Any], expected: dict[str, Any], path: Path) -> None:
    """Raises BadInput where what SURREAL's functions use is not what the clip was rendered with."""
    for name in _DERIVED:
        if info[name].shape != expected[name].shape:
            raise BadInput(
                f"{path}: {name} is {info[name].shape}, expected {expected[name].shape}; {_ADVICE}"
            )
        if name.startswith("pose"):  # a half turn has two axes
            first, second = (Rotation.from_rotvec(x[name][:3].T) for x in (info, expected))
            deviation = float((first.inv() * second).magnitude().max())
        elif name == "zrot":  # a whole turn is none
            turns = info[name].astype(np.float64) - expected[name]
            deviation = float(np.abs((turns + np.pi) % (2 * np.pi) - np.pi).max())
        else:
            deviation = float(np.abs(info[name] - expected[name]).max())
        if not deviation <= _TOLERANCE:
            raise BadInput(
                f"{path}: {name} is {deviation:.3g} from what the clip was rendered with (proper_*), "
                f"expected at most {_TOLERANCE:g}; {_ADVICE}"
            )


def _mirrored_x(points: np.ndarray) -> np.ndarray:
    """Camera points (3,24,T) float32 with x to the other side."""
    return np.einsum("ij,jkt->ikt", MIRROR, points).astype(np.float32)


def _with_ends(values: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """(n,T) and what is before and after, (n,2), as (n,T+2)."""
    return np.concatenate([ends[:, :1], values, ends[:, 1:]], axis=1)
