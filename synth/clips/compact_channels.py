"""The layout "compact": few bytes, one .npz archive per channel.

`_mask.npz` says which pixels show the body; every other archive holds values of those pixels
alone, in their order (`synth.clips.body_pixels`): labels as they are, real numbers as fixed-point or
octahedral integers with the error said (`synth.clips.quantisation`), predicted from their neighbours.
Everything is deflated, nothing is pickled; the same arrays give the same bytes. `COMPACT` tells
how to read them without this package.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from synth.clips.body_pixels import (
    BodyPixels,
    body_pixels,
    pack_mask,
    residuals,
    unpack_mask,
    values_of,
)
from synth.clips.mask_rows import disagreements
from synth.clips.numpy_archive import Archive, write_archive
from synth.clips.quantisation import (
    NORMAL_ERROR_DEGREES,
    NORMAL_LEVELS,
    FixedPoint,
    fixed_point,
    octahedral,
    real_numbers,
    unit_vectors,
)
from synth.scene.ground_truth import GroundTruth

VERSION = 1
DEPTH_STEP = 2.0**-12  # metres
FLOW_STEP = 2.0**-6  # pixels
UV_STEP = 2.0**-14  # of the texture's side
TRACK_STEP = 2.0**-7  # pixels
TRACK_STEP_3D = 2.0**-13  # metres
_FAR = 2**30  # track numbers beyond it are no longer told apart from "not in any image"
_LOST = -(2**31)
_ADVICE = "render the clip again, or recompute the channel"

ERRORS: dict[str, Any] = {
    "depth": {"metres": DEPTH_STEP / 2},
    "segm": "lossless",
    "normal": {"degrees": NORMAL_ERROR_DEGREES},
    "gtflow": {"pixels": FLOW_STEP / 2},
    "bgflow": {"pixels": FLOW_STEP / 2},
    "uv": {"texture sides": UV_STEP / 2},
    "face": "lossless",
    "occlusion": "lossless",
    "instances": "lossless",
    "tracks": {"pixels": TRACK_STEP / 2, "metres": TRACK_STEP_3D / 2},
}
"""The most by which a stored value is off. Where its range needs a wider step, the file says so."""

COMPACT: dict[str, Any] = {
    "version": VERSION,
    "read": "numpy.load(file); no member is pickled",
    "mask": "_mask.npz: shape = (T,H,W); bits (T,H,ceil(W/8)): "
    "numpy.unpackbits(numpy.bitwise_xor.accumulate(bits, axis=1), axis=-1, count=W) is the mask; "
    "its N true pixels, frame by frame and row by row, are the places of all values below, "
    "everything else is background",
    "residuals": "(2,C,N) uint8, low and high byte of codes z of 16 bits; r = (z >> 1) ^ -(z & 1); "
    "number = (r + guess) mod 65536, where guess, of the numbers before it in the same frame, is "
    "left + above - aboveleft, or (left + above) // 2 where aboveleft is background, or that one of "
    "left and above which is not, or the number before it, or 0 for a frame's first",
    "fixed point": "value = (number + base[frame, component]) * step; at most step / 2 off",
    "depth": f"_depth.npz: fixed point, step {DEPTH_STEP:g} m, wider where a body is more than "
    f"{65536 * DEPTH_STEP:g} m deep",
    "segm": "_segm.npz: parts (N,) uint8",
    "normal": f"_normal.npz: two numbers; u, v = numbers / {NORMAL_LEVELS} - 1; z = |u| + |v| - 1; "
    "where z > 0: u, v = (1 - |v|) sign u, (1 - |u|) sign v; the normal is (u, v, z) at length 1",
    "gtflow": f"_gtflow.npz: backward_*, forward_*: fixed point, step {FLOW_STEP:g} pixels, wider "
    f"where a frame's flow ranges over more than {65536 * FLOW_STEP:g}",
    "bgflow": "_bgflow.npz: as gtflow, but of the pixels beside the mask, in their order, whose "
    "neighbours are others beside it",
    "uv": f"_uv.npz: fixed point, step {UV_STEP:g}; faces (3,N) uint8: the face's number, low, "
    "middle and high byte",
    "occlusion": "_occlusion.npz: forward, backward: numpy.unpackbits(.., count=N)",
    "instances": "_instances.npz: instances (N,) uint8",
    "tracks": "_tracks.npz: pixels_residuals (4,T,N,2), metres_residuals (4,T,N,3) uint8: the bytes, "
    "lowest first, of codes z of 32 bits; r = (z >> 1) ^ -(z & 1) as int32; numbers = "
    "numpy.cumsum(numpy.cumsum(r, 0), 0) as int32; values = numbers * step, "
    f"{TRACK_STEP:g} pixels and {TRACK_STEP_3D:g} m; {_LOST} is not a number (a point in or near the "
    "camera's own plane); visible: numpy.unpackbits(.., count=T*N); faces, barycentric as they are",
}


def compact_files(channels: Iterable[str]) -> list[str]:
    """Suffixes of the channels' files."""
    channels = list(channels)
    masked = ["_mask.npz"] if set(channels) - {"tracks"} else []
    return masked + [f"_{channel}.npz" for channel in channels]


