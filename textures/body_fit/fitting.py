"""Body fit: from evidence about crops to SMPL pose, shape and camera (RSTG 3.1, where HMR does it).

Heading is decided first: the heading that the evidence tells and its opposite are both fitted, and the
better is kept, since a body that starts turned away never turns round. Then pose, shape and camera follow
landmarks, bone directions and person mask together, held by a pose prior and by the population of
shapes; joints that nothing shows stay at the prior's rest.

Frame. The crop's camera stands at the world's origin and looks along -z with y up (R = diag(1,-1,-1),
t = 0), so a body with zero pose, put in front of it, stands upright and faces it. Crops carry no camera:
it is a pinhole with a focal length of FOCAL pixels on a crop 128 pixels high, its axis through the
crop's middle; how much wider the crop was made than it was seen is fitted with the rest. Inside,
positions are in pixels of a crop 128 pixels high, x counted so that the middle of any crop is at 32: a
crop of 64 x 128 has its own pixels.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch.nn import functional

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning, rotation_matrices, skin
from textures.body_fit.camera_frame import (
    FACING,
    axis_angle,
    crop_camera,
    fitted_pixels,
    normalised_pixels,
    pelvis_position,
    rotations_from_6d,
)
from textures.body_fit.pose_prior import PosePrior, load_pose_prior
from textures.body_fit.silhouette import (
    Silhouettes,
    posed_surface,
    silhouette_points,
    silhouettes,
)
from textures.evidence.evidence import Evidence, EvidenceSource
from textures.evidence.landmarks import (
    BONE_ENDS,
    BONE_STARTS,
    INDEX,
    landmark_points,
    posed_landmarks,
)
from textures.visibility.camera import Camera

STRETCH_SPREAD = 0.12  # of the log of how much wider detectors' boxes are made


@dataclass(frozen=True, kw_only=True)
class FitWeights:
    """What the terms of the fit weigh, and its steps.

    landmark, direction, heading: of a source's confidence. prior, shape, stretch: of squared coordinates.
    inside, cover: of the person mask. tolerance: pixels from which a landmark's pull is linear.
    landmark_steps: of both headings; mask_steps: of the better one with the mask.
    """

    landmark: float = 1.0
    direction: float = 2.0
    heading: float = 1.0
    prior: float = 0.03
    shape: float = 0.15
    stretch: float = 0.5
    inside: float = 6.0
    cover: float = 6.0
    tolerance: float = 3.0
    landmark_steps: int = 60
    mask_steps: int = 30
    rate: float = 0.08


@dataclass(frozen=True, kw_only=True)
class BodyFit:
    """Fitted bodies of N crops, ready for skinning and visibility.

    pose (N,72), betas (N,10), translation (N,3) float32: SMPL's numbers, in the module's frame; as in
    SMPL the pelvis is at its rest position plus the translation. cameras: N cameras, on the crops' own
    sizes. person: N masks (h,w) float32, the probability that a pixel of the crop shows the person.
    agreement (N,) float32, 0..1: how well the body's landmarks agree with the evidence, weighted by its
    confidence. presence (N,) float32: the product of the sources' probabilities that a crop shows one
    whole upright person.
    """

    pose: np.ndarray
    betas: np.ndarray
    translation: np.ndarray
    cameras: tuple[Camera, ...]
    person: tuple[np.ndarray, ...]
    agreement: np.ndarray
    presence: np.ndarray


@dataclass(frozen=True, kw_only=True)
class PosedFit(BodyFit):
    """Fitted bodies and their vertices (N,V,3) float32, metres."""

    vertices: np.ndarray


SomeFit = TypeVar("SomeFit", bound=BodyFit)


def pose_fit(fit: BodyFit, skinning: Skinning) -> PosedFit:
    """The fit with its bodies posed."""
    vertices, _ = skin(skinning, pose=fit.pose, betas=fit.betas, translation=fit.translation)
    fields = {field.name: getattr(fit, field.name) for field in dataclasses.fields(BodyFit)}
    return PosedFit(**fields, vertices=vertices)


def selected_fits(fit: SomeFit, chosen: Sequence[int] | np.ndarray) -> SomeFit:
    """The fits of some of the crops, in the order of `chosen`."""
    columns: dict[str, Any] = {}
    for field in dataclasses.fields(fit):
        column = getattr(fit, field.name)
        is_tuple = isinstance(column, tuple)
        columns[field.name] = (
            tuple(column[index] for index in chosen) if is_tuple else column[list(chosen)]
        )
    return type(fit)(**columns)


class BodyFitter:
    """Fits a body to crops by what its sources say of them."""

    def __init__(
        self,
        body: Body,
        skinning: Skinning,
        sources: Sequence[EvidenceSource],
        *,
        prior: PosePrior | None = None,
        weights: FitWeights | None = None,
        device: str = "cpu",
    ) -> None:
        """Prepare the body.

        Args:
            body: that is fitted.
            skinning: of the same body, on the same device.
            sources: of evidence, at least one.
            prior: of poses; the shipped one when None.
            weights: of the terms.
            device: of the fit; sources have their own.
        """
        self.skinning, self.sources, self.device = skinning, tuple(sources), device
        self.prior = (prior or load_pose_prior()).to(device)
        self.weights = weights or FitWeights()
        self.landmarks = landmark_points(body, device=device)
        self.surface = silhouette_points(body, device=device)

    @property
    def name(self) -> str:
        """The sources' names."""
        return "+".join(source.name for source in self.sources)

    @property
    def tag(self) -> str:
        """The sources' tags, and a digest of the landmarks, the prior and the weights of the fit."""
        digest = hashlib.sha256(repr((self.weights, self.landmarks.order)).encode())
        for tensor in (self.prior.mean, self.prior.factor, self.landmarks.template):
            digest.update(tensor.cpu().numpy().tobytes())
        return "+".join([*(source.tag for source in self.sources), f"fit-{digest.hexdigest()[:8]}"])

    def fit(
        self, names: Sequence[str], images: Sequence[np.ndarray], *, batch: int = 64
    ) -> BodyFit:
        """Fit a body to each crop.

        Args:
            names: paths of the crops, for sources that read labels.
            images: (h,w,3) uint8 RGB, of any size.
            batch: crops that are fitted together.
        """
        evidence = [source.observe(names, images) for source in self.sources]
        sizes = [(image.shape[0], image.shape[1]) for image in images]
        return fit_evidence(self, evidence, sizes, batch=batch)


