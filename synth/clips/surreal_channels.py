"""The layout "surreal": dense channels as SURREAL's .mat files, one variable per frame.

`_depth.mat`, `_segm.mat` and `_gtflow.mat` hold SURREAL's variables and nothing else, with
its names, shapes and types. What it lacked lies in files of its own.

The values are SURREAL's too: of its mirrored picture (`synth.clips.surreal_camera`), depth along the
ray, flow as Blender's vectors (x right, y up), normals in its world. GroundTruth is in our conventions;
`write_surreal` turns it into SURREAL's and `read_surreal` back. `synth.clips.surreal_release` says which
of this was compared with the release and which is inferred from Blender 2.78.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mocap.errors import BadInput
from synth.clips.mat_files import numbered, read_mat, stacked, write_mat
from synth.clips.surreal_camera import SurrealCamera, ray_lengths
from synth.scene.ground_truth import GroundTruth

_FLOWS = (
    "flow_backward",
    "flow_forward",
    "background_flow_backward",
    "background_flow_forward",
)
NO_DEPTH = 1e10  # what SURREAL (Blender) writes where there is nothing
_ADVICE = "render the clip again, or recompute the channel"


@dataclass(frozen=True)
class _Frames:
    """`name_N` of a file, `axes` axes each with T's, and the field of GroundTruth they hold."""

    name: str
    field: str
    dtype: type
    axes: int


# Channel -> suffix of a file -> its variables.
_FILES: dict[str, dict[str, tuple[_Frames, ...]]] = {
    "depth": {"_depth.mat": (_Frames("depth", "depth", np.float32, 3),)},
    "segm": {"_segm.mat": (_Frames("segm", "parts", np.uint8, 3),)},
    "normal": {"_normal.mat": (_Frames("normal", "normals", np.float32, 4),)},
    "gtflow": {
        "_gtflow.mat": (_Frames("gtflow", "flow_backward", np.float32, 4),),
        "_gtflow_forward.mat": (_Frames("gtflow_forward", "flow_forward", np.float32, 4),),
    },
    "uv": {
        "_uv.mat": (
            _Frames("uv", "uv", np.float32, 4),
            _Frames("face", "face", np.int32, 3),
        )
    },
    "occlusion": {
        "_occlusion.mat": (
            _Frames("occlusion_forward", "occlusion_forward", np.uint8, 3),
            _Frames("occlusion_backward", "occlusion_backward", np.uint8, 3),
        )
    },
    "tracks": {"_tracks.mat": ()},
    "instances": {"_instances.mat": (_Frames("instances", "instances", np.uint8, 3),)},
    "bgflow": {
        "_bgflow.mat": (
            _Frames("bgflow", "background_flow_backward", np.float32, 4),
            _Frames("bgflow_forward", "background_flow_forward", np.float32, 4),
        )
    },
}


def surreal_files(channels: Iterable[str]) -> list[str]:
    """Suffixes of the channels' files."""
    return [suffix for channel in channels for suffix in _FILES[channel]]


def write_surreal(
    stem: str, truth: GroundTruth, channels: Iterable[str], camera: SurrealCamera
) -> None:
    """Write the channels' files beside `stem`. Raises ValueError where a channel is not there."""
    for channel in channels:
        if channel == "tracks":
            write_mat(f"{stem}_tracks.mat", _track_variables(truth, camera))
            continue
        for suffix, variables in _FILES[channel].items():
            values: dict[str, np.ndarray] = {}
            for frames in variables:
                field = getattr(truth, frames.field)
                if field is None:
                    raise ValueError(f"{frames.field} is not there, but {channel} is to be written")
                values |= numbered(frames.name, _surreals(frames, field))
            write_mat(f"{stem}{suffix}", values)


def read_surreal(stem: str, channels: Iterable[str]) -> dict[str, np.ndarray]:
    """The fields of GroundTruth that the channels' files hold.

    Raises BadInput, naming the file, where one is missing or damaged.
    """
    fields: dict[str, np.ndarray] = {}
    for channel in channels:
        if channel == "tracks":
            fields |= _tracks(Path(f"{stem}_tracks.mat"))
            continue
        for suffix, variables in _FILES[channel].items():
            path = Path(f"{stem}{suffix}")
            values = read_mat(path, advice=_ADVICE)
            for frames in variables:
                array = stacked(
                    *(path, values, frames.name),
                    dtype=frames.dtype,
                    axes=frames.axes,
                    advice=_ADVICE,
                )
                fields[frames.field] = _ours(path, frames, array)
        if channel == "occlusion":
            for name in ("occlusion_forward", "occlusion_backward"):
                fields[name] = fields[name] > 0
    return fields


