"""All that the checks of one clip look at, and what they derive from it together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from mocap.bodies.mesh import Mesh
from synth.checks.flow_figures import FlowSteps, flow_steps
from synth.checks.joint_figures import camera_points
from synth.checks.surface_figures import SurfaceSamples, surface_samples
from synth.plans.plan_row import PlanRow
from synth.scene.ground_truth import GroundTruth
from synth.scene.occluders import OCCLUDER_PART
from synth.scene.posed_clip import PosedClip

T = TypeVar("T")

_APART = 10.0  # metres
_WORDS = {
    "planned": "row in plan.jsonl",
    "mask": "channel that tells the body",
    "samples": "uv",
    "surface": "uv",
    "steps": "flow of two frames",
    "rate": "film",
    "frames": "film",
    "silhouettes": "outline by the renderer, known while rendering only",
    "plates": "background to compare with",
    "recomputed": "ground truth computed again",
}
"""What `missing_data` calls a field, where that is not its name."""


@dataclass(frozen=True, kw_only=True)
class ClipData:
    """A clip of T frames as its files hold it, and what it should agree with; None: not to be had.

    row: the clip's row of the plan, as the clip holds it.
    posed_clip: its poses and cameras.
    truth: the ground truth as read (`parts` None where not stored).
    mesh: of the body that is posed, or of the scene.
    vertices: (T+2,V,3), and joints: (T+2,24P,3): the mesh and its P people in `posed_clip`.
    frames: (T,H,W,3) uint8, and rate: the film, decoded.
    rendered: (T,H,W,3) uint8, while the clip is made: the pictures that went into the film.
    silhouettes: (T,H,W) bool, while the clip is made: where they show more body than background.
    sharp: (T,H,W,3) uint8: the pictures before the lens, while the clip is made or where it keeps them.
    plates: T backgrounds (H,W,3).
    recomputed: the ground truth of `posed_clip`.
    planned: the clip's row in the folder's plan.
    """

    row: PlanRow
    posed_clip: PosedClip
    truth: GroundTruth
    mesh: Mesh
    vertices: np.ndarray
    joints: np.ndarray
    frames: np.ndarray | None = None
    rate: float | None = None
    rendered: np.ndarray | None = None
    silhouettes: np.ndarray | None = None
    sharp: np.ndarray | None = None
    plates: Sequence[np.ndarray] | None = None
    recomputed: GroundTruth | None = None
    planned: PlanRow | None = None

    def with_film(
        self,
        *,
        frames: np.ndarray,
        rate: float,
        rendered: np.ndarray,
        silhouettes: np.ndarray,
        sharp: np.ndarray | None = None,
    ) -> ClipData:
        """The same and what became of the film; what was derived already is kept."""
        whole = replace(
            self,
            frames=frames,
            rate=rate,
            rendered=rendered,
            silhouettes=silhouettes,
            sharp=sharp,
        )
        names = {field.name for field in fields(self)}
        whole.__dict__.update({k: v for k, v in vars(self).items() if k not in names})
        return whole

    def provides(self, name: str) -> bool:
        """Whether something of that name, here or in the ground truth, is to be had."""
        is_field = hasattr(type(self), name) or name in self.__dataclass_fields__
        return getattr(self if is_field else self.truth, name) is not None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the film, in pixels."""
        return self.row.width, self.row.height

    @cached_property
    def intrinsics(self) -> np.ndarray:
        """(T,3,3)."""
        return np.stack([camera.intrinsics for camera in self.posed_clip.cameras[1:-1]])

    @cached_property
    def rotations(self) -> np.ndarray:
        """(T,3,3)."""
        return np.stack([camera.rotation for camera in self.posed_clip.cameras[1:-1]])

    @cached_property
    def translations(self) -> np.ndarray:
        """(T,3)."""
        return np.stack([camera.translation for camera in self.posed_clip.cameras[1:-1]])

    def in_camera(self, points: np.ndarray) -> np.ndarray:
        """World points (T,N,3) in camera space."""
        return camera_points(points, self.rotations, self.translations)

    @cached_property
    def mask(self) -> np.ndarray | None:
        """(T,H,W) bool from the first channel that tells; else recomputed; None where neither is."""
        truth = self.truth
        if truth.parts is not None:
            return truth.parts > 0
        if truth.face is not None:
            return truth.face >= 0
        if truth.depth is not None:
            return np.isfinite(truth.depth)
        if truth.normals is not None:
            return (truth.normals != 0).any(axis=-1)
        return None if self.recomputed is None else self.recomputed.mask

    @property
    def people_mask(self) -> np.ndarray | None:
        """(T,H,W) bool: the mask without occluders, where there are parts to tell them."""
        if self.mask is None or self.truth.parts is None:
            return self.mask
        return self.mask & (self.truth.parts != OCCLUDER_PART)

    @cached_property
    def samples(self) -> SurfaceSamples | None:
        """The surface points that the UV and face maps name."""
        if self.truth.uv is None or self.truth.face is None:
            return None
        return surface_samples(self.truth.uv, self.truth.face, self.mesh.uv, self.mesh.uv_faces)

    @cached_property
    def sample_points(self) -> np.ndarray | None:
        """The samples on the posed body, in camera space, (N,3)."""
        if self.samples is None:
            return None
        world = self.samples.positions(self.vertices, self.mesh.faces, step=1)
        frame = self.samples.frame
        rotated = np.einsum("nij,nj->ni", self.rotations[frame], world)
        return rotated + self.translations[frame]

    @cached_property
    def surface(self) -> np.ndarray | None:
        """(T,H,W,3) float32: the point of the template that each pixel shows, metres, NaN beside it.

        Templates of different instances lie `_APART` metres from each other.
        """
        if self.samples is None or self.truth.face is None:
            return None
        out = np.full((*self.truth.face.shape, 3), np.nan, np.float32)
        corners = self.mesh.vertices[self.mesh.faces[self.samples.face]]
        if self.mesh.face_instances is not None:
            instance = self.mesh.face_instances[self.samples.face].astype(np.float32)
            corners = corners + _APART * instance[:, None, None]
        pixels = (self.samples.frame, self.samples.row, self.samples.column)
        out[pixels] = np.einsum("nk,nkd->nd", self.samples.barycentric, corners)
        return out

    @cached_property
    def steps(self) -> FlowSteps | None:
        """Body pixels with where their forward flow ends; None for a single frame or no flow."""
        forward = self.truth.flow_forward
        if forward is None or self.mask is None or len(forward) < 2:
            return None
        return flow_steps(self.mask, forward, self.truth.occlusion_forward)

    @property
    def film_matches(self) -> bool:
        """Whether the film has the frames that the channels have; where not, the check "film" says so."""
        return self.mask is None or required(self.frames).shape[:3] == self.mask.shape


def required(value: T | None) -> T:
    """`value`, which the `needs` of a check have made sure of. Raises ValueError for None."""
    if value is None:
        raise ValueError("a check looks at what is not among its needs")
    return value


def missing_data(names: Sequence[str]) -> str:
    """The fields that are not to be had, in words: "no uv, no film"."""
    words = dict.fromkeys(_WORDS.get(name, name.replace("_", " ")) for name in names)
    return f"no {', no '.join(words)}"
