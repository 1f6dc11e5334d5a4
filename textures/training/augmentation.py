"""What rendered pedestrians lack of photographs: scenes, framing, occluders, light, blur, JPEG.

All randomness comes from the numpy generator passed in; images are (B,3,H,W) RGB in [-1,1].
"""

from __future__ import annotations

import dataclasses
import functools

import cv2
import numpy as np
import torch
from torch.nn import functional

from textures.training.pedestrian_bank import PedestrianBank
from textures.visibility.rendering_tensor import composite


def image_batch(images: np.ndarray) -> torch.Tensor:
    """(B,H,W,3) uint8 to (B,3,H,W) in [-1,1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def random_backgrounds(rng: np.random.Generator, bank: PedestrianBank, count: int) -> torch.Tensor:
    """(count,3,H,W) pieces of the bank's scenes and of the scene pool, mirrored and recoloured."""
    height, width = bank.images.shape[1:3]
    pools = [pool for pool in (bank.scenes, scene_pool(height, width)) if len(pool)]
    pieces = np.empty((count, height, width, 3), np.float32)
    for piece in pieces:
        pool = pools[rng.integers(len(pools))]
        scene = pool[rng.integers(len(pool))]
        y = rng.integers(0, scene.shape[0] - height + 1)
        x = rng.integers(0, scene.shape[1] - width + 1)
        window = scene[y : y + height, x : x + width]
        piece[:] = window[:, ::-1] if rng.random() < 0.5 else window
    gain = np.exp(rng.normal(0, 0.25, (count, 1, 1, 1)) + rng.normal(0, 0.06, (count, 1, 1, 3)))
    pieces = np.clip(pieces * gain.astype(np.float32), 0, 255)
    return torch.from_numpy(pieces).permute(0, 3, 1, 2) / 127.5 - 1