def _surreals(frames: _Frames, field: np.ndarray) -> np.ndarray:
    """A dense field (T,H,W,...) as it lies in SURREAL's files."""
    values = field[:, :, ::-1]
    if frames.field == "depth":
        away = np.isfinite(values)
        rays = ray_lengths(*values.shape[1:]).astype(np.float32)
        values = np.where(away, values * rays, np.float32(NO_DEPTH))
    elif frames.field == "normals":
        values = values[..., [2, 1, 0]] * np.array((-1, 1, 1), np.float32) + np.float32(0)  # no -0
    elif frames.field in _FLOWS:
        values = np.float32(0) - values  # x: the picture is mirrored; y: up
    return values.astype(frames.dtype, copy=False)


def _ours(path: Path, frames: _Frames, array: np.ndarray) -> np.ndarray:
    """The field of GroundTruth that lies in SURREAL's files as `array`."""
    last = {"normals": 3, "uv": 2}.get(frames.field, 2 if frames.field in _FLOWS else None)
    if last is not None and array.shape[-1] != last:
        raise BadInput(
            f"{path}: {frames.name}_1 is {array.shape[1:]}, expected (H, W, {last}); {_ADVICE}"
        )
    values = array[:, :, ::-1]
    if frames.field == "depth":
        rays = ray_lengths(*values.shape[1:]).astype(np.float32)
        values = np.where(values >= NO_DEPTH, np.float32(np.inf), values / rays)
    elif frames.field == "normals":
        values = values[..., [2, 1, 0]] * np.array((1, 1, -1), np.float32) + np.float32(0)
    elif frames.field in _FLOWS:
        values = np.float32(0) - values
    return np.ascontiguousarray(values)


def _track_variables(truth: GroundTruth, camera: SurrealCamera) -> dict[str, np.ndarray]:
    if truth.tracks2d is None:
        raise ValueError("tracks are not there, but their channel is to be written")
    pixels = camera.mirrored_pixels(truth.tracks2d)
    points = camera.to_world(truth.require("tracks3d"))
    return {
        "tracks_R": np.array(camera.rotation),
        "tracks_t": np.array(camera.translation)[:, None],
        "tracks_width": np.array([[camera.width]], np.int32),
        "tracks2D": pixels.transpose(2, 1, 0).astype(np.float32),
        "tracks3D": points.transpose(2, 1, 0).astype(np.float32),
        "tracks_visible": truth.require("tracks_visible").T.astype(np.uint8),
        "track_faces": truth.require("track_faces").astype(np.int32)[:, None],
        "track_barycentric": truth.require("track_barycentric").astype(np.float32),
    }


def _tracks(path: Path) -> dict[str, np.ndarray]:
    values = read_mat(path, advice=_ADVICE)
    visible = values.get("tracks_visible", np.zeros(0))
    count, frames = visible.shape if visible.ndim == 2 else (0, 0)
    expected: Mapping[str, tuple[tuple[int, ...], Any]] = {
        "tracks_R": ((3, 3), np.float64),
        "tracks_t": ((3, 1), np.float64),
        "tracks_width": ((1, 1), np.int32),
        "tracks2D": ((2, count, frames), np.float32),
        "tracks3D": ((3, count, frames), np.float32),
        "tracks_visible": ((count, frames), np.uint8),
        "track_faces": ((count, 1), np.int32),
        "track_barycentric": ((count, 3), np.float32),
    }
    for name, (shape, dtype) in expected.items():
        array = values.get(name)
        if array is None or array.shape != shape or array.dtype != dtype:
            actual = "none" if array is None else f"{array.dtype} {array.shape}"
            raise BadInput(
                f"{path}: {name} is {actual}, expected {np.dtype(dtype)} {shape}; {_ADVICE}"
            )
    width = int(values["tracks_width"][0, 0])
    camera = SurrealCamera(values["tracks_R"], values["tracks_t"][:, 0], width)
    pixels = camera.mirrored_pixels(values["tracks2D"].transpose(2, 1, 0))
    points = camera.from_world(values["tracks3D"].transpose(2, 1, 0))
    return {
        "tracks2d": pixels.astype(np.float32),
        "tracks3d": points.astype(np.float32),
        "tracks_visible": values["tracks_visible"].T > 0,
        "track_faces": values["track_faces"][:, 0],
        "track_barycentric": values["track_barycentric"],
    }