def write_compact(stem: str, truth: GroundTruth, channels: Iterable[str]) -> None:
    """Write the channels' files beside `stem`.

    Raises ValueError where a channel has values off the body, or some that are not finite on it.
    """
    channels = list(channels)
    if set(channels) - {"tracks"}:
        mask = truth.mask
        pixels = body_pixels(mask)
        members = {"shape": np.array(mask.shape, np.int32), "bits": pack_mask(mask)}
        write_archive(f"{stem}_mask.npz", _with_version(members))
    for channel in channels:
        if channel == "tracks":
            members = _track_members(truth)
        else:
            members = _CHANNELS[channel][0](truth, pixels)
        codes = [name for name in members if name.endswith("residuals")]
        path = f"{stem}_{channel}.npz"
        write_archive(path, _with_version(members), residuals=codes)


def read_compact(stem: str, channels: Iterable[str]) -> dict[str, np.ndarray]:
    """The fields of GroundTruth that the channels' files hold.

    Raises BadInput, naming the file, where one is missing or damaged.
    """
    channels = list(channels)
    fields: dict[str, np.ndarray] = {}
    if set(channels) - {"tracks"}:
        pixels = _read_mask(Path(f"{stem}_mask.npz"))
    for channel in channels:
        path = Path(f"{stem}_{channel}.npz")
        members = _opened(path)
        if channel == "tracks":
            fields |= _tracks(members)
        else:
            fields |= _CHANNELS[channel][1](members, pixels)
    return fields


def _with_version(members: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"version": np.array(VERSION, np.int32), **members}


def _opened(path: Path) -> Archive:
    archive = Archive(path, advice=_ADVICE)
    version = archive.get("version", np.int32, ())
    if version != VERSION:
        raise archive.fail(f"version {version}", f"version {VERSION}")
    return archive


