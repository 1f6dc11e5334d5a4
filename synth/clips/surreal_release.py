"""SURREAL's own release (Varol et al., CVPR 2017), read as arrays in our conventions.

Its camera is a reflection (the 3x3 of its `matrix_world` has det -1), so that its pictures show
the world in a mirror: a left hand looks like a right one, under labels that still name it left. The
world itself is sound: SMPL's forward pass with the stored numbers gives `joints3D`. So
un-mirroring turns the pictures round, not the person: frames and channels are flipped left to
right, a flow's dx changes sign, and the camera becomes proper, while parts, joints, pose and world
stay.

What is known and what is inferred. That the reflecting camera below projects `joints3D` onto
`joints2D` to the pixel was computed on a real `_info.mat`; `read_release` checks it on every
clip. How the person is turned (the pelvis by `zrot` about its vertical axis, then by 90 degrees
about x) is what SURREAL's own script does. That depth is the distance to the camera's centre, that
flow is Blender's raw (X, Y) with y up and leads to the frame before, and that normals are in world
axes follows from how Blender 2.78 works and has not been compared with a released `_depth.mat`,
`_gtflow.mat` or `_normal.mat`: flags read the other way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from mocap.errors import BadInput
from synth.clips.clip import Clip
from synth.clips.mat_files import read_mat, stacked
from synth.clips.surreal_camera import MIRROR, SURREAL_ROTATION, UPRIGHT, ray_lengths
from synth.clips.surreal_channels import NO_DEPTH
from synth.clips.video_files import read_video
from synth.plans.plan_row import SURREAL_LENS
from synth.scene.ground_truth import GroundTruth
from textures.visibility.camera import intrinsic_matrix

# SURREAL's world (y down) to ours (y up), a half turn about x.
TO_OUR_WORLD = np.diag([1.0, -1.0, -1.0])
_MAX_DEVIATION = 1.0  # pixels that a projected joint may lie from the rounded one
_ADVICE = "fetch the file again"


def read_release(
    stem: Path | str,
    *,
    unmirror: bool = True,
    ray_depth: bool = True,
    blender_flow: bool = True,
    joints_y_up: bool = False,
) -> Clip:
    """A clip of SURREAL's release by its path without suffix, with the channels that lie beside it.

    The result is as `read_clip`'s: world y up, camera x right, y down, z forward, planar depth in
    metres with inf for background, backward flow (dx, dy) with y down, normals in camera axes. Its
    `info` holds SURREAL's variables, of which K, R, t (3,3,T), joints2D (projected, not rounded),
    joints3D, joints3D_camera, pose (the pelvis turned in our world), camLoc and zrot (pi/2, the
    camera stands at +x) are ours; and `mirrored`. There is no `trans`: the pelvis' rest
    position, which it starts from, is SMPL's.

    Args:
        stem: the clip's path without suffix.
        unmirror: turn the pictures round, so that det R = +1; else R is the reflection, det -1.
        ray_depth: the file's depth is the distance to the camera's centre, else planar z.
        blender_flow: the file's flow is (X, Y) with y up, else (dx, dy) with y down.
        joints_y_up: joints2D counts y from the bottom, as SURREAL's code writes it but not its release.

    Raises:
        BadInput: naming the file, where one is missing or damaged, and where joints2D are not the
            projected joints3D.
    """
    stem = str(stem)
    path = Path(f"{stem}_info.mat")
    if not path.is_file():
        raise BadInput(f"{path}: no such file; expected a clip of SURREAL's release")
    info = read_mat(path, advice=_ADVICE)
    variables = _numbers(info, path)
    frames = read_video(Path(f"{stem}.mp4"))
    count, height, width = frames.shape[:3]
    if count != variables["pose"].shape[1]:
        raise BadInput(
            f"{stem}.mp4: {count} frames, but {path.name} describes "
            f"{variables['pose'].shape[1]}; {_ADVICE}"
        )
    reflection = SURREAL_ROTATION @ TO_OUR_WORLD.T
    position = TO_OUR_WORLD @ variables["camLoc"][:, 0]
    intrinsics = intrinsic_matrix(SURREAL_LENS * width, (width / 2, height / 2))
    world = np.einsum("ij,jkt->tki", TO_OUR_WORLD, variables["joints3D"])
    pixels = _projected((world - position) @ reflection.T, intrinsics)
    stored = variables["joints2D"].transpose(2, 1, 0)
    if joints_y_up:
        stored = np.stack([stored[..., 0], height - stored[..., 1]], axis=-1)
    deviation = float(np.abs(pixels - stored).max())
    if not deviation <= _MAX_DEVIATION:
        raise BadInput(
            f"{path}: joints2D lie up to {deviation:.1f} pixels from the projected joints3D, expected at "
            f"most {_MAX_DEVIATION:g}; a clip that SURREAL's code wrote needs joints_y_up, one of "
            "`synth render-videos` read_clip"
        )
    rotation = MIRROR @ reflection if unmirror else reflection
    camera = (world - position) @ rotation.T
    pixels = _projected(camera, intrinsics)
    fields = _channels(
        stem, (count, height, width), rotation, ray_depth=ray_depth, blender_flow=blender_flow
    )
    if unmirror:
        frames = frames[:, :, ::-1]
        for name, values in fields.items():
            fields[name] = np.ascontiguousarray(values[:, :, ::-1])
        if "flow_backward" in fields:
            fields["flow_backward"][..., 0] *= -1
    inside = (camera[..., 2] > 0) & (pixels >= 0).all(-1) & (pixels < (width, height)).all(-1)
    joints_camera = camera.astype(np.float32)
    stored_fields: dict[str, Any] = {"parts": None, **fields}
    truth = GroundTruth(
        **stored_fields,
        joints2d=pixels.astype(np.float32),
        joints3d=world.astype(np.float32),
        joints_camera=joints_camera,
        joints_inside=inside,
    )

    def steady(values: np.ndarray) -> np.ndarray:
        return np.repeat(values[..., None], count, axis=-1)

    ours = {
        **variables,
        "K": steady(intrinsics),
        "R": steady(rotation),
        "t": steady(-rotation @ position),
        "joints2D": truth.joints2d.transpose(2, 1, 0),
        "joints3D": truth.joints3d.transpose(2, 1, 0),
        "joints3D_camera": joints_camera.transpose(2, 1, 0),
        "pose": _pose_in_our_world(variables["pose"], variables["zrot"]),
        "camLoc": position[:, None],
        "zrot": np.full((count, 1), np.pi / 2, np.float32),
        "image_size": np.array([[width, height]], np.int32),
        "mirrored": not unmirror,
    }
    return Clip(np.ascontiguousarray(frames), truth, info | ours)


def _numbers(info: dict[str, Any], path: Path) -> dict[str, np.ndarray]:
    """SURREAL's arrays with T last; tools that drop axes of length 1 leave clips of one frame flat."""
    shapes = {"joints2D": (2, 24), "joints3D": (3, 24), "pose": (72,), "shape": (10,)}
    out = {}
    for name, shape in (shapes | {"camLoc": (3,), "zrot": ()}).items():
        value = np.asarray(info.get(name, np.zeros(0)))
        is_numeric = value.dtype.kind in "fiu" and value.size > 0
        if is_numeric and name == "zrot":
            out[name] = value.reshape(-1, 1).astype(np.float64)
            continue
        if not is_numeric or value.shape[: len(shape)] != shape or value.ndim > len(shape) + 1:
            actual = f"{value.dtype} {value.shape}" if name in info else "none"
            raise BadInput(
                f"{path}: {name} is {actual}, expected numbers {(*shape, 'T')}; {_ADVICE}"
            )
        out[name] = value.reshape(*shape, -1).astype(np.float64)
    counts = {name: out[name].shape[-1] for name in shapes} | {"zrot": len(out["zrot"])}
    if len(set(counts.values())) > 1:
        raise BadInput(f"{path}: frames of {counts}, expected as many of each; {_ADVICE}")
    if not all(np.isfinite(value).all() for value in out.values()):
        raise BadInput(f"{path}: numbers that are not finite; {_ADVICE}")
    return out


