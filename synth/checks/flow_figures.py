"""Figures that tell whether forward flow leads each frame onto the next.

Every function is pure. T frames of H x W pixels. Flow is followed from each body pixel of a frame to
the point in the next frame that it names, and what is seen at either end is compared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numba
import numpy as np

_LARGE = 600  # pixels of a person some 70 tall; on smaller ones, cloth is finer than pixels
TELLING = 2.0  # levels; frames that differ by less differ by compression alone
_MOVING = 1.0  # pixels of flow from which on a photograph of the next frame tells anything
_CONTINUOUS = 0.03  # metres between four pixels' surface points: beyond, they straddle an outline
_AXIS_CHANGES = tuple(np.array(m, float) for m in (
    [[-1, 0], [0, 1]], [[1, 0], [0, -1]], [[-1, 0], [0, -1]], [[0, 1], [1, 0]]
))  # fmt: skip
_njit = numba.njit(cache=True, nogil=True)
_NEIGHBOURS = np.ones((3, 3), np.uint8)
_FEWEST = 200  # pixels below which shares and means say nothing


@dataclass(frozen=True)
class FlowSteps:
    """Body pixels whose forward flow stays in the image.

    `frame`, `row` and `column` (N,), the flow `ahead` (N,2), and `visible` (N,) bool, where their point
    is not said to be occluded. `size` is the height and width of the image.
    """

    frame: np.ndarray
    row: np.ndarray
    column: np.ndarray
    ahead: np.ndarray
    visible: np.ndarray
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.frame)

    def subset(self, chosen: np.ndarray) -> FlowSteps:
        """Those steps alone."""
        return FlowSteps(
            self.frame[chosen],
            self.row[chosen],
            self.column[chosen],
            self.ahead[chosen],
            self.visible[chosen],
            self.size,
        )

    def transformed(self, matrix: np.ndarray) -> FlowSteps:
        """The same beginnings with flow `matrix` (2,2) times theirs; ends stay in the image."""
        return replace(self, ahead=self.ahead @ matrix.T)

    def start_values(self, values: np.ndarray) -> np.ndarray:
        """`values` (T,H,W,...) where the steps begin."""
        return values[self.frame, self.row, self.column]

    def end_values(self, values: np.ndarray) -> np.ndarray:
        """`values` (T,H,W,...) of the pixel in which the steps end."""
        column = np.floor(self.column + self.ahead[:, 0] + 0.5).astype(int)
        row = np.floor(self.row + self.ahead[:, 1] + 0.5).astype(int)
        return values[self.frame + 1, row, column]

    def corners(self, values: np.ndarray) -> np.ndarray:
        """`values` (T,H,W) or (T,H,W,C) of the four pixels around the end: (4,N) or (4,N,C)."""
        corners = _corners(self.frame, self.row, self.column, self.ahead, _four(values))
        return corners.reshape(4, len(self), *values.shape[3:])

    def interpolated(self, values: np.ndarray) -> np.ndarray:
        """`values` (T,H,W,C) where the steps end, between pixels: (N,C) float64."""
        return _interpolated(self.frame, self.row, self.column, self.ahead, _four(values))


def _four(values: np.ndarray) -> np.ndarray:
    """(T,H,W) or (T,H,W,C) as (T,H,W,C)."""
    return np.ascontiguousarray(values if values.ndim == 4 else values[..., None])


@_njit
def _cell(row, column, way, height, width):
    """Top and left of the four pixels around the end, and how far it is from their centres."""
    x, y = column + way[0], row + way[1]
    left = min(max(int(np.floor(x)), 0), width - 2)
    top = min(max(int(np.floor(y)), 0), height - 2)
    return top, left, x - left, y - top


@_njit
def _corners(frame, row, column, ahead, values):
    height, width, channels = values.shape[1:]
    out = np.empty((4, frame.shape[0], channels), values.dtype)
    for n in range(frame.shape[0]):
        top, left, _, _ = _cell(row[n], column[n], ahead[n], height, width)
        for c in range(channels):
            out[0, n, c] = values[frame[n] + 1, top, left, c]
            out[1, n, c] = values[frame[n] + 1, top, left + 1, c]
            out[2, n, c] = values[frame[n] + 1, top + 1, left, c]
            out[3, n, c] = values[frame[n] + 1, top + 1, left + 1, c]
    return out


@_njit
def _interpolated(frame, row, column, ahead, values):
    height, width, channels = values.shape[1:]
    out = np.empty((frame.shape[0], channels), np.float64)
    for n in range(frame.shape[0]):
        top, left, x, y = _cell(row[n], column[n], ahead[n], height, width)
        for c in range(channels):
            upper = (1 - x) * values[frame[n] + 1, top, left, c]
            upper += x * values[frame[n] + 1, top, left + 1, c]
            lower = (1 - x) * values[frame[n] + 1, top + 1, left, c]
            lower += x * values[frame[n] + 1, top + 1, left + 1, c]
            out[n, c] = (1 - y) * upper + y * lower
    return out


def flow_steps(mask: np.ndarray, forward: np.ndarray, occluded: np.ndarray | None) -> FlowSteps:
    """The steps of all frames but the last: mask and `occluded` (T,H,W) bool, `forward` (T,H,W,2).

    Without `occluded` every point counts as visible.
    """
    height, width = mask.shape[1:]
    frame, row, column = np.nonzero(mask[:-1])
    ahead = forward[frame, row, column].astype(np.float64)
    x, y = column + ahead[:, 0], row + ahead[:, 1]
    inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    frame, row, column = frame[inside], row[inside], column[inside]
    visible = np.ones(len(frame), bool) if occluded is None else ~occluded[frame, row, column]
    return FlowSteps(frame, row, column, ahead[inside], visible, (height, width))


def cycle_figures(steps: FlowSteps, parts: np.ndarray, backward: np.ndarray) -> dict[str, float]:
    """How far the next frame's backward flow leads from where forward flow began, in pixels.

    For points that are visible and end amid their own part: parts (T,H,W), `backward` (T,H,W,2).
    """
    amid = steps.visible & (steps.corners(parts) == steps.start_values(parts)).all(axis=0)
    if amid.sum() < _FEWEST:
        return {}
    error = np.linalg.norm(steps.ahead + steps.interpolated(backward), axis=1)[amid]
    return {
        "flow_cycle_median_px": float(np.median(error)),
        "flow_cycle_off": float((~(error < 0.5)).mean()),
    }


def part_figures(steps: FlowSteps, parts: np.ndarray) -> dict[str, float]:
    """Share of visible points that end amid other parts: none of the four pixels is of theirs (T,H,W)."""
    if steps.visible.sum() < _FEWEST:
        return {}
    wrong = (steps.corners(parts) != steps.start_values(parts)).all(axis=0)[steps.visible]
    return {"flow_onto_other_part": float(wrong.mean())}


def point_figures(steps: FlowSteps, surface: np.ndarray) -> dict[str, float]:
    """How far on the body a visible point is from the one that is seen where its flow ends.

    `surface` (T,H,W,3) says which point of the body each pixel shows: its place on the template, in
    metres, NaN on the background. Where the four pixels around the end show one piece of surface, the
    median distance; and the share beyond 2 cm.
    """
    corners = steps.corners(surface)
    with np.errstate(invalid="ignore"):
        spread = np.linalg.norm(corners.max(axis=0) - corners.min(axis=0), axis=-1)
        smooth = steps.visible & (spread < _CONTINUOUS)  # NaN is not
    if smooth.sum() < _FEWEST:
        return {}
    error = np.linalg.norm(steps.interpolated(surface) - steps.start_values(surface), axis=-1)[
        smooth
    ]
    error = error[np.isfinite(error)]
    return {
        "flow_point_median_m": float(np.median(error)),
        "flow_point_off": float((~(error < 0.02)).mean()),
    }


def occlusion_figures(steps: FlowSteps, surface: np.ndarray) -> dict[str, float]:
    """Whether points that are said to be occluded really are.

    The share of points that is, and of those the share that are seen all the same, within a centimetre
    on the body, where their flow ends; `surface` (T,H,W,3) as in `point_figures`.
    """
    if not len(steps):
        return {}
    hidden = ~steps.visible
    figures = {"occluded": float(hidden.mean())}
    if hidden.sum() < _FEWEST:
        return figures
    apart = np.linalg.norm(steps.end_values(surface) - steps.start_values(surface), axis=-1)
    return figures | {"occluded_but_seen": float((apart[hidden] < 0.01).mean())}


def warp_figures(
    steps: FlowSteps,
    frames: np.ndarray,
    mask: np.ndarray,
    *,
    count: int = 1,
    telling: float = TELLING,
) -> dict[str, float]:
    """The next frame, fetched along forward flow, against this one: `frames` (T,H,W,3) uint8.

    Mean absolute differences in levels over visible points that move by a pixel or more, off the outline
    of the mask (T,H,W), where the background shines through: `warp_levels` with the flow, `still_levels`
    without; `warp_gain` is one over the other (below 1: the flow explains what moved) and `warp_beaten`
    by how much, in parts, the flow with an axis turned round, or both, or the axes swapped, explains
    more. None of it where too little moves, or where the `count` people and things in the mask are too
    small on average; neither of the last two where frames differ by `telling` levels or less, which
    noise and compression alone can do: H.264 leaves them where they were.
    """
    inner = inner_pixels(mask)
    moving = steps.visible & (np.hypot(*steps.ahead.T) >= _MOVING)
    moving &= steps.start_values(inner) & steps.end_values(inner)
    moving &= (body_areas(mask) >= _LARGE * count)[steps.frame]
    if moving.sum() < _FEWEST:
        return {}
    moving_steps = steps.subset(moving)
    levels = moving_steps.start_values(frames).astype(np.float64)
    warp_levels = float(np.abs(moving_steps.interpolated(frames) - levels).mean())
    resting = moving_steps.transformed(np.zeros((2, 2)))
    still_levels = float(np.abs(resting.interpolated(frames) - levels).mean())
    figures = {
        "warp_levels": warp_levels,
        "still_levels": still_levels,
        "moving_pixels": float(moving.sum()),
    }
    if still_levels <= telling:
        return figures
    variants = [moving_steps.transformed(matrix) for matrix in _AXIS_CHANGES]
    best = min(float(np.abs(other.interpolated(frames) - levels).mean()) for other in variants)
    return figures | {
        "warp_gain": warp_levels / still_levels,
        "warp_beaten": max(0.0, warp_levels / max(best, telling) - 1),
    }


def inner_pixels(mask: np.ndarray) -> np.ndarray:
    """The mask (T,H,W) without its outline: pixels all of whose eight neighbours are in it."""
    out = np.zeros(mask.shape, bool)
    for index, frame in enumerate(np.ascontiguousarray(mask, bool).view(np.uint8)):
        out[index] = cv2.erode(
            frame, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT, borderValue=(0.0, 0.0, 0.0, 0.0)
        )
    return out


def body_areas(mask: np.ndarray) -> np.ndarray:
    """Pixels of the body in each frame of a mask (T,H,W) bool: (T,) int64."""
    return np.array([np.count_nonzero(frame) for frame in mask], np.int64)


def end_figures(
    forward: np.ndarray, backward: np.ndarray, *, ends: tuple[bool, bool]
) -> dict[str, float]:
    """The largest flow, in pixels, at an end that has no frame to go to, where it must be 0."""
    figures = [0.0]
    if not ends[0]:
        figures.append(float(np.abs(backward[0]).max()))
    if not ends[1]:
        figures.append(float(np.abs(forward[-1]).max()))
    return {"flow_beyond_end_px": max(figures)}