@dataclass(frozen=True)
class _Bodies:
    """B bodies: rotations (B,24,3,3), betas (B,10), camera (B,4), and the loss of each (B,)."""

    rotations: torch.Tensor
    betas: torch.Tensor
    camera: torch.Tensor
    loss: torch.Tensor


@dataclass(frozen=True)
class _Observations:
    """S sources about B crops, in normalised pixels: as `Evidence`, on the fit's device."""

    landmarks: torch.Tensor
    confidence: torch.Tensor
    directions: torch.Tensor
    direction_confidence: torch.Tensor
    heading: torch.Tensor
    heading_confidence: torch.Tensor

    def repeated(self, times: int) -> _Observations:
        return _Observations(
            *(
                getattr(self, field.name).repeat_interleave(times, 1)
                for field in dataclasses.fields(self)
            )
        )


def fit_evidence(
    fitter: BodyFitter,
    evidence: Sequence[Evidence],
    sizes: Sequence[tuple[int, int]],
    *,
    batch: int = 64,
) -> BodyFit:
    """Fit bodies to evidence that was collected before.

    Args:
        fitter: of the body.
        evidence: of each source, about the same N crops.
        sizes: (height, width) of each crop.
        batch: crops that are fitted together.
    """
    masks = _person_masks(evidence, len(sizes))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # hundreds of tiny operations, where waiting threads cost more
    try:
        pieces = [
            _fit_batch(fitter, evidence, masks, sizes, slice(first, first + batch))
            for first in range(0, len(sizes), batch)
        ]
    finally:
        torch.set_num_threads(threads)
    columns = {
        name: np.concatenate([piece[name] for piece in pieces])
        for name in ("pose", "betas", "translation", "agreement")
    }
    stretch = np.concatenate([piece["stretch"] for piece in pieces])
    presence = np.prod([source.presence for source in evidence], axis=0)
    return BodyFit(
        **columns,
        cameras=tuple(crop_camera(*size, float(k)) for size, k in zip(sizes, stretch)),
        person=tuple(
            np.ones(size, np.float32) if mask is None else mask for mask, size in zip(masks, sizes)
        ),
        presence=presence.astype(np.float32),
    )


