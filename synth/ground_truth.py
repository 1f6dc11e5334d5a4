"""The ground truth of a clip, computed from the mesh through visibility: no Blender, no
anti-aliasing.

One visibility buffer a frame gives depth, parts, normals and both flows by plain array arithmetic,
so a label is exactly that of the surface point at the pixel's centre. Conventions: ``CONVENTIONS``
in ``synth.clips``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mocap.body import Body
from textures.camera import Camera
from textures.visibility import depth, flow, normals, parts, visibility

CHANNELS = ("depth", "segm", "normal", "gtflow")


@dataclass(frozen=True)
class GroundTruth:
    """Of T frames of H x W pixels; channels that were not asked for are None.

    ``depth`` (T,H,W) float32 planar z in metres, inf background; ``parts`` (T,H,W) uint8, 0
    background; ``normals`` (T,H,W,3) float32 in camera space; ``flow_forward``, ``flow_backward``
    (T,H,W,2) float32 pixels (dx, dy), y down; ``joints3d`` (T,24,3) float32 world metres;
    ``joints2d`` (T,24,2) float32 pixels, not rounded. ``parts`` is always there: it is the mask.
    """

    parts: np.ndarray
    joints2d: np.ndarray
    joints3d: np.ndarray
    depth: np.ndarray | None = None
    normals: np.ndarray | None = None
    flow_forward: np.ndarray | None = None
    flow_backward: np.ndarray | None = None

    @property
    def mask(self) -> np.ndarray:
        """(T,H,W) bool, True on the body."""
        return self.parts > 0


def ground_truth(
    vertices: np.ndarray,
    joints: np.ndarray,
    body: Body,
    camera: Camera,
    *,
    channels: Sequence[str] = CHANNELS,
    progress: Callable[[int], None] = lambda frames: None,
) -> GroundTruth:
    """The ground truth of the frames between the first and the last.

    ``vertices`` (T+2,V,3) and ``joints`` (T+2,24,3) hold one more frame at either end, so that
    every frame has a flow both ways (see ``synth.plan.clip_motion``). Raises ValueError for an
    unknown channel.
    """
    unknown = set(channels) - set(CHANNELS)
    if unknown:
        raise ValueError(
            f"no channel {', '.join(sorted(unknown))}; there are {', '.join(CHANNELS)}"
        )
    frames = len(vertices) - 2
    size = (frames, camera.height, camera.width)
    faces = body.faces
    out = {"parts": np.zeros(size, np.uint8)}
    if "depth" in channels:
        out["depth"] = np.full(size, np.inf, np.float32)
    if "normal" in channels:
        out["normals"] = np.zeros((*size, 3), np.float32)
    if "gtflow" in channels:
        out["flow_forward"] = np.zeros((*size, 2), np.float32)
        out["flow_backward"] = np.zeros((*size, 2), np.float32)
    for frame in range(frames):
        before, now, after = vertices[frame : frame + 3]
        seen = visibility(now, faces, camera)
        out["parts"][frame] = parts(seen, body.face_parts)
        if "depth" in channels:
            out["depth"][frame] = depth(seen, faces, now, camera)
        if "normal" in channels:
            out["normals"][frame] = normals(seen, faces, now, camera)
        if "gtflow" in channels:
            for name, other in (("flow_forward", after), ("flow_backward", before)):
                if not np.array_equal(
                    other, now
                ):  # a repeated frame has a flow of 0, not of rounding
                    out[name][frame] = flow(seen, faces, other, camera)
        progress(1)
    inner = np.asarray(joints[1:-1], dtype=np.float32)
    pixels, _ = camera.project(inner.reshape(-1, 3))
    return GroundTruth(
        joints2d=pixels.reshape(frames, -1, 2).astype(np.float32), joints3d=inner, **out
    )