@functools.lru_cache(maxsize=2)
def scene_pool(height: int, width: int, count: int = 300, seed: int = 1501) -> np.ndarray:
    """Scenes (count, 1.5 H, 2 W, 3) uint8 without people.

    Ground and wall, noise of several scales, bars, boxes and paving.
    """
    rng = np.random.default_rng(seed)
    scenes = [_scene(rng, height * 3 // 2, width * 2) for _ in range(count)]
    return np.clip(np.stack(scenes), 0, 255).astype(np.uint8)


def _scene(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    scene = np.empty((height, width, 3), np.float32)
    horizon = int(rng.uniform(0.0, 0.6) * height)
    grey = rng.uniform(20, 210, (2, 1))
    tint = rng.normal(0, rng.choice([6, 30], p=[0.7, 0.3]), (2, 3))
    scene[:horizon], scene[horizon:] = grey + tint
    scene += np.linspace(-1, 1, height)[:, None, None] * rng.normal(0, 20)
    for cells in (4, 12, 40, 120):
        shape = (cells, cells, rng.choice([1, 3], p=[0.8, 0.2]))
        noise = rng.normal(0, rng.uniform(0, 20), shape).astype(np.float32)
        large = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
        scene += large.reshape(height, width, -1)
    for _ in range(rng.integers(0, 24)):
        _shape(rng, scene)
    if rng.random() < 0.35:
        _paving(rng, scene, horizon)
    return scene


def _shape(rng: np.random.Generator, scene: np.ndarray) -> None:
    height, width = scene.shape[:2]
    colour = tuple(float(c) for c in rng.uniform(0, 255) + rng.normal(0, rng.choice([8, 60]), 3))
    x, y = (int(v) for v in rng.uniform((0, 0), (width, height)))
    kind = rng.integers(4)
    thickness = int(rng.integers(1, 4))
    if kind == 0:
        end = (int(x + rng.normal(0, 10)), int(y + rng.normal(0, 60)))
        cv2.line(scene, (x, y), end, colour, thickness)
    elif kind == 1:
        end = (int(x + rng.normal(0, 20)), int(y + rng.normal(0, 30)))
        cv2.rectangle(scene, (x, y), end, colour, int(rng.choice([-1, thickness])))
    elif kind == 2:
        axes = (int(rng.uniform(2, 18)), int(rng.uniform(2, 18)))
        cv2.ellipse(
            scene, (x, y), axes, rng.uniform(0, 180), 0, 360, colour, int(rng.choice([-1, 1]))
        )
    else:
        for k in range(int(rng.integers(3, 10))):
            step = x + k * int(rng.integers(3, 7))
            cv2.line(scene, (step, y), (step, y + int(rng.uniform(5, 50))), colour, 1)


def _paving(rng: np.random.Generator, scene: np.ndarray, horizon: int) -> None:
    height, width = scene.shape[:2]
    shade = float(rng.normal(0, 20))
    lines = np.zeros((height, width), np.float32)
    vanish = (int(rng.uniform(-40, width + 40)), horizon)
    for x in range(-200, 200 + width, int(rng.integers(8, 24))):
        cv2.line(lines, vanish, (x, height), (1.0,), 1)
    y, step = horizon + 2.0, rng.uniform(2, 5)
    while y < height:
        cv2.line(lines, (0, int(y)), (width, int(y)), (1.0,), 1)
        y, step = y + step, step * 1.25
    lines[:horizon] = 0
    scene += shade * lines[..., None]


def random_framing(rng: np.random.Generator, count: int, height: int, width: int) -> np.ndarray:
    """Framings (B,3) as detectors frame people: factor, dx, dy.

    `pixel' = factor * (pixel - middle) + middle + (dx, dy)`. Most stay near what they were; large
    factors keep the head in the frame and lose the feet.
    """
    factor = np.exp(np.clip(rng.normal(0, 0.16, count), -0.5, 0.5))
    dx = rng.normal(0, 0.07 * width, count)
    dy = rng.normal(0, 0.035 * height, count)
    dy += np.where(factor > 1, (factor - 1) * height / 2 * rng.uniform(-0.2, 1.1, count), 0.0)
    return np.stack([factor, dx, dy], axis=1).astype(np.float32)


def reframed(images: torch.Tensor, framing: np.ndarray, mode: str = "bilinear") -> torch.Tensor:
    """Images (B,C,H,W) under a framing; zeros come in from outside."""
    count, _, height, width = images.shape
    factor, dx, dy = torch.from_numpy(framing).unbind(1)
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = 1 / factor
    matrix[:, 0, 2] = -dx * 2 / width / factor
    matrix[:, 1, 2] = -dy * 2 / height / factor
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(
        images, grid, mode=mode, padding_mode="zeros", align_corners=False
    )


def reframed_pixels(pixels: np.ndarray, framing: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixels (B,...,2) under a framing."""
    shape = (len(framing),) + (1,) * (pixels.ndim - 2) + (2,)
    middle = np.array([width / 2, height / 2], np.float32)
    factor = framing[:, :1].repeat(2, axis=1).reshape(shape)
    return factor * (pixels - middle) + middle + framing[:, 1:].reshape(shape)


def occluded(
    rng: np.random.Generator, bank: PedestrianBank, images: torch.Tensor, share: float = 0.25
) -> torch.Tensor:
    """Some of the images with a box or an ellipse of foreign texture over part of them."""
    height, width = images.shape[-2:]
    chosen = np.flatnonzero(rng.random(len(images)) < share)
    if not len(chosen):
        return images
    scenes = random_backgrounds(rng, bank, len(chosen))
    covers = np.zeros((len(chosen), height, width), np.float32)
    for cover in covers:
        x, y = rng.uniform((0, 0.15 * height), (width, height))
        w, h = rng.uniform(4, 0.35 * width), rng.uniform(6, 0.3 * height)
        if rng.random() < 0.5:
            cv2.rectangle(
                cover,
                (int(x - w / 2), int(y - h / 2)),
                (int(x + w / 2), int(y + h / 2)),
                (1.0,),
                -1,
            )
        else:
            cv2.ellipse(
                cover,
                (int(x), int(y)),
                (int(w / 2), int(h / 2)),
                rng.uniform(0, 180),
                0,
                360,
                (1.0,),
                -1,
            )
    images = images.clone()
    images[chosen] = composite(scenes, torch.from_numpy(covers)[:, None], images[chosen])
    return images


def recoloured(
    rng: np.random.Generator, images: torch.Tensor, strength: float = 1.0
) -> torch.Tensor:
    """A camera's own colours: gain per channel, contrast, offset, saturation.

    Drawn per image; differentiable.
    """
    count = len(images)
    gain = np.exp(
        rng.normal(0, 0.05 * strength, (count, 3, 1, 1))
        + rng.normal(0, 0.18 * strength, (count, 1, 1, 1))
    )
    offset = rng.normal(0, 0.06 * strength, (count, 1, 1, 1))
    saturation = np.exp(rng.normal(0, 0.25 * strength, (count, 1, 1, 1)))
    light = (images + 1) / 2
    grey = light.mean(1, keepdim=True)
    light = grey + (light - grey) * _single(saturation)
    light = light * _single(gain) + _single(offset)
    return light.clamp(0, 1) * 2 - 1


def _single(values: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float32)


def degraded(rng: np.random.Generator, images: torch.Tensor) -> torch.Tensor:
    """Images as a surveillance camera gives them; not differentiable.

    Low resolution, defocus, motion blur, sensor noise and JPEG.
    """
    array = ((images.permute(0, 2, 3, 1).numpy() + 1) * 127.5).clip(0, 255)
    out = np.empty_like(array)
    for i, image in enumerate(array):
        height, width = image.shape[:2]
        if rng.random() < 0.4:
            k = rng.uniform(0.4, 0.9)
            small = cv2.resize(
                image, (int(width * k), int(height * k)), interpolation=cv2.INTER_AREA
            )
            image = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        if rng.random() < 0.6:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.3))
        if rng.random() < 0.1:
            image = cv2.blur(image, (int(rng.integers(2, 5)), 1))
        if rng.random() < 0.3:
            soft = cv2.GaussianBlur(image, (0, 0), 1.2)
            image = image + rng.uniform(0.3, 1.2) * (image - soft)
        image = image + rng.normal(0, rng.uniform(0, 5), image.shape)
        image = image.clip(0, 255).astype(np.uint8)
        if rng.random() < 0.6:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 96))]
            image = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
        out[i] = image
    return torch.from_numpy(out).permute(0, 3, 1, 2) / 127.5 - 1


def with_company(
    rng: np.random.Generator, bank: PedestrianBank, scenes: torch.Tensor, share: float = 0.15
) -> torch.Tensor:
    """Some of the background scenes with another pedestrian of the bank standing in them."""
    chosen = np.flatnonzero(rng.random(len(scenes)) < share)
    if not len(chosen):
        return scenes
    companions = rng.integers(0, len(bank), len(chosen))
    framing = random_framing(rng, len(chosen), *bank.images.shape[1:3])
    framing[:, 1] += (
        rng.choice([-1, 1], len(chosen))
        * rng.uniform(0.25, 0.6, len(chosen))
        * bank.images.shape[2]
    )
    person = reframed(image_batch(bank.images[companions]), framing)
    mask = reframed(torch.from_numpy(bank.opacity(companions)), framing)
    scenes = scenes.clone()
    scenes[chosen] = composite(person, mask, scenes[chosen])
    return scenes


def on_scenes(rng: np.random.Generator, bank: PedestrianBank, chosen: np.ndarray) -> torch.Tensor:
    """(n,3,H,W): these crops of a bank, stand-ins put on new scenes, photographs as they are."""
    images = image_batch(bank.images[chosen])
    if bank.photographs:
        return images
    scenes = with_company(rng, bank, random_backgrounds(rng, bank, len(chosen)))
    return composite(images, torch.from_numpy(bank.opacity(chosen)), scenes)


def photographed(bank: PedestrianBank, rng: np.random.Generator, batch: int = 64) -> PedestrianBank:
    """The bank with every stand-in put on a scene and degraded, once and for all."""
    images = []
    for start in range(0, len(bank), batch):
        chosen = np.arange(start, min(start + batch, len(bank)))
        crops = on_scenes(rng, bank, chosen)
        if not bank.photographs:
            crops = degraded(rng, crops)
        images.append(
            ((crops + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
        )
    return dataclasses.replace(bank, images=np.concatenate(images))
