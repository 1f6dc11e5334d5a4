"""What rendered pedestrians lack of photographs: scenes, framing, occluders, light, blur, JPEG.

All randomness comes from the numpy generator passed in; images are (B,3,H,W) RGB in [-1,1].
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import torch
from torch.nn import functional

from textures.training.crop_bank import CropBank
from textures.training.pedestrian_bank import PedestrianBank
from textures.training.street_scenes import draw_bicycle, draw_railing, scene_pool
from textures.visibility.rendering_tensor import composite


def image_batch(images: np.ndarray) -> torch.Tensor:
    """(B,H,W,3) uint8 to (B,3,H,W) in [-1,1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def random_backgrounds(rng: np.random.Generator, bank: CropBank, count: int) -> torch.Tensor:
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
    gain = np.exp(rng.normal(0, 0.25, (count, 1, 1, 1)) + rng.normal(0, 0.025, (count, 1, 1, 3)))
    # The world is grey for the most part.
    grey = pieces.mean(-1, keepdims=True)
    colour = rng.beta(1.1, 2.2, (count, 1, 1, 1)).astype(np.float32)
    pieces = np.clip((grey + colour * (pieces - grey)) * gain.astype(np.float32), 0, 255)
    return torch.from_numpy(pieces).permute(0, 3, 1, 2) / 127.5 - 1


def random_framing(rng: np.random.Generator, count: int, height: int, width: int) -> np.ndarray:
    """Framings (B,4) as detectors frame people: factor, dx, dy, stretch.

    `pixel' = factor * (pixel - middle) + middle + (dx, dy)`, and across the width another `stretch`
    times as far: crops of any shape are brought to one size, which makes people in narrow boxes broad.
    Most stay near what they were; one in seven is cut badly. Large factors keep the head in the frame
    and lose the feet.
    """
    odd = rng.random(count) < 0.15
    factor = np.exp(np.clip(rng.normal(0, np.where(odd, 0.24, 0.045), count), -0.6, 0.6))
    dx = rng.normal(0, np.where(odd, 0.1, 0.05) * width, count)
    dy = rng.normal(0, np.where(odd, 0.05, 0.018) * height, count)
    dy += np.where(factor > 1, (factor - 1) * height / 2 * rng.uniform(-0.2, 1.1, count), 0.0)
    stretch = np.exp(np.clip(rng.normal(0.16, 0.12, count), -0.12, 0.45))
    return np.stack([factor, dx, dy, stretch], axis=1).astype(np.float32)


def reframed(images: torch.Tensor, framing: np.ndarray, mode: str = "bilinear") -> torch.Tensor:
    """Images (B,C,H,W) under a framing; zeros come in from outside."""
    count, _, height, width = images.shape
    factor, dx, dy, stretch = torch.from_numpy(framing).unbind(1)
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0], matrix[:, 1, 1] = 1 / (factor * stretch), 1 / factor
    matrix[:, 0, 2] = -dx * 2 / width / (factor * stretch)
    matrix[:, 1, 2] = -dy * 2 / height / factor
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(
        images, grid, mode=mode, padding_mode="zeros", align_corners=False
    )


