"""A texture as a photograph would show it: on the body fitted there, through its visibility."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np

from mocap.bodies.body import Body
from textures.evaluation.alignment import aligned
from textures.evaluation.texture_sets import Painting
from textures.training.street_scenes import scene_pool
from textures.visibility.buffer import parts, visibility
from textures.visibility.camera import Camera
from textures.visibility.rendering_tensor import texel_map
from textures.visibility.uv_layout import sample_texture

SAMPLES = 3  # along a pixel's side
GREY = 128
SCENE_SIZE = (128, 64)  # height and width of what is cut from a scene
MOST_HEIGHT = 256  # pixels at which views are compared; larger photographs are shrunk


@dataclass(frozen=True)
class FittedView:
    """The body that is fitted to a photograph, ready for any texture.

    photograph (H,W,3) uint8 RGB. silhouette, shared (H,W) bool: pixels of the body, and those of them
    that the person mask has, too. uv (N,2) float32: of the samples on the body; sample (N,): number of
    the pixel of each. part_labels (H,W) uint8. overlap: intersection over union of body and person
    mask, 1 without a mask. background (H,W,3) uint8: a generated scene, the same for every texture.
    """

    photograph: np.ndarray
    silhouette: np.ndarray
    shared: np.ndarray
    uv: np.ndarray
    sample: np.ndarray
    part_labels: np.ndarray
    overlap: float
    background: np.ndarray


@dataclass(frozen=True)
class View:
    """A texture in a photograph's view.

    rendered, target (H,W,3) uint8 RGB: body and photograph, in one light, grey outside the shared mask.
    body (H,W,3) uint8: the body in the texture's light, whole, on grey. shared, painted (H,W) bool.
    scene (H,W,3) uint8: the body in the texture's light, whole, on a background; photograph (H,W,3) uint8
    with its own; silhouette (H,W) bool: the body.
    """

    rendered: np.ndarray
    target: np.ndarray
    body: np.ndarray
    shared: np.ndarray
    painted: np.ndarray
    scene: np.ndarray
    photograph: np.ndarray
    silhouette: np.ndarray


def fitted_view(
    body: Body,
    vertices: np.ndarray,
    camera: Camera,
    photograph: np.ndarray,
    person: np.ndarray,
    *,
    name: str = "",
) -> FittedView:
    """What a photograph's camera sees of the body fitted to it.

    Args:
        body: that is fitted.
        vertices: (V,3) metres, posed.
        camera: of the photograph.
        photograph: (h,w,3) uint8 RGB.
        person: (h,w) probability that a pixel shows the person.
        name: of the photograph, which chooses its background.
    """
    height = min(photograph.shape[0], MOST_HEIGHT)
    width = max(1, round(photograph.shape[1] * height / photograph.shape[0]))
    if height < photograph.shape[0]:
        photograph = cv2.resize(photograph, (width, height), interpolation=cv2.INTER_AREA)
    person = cv2.resize(person, (width, height), interpolation=cv2.INTER_AREA)
    scale = np.diag([width * SAMPLES / camera.width, height * SAMPLES / camera.height, 1.0])
    dense = Camera(
        intrinsics=scale @ camera.intrinsics,
        rotation=camera.rotation,
        translation=camera.translation,
        height=height * SAMPLES,
        width=width * SAMPLES,
    )
    buffer = visibility(vertices, body.faces, dense)
    rows, columns = np.nonzero(buffer.covered)
    sample = (rows // SAMPLES) * width + columns // SAMPLES
    count = np.bincount(sample, minlength=height * width).reshape(height, width)
    silhouette = count > SAMPLES**2 / 2
    middle = slice(SAMPLES // 2, None, SAMPLES)
    mask = person > 0.5
    union = int((mask | silhouette).sum())
    # Where no source of the fit gives a mask, every pixel may be the person, and nothing can be compared.
    overlap = 1.0 if mask.all() else float((mask & silhouette).sum() / max(1, union))
    return FittedView(
        photograph=photograph,
        silhouette=silhouette,
        shared=silhouette & mask,
        uv=texel_map(buffer, body.mesh)[rows, columns],
        sample=sample,
        part_labels=parts(buffer, body.face_parts)[middle, middle] * silhouette,
        overlap=overlap if silhouette.any() else 0.0,
        background=background_of(name, height, width),
    )


def background_of(name: str, height: int, width: int) -> np.ndarray:
    """A piece of a generated scene, (height,width,3) uint8; the same for the same name."""
    digest = hashlib.sha256(name.encode()).digest()
    rng = np.random.default_rng(np.frombuffer(digest, np.uint32))
    pool = scene_pool(*SCENE_SIZE)
    scene = pool[rng.integers(len(pool))]
    y = rng.integers(0, scene.shape[0] - SCENE_SIZE[0] + 1)
    x = rng.integers(0, scene.shape[1] - SCENE_SIZE[1] + 1)
    piece = scene[y : y + SCENE_SIZE[0], x : x + SCENE_SIZE[1]]
    return cv2.resize(piece, (width, height), interpolation=cv2.INTER_AREA)


def render_view(fitted: FittedView, painting: Painting) -> View:
    """A texture in a photograph's view, and the photograph beside it, alike in light and mask."""
    height, width = fitted.silhouette.shape
    layers = np.dstack([painting.colours, painting.painted * np.uint8(255)])
    values = sample_texture(layers, fitted.uv)
    count = np.bincount(fitted.sample, minlength=height * width).clip(1)
    sums = [np.bincount(fitted.sample, values[:, k], height * width) / count for k in range(4)]
    image = np.round(np.stack(sums, -1).reshape(height, width, 4)).clip(0, 255).astype(np.uint8)
    body = on_grey(image[..., :3], fitted.silhouette)
    painted = fitted.silhouette & (image[..., 3] > 127)
    comparable = fitted.shared & painted
    rendered = aligned(body, fitted.photograph, comparable if comparable.any() else fitted.shared)
    return View(
        rendered=on_grey(rendered, fitted.shared),
        target=on_grey(fitted.photograph, fitted.shared),
        body=body,
        shared=fitted.shared,
        painted=painted,
        scene=np.where(fitted.silhouette[..., None], body, fitted.background),
        photograph=fitted.photograph,
        silhouette=fitted.silhouette,
    )


def on_grey(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The image (H,W,3) uint8 with grey wherever the mask (H,W) is false."""
    return np.where(mask[..., None], image, np.uint8(GREY))