def _person_masks(evidence: Sequence[Evidence], count: int) -> list[np.ndarray | None]:
    """The mean (h,w) of the sources' masks of each crop; None where no source has one."""
    masks: list[np.ndarray | None] = []
    for index in range(count):
        masks_of_crop = [mask for source in evidence if (mask := source.person[index]) is not None]
        mean = np.mean(masks_of_crop, axis=0, dtype=np.float32) if masks_of_crop else None
        masks.append(mean)
    return masks


def _fit_batch(
    fitter: BodyFitter,
    evidence: Sequence[Evidence],
    masks: Sequence[np.ndarray | None],
    sizes: Sequence[tuple[int, int]],
    rows: slice,
) -> dict[str, np.ndarray]:
    device, weights = fitter.device, fitter.weights
    chosen = list(sizes[rows])
    observed = _observations(evidence, chosen, rows, device)
    candidates = _start(observed, fitter)
    candidates = _descend(fitter, candidates, observed.repeated(2), None, weights.landmark_steps)
    loss = candidates.loss.view(-1, 2).nan_to_num(nan=torch.inf)  # argmin takes NaN for the least
    better = loss.argmin(1) + 2 * torch.arange(len(chosen), device=device)
    bodies = _Bodies(*(getattr(candidates, f.name)[better] for f in dataclasses.fields(_Bodies)))
    outline = silhouettes(masks[rows], chosen, device=device)
    bodies = _descend(fitter, bodies, observed, outline, weights.mask_steps)
    with torch.no_grad():
        points = posed_landmarks(fitter.skinning, fitter.landmarks, bodies.rotations, bodies.betas)
        distance = (fitted_pixels(points, bodies.camera) - observed.landmarks).norm(dim=-1)
        close = (torch.exp(-distance / 6) * observed.confidence).sum((0, 2))
        agreement = close / observed.confidence.sum((0, 2)).clamp(min=1.0)
        rest_pelvis = fitter.skinning.shaped_joints(bodies.betas)[:, 0]
        facing = rest_pelvis.new_tensor(np.diag(FACING))
        translation = pelvis_position(bodies.camera) * facing - rest_pelvis
    pose = axis_angle(bodies.rotations.cpu().numpy()).reshape(-1, 72)
    return {
        "pose": pose.astype(np.float32),
        "betas": bodies.betas.cpu().numpy(),
        "translation": translation.cpu().numpy(),
        "agreement": agreement.cpu().numpy(),
        "stretch": bodies.camera[:, 3].cpu().numpy(),
    }


def _observations(
    evidence: Sequence[Evidence],
    sizes: Sequence[tuple[int, int]],
    rows: slice,
    device: str,
) -> _Observations:
    def tensor(name: str) -> torch.Tensor:
        return torch.from_numpy(np.stack([getattr(e, name)[rows] for e in evidence])).to(device)

    pixels = normalised_pixels(tensor("landmarks"), sizes)
    return _Observations(
        pixels,
        tensor("confidence"),
        tensor("directions"),
        tensor("direction_confidence"),
        tensor("heading"),
        tensor("heading_confidence"),
    )


def _start(observed: _Observations, fitter: BodyFitter) -> _Bodies:
    """Bodies at the prior's mean, each crop's twice: with the evidence's heading and its opposite."""
    weight = observed.heading_confidence + 1e-6
    heading = torch.atan2(
        (observed.heading.sin() * weight).sum(0), (observed.heading.cos() * weight).sum(0)
    )
    heading = torch.stack([heading, heading + np.pi], 1).flatten()
    turn = torch.zeros(len(heading), 3, device=heading.device)
    turn[:, 1] = heading
    mean = fitter.prior.mean.view(1, 23, 3).expand(len(heading), -1, -1)
    rotations = rotation_matrices(torch.cat([turn[:, None], mean], 1))
    betas = torch.zeros(len(heading), 10, device=heading.device)
    camera = _first_camera(observed.repeated(2), fitter, rotations, betas)
    return _Bodies(rotations, betas, camera, torch.zeros_like(heading))


