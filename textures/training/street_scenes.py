"""Street scenes without people, to put pedestrians on: paving, walls, hedges, rows of bicycles."""

from __future__ import annotations

import functools

import cv2
import numpy as np


@functools.lru_cache(maxsize=2)
def scene_pool(height: int, width: int, count: int = 400, seed: int = 1501) -> np.ndarray:
    """Scenes (count, 1.5 H, 2 W, 3) uint8 without people.

    Most are streets as cameras on a campus see them, some are noise of several scales with bars and
    boxes, so that nothing is learned of what a background looks like.
    """
    rng = np.random.default_rng(seed)
    size = (height * 3 // 2, width * 2)
    scenes = [
        _street(rng, *size) if rng.random() < 0.8 else _noise(rng, *size) for _ in range(count)
    ]
    return np.clip(np.stack(scenes), 0, 255).astype(np.uint8)


def draw_bicycle(
    rng: np.random.Generator,
    canvas: np.ndarray,
    floor: tuple[float, float],
    wheel: float,
    colour: tuple[float, ...] = (1.0,),
) -> None:
    """Draw a bicycle's wheels, frame and bars on a canvas (H,W) or (H,W,C).

    Args:
        rng: Source of its heading and parts.
        canvas: What is drawn on, float32.
        floor: Pixel (x, y) where the bicycle stands, midway between its wheels.
        wheel: A wheel's diameter, pixels.
        colour: One value a channel.
    """
    x, y = floor
    turn = rng.choice([-1, 1]) * rng.uniform(0.25, 1.0)  # cosine of the heading
    radius = wheel / 2
    thin = max(1, round(wheel / 22))
    axles = [(x + k * 0.78 * wheel * turn, y - radius) for k in (-1, 1)]
    axes = (max(1, round(radius * abs(turn))), max(1, round(radius)))
    for axle in axles:
        centre = _pixel(axle)
        cv2.ellipse(canvas, centre, axes, 0, 0, 360, colour, thin + (wheel > 16), cv2.LINE_AA)
        for spoke in rng.uniform(0, np.pi, 4 if wheel > 20 else 0):
            tip = (np.cos(spoke) * axes[0], np.sin(spoke) * axes[1])
            start, end = (_pixel((axle[0] + s * tip[0], axle[1] + s * tip[1])) for s in (-1, 1))
            cv2.line(canvas, start, end, tuple(0.6 * c for c in colour), 1, cv2.LINE_AA)
    back, front = axles
    crank = (x - 0.08 * wheel * turn, y - 0.42 * wheel)
    saddle = (x - 0.3 * wheel * turn, y - 1.2 * wheel)
    head = (front[0] - 0.22 * wheel * turn, y - 1.15 * wheel)
    bars = (head[0] + 0.12 * wheel * turn, y - 1.4 * wheel)
    for a, b in (
        (back, crank), (back, saddle), (crank, saddle), (crank, head), (saddle, head),
        (head, front), (head, bars),
    ):  # fmt: skip
        cv2.line(canvas, _pixel(a), _pixel(b), colour, thin, cv2.LINE_AA)
    if rng.random() < 0.5:
        corner = (front[0] + 0.25 * wheel * turn, y - 1.3 * wheel)
        cv2.rectangle(canvas, _pixel(corner), _pixel((head[0], y - 0.95 * wheel)), colour, thin)
    cv2.line(
        canvas,
        _pixel((saddle[0] - 0.15 * wheel, saddle[1])),
        _pixel((saddle[0] + 0.15 * wheel, saddle[1])),
        colour,
        2 * thin,
    )


def draw_railing(rng: np.random.Generator, canvas: np.ndarray, top: float) -> None:
    """Draw a railing of bars across a mask (H,W) float32, its upper bar near the row `top`."""
    height, width = canvas.shape[:2]
    slope = rng.normal(0, 0.08) * height
    thickness = int(rng.integers(1, max(2, width // 16)))
    for k in range(int(rng.integers(1, 4))):
        y = top + k * 0.09 * height
        cv2.line(canvas, (0, int(y)), (width, int(y + slope)), (1.0,), thickness, cv2.LINE_AA)
    step = int(rng.integers(width // 6, width))
    for x in range(int(rng.integers(0, step)), width, step):
        cv2.line(canvas, (x, int(top)), (x, height), (1.0,), thickness, cv2.LINE_AA)


def _pixel(point: tuple[float, float]) -> tuple[int, int]:
    return round(point[0]), round(point[1])


def _grey(rng: np.random.Generator, low: float, high: float, tint: float = 3.5) -> np.ndarray:
    return rng.uniform(low, high) + rng.normal(0, tint, 3)


def _street(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A floor, what stands at its end, and things on it."""
    scene = np.zeros((height, width, 3), np.float32)
    horizon = int(np.clip(rng.normal(0.25, 0.13), 0.02, 0.6) * height)
    scene[horizon:] = _grey(rng, 80, 185)
    scene[horizon:] += np.linspace(-1, 1, height - horizon)[:, None, None] * rng.normal(0, 14)
    _speckle(rng, scene[horizon:], 9)
    if rng.random() < 0.7:
        _paving(rng, scene, horizon)
    for _ in range(rng.integers(0, 3)):  # strips of grass, kerbs, lines on the road
        y, tall = rng.uniform(horizon, height), rng.uniform(2, 0.12 * height)
        strip = scene[int(y) : int(y + tall)]
        strip[:] = (
            np.array((60, 105, 50)) + rng.normal(0, 18, 3)
            if rng.random() < 0.4
            else _grey(rng, 60, 210, 12)
        )
        _speckle(rng, strip, 9)
    _far_end(rng, scene, horizon)
    if rng.random() < 0.6:
        _bicycles(rng, scene, horizon)
    for _ in range(rng.poisson(1.5)):
        _thing(rng, scene, horizon)
    if rng.random() < 0.2:  # a dark doorway or a shadow over all
        scene *= rng.uniform(0.2, 0.7)
    soft = rng.uniform(0.0, 0.9)
    return cv2.GaussianBlur(scene, (0, 0), soft) if soft > 0.3 else scene


def _speckle(rng: np.random.Generator, area: np.ndarray, strength: float) -> None:
    """Add noise of several scales in place."""
    height, width = area.shape[:2]
    if not area.size:
        return
    for cells in (5, 16, 60, 150):
        noise = rng.normal(0, rng.uniform(0.2, 1) * strength, (cells, cells)).astype(np.float32)
        area += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]


def _far_end(rng: np.random.Generator, scene: np.ndarray, horizon: int) -> None:
    """A wall with panels and windows, a hedge with trees, or the dark inside of a building."""
    height, width = scene.shape[:2]
    end = scene[:horizon]
    kind = rng.choice(["wall", "hedge", "dark"], p=[0.45, 0.3, 0.25])
    if kind == "hedge":
        end[:] = np.array((45, 75, 40)) * rng.uniform(0.5, 1.6) + rng.normal(0, 6, 3)
        _speckle(rng, end, 26)
        if rng.random() < 0.5 and horizon > 8:
            end[: horizon // 2] += rng.uniform(20, 90)
    elif kind == "dark":
        end[:] = _grey(rng, 8, 50)
        _speckle(rng, end, 5)
    else:
        end[:] = _grey(rng, 50, 190, 9)
        _speckle(rng, end, 6)
        step = int(rng.integers(8, 30))
        for y in range(int(rng.integers(0, step)), horizon, step):
            cv2.line(scene, (0, y), (width, y), _shade(rng, end, 25), 1)
        for x in range(int(rng.integers(0, step)), width, 2 * step):
            cv2.line(scene, (x, 0), (x, horizon), _shade(rng, end, 25), 1)
    if rng.random() < 0.3:  # a building's side that comes down to the floor
        x = int(rng.uniform(0.1, 0.9) * width)
        side = scene[: int(min(height, horizon + rng.uniform(0, 0.5) * height))]
        side = side[:, :x] if rng.random() < 0.5 else side[:, x:]
        side[:] = _grey(rng, 15, 200, 9)
        _speckle(rng, side, 6)


def _shade(rng: np.random.Generator, area: np.ndarray, spread: float) -> tuple[float, ...]:
    middle = area.mean((0, 1)) if area.size else np.full(3, 100.0)
    return tuple(float(c) for c in middle + rng.normal(0, spread))


def _bicycles(rng: np.random.Generator, scene: np.ndarray, horizon: int) -> None:
    height, width = scene.shape[:2]
    for _ in range(rng.integers(1, 3)):
        y = rng.uniform(horizon, min(height, horizon + 0.5 * height))
        wheel = float(np.clip((y - horizon) * 0.25 + rng.uniform(6, 14), 6, 40))
        x = rng.uniform(-0.3, 0.5) * width
        last = x + rng.uniform(0.3, 1.3) * width
        while x < last:
            colour = tuple(float(c) for c in rng.uniform(10, 110) + rng.normal(0, 14, 3))
            draw_bicycle(rng, scene, (x, y + rng.normal(0, 1.5)), wheel, colour)
            x += wheel * rng.uniform(0.35, 1.2)


def _thing(rng: np.random.Generator, scene: np.ndarray, horizon: int) -> None:
    """A pole, a bin, a car's side, somebody far away."""
    height, width = scene.shape[:2]
    colour = tuple(float(c) for c in _grey(rng, 10, 220, rng.choice([6, 45])))
    x, y = rng.uniform(0, width), rng.uniform(horizon, height)
    kind = rng.choice(["pole", "box", "figure", "rail"])
    if kind == "pole":
        cv2.line(scene, _pixel((x, 0)), _pixel((x, y)), colour, int(rng.integers(1, 6)))
    elif kind == "box":
        w, h = rng.uniform(6, 0.6 * width), rng.uniform(6, 0.3 * height)
        cv2.rectangle(scene, _pixel((x, y - h)), _pixel((x + w, y)), colour, -1)
    elif kind == "rail":
        for k in range(int(rng.integers(1, 4))):
            row = y - 5 * k
            end = _pixel((width, row + rng.normal(0, 4)))
            cv2.line(scene, _pixel((0, row)), end, colour, int(rng.integers(1, 3)), cv2.LINE_AA)
    else:
        tall = rng.uniform(10, 50)
        legs = tuple(float(c) for c in _grey(rng, 15, 120))
        girth = max(1, round(tall * 0.11))
        cv2.line(scene, _pixel((x, y)), _pixel((x, y - 0.5 * tall)), legs, girth)
        cv2.line(scene, _pixel((x, y - 0.5 * tall)), _pixel((x, y - 0.8 * tall)), colour, 2 * girth)
        cv2.circle(scene, _pixel((x, y - 0.93 * tall)), girth, (90.0, 70.0, 60.0), -1)


def _paving(rng: np.random.Generator, scene: np.ndarray, horizon: int) -> None:
    height, width = scene.shape[:2]
    lines = np.zeros((height, width), np.float32)
    vanish = (int(rng.uniform(-1.5, 2.5) * width), horizon - int(rng.uniform(0, 0.3) * height))
    for x in range(-6 * width, 7 * width, int(rng.integers(5, 20))):
        cv2.line(lines, vanish, (x, height), (1.0,), 1, cv2.LINE_AA)
    y, step, slope = horizon + 1.0, rng.uniform(1.5, 4), rng.normal(0, 0.05) * width
    while y < height + abs(slope):
        cv2.line(lines, (0, int(y)), (width, int(y + slope)), (1.0,), 1, cv2.LINE_AA)
        y, step = y + step, step * rng.uniform(1.05, 1.2)
    lines[:horizon] = 0
    scene += rng.normal(0, 12) * lines[..., None]


def _noise(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Noise of several scales with bars, boxes and ellipses."""
    scene = np.zeros((height, width, 3), np.float32)
    horizon = int(rng.uniform(0.0, 0.6) * height)
    tint = rng.normal(0, rng.choice([6, 25], p=[0.8, 0.2]), (2, 3))
    scene[:horizon], scene[horizon:] = rng.uniform(20, 210, (2, 1)) + tint
    for cells in (4, 12, 40, 120):
        shape = (cells, cells, rng.choice([1, 3], p=[0.85, 0.15]))
        noise = rng.normal(0, rng.uniform(0, 16), shape).astype(np.float32)
        large = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
        scene += large.reshape(height, width, -1)
    for _ in range(rng.integers(0, 16)):
        colour = tuple(float(c) for c in _grey(rng, 0, 255, rng.choice([8, 50])))
        x, y = rng.uniform((0, 0), (width, height))
        kind, thickness = rng.integers(3), int(rng.integers(1, 4))
        if kind == 0:
            end = _pixel((x + rng.normal(0, 10), y + rng.normal(0, 60)))
            cv2.line(scene, _pixel((x, y)), end, colour, thickness)
        elif kind == 1:
            end = _pixel((x + rng.normal(0, 20), y + rng.normal(0, 30)))
            cv2.rectangle(scene, _pixel((x, y)), end, colour, int(rng.choice([-1, thickness])))
        else:
            axes = _pixel(tuple(rng.uniform(2, 18, 2)))
            filled = int(rng.choice([-1, 1]))
            cv2.ellipse(scene, _pixel((x, y)), axes, rng.uniform(0, 180), 0, 360, colour, filled)
    return scene
