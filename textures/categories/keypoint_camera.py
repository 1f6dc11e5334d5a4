"""The camera of a photograph from an object's keypoints, as structure from motion places a known shape.

Scaled orthography: a rotation, a scale and a shift that bring the model's keypoints onto the visible ones
of a photograph, and the shape within what is usual of it. Such a view has a twin: of an object that is
alike on both sides, the middle line looks the same from ahead and above as from behind and below. Both
are worked out; keypoints off the middle line tell them apart, and that what is visible must be turned to
the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from textures.categories.object_model import ObjectModel
from textures.visibility.buffer import surface_depth
from textures.visibility.camera import Camera

DISTANCE = (
    300.0  # times the object's size: so far off that a pinhole shows what scaled orthography does
)
LARGEST_RESIDUAL = 0.09  # of the visible keypoints' extent
LARGEST_HIDDEN = 0.34  # of the visible keypoints beside the middle, which nothing should hide
HIDDEN_DEPTH = 0.07  # of the object's size: a keypoint so far behind the surface is hidden
SMALLEST_EXTENT = 8.0  # pixels
TWIN_MARGIN = 0.006  # a twin whose score is nearer than that is as likely
_NOISE = 0.025  # of the extent: how well people click, and a template's parts suit a species
_TURNED_AWAY = 0.03  # score of visible keypoints that are all turned from the camera
_ROUNDS, _POLISHED = 12, 4


@dataclass(frozen=True, kw_only=True)
class KeypointFit:
    """Where a camera has an object.

    camera: of the photograph, S x S pixels. shape: (P,). residual: root mean square distance between the
    photograph's keypoints and the model's, over the extent of the former. twin_margin: by how much worse
    the mirrored view scores.
    """

    camera: Camera
    shape: np.ndarray
    residual: float
    twin_margin: float

    @property
    def ambiguous(self) -> bool:
        """Whether the mirrored view is as likely."""
        return self.twin_margin < TWIN_MARGIN


@dataclass(frozen=True)
class _View:
    """A solution: rotation, scale in pixels a metre, shift in pixels, shape, and its faults."""

    rotation: np.ndarray
    scale: float
    shift: np.ndarray
    shape: np.ndarray
    residual: float
    score: float


def fit_keypoints(model: ObjectModel, keypoints: np.ndarray, size: int) -> KeypointFit | str:
    """The camera of a square photograph from keypoints.

    Args:
        model: of the object.
        keypoints: (K,2) pixels, NaN where not visible.
        size: of the photograph's side, pixels.

    Returns:
        The fit, or the reason why there is none.
    """
    visible = np.isfinite(keypoints).all(1)
    pixels = keypoints[visible]
    extent = float(np.ptp(pixels, axis=0).max()) if len(pixels) else 0.0
    if len(pixels) < 4 or extent < SMALLEST_EXTENT:
        return f"{len(pixels)} keypoints within {extent:.0f} pixels tell no camera"
    points = model.keypoints()[visible]
    rotations = _started(points, pixels)
    views = [_polished(model, visible, pixels, extent, rotation) for rotation in rotations]
    best = min(views, key=lambda view: view.score)
    twin = _polished(model, visible, pixels, extent, twin_rotation(best.rotation))
    if twin.score < best.score:
        best, twin = twin, best
    if best.residual > LARGEST_RESIDUAL:
        return (
            f"the keypoints are {best.residual:.0%} of their extent off those of any view, at most "
            f"{LARGEST_RESIDUAL:.0%} allowed"
        )
    camera = orthographic_camera(model, best.rotation, best.scale, best.shift, size)
    hidden = _hidden_share(model, best.shape, camera, visible)
    if hidden > LARGEST_HIDDEN:
        return (
            f"{hidden:.0%} of the visible keypoints of one side would lie behind the object, at most "
            f"{LARGEST_HIDDEN:.0%} allowed; left and right may be exchanged"
        )
    apart = _degrees_between(best.rotation, twin.rotation)
    margin = twin.score - best.score if apart > 10 else np.inf
    return KeypointFit(
        camera=camera,
        shape=best.shape,
        residual=best.residual,
        twin_margin=float(margin),
    )


def twin_rotation(rotation: np.ndarray) -> np.ndarray:
    """The rotation under which what lies in the middle (x = 0) is visible in the same pixels."""
    return np.diag([1.0, 1.0, -1.0]) @ rotation @ np.diag([-1.0, 1.0, 1.0])


def orthographic_camera(
    model: ObjectModel, rotation: np.ndarray, scale: float, shift: np.ndarray, size: int
) -> Camera:
    """A pinhole camera, far off, of a view under scaled orthography.

    Args:
        model: of the object.
        rotation: (3,3), from the object to the camera's axes.
        scale: pixels a metre.
        shift: (2,) the pixel of the object's origin.
        size: of the image's side, pixels.
    """
    distance = DISTANCE * float(np.ptp(model.mesh.vertices, axis=0).max())
    focal = scale * distance
    intrinsics = np.array([[focal, 0, shift[0]], [0, focal, shift[1]], [0, 0, 1.0]])
    return Camera(
        intrinsics=intrinsics,
        rotation=rotation,
        translation=np.array([0.0, 0.0, distance]),
        width=size,
        height=size,
    )


def _started(points: np.ndarray, pixels: np.ndarray) -> list[np.ndarray]:
    """The few best rotations that a grid of starts leads to, no two of them near each other.

    From a rotation the keypoints' depths follow, from those the best rotation, and so on (orthogonal
    iteration), for all starts at once.
    """
    rotation = _grid()
    points = points - points.mean(0)
    pixels = pixels - pixels.mean(0)
    for _ in range(_ROUNDS):
        turned = np.einsum("nij,kj->nki", rotation, points)
        scale = (turned[..., :2] * pixels).sum((1, 2)) / (turned[..., :2] ** 2).sum((1, 2))
        scale = np.maximum(scale, 1e-3 * np.abs(pixels).max() / np.abs(points).max())
        target = np.concatenate(
            [
                np.broadcast_to(pixels, turned[..., :2].shape) / scale[:, None, None],
                turned[..., 2:],
            ],
            -1,
        )
        u, _, vt = np.linalg.svd(np.einsum("nki,kj->nij", target, points))
        sign = np.sign(np.linalg.det(u @ vt))
        u[:, :, 2] *= sign[:, None]
        rotation = u @ vt
    turned = np.einsum("nij,kj->nki", rotation, points)[..., :2]
    scale = (turned * pixels).sum((1, 2)) / (turned**2).sum((1, 2))
    error = ((turned * scale[:, None, None] - pixels) ** 2).sum((1, 2))
    error[scale <= 0] = np.inf
    chosen: list[np.ndarray] = []
    for index in np.argsort(error):
        candidate = rotation[index]
        if all(_degrees_between(candidate, other) > 25 for other in chosen):
            chosen.append(candidate)
        if len(chosen) == _POLISHED:
            break
    return chosen


def _grid() -> np.ndarray:
    """Rotations (N,3,3) from an upright object to the camera, from all sides, level and from above."""
    upright = np.diag([1.0, -1.0, -1.0])  # the object faces the camera
    turns = np.arange(12) * 30.0
    starts = [
        Rotation.from_euler("xy", [pitch, turn], degrees=True).as_matrix()
        for pitch in (0.0, 35.0, -35.0, 80.0)
        for turn in turns
    ]
    return upright @ np.stack(starts)


def _polished(
    model: ObjectModel, visible: np.ndarray, pixels: np.ndarray, extent: float, rotation: np.ndarray
) -> _View:
    """The view nearest to a rotation, with its shape, by least squares."""
    template = model.keypoints()[visible]
    directions = model.directions[:, model.keypoint_vertices[visible]].astype(np.float64)
    turned = (template @ rotation.T)[:, :2]
    centred, target = turned - turned.mean(0), pixels - pixels.mean(0)
    scale = max(float((centred * target).sum() / (centred**2).sum()), 0.05 * extent)
    shift = pixels.mean(0) - scale * turned.mean(0)
    start = np.concatenate([np.zeros(3), [0.0], shift / extent, np.zeros(len(directions))])

    def seen_at(values: np.ndarray) -> np.ndarray:
        turn = Rotation.from_rotvec(values[:3]).as_matrix() @ rotation
        points = template + np.tensordot(values[6:], directions, 1)
        return scale * np.exp(values[3]) * (points @ turn.T)[:, :2] + extent * values[4:6]

    def differences(values: np.ndarray) -> np.ndarray:
        error = (seen_at(values) - pixels) / (_NOISE * extent)
        return np.concatenate([error.ravel(), values[6:]])

    values = least_squares(differences, start, method="trf", max_nfev=25).x
    final = Rotation.from_rotvec(values[:3]).as_matrix() @ rotation
    residual = float(np.sqrt(((seen_at(values) - pixels) ** 2).sum(1).mean())) / extent
    away = float((model.keypoint_normals()[visible] @ final[2] > 0.15).mean())
    strain = 0.1 * _NOISE * float(np.sqrt((values[6:] ** 2).mean()))
    return _View(
        rotation=final,
        scale=scale * float(np.exp(values[3])),
        shift=extent * values[4:6],
        shape=values[6:],
        residual=residual,
        score=residual + strain + _TURNED_AWAY * away,
    )


def _hidden_share(
    model: ObjectModel, shape: np.ndarray, camera: Camera, visible: np.ndarray
) -> float:
    """The share of the visible keypoints of left and right that the object hides from the camera."""
    sided = visible & (np.array(model.sides) != np.arange(len(visible)))
    if not sided.any():
        return 0.0
    vertices = model.vertices(shape)
    pixels, distance = camera.project(model.keypoints(shape)[sided])
    surface = surface_depth(vertices, model.mesh.faces, camera, pixels)
    depth = HIDDEN_DEPTH * float(np.ptp(vertices, axis=0).max())
    return float((distance > surface + depth).mean())


def _degrees_between(a: np.ndarray, b: np.ndarray) -> float:
    cosine = np.clip((np.trace(a @ b.T) - 1) / 2, -1, 1)
    return float(np.degrees(np.arccos(cosine)))
