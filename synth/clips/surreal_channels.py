"""The layout "surreal": dense channels as SURREAL's .mat files, one variable per frame.

`_depth.mat`, `_segm.mat` and `_gtflow.mat` hold SURREAL's variables and nothing else, with
its names, shapes and types. What it lacked lies in files of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mocap.errors import BadInput
from synth.clips.mat_files import numbered, read_mat, stacked, write_mat
from synth.scene.ground_truth import GroundTruth

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
}


def surreal_files(channels: Iterable[str]) -> list[str]:
    """Suffixes of the channels' files."""
    return [suffix for channel in channels for suffix in _FILES[channel]]


def write_surreal(stem: str, truth: GroundTruth, channels: Iterable[str]) -> None:
    """Write the channels' files beside `stem`. Raises ValueError where a channel is not there."""
    for channel in channels:
        if channel == "tracks":
            write_mat(f"{stem}_tracks.mat", _track_variables(truth))
            continue
        for suffix, variables in _FILES[channel].items():
            values: dict[str, np.ndarray] = {}
            for frames in variables:
                field = getattr(truth, frames.field)
                if field is None:
                    raise ValueError(f"{frames.field} is not there, but {channel} is to be written")
                if channel == "depth":
                    field = np.where(np.isinf(field), np.float32(NO_DEPTH), field)
                values |= numbered(frames.name, field.astype(frames.dtype, copy=False))
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
                fields[frames.field] = stacked(
                    *(path, values, frames.name),
                    dtype=frames.dtype,
                    axes=frames.axes,
                    advice=_ADVICE,
                )
        if channel == "depth":
            fields["depth"][fields["depth"] >= NO_DEPTH] = np.inf
        if channel == "occlusion":
            for name in ("occlusion_forward", "occlusion_backward"):
                fields[name] = fields[name] > 0
    return fields


def _track_variables(truth: GroundTruth) -> dict[str, np.ndarray]:
    if truth.tracks2d is None:
        raise ValueError("tracks are not there, but their channel is to be written")
    return {
        "tracks2D": truth.tracks2d.transpose(2, 1, 0).astype(np.float32),
        "tracks3D": truth.require("tracks3d").transpose(2, 1, 0).astype(np.float32),
        "tracks_visible": truth.require("tracks_visible").T.astype(np.uint8),
        "track_faces": truth.require("track_faces").astype(np.int32)[:, None],
        "track_barycentric": truth.require("track_barycentric").astype(np.float32),
    }


def _tracks(path: Path) -> dict[str, np.ndarray]:
    values = read_mat(path, advice=_ADVICE)
    visible = values.get("tracks_visible", np.zeros(0))
    count, frames = visible.shape if visible.ndim == 2 else (0, 0)
    expected: Mapping[str, tuple[tuple[int, ...], Any]] = {
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
    return {
        "tracks2d": values["tracks2D"].transpose(2, 1, 0),
        "tracks3d": values["tracks3D"].transpose(2, 1, 0),
        "tracks_visible": values["tracks_visible"].T > 0,
        "track_faces": values["track_faces"][:, 0],
        "track_barycentric": values["track_barycentric"],
    }