def reframed_pixels(pixels: np.ndarray, framing: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixels (B,...,2) under a framing."""
    shape = (len(framing),) + (1,) * (pixels.ndim - 2) + (2,)
    middle = np.array([width / 2, height / 2], np.float32)
    factor = np.stack([framing[:, 0] * framing[:, 3], framing[:, 0]], axis=1).reshape(shape)
    return factor * (pixels - middle) + middle + framing[:, 1:3].reshape(shape)


def occluded(
    rng: np.random.Generator, bank: PedestrianBank, images: torch.Tensor, share: float = 0.3
) -> torch.Tensor:
    """Some of the images with something in front: a bicycle, a railing, a pole, a box, a person."""
    height, width = images.shape[-2:]
    chosen = np.flatnonzero(rng.random(len(images)) < share)
    if not len(chosen):
        return images
    kinds = rng.choice(
        ["bicycle", "railing", "pole", "box", "person"],
        len(chosen),
        p=[0.33, 0.08, 0.13, 0.2, 0.26],
    )
    covers = np.zeros((len(chosen), height, width), np.float32)
    fronts = random_backgrounds(rng, bank, len(chosen)).permute(0, 2, 3, 1).numpy().copy()
    for cover, front, kind in zip(covers, fronts, kinds, strict=True):
        _cover(rng, cover, front, str(kind))
    layers, masks = torch.from_numpy(fronts).permute(0, 3, 1, 2), torch.from_numpy(covers)[:, None]
    people = np.flatnonzero(kinds == "person")
    if len(people):
        layers[people], masks[people] = _people_aside(rng, bank, len(people), (0.55, 0.85))
    images = images.clone()
    images[chosen] = composite(layers, masks, images[chosen])
    return images


def _cover(rng: np.random.Generator, cover: np.ndarray, front: np.ndarray, kind: str) -> None:
    """Draw what stands in front: its mask (H,W) and its colours (H,W,3) in [-1,1]."""
    height, width = cover.shape
    x, y = rng.uniform((0, 0.15 * height), (width, height))
    if kind == "bicycle":
        size = rng.uniform(0.16, 0.3) * height
        side = rng.choice([-0.1, 1.1]) * width + rng.normal(0, 0.25 * width)
        draw_bicycle(rng, cover, (side, height * rng.uniform(0.9, 1.02)), size)
        front[:] = rng.normal(-0.5, 0.35) + rng.normal(0, 0.06, 3)
    elif kind == "railing":
        draw_railing(rng, cover, rng.uniform(0.55, 0.95) * height)
        front[:] = rng.uniform(-0.6, 0.7)
    elif kind == "pole":
        thickness = int(rng.integers(2, max(3, width // 8)))
        cv2.line(cover, (int(x), 0), (int(x + rng.normal(0, 2)), height), (1.0,), thickness)
        front[:] = rng.uniform(-0.9, 0.6)
    elif kind == "box":
        w, h = rng.uniform(4, 0.35 * width), rng.uniform(6, 0.3 * height)
        if rng.random() < 0.5:
            corners = ((int(x - w / 2), int(y - h / 2)), (int(x + w / 2), int(y + h / 2)))
            cv2.rectangle(cover, *corners, (1.0,), -1)
        else:
            axes, angle = (int(w / 2), int(h / 2)), rng.uniform(0, 180)
            cv2.ellipse(cover, (int(x), int(y)), axes, angle, 0, 360, (1.0,), -1)


def _people_aside(
    rng: np.random.Generator, bank: CropBank, count: int, aside: tuple[float, float]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Other pedestrians (B,3,H,W) and their masks, moved aside by shares of the width."""
    height, width = bank.images.shape[1:3]
    companions = rng.integers(0, len(bank), count)
    framing = random_framing(rng, count, height, width)
    framing[:, 0] *= np.exp(rng.normal(0.0, 0.15, count))
    framing[:, 1] += rng.choice([-1, 1], count) * rng.uniform(*aside, count) * width
    people = reframed(image_batch(bank.images[companions]), framing)
    masks = reframed(torch.from_numpy(bank.opacity(companions)), framing)
    return recoloured(rng, people, 0.7), masks


def recoloured(
    rng: np.random.Generator, images: torch.Tensor, strength: float = 1.0
) -> torch.Tensor:
    """A camera's own colours: gain per channel, contrast, offset, saturation.

    Drawn per image; differentiable.
    """
    count = len(images)
    gain = np.exp(
        rng.normal(0, 0.035 * strength, (count, 3, 1, 1))
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
        if rng.random() < 0.3:
            k = rng.uniform(0.35, 0.9)
            small = cv2.resize(
                image, (int(width * k), int(height * k)), interpolation=cv2.INTER_AREA
            )
            image = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        if rng.random() < 0.4:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.0))
        if rng.random() < 0.15:
            image = cv2.blur(image, (int(rng.integers(2, 7)), 1))
        if rng.random() < 0.5:
            soft = cv2.GaussianBlur(image, (0, 0), 1.0)
            image = image + rng.uniform(0.3, 1.4) * (image - soft)
        image = image + rng.normal(0, rng.uniform(0, 5), image.shape)
        image = image.clip(0, 255).astype(np.uint8)
        if rng.random() < 0.6:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 96))]
            image = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
        out[i] = image
    return torch.from_numpy(out).permute(0, 3, 1, 2) / 127.5 - 1


def with_company(
    rng: np.random.Generator, bank: CropBank, scenes: torch.Tensor, share: float = 0.25
) -> torch.Tensor:
    """Some of the background scenes with another pedestrian of the bank standing in them."""
    chosen = np.flatnonzero(rng.random(len(scenes)) < share)
    if not len(chosen):
        return scenes
    people, masks = _people_aside(rng, bank, len(chosen), (0.2, 0.65))
    scenes = scenes.clone()
    scenes[chosen] = composite(people, masks, scenes[chosen])
    return scenes


def on_scenes(rng: np.random.Generator, bank: CropBank, chosen: np.ndarray) -> torch.Tensor:
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
