"""Clip files: SURREAL's layout and ``_info.mat`` schema, and what SURREAL lacked.

A clip ``<stem>`` is ``<stem>.mp4`` and ``<stem>_{info,depth,segm,normal,gtflow}.mat``; dense
channels hold one variable a frame, ``depth_1`` to ``depth_T``. Everything of a clip is written in a
folder of its own and then moved into place, ``_info.mat`` last: a clip is published when that file
is there. The same arrays give the same bytes (no time stamps). ``CONVENTIONS``, written as
conventions.json, says what the numbers mean.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import scipy.io
from scipy.io.matlab import MatReadError

from mocap.body import JOINT_NAMES, PART_NAMES
from mocap.errors import BadInput
from mocap.files import written_whole
from synth.ground_truth import GroundTruth
from synth.plan_row import PlanRow
from synth.take import Take

NO_DEPTH = 1e10  # what SURREAL (Blender) writes where there is nothing
GENDERS = {"female": 0, "male": 1, "neutral": 2}  # SURREAL has the first two
_UNREADABLE = (MatReadError, zlib.error, ValueError, OSError, TypeError, NotImplementedError)
_MAT_HEADER = b"MATLAB 5.0 MAT-file, written by surrealpp".ljust(116)

CONVENTIONS: dict[str, Any] = {
    "units": "metres, seconds, radians, pixels",
    "image": "origin at the top-left corner, x right, y down; the first pixel's centre is (0.5, 0.5)",
    "world": "right-handed, y up",
    "camera": "x right, y down, z forward; X_cam = R X + t, det R = +1; pixel = K X_cam / z",
    "mirrored": False,
    "K": "(3,3,T) float64", "R": "(3,3,T) float64", "t": "(3,T) float64",
    "depth": f"depth_N (H,W) single: planar z in metres; background {NO_DEPTH:g}",
    "segm": "segm_N (H,W) uint8: parts 1..24, background 0",
    "parts": dict(enumerate(PART_NAMES, start=1)),
    "normal": "normal_N (H,W,3) single: unit normals in camera axes; background 0",
    "gtflow": "gtflow_N (H,W,2) single: backward flow, where the point was one frame before, minus where "
    "it is, (dx, dy) pixels, y down; background 0",
    "gtflow_forward": "gtflow_forward_N: the same to one frame after",
    "flow_ends": "whether the first frame's backward and the last frame's forward flow had a frame to go "
    "to; where not, the end frame is repeated and that flow is 0",
    "joints2D": "(2,24,T) single pixels, not rounded, no visibility test",
    "joints3D": "(3,24,T) single world metres",
    "joints": list(JOINT_NAMES),
    "pose": "(72,T) single: SMPL's axis-angle numbers, the first three turn the pelvis in the world",
    "trans": "(3,T) single: as SMPL's; the pelvis is at its rest position plus this",
    "shape": "(10,T) single",
    "zrot": "(T,1) single: the side the camera stands on; 0 at +z of the world, pi/2 at +x",
    "camDist": "metres from the camera to the middle of the clip",
    "gender": "0 female, 1 male, 2 neutral",
    "source": "where the motion comes from: cmu, or stand-in for generated motions",
    "stride": "the step from one window to the next, in percent of a window",
    "light": "(9,T) single: SURREAL's spherical harmonics, in its axes (x, -y, -z of our world)",
    "frame_indices": "(1,T): frames of the motion at this clip's fps, from 0",
    "rgb": "mp4, H.264, yuv420p; lossy",
}  # fmt: skip


@dataclass(frozen=True)
class Clip:
    """A clip read back: ``frames`` (T,H,W,3) RGB uint8, its ground truth and ``info`` (see
    CONVENTIONS).
    """

    frames: np.ndarray
    truth: GroundTruth
    info: dict[str, Any]


def clip_files(channels: Iterable[str]) -> list[str]:
    """What is appended to a stem; the file that says "published" comes last."""
    return [".mp4", *(f"_{channel}.mat" for channel in channels), "_info.mat"]


def write_clip(
    folder: Path,
    row: PlanRow,
    frames: np.ndarray,
    truth: GroundTruth,
    take: Take,
    *,
    versions: dict[str, str],
    checks: dict[str, float],
) -> None:
    """Write the files of a clip into ``folder``: frames (T,H,W,3) uint8."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / Path(row.stem).name
    write_video(stem.with_name(stem.name + ".mp4"), frames, row.fps)
    if "depth" in row.channels:
        deep = np.where(np.isinf(truth.depth), np.float32(NO_DEPTH), truth.depth)
        _write_mat(f"{stem}_depth.mat", _numbered("depth", deep))
    if "segm" in row.channels:
        _write_mat(f"{stem}_segm.mat", _numbered("segm", truth.parts))
    if "normal" in row.channels:
        _write_mat(f"{stem}_normal.mat", _numbered("normal", truth.normals))
    if "gtflow" in row.channels:
        backward = _numbered("gtflow", truth.flow_backward)
        _write_mat(f"{stem}_gtflow.mat", backward | _numbered("gtflow_forward", truth.flow_forward))
    info = _info(row, truth, take)
    info["versions"] = json.dumps(versions, sort_keys=True)
    info["checks"] = json.dumps(checks, sort_keys=True)
    _write_mat(f"{stem}_info.mat", info)


