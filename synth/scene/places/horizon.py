"""The horizon of a photograph, from the lines in it.

People build upright and at right angles, and what they build shows in line segments that meet in
vanishing points. For each of many cameras (pitch, roll, focal length), a segment is explained by the
vertical, by one of two level directions at right angles, or by chance; the two level directions are those
that explain most. What all segments say together, with what is known of how people hold cameras, is a
distribution over cameras: its mean is the estimate, its spread says how far it can be believed.
(Coughlan and Yuille's Manhattan world, 1999, on segments instead of gradients.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numba
import numpy as np

_SIDE = 640  # pixels: the longer side of the picture that lines are sought in
_SEGMENTS = 120  # the longest
_SHORTEST = 0.035  # of the longer side
_SIGMA = math.radians(1.5)  # of a segment about its direction
_TELLING = 0.35  # of a segment's evidence that counts: neighbours on one wall are no strangers
_PITCH = (math.radians(7.0), math.radians(11.0))  # mean and spread of how people hold cameras
_ROLL_SPREAD = math.radians(2.0)
_FOCALS = (0.55, 0.7, 0.88, 1.1, 1.4)
_FOCAL, _FOCAL_SPREAD = 0.88, 0.28  # by the longer side: 45 degrees across 3:4; of the logarithm

_jit = numba.njit(cache=True, nogil=True)


@dataclass(frozen=True, kw_only=True)
class CameraEstimate:
    """A photograph's camera as its lines tell it.

    focal: by the longer side. pitch: how far it looks down, roll: how far it is turned clockwise,
    radians. pitch_spread: standard deviation of the pitch, radians. segments: how many were looked at.
    """

    focal: float
    pitch: float
    roll: float
    pitch_spread: float
    segments: int


def line_segments(image: np.ndarray) -> np.ndarray:
    """The longest line segments of a picture (H,W,3) uint8: ends (N,4) x0, y0, x1, y1 by its longer side.

    They are counted from its middle.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    factor = min(1.0, _SIDE / max(grey.shape))
    if factor < 1:
        grey = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    detected = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(grey)[0]
    if detected is None:
        return np.zeros((0, 4))
    middle = np.tile([grey.shape[1] / 2, grey.shape[0] / 2], 2)
    segments = (detected.reshape(-1, 4).astype(np.float64) - middle) / max(grey.shape)
    length = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
    order = np.argsort(-length, kind="stable")[:_SEGMENTS]
    return segments[order[length[order] >= _SHORTEST]]


def estimate_camera(segments: np.ndarray, *, focal: float | None = None) -> CameraEstimate:
    """The camera whose vanishing points explain the segments of a picture.

    Args:
        segments: (N,4) as `line_segments` gives them.
        focal: the focal length by the longer side, where it is known.
    """
    segments = np.asarray(segments, np.float64).reshape(-1, 4)
    length = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
    weights = (
        _TELLING * np.clip(length / max(float(np.median(length)), 1e-9), 0.5, 3.0)
        if len(length)
        else length
    )
    focals = np.array(_FOCALS if focal is None else (focal,))
    pitches, rolls = np.radians(np.arange(-26, 47, 2.0)), np.radians(np.arange(-8, 9, 2.0))
    for step in (2.0, 0.5):
        evidence = _evidence(
            segments, weights, focals, pitches, rolls, math.radians(max(step, 1.0) * 1.5)
        )
        log = evidence - 0.5 * ((pitches - _PITCH[0]) / _PITCH[1])[None, :, None] ** 2
        log -= 0.5 * (rolls / _ROLL_SPREAD) ** 2
        if focal is None:
            log -= 0.5 * (np.log(focals / _FOCAL) / _FOCAL_SPREAD)[:, None, None] ** 2
        share = np.exp(log - log.max())
        share /= share.sum()
        by_focal, by_pitch, by_roll = (share.sum(axis=axes) for axes in ((1, 2), (0, 2), (0, 1)))
        pitch, roll = float(by_pitch @ pitches), float(by_roll @ rolls)
        spread = math.sqrt(float(by_pitch @ (pitches - pitch) ** 2))
        best_focal = float(np.exp(by_focal @ np.log(focals)))
        if step == 2.0 and spread < math.radians(6.0):
            pitches = pitch + np.radians(np.arange(-6, 6.01, 0.5))
            rolls = roll + np.radians(np.arange(-2, 2.01, 0.5))
            if focal is None:
                focals = focals[np.argsort(-by_focal)[:2]]
        elif step == 2.0:
            break
    return CameraEstimate(
        focal=best_focal,
        pitch=pitch,
        roll=roll,
        pitch_spread=max(spread, math.radians(0.3)),
        segments=len(segments),
    )