def _projected(points: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """Camera points (...,3) to pixels (...,2)."""
    pixels = points @ intrinsics.T
    return pixels[..., :2] / pixels[..., 2:]


def _pose_in_our_world(pose: np.ndarray, zrot: np.ndarray) -> np.ndarray:
    """SURREAL's pose (72,T) with the pelvis turned in our world, float32."""
    upright = TO_OUR_WORLD @ UPRIGHT
    about_vertical = Rotation.from_rotvec(zrot * [0.0, 0.0, 1.0])
    pelvis = Rotation.from_matrix(upright) * about_vertical * Rotation.from_rotvec(pose[:3].T)
    return np.concatenate([pelvis.as_rotvec().T, pose[3:]]).astype(np.float32)


def _channels(
    stem: str,
    size: tuple[int, int, int],
    rotation: np.ndarray,
    *,
    ray_depth: bool,
    blender_flow: bool,
) -> dict[str, np.ndarray]:
    """The dense fields as they lie in the mirrored picture, but for normals: in `rotation`'s axes."""
    fields: dict[str, np.ndarray] = {}
    for suffix, name, field, dtype, axes in (
        ("_depth.mat", "depth", "depth", np.float32, 3),
        ("_segm.mat", "segm", "parts", np.uint8, 3),
        ("_gtflow.mat", "gtflow", "flow_backward", np.float32, 4),
        ("_normal.mat", "normal", "normals", np.float32, 4),
    ):
        path = Path(f"{stem}{suffix}")
        if not path.is_file():
            continue
        values = read_mat(path, advice=_ADVICE)
        fields[field] = stacked(path, values, name, dtype=dtype, axes=axes, advice=_ADVICE)
        last = () if axes == 3 else (2,) if name == "gtflow" else (3,)
        if fields[field].shape != (*size, *last):
            raise BadInput(
                f"{path}: {name} is {fields[field].shape}, expected {(*size, *last)} as the film; "
                f"{_ADVICE}"
            )
    if "depth" in fields:
        nothing = fields["depth"] >= NO_DEPTH / 10
        if ray_depth:
            fields["depth"] = fields["depth"] / ray_lengths(*size[1:])
        fields["depth"] = np.where(nothing, np.inf, fields["depth"]).astype(np.float32)
    if "flow_backward" in fields and blender_flow:
        fields["flow_backward"] = fields["flow_backward"] * np.array([1, -1], np.float32)
    if "normals" in fields:
        turned = fields["normals"] @ (rotation @ TO_OUR_WORLD).T
        fields["normals"] = turned.astype(np.float32)
    return fields