def _info(row: PlanRow, truth: GroundTruth, take: Take) -> dict[str, Any]:
    count = row.frames
    pose, translation = take.pose[1:-1], take.translation[1:-1]

    def cell(text: str) -> np.ndarray:
        out = np.empty((1, count), dtype=object)
        out[:] = text
        return out

    def steady(values: Iterable[float], dtype: type = np.float32) -> np.ndarray:
        """(...) the same in every frame: (..., T)."""
        values = np.asarray(values, dtype=dtype)
        return np.repeat(values[..., None], count, axis=-1)

    cameras = take.cameras[1:-1]
    return {
        # SURREAL's fields
        "bg": cell(str(row.background.get("photograph", "painted"))),
        "camDist": np.array([[take.distance]], np.float32),
        "camLoc": cameras[0].position.astype(np.float32)[:, None],
        "clipNo": np.array([[row.clip]], np.float64),
        "cloth": cell(row.texture),
        "gender": np.full((count, 1), GENDERS[row.gender], np.uint8),
        "joints2D": truth.joints2d.transpose(2, 1, 0),
        "joints3D": truth.joints3d.transpose(2, 1, 0),
        "light": steady(row.light.get("coefficients", np.zeros(9))),
        "pose": pose.T.astype(np.float32),
        "sequence": Path(row.stem).name,
        "shape": steady(row.betas),
        "source": row.collection,
        "stride": np.array([[row.stride]], np.uint8),
        "zrot": np.full((count, 1), take.yaw, np.float32),
        # what it lacked
        "trans": translation.T.astype(np.float32),
        "K": np.stack([camera.intrinsics for camera in cameras], axis=-1),
        "R": np.stack([camera.rotation for camera in cameras], axis=-1),
        "t": np.stack([camera.translation for camera in cameras], axis=-1),
        "flow_ends": np.array([take.ends], np.uint8),
        "fps": np.array([[row.fps]], np.float64),
        "seed": np.array([[row.seed]], np.float64),
        "frame_indices": np.arange(row.start, row.start + count, dtype=np.int32)[None],
        "category": row.category,
        "subject": row.subject,
        "split": row.split,
        "identity": row.identity,
        "uv_layout": row.uv_layout,
        "stand_in": np.array([[row.stand_in]], np.uint8),
        "plan_row": row.to_json(),
    }


def publish(folder: Path, out: Path, row: PlanRow) -> None:
    """Move a clip that lies whole in ``folder`` to its place under ``out``."""
    target = out / row.stem
    target.parent.mkdir(parents=True, exist_ok=True)
    for suffix in clip_files(row.channels):
        os.replace(folder / (target.name + suffix), f"{target}{suffix}")


def is_published(out: Path, row: PlanRow) -> bool:
    """Whether every file of the clip is in place."""
    return all(Path(f"{out / row.stem}{suffix}").is_file() for suffix in clip_files(row.channels))