def uprights(segments: np.ndarray, estimate: CameraEstimate) -> np.ndarray:
    """Those of the segments (N,4) that stand upright, (N,) bool.

    A line on the floor may run towards the vertical vanishing point, too: one that lies below the horizon
    stands upright only where neither level direction could explain it.
    """
    if not len(segments):
        return np.zeros(0, bool)
    cp, sp = math.cos(estimate.pitch), math.sin(estimate.pitch)
    cr, sr = math.cos(estimate.roll), math.sin(estimate.roll)
    right = np.array([cr, -sr, 0.0])
    zenith = np.array([-sr * cp, -cr * cp, -sp])
    forward = np.array([-sr * sp, -cr * sp, cp])
    turns = np.arange(0, np.pi / 2, _SIGMA)[:, None]
    normals, middles = _spherical(segments, estimate.focal)
    level = _misfits(normals, middles, np.cos(turns) * right + np.sin(turns) * forward)
    level = np.minimum(
        level, _misfits(normals, middles, np.cos(turns) * forward - np.sin(turns) * right)
    )
    vertical = _misfits(normals, middles, zenith[None])[0]
    misfit = np.minimum(level, vertical)
    chances = np.log(0.5 + 0.5 * np.exp(-0.5 * misfit / _SIGMA**2) / _SIGMA)
    aligned = level[int(chances.sum(axis=1).argmax())]
    ends = np.concatenate([segments, np.full((len(segments), 1), estimate.focal)], axis=1)
    rises = (ends[:, [[0, 1, 4], [2, 3, 4]]] @ zenith > 0).any(axis=1)
    return (vertical < (2 * _SIGMA) ** 2) & (rises | (aligned > (5 * _SIGMA) ** 2))


def _misfits(normals: np.ndarray, middles: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """`_misfit` of every segment to every direction (M,3): (M,N)."""
    across = np.cross(middles[None], directions[:, None])
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    return 1 - np.einsum("mnk,nk->mn", across, normals) ** 2


@_jit
def _spherical(segments, focal):
    """Normals (N,3) of the planes of segments (N,4) and the camera, and rays (N,3) to their middles."""
    count = segments.shape[0]
    normals, middles = np.empty((count, 3)), np.empty((count, 3))
    for n in range(count):
        x0, y0 = segments[n, 0] / focal, segments[n, 1] / focal
        x1, y1 = segments[n, 2] / focal, segments[n, 3] / focal
        a, b, c = y0 - y1, x1 - x0, x0 * y1 - x1 * y0
        size = np.sqrt(a * a + b * b + c * c)
        normals[n, 0], normals[n, 1], normals[n, 2] = a / size, b / size, c / size
        middles[n, 0], middles[n, 1], middles[n, 2] = (x0 + x1) / 2, (y0 + y1) / 2, 1.0
    return normals, middles


@_jit
def _evidence(segments, weights, focals, pitches, rolls, turn_step):
    """Logarithms of how well each camera explains the segments: (focals, pitches, rolls).

    A level direction and the one at right angles to it are taken every `turn_step` radians.
    """
    out = np.zeros((len(focals), len(pitches), len(rolls)))
    count = segments.shape[0]
    turns = int(np.ceil(np.pi / 2 / turn_step))
    peak = (np.pi / 2) / (_SIGMA * np.sqrt(np.pi / 2))
    for f in range(len(focals)):
        normals, middles = _spherical(segments, focals[f])
        for p in range(len(pitches)):
            cp, sp = np.cos(pitches[p]), np.sin(pitches[p])
            for r in range(len(rolls)):
                cr, sr = np.cos(rolls[r]), np.sin(rolls[r])
                # The rows of the world's right, up and forward in camera axes, for yaw 0.
                rx, ry, rz = cr, -sr, 0.0
                ux, uy, uz = -sr * cp, -cr * cp, -sp
                fx, fy, fz = -sr * sp, -cr * sp, cp
                upright = np.empty(count)
                for n in range(count):
                    upright[n] = _misfit(normals[n], middles[n], ux, uy, uz)
                best = -1e300
                for t in range(turns):
                    ct, st = np.cos(t * turn_step), np.sin(t * turn_step)
                    total = 0.0
                    for n in range(count):
                        first = _misfit(
                            normals[n],
                            middles[n],
                            ct * rx + st * fx,
                            ct * ry + st * fy,
                            ct * rz + st * fz,
                        )
                        second = _misfit(
                            normals[n],
                            middles[n],
                            ct * fx - st * rx,
                            ct * fy - st * ry,
                            ct * fz - st * rz,
                        )
                        misfit = min(upright[n], first, second)
                        chance = 0.5 + 0.5 / 3 * peak * np.exp(-0.5 * misfit / _SIGMA**2)
                        total += weights[n] * np.log(chance)
                    best = max(best, total)
                out[f, p, r] = best
    return out


@numba.njit(inline="always")
def _misfit(normal, middle, x, y, z):
    """Squared sine of the angle, at a segment's middle, between it and the direction (x, y, z)."""
    a = middle[1] * z - middle[2] * y
    b = middle[2] * x - middle[0] * z
    c = middle[0] * y - middle[1] * x
    size = a * a + b * b + c * c
    dot = a * normal[0] + b * normal[1] + c * normal[2]
    return max(1.0 - dot * dot / max(size, 1e-12), 0.0)