def _read_mask(path: Path) -> BodyPixels:
    members = _opened(path)
    shape = members.get("shape", np.int32, (3,))
    if (shape <= 0).any():
        raise members.fail(f"a film of {'x'.join(map(str, shape))}", "frames, rows and columns")
    frames, height, width = (int(n) for n in shape)
    bits = members.get("bits", np.uint8, (frames, height, (width + 7) // 8))
    return body_pixels(unpack_mask(bits, width))


def _on_body(
    name: str, frames: np.ndarray | None, background: float, pixels: BodyPixels
) -> np.ndarray:
    """The values (N,C) of a field on the body; raises ValueError where there are some off it."""
    if frames is None:
        raise ValueError(f"{name} is not there, but its channel is to be written")
    if frames.shape[:3] != pixels.shape:
        raise ValueError(f"{name} is of {frames.shape[:3]} pixels, the body of {pixels.shape}")
    if disagreements(frames, pixels.rows, background=background)[1]:
        raise ValueError(f"{name} has values where there is no body")
    return pixels.gather(frames)


def _fixed_members(
    prefix: str, values: np.ndarray, pixels: BodyPixels, step: float, unit: str
) -> dict[str, np.ndarray]:
    fixed = fixed_point(values, pixels.starts, step)
    return {
        f"{prefix}step": np.array(fixed.step),
        f"{prefix}error_{unit}": np.array(fixed.error),
        f"{prefix}base": fixed.base,
        f"{prefix}residuals": residuals(fixed.numbers, pixels),
    }


def _fixed_values(members: Archive, prefix: str, pixels: BodyPixels, components: int) -> np.ndarray:
    planes = members.get(f"{prefix}residuals", np.uint8, (2, components, len(pixels.index)))
    base = members.get(f"{prefix}base", np.int32, (pixels.shape[0], components))
    fixed = FixedPoint(members.positive(f"{prefix}step"), base, values_of(planes, pixels))
    return real_numbers(fixed, pixels.starts)


def _depth_members(truth: GroundTruth, pixels: BodyPixels) -> dict[str, np.ndarray]:
    values = _on_body("depth", truth.depth, np.inf, pixels)
    return _fixed_members("", values, pixels, DEPTH_STEP, "metres")


def _depth(members: Archive, pixels: BodyPixels) -> dict[str, np.ndarray]:
    values = _fixed_values(members, "", pixels, 1)
    return {"depth": pixels.scatter(values, np.inf)[..., 0]}


def _segm_members(truth: GroundTruth, pixels: BodyPixels) -> dict[str, np.ndarray]:
    return {"parts": pixels.gather(truth.require("parts"))[:, 0]}


def _segm(members: Archive, pixels: BodyPixels) -> dict[str, np.ndarray]:
    parts = members.get("parts", np.uint8, (len(pixels.index),))
    return {"parts": pixels.scatter(parts[:, None], 0)[..., 0]}


def _instance_members(truth: GroundTruth, pixels: BodyPixels) -> dict[str, np.ndarray]:
    return {"instances": _on_body("instances", truth.instances, 0, pixels)[:, 0]}


def _instances(members: Archive, pixels: BodyPixels) -> dict[str, np.ndarray]:
    instances = members.get("instances", np.uint8, (len(pixels.index),))
    return {"instances": pixels.scatter(instances[:, None], 0)[..., 0]}


def _normal_members(truth: GroundTruth, pixels: BodyPixels) -> dict[str, np.ndarray]:
    values = _on_body("normals", truth.normals, 0, pixels)
    if not np.isfinite(values).all():
        raise ValueError("values that are not finite cannot be stored")
    return {
        "levels": np.array(NORMAL_LEVELS, np.int32),
        "error_degrees": np.array(NORMAL_ERROR_DEGREES),
        "residuals": residuals(octahedral(values), pixels),
    }


def _normal(members: Archive, pixels: BodyPixels) -> dict[str, np.ndarray]:
    if members.get("levels", np.int32, ()) != NORMAL_LEVELS:
        raise members.fail("other levels", f"{NORMAL_LEVELS}")
    planes = members.get("residuals", np.uint8, (2, 2, len(pixels.index)))
    return {"normals": pixels.scatter(unit_vectors(values_of(planes, pixels)), 0)}


def _flow_members(truth: GroundTruth, pixels: BodyPixels) -> dict[str, np.ndarray]:
    members: dict[str, np.ndarray] = {}
    for name in ("backward", "forward"):
        values = _on_body(f"flow_{name}", getattr(truth, f"flow_{name}"), 0, pixels)
        members |= _fixed_members(f"{name}_", values, pixels, FLOW_STEP, "pixels")
    return members


def _flow(members: Archive, pixels: BodyPixels) -> dict[str, np.ndarray]:
    return {
        f"flow_{name}": pixels.scatter(_fixed_values(members, f"{name}_", pixels, 2), 0)
        for name in ("backward", "forward")
    }


def _background_flow_members(truth: GroundTruth, pixels: BodyPixels) -> dict[str, np.ndarray]:
    outside_body = body_pixels(~truth.mask)
    members: dict[str, np.ndarray] = {}
    for name in ("backward", "forward"):
        values = truth.require(f"background_flow_{name}")
        members |= _fixed_members(
            f"{name}_",
            _on_body(f"background_flow_{name}", values, 0, outside_body),
            outside_body,
            FLOW_STEP,
            "pixels",
        )
    return members


def _background_flow(members: Archive, pixels: BodyPixels) -> dict[str, np.ndarray]:
    mask = pixels.scatter(np.ones((len(pixels.index), 1), bool), False)[..., 0]
    outside_body = body_pixels(~mask)
    return {
        f"background_flow_{name}": outside_body.scatter(
            _fixed_values(members, f"{name}_", outside_body, 2), 0
        )
        for name in ("backward", "forward")
    }


def _uv_members(truth: GroundTruth, pixels: BodyPixels) -> dict[str, np.ndarray]:
    members = _fixed_members("", _on_body("uv", truth.uv, 0, pixels), pixels, UV_STEP, "sides")
    faces = _on_body("face", truth.face, -1, pixels)[:, 0]
    if len(faces) and not 0 <= faces.min() <= faces.max() < 2**24:
        raise ValueError(f"faces {faces.min()} to {faces.max()} on the body, expected 0 to 2^24-1")
    return {**members, "faces": np.stack([(faces >> s).astype(np.uint8) for s in (0, 8, 16)])}


def _uv(members: Archive, pixels: BodyPixels) -> dict[str, np.ndarray]:
    low, middle, high = members.get("faces", np.uint8, (3, len(pixels.index))).astype(np.int32)
    faces = low | middle << 8 | high << 16
    return {
        "uv": pixels.scatter(_fixed_values(members, "", pixels, 2), 0),
        "face": pixels.scatter(faces[:, None], -1)[..., 0],
    }


def _occlusion_members(truth: GroundTruth, pixels: BodyPixels) -> dict[str, np.ndarray]:
    members = {}
    for name in ("forward", "backward"):
        values = getattr(truth, f"occlusion_{name}")
        members[name] = np.packbits(_on_body(f"occlusion_{name}", values, False, pixels))
    return members


def _occlusion(members: Archive, pixels: BodyPixels) -> dict[str, np.ndarray]:
    count = len(pixels.index)
    fields = {}
    for name in ("forward", "backward"):
        bits = members.get(name, np.uint8, ((count + 7) // 8,))
        values = np.unpackbits(bits, count=count).view(bool)
        fields[f"occlusion_{name}"] = pixels.scatter(values[:, None], False)[..., 0]
    return fields


def _track_members(truth: GroundTruth) -> dict[str, np.ndarray]:
    if truth.tracks2d is None:
        raise ValueError("tracks are not there, but their channel is to be written")
    return {
        "pixels_step": np.array(TRACK_STEP),
        "pixels_error": np.array(TRACK_STEP / 2),
        "pixels_residuals": _track_bytes(truth.tracks2d, TRACK_STEP),
        "metres_step": np.array(TRACK_STEP_3D),
        "metres_error": np.array(TRACK_STEP_3D / 2),
        "metres_residuals": _track_bytes(truth.require("tracks3d"), TRACK_STEP_3D),
        "visible": np.packbits(truth.require("tracks_visible")),
        "faces": truth.require("track_faces").astype(np.int32),
        "barycentric": truth.require("track_barycentric").astype(np.float32),
    }


def _track_bytes(values: np.ndarray, step: float) -> np.ndarray:
    """The bytes (4,T,N,C) of the residuals of tracks that go on at their velocity."""
    with np.errstate(invalid="ignore", over="ignore"):
        numbers = np.rint(values.astype(np.float64) / step)
        numbers = np.where(np.abs(numbers) < _FAR, numbers, _LOST).astype(np.int32)
        for _ in range(2):
            numbers = np.diff(numbers, axis=0, prepend=np.zeros_like(numbers[:1]))
    codes = ((numbers << 1) ^ (numbers >> 31)).view(np.uint32)
    return np.stack([(codes >> np.uint32(s)).astype(np.uint8) for s in (0, 8, 16, 24)])


def _track_values(planes: np.ndarray, step: float) -> np.ndarray:
    codes = np.zeros(planes.shape[1:], np.uint32)
    for byte, plane in enumerate(planes):
        codes |= plane.astype(np.uint32) << np.uint32(8 * byte)
    numbers = (codes >> np.uint32(1)).view(np.int32) ^ -(codes & np.uint32(1)).view(np.int32)
    for _ in range(2):
        numbers = np.cumsum(numbers, axis=0, dtype=np.int32)
    return np.where(numbers == _LOST, np.nan, numbers * step).astype(np.float32)


def _tracks(members: Archive) -> dict[str, np.ndarray]:
    pixels = members.get("pixels_residuals", np.uint8, (4, None, None, 2))
    frames, count = pixels.shape[1:3]
    metres = members.get("metres_residuals", np.uint8, (4, frames, count, 3))
    bits = members.get("visible", np.uint8, ((frames * count + 7) // 8,))
    return {
        "tracks2d": _track_values(pixels, members.positive("pixels_step")),
        "tracks3d": _track_values(metres, members.positive("metres_step")),
        "tracks_visible": np.unpackbits(bits, count=frames * count)
        .view(bool)
        .reshape(frames, count),
        "track_faces": members.get("faces", np.int32, (count,)),
        "track_barycentric": members.get("barycentric", np.float32, (count, 3)),
    }


_CHANNELS = {
    "depth": (_depth_members, _depth),
    "segm": (_segm_members, _segm),
    "normal": (_normal_members, _normal),
    "gtflow": (_flow_members, _flow),
    "uv": (_uv_members, _uv),
    "occlusion": (_occlusion_members, _occlusion),
    "instances": (_instance_members, _instances),
    "bgflow": (_background_flow_members, _background_flow),
}