def _first_camera(
    observed: _Observations, fitter: BodyFitter, rotations: torch.Tensor, betas: torch.Tensor
) -> torch.Tensor:
    """Cameras (B,4) that put upright bodies on the landmarks, by their middle and spread in height."""
    points = posed_landmarks(fitter.skinning, fitter.landmarks, rotations, betas)
    weight = observed.confidence.sum(0)[..., None] + 1e-6
    pixels = (observed.landmarks * observed.confidence[..., None]).sum(0) / weight
    total = weight.sum(1)
    middle, centre = (pixels * weight).sum(1) / total, (points * weight).sum(1) / total
    rise = ((pixels - middle[:, None])[..., 1] ** 2 * weight[..., 0]).sum(1)
    height = ((points - centre[:, None])[..., 1] ** 2 * weight[..., 0]).sum(1)
    scale = (rise / height.clamp(min=1e-6)).sqrt().clamp(15.0, 250.0)
    pelvis = middle - centre[:, :2] * centre.new_tensor([1.0, -1.0]) * scale[:, None]
    return torch.cat([pelvis, scale.log()[:, None], torch.zeros_like(scale)[:, None]], 1)


def _descend(
    fitter: BodyFitter,
    bodies: _Bodies,
    observed: _Observations,
    outline: Silhouettes | None,
    steps: int,
) -> _Bodies:
    """The bodies after `steps` of Adam on all terms, all bodies at once."""
    prior, weights = fitter.prior, fitter.weights
    root = bodies.rotations[:, 0, :, :2].transpose(1, 2).flatten(1)
    angles = axis_angle(bodies.rotations[:, 1:].cpu().numpy()).astype(np.float32)
    start = prior.coordinates(torch.from_numpy(angles).to(root.device))
    moves = [torch.zeros_like(t, requires_grad=True) for t in (start, bodies.betas, root)]
    shift = torch.zeros_like(bodies.camera, requires_grad=True)
    unit = bodies.camera.new_tensor([4.0, 4.0, 0.1, 0.1])
    optimiser = torch.optim.Adam(
        [
            {"params": moves[:2], "lr": 2 * weights.rate},
            {"params": [moves[2], shift], "lr": weights.rate},
        ]
    )
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimiser, max(1, steps), eta_min=weights.rate / 20
    )
    for step in range(steps + 1):
        final = step == steps
        with torch.set_grad_enabled(not final):
            coordinates, betas = start + moves[0], bodies.betas + moves[1]
            camera = bodies.camera + shift * unit
            rotations = torch.cat(
                [
                    rotations_from_6d(root + moves[2])[:, None],
                    rotation_matrices(prior.pose(coordinates)),
                ],
                1,
            )
            loss = (
                _observation_loss(fitter, observed, rotations, betas, camera)
                + weights.prior * coordinates.square().sum(1)
                + weights.shape * betas.square().sum(1)
                + weights.stretch * (camera[:, 3] / STRETCH_SPREAD).square()
            )
            if outline is not None:
                points = fitted_pixels(
                    posed_surface(fitter.skinning, fitter.surface, rotations, betas), camera
                )
                inside, cover = outline.terms(points)
                loss = loss + weights.inside * inside + weights.cover * cover
        if final:
            return _Bodies(rotations, betas, camera, loss)
        optimiser.zero_grad()
        loss.sum().backward()
        optimiser.step()
        rates.step()
    raise AssertionError("the last step returns")


def _observation_loss(
    fitter: BodyFitter,
    observed: _Observations,
    rotations: torch.Tensor,
    betas: torch.Tensor,
    camera: torch.Tensor,
) -> torch.Tensor:
    """(B,): landmarks, bone directions and heading against what the sources say."""
    weights = fitter.weights
    points = posed_landmarks(fitter.skinning, fitter.landmarks, rotations, betas)
    distance = (fitted_pixels(points, camera) - observed.landmarks).norm(dim=-1) / weights.tolerance
    pull = functional.huber_loss(distance, torch.zeros_like(distance), reduction="none", delta=1.0)
    bones = functional.normalize(points[:, BONE_ENDS] - points[:, BONE_STARTS], dim=-1)
    turned = 1 - (bones * observed.directions).sum(-1)
    hips = points[:, INDEX["left_hip"]] - points[:, INDEX["right_hip"]]
    yaw = torch.atan2(-hips[:, 2], hips[:, 0])
    away = 1 - torch.cos(yaw - observed.heading)
    return (
        weights.landmark * (pull * observed.confidence).sum((0, 2))
        + weights.direction * (turned * observed.direction_confidence).sum((0, 2))
        + weights.heading * (away * observed.heading_confidence).sum(0)
    )