def published_row(out: Path, row: PlanRow) -> PlanRow | None:
    """The row by which the clip of that stem was made; None where there is no such clip.

    Raises BadInput when its ``_info.mat`` is damaged.
    """
    path = Path(f"{out / row.stem}_info.mat")
    if not path.is_file():
        return None
    try:
        text = scipy.io.loadmat(path, variable_names=["plan_row"])["plan_row"]
        return PlanRow.from_json(str(text[0]))
    except (KeyError, IndexError, *_UNREADABLE) as error:
        raise BadInput(
            f"{path}: not the information of a clip of ours ({error}); remove the clip's files"
        ) from error


def write_index(out: Path, rows: Iterable[PlanRow]) -> int:
    """Write clips.jsonl: one line a clip of ``rows`` that is published. Returns how many."""
    lines = [
        {
            "path": row.stem,
            "sequence": row.sequence,
            "category": row.category,
            "split": row.split,
            "frames": row.frames,
            "fps": row.fps,
            "texture": row.texture,
            "identity": row.identity,
            "stand_in": row.stand_in,
        }
        for row in rows
        if is_published(out, row)
    ]
    with written_whole(out / "clips.jsonl") as path:
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return len(lines)


def write_conventions(out: Path) -> None:
    """Write conventions.json."""
    with written_whole(out / "conventions.json") as path:
        path.write_text(json.dumps(CONVENTIONS, indent=2) + "\n", encoding="utf-8")


def read_clip(stem: Path | str) -> Clip:
    """Read a clip by its path without suffix. Channels that are not there are None.

    Raises BadInput when a file is missing or damaged.
    """
    stem = str(stem)
    info_path = Path(f"{stem}_info.mat")
    if not info_path.is_file():
        raise BadInput(
            f"{info_path}: no such file; expected a clip that `synth render-videos` wrote"
        )
    info = _read_mat(info_path)
    count = info["joints2D"].shape[2]

    def channel(file: str, name: str) -> np.ndarray | None:
        path = Path(f"{stem}_{file}.mat")
        if not path.is_file():
            return None
        values = _read_mat(path)
        try:
            return np.stack([values[f"{name}_{frame}"] for frame in range(1, count + 1)])
        except KeyError as error:
            raise BadInput(f"{path}: no {error}, expected {count} frames; render again") from error

    deep = channel("depth", "depth")
    if deep is not None:
        deep[deep >= NO_DEPTH] = np.inf
    truth = GroundTruth(
        parts=channel("segm", "segm"),
        joints2d=info["joints2D"].transpose(2, 1, 0),
        joints3d=info["joints3D"].transpose(2, 1, 0),
        depth=deep,
        normals=channel("normal", "normal"),
        flow_backward=channel("gtflow", "gtflow"),
        flow_forward=channel("gtflow", "gtflow_forward"),
    )
    return Clip(read_video(Path(f"{stem}.mp4")), truth, info)


def write_video(path: Path, frames: np.ndarray, fps: float) -> None:
    """(T,H,W,3) RGB uint8 as H.264, yuv420p, crf 23 (SURREAL's); one thread, so the bytes repeat."""
    with av.open(str(path), "w", options={"fflags": "+bitexact", "movflags": "+faststart"}) as file:
        stream = file.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        stream.options = {"crf": "23", "threads": "1", "flags": "+bitexact"}
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode())


def read_video(path: Path) -> np.ndarray:
    """All frames of a film, (T,H,W,3) RGB uint8. Raises BadInput when it cannot be decoded."""
    try:
        with av.open(str(path)) as file:
            return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])
    except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
        raise BadInput(
            f"{path}: not a film that can be decoded ({error}); render it again"
        ) from error


def _numbered(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{name}_{number}": value for number, value in enumerate(values, 1)}


def _write_mat(path: str, values: dict[str, Any]) -> None:
    scipy.io.savemat(path, values, do_compression=True, long_field_names=True)
    with open(path, "r+b") as file:  # the header holds the time of day: not in ours
        file.write(_MAT_HEADER)


def _read_mat(path: Path) -> dict[str, Any]:
    try:
        return scipy.io.loadmat(path)
    except _UNREADABLE as error:
        raise BadInput(f"{path}: not a MAT file that can be read ({error})") from error
