"""The floor in a photograph: what is below the horizon and looks like what lies before the camera.

The region is cut out by colour and by edges (GrabCut, Rother et al. 2004), begun from the strip before
the photographer's feet and from what lies above the horizon, which no floor reaches. It ends where
upright things begin, and at the first thing that stands between it and the photographer.
"""

from __future__ import annotations

import cv2
import numpy as np

from synth.scene.places.photograph_geometry import in_photograph, inside_polygon
from synth.scene.places.scene_place import PhotographCamera

_SIDE = 192  # pixels: the longer side of the picture that is segmented
_ROUNDS = 4
_MARGIN = 0.03  # of the height: the floor ends so far below the horizon
_MOST_CORNERS = 60
_NEAR, _FAR = 2.5, 16.0  # metres in which people are to stand
_STEP = 0.5  # metres
_TALL = 2.3  # metres above the floor that are to be seen of who stands on it, and some air
_BLUE, _COLOURFUL = (92, 125), 100  # OpenCV's hue, of 180, and saturation, of 255
_UPRIGHT_LINES, _UPRIGHT_SHARE = (
    4,
    0.4,
)  # lines in a floor, and of their length what may stand upright


def floor_polygon(
    image: np.ndarray,
    *,
    horizon: tuple[float, float],
    segments: np.ndarray | None = None,
    standing: np.ndarray | None = None,
) -> tuple[tuple[float, float], ...]:
    """The region of a photograph where people can stand.

    Args:
        image: (H,W,3) uint8 RGB.
        horizon: where it crosses the left and the right rim, by the height from the top.
        segments: (N,4) ends x0, y0, x1, y1 of the lines in it, by width and height.
        standing: (N,) bool, which of them stand upright.

    Returns:
        Corners (x, y) by width and height; none where there is no floor.
    """
    factor = _SIDE / max(image.shape[:2])
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    small = cv2.medianBlur(small, 3)
    height, width = small.shape[:2]
    rows, columns = np.mgrid[:height, :width] + 0.5
    line = (horizon[0] + (horizon[1] - horizon[0]) * columns / width + _MARGIN) * height
    mask = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
    ground = rows > line
    share = (rows - line) / np.maximum(height - line, 1.0)  # 0 at the horizon, 1 at the lower rim
    mask[ground & (share > 0.35)] = cv2.GC_PR_FGD
    mask[~ground] = cv2.GC_BGD
    strip = ground & (share > 0.86) & (np.abs(columns / width - 0.5) < 0.3)
    mask[strip] = cv2.GC_FGD
    if segments is None or standing is None:
        segments, standing = np.zeros((0, 4)), np.zeros(0, bool)
    for x0, y0, x1, y1 in segments[standing]:
        start = round(x0 * width), round(y0 * height)
        end = round(x1 * width), round(y1 * height)
        cv2.line(mask, start, end, (cv2.GC_BGD,), 3)
    if (mask == cv2.GC_FGD).sum() < 20 or ground.mean() < 0.05:
        return ()
    if not (mask == cv2.GC_BGD).any():  # the horizon lies above the picture
        mask[:2] = cv2.GC_PR_BGD
    cv2.setRNGSeed(0)  # GrabCut's clusters begin at random
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(
        np.ascontiguousarray(small[..., ::-1]),
        mask,
        (0, 0, 1, 1),  # not looked at beside a mask
        *models,
        _ROUNDS,
        cv2.GC_INIT_WITH_MASK,
    )
    floor = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)) & ground
    region = _before_camera(floor, ground)
    if _is_upright(region, segments, standing) or _is_water(region, small):
        return ()
    return _outline(region)


def standing_area(camera: PhotographCamera) -> float:
    """Square metres of a photograph's floor where people are seen whole, from 2.5 to 16 m away."""
    if not camera.floor:
        return 0.0
    x, z = np.meshgrid(np.arange(-_FAR, _FAR, _STEP), np.arange(_NEAR, _FAR, _STEP))
    points = np.stack([x, np.full_like(x, -camera.camera_height), -z], axis=-1).reshape(-1, 3)
    shares = in_photograph(points, camera, 0.0)  # from side 0, it looks along -z
    heads = in_photograph(points + np.array([0.0, _TALL, 0.0]), camera, 0.0)
    inside = ((shares >= 0) & (shares <= 1) & (heads >= 0) & (heads <= 1)).all(axis=1)
    standing = inside_polygon(np.nan_to_num(shares, nan=-9.0), np.array(camera.floor)) & inside
    return float(standing.sum()) * _STEP**2


def _is_upright(region: np.ndarray, segments: np.ndarray, standing: np.ndarray) -> bool:
    """Whether a region (H,W) bool is a wall or a piece of furniture by the lines in it."""
    height, width = region.shape
    middles = (segments[:, :2] + segments[:, 2:]) / 2 * [width, height]
    column, row = middles.astype(int).clip(0, [width - 1, height - 1]).T
    inside = region[row, column]
    length = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
    upright = inside & standing
    return bool(
        upright.sum() >= _UPRIGHT_LINES
        and length[upright].sum() > _UPRIGHT_SHARE * length[inside].sum()
    )


def _is_water(region: np.ndarray, image: np.ndarray) -> bool:
    """Whether a region (H,W) bool is as blue as water or sky, which floors hardly ever are."""
    colours = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[region]
    if not len(colours):
        return False
    hue, saturation, _ = np.median(colours, axis=0)
    return bool(_BLUE[0] <= hue <= _BLUE[1] and saturation > _COLOURFUL)


def _before_camera(floor: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """The one piece of a floor (H,W) bool that begins at the lower rim, without holes and threads."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    region = cv2.morphologyEx(floor.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    region = cv2.morphologyEx(region, cv2.MORPH_CLOSE, kernel)
    count, labels = cv2.connectedComponents(region)
    rim = labels[-max(2, len(labels) // 20) :]
    sizes = np.bincount(rim[rim > 0], minlength=count)
    if not sizes.any():
        return np.zeros_like(floor)
    return (labels == int(sizes.argmax())) & ground


def _outline(region: np.ndarray) -> tuple[tuple[float, float], ...]:
    """The outline of a region (H,W) bool by its width and height, with few corners."""
    contours, _ = cv2.findContours(
        np.pad(region, 1).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    if not contours:
        return ()
    contour = max(contours, key=cv2.contourArea)
    tolerance = 1.0
    corners = cv2.approxPolyDP(contour, tolerance, True)
    while len(corners) > _MOST_CORNERS:
        tolerance *= 1.4
        corners = cv2.approxPolyDP(contour, tolerance, True)
    if len(corners) < 3:
        return ()
    height, width = region.shape
    shares = (corners[:, 0].astype(np.float64) - 0.5) / [width, height]
    return tuple((round(float(x), 4), round(float(y), 4)) for x, y in shares.clip(0, 1))
