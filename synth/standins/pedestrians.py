"""Rendered pedestrians with their ground truth, in memory and in Market-1501's layout.

A crop is visibility, a texture under daylight, a painted background and a camera's defects; no
Blender. `sample_pedestrians` serves training, `write_pedestrians` writes the stand-in for
Market-1501.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning, skin
from mocap.errors import BadInput
from mocap.files import STAND_IN, atomic_write
from mocap.parsing.json_files import read_json
from synth.garments.attire import Attire
from synth.garments.dressing import make_garments
from synth.garments.garment import DressedBody, dressed_body, joint_frames
from synth.garments.wardrobe_forms import WardrobeForms, prepare_forms
from synth.standins.ordered_processes import process_results
from synth.standins.photography import (
    CROP_HEIGHT,
    CROP_WIDTH,
    BackgroundWindows,
    CameraStyle,
    crevice_shade,
    darken_ground,
    degrade_image,
    frame_person,
    sample_camera_style,
    sample_daylight,
    sample_occluder,
)
from synth.standins.poses import sample_poses, turn_pelvis
from synth.standins.street_poses import BUSY, sample_street_pose
from synth.standins.tailoring import attire_of_outfit
from textures.library import TextureEntry, write_manifest, write_texture
from textures.market1501 import SPLIT_FOLDERS
from textures.visibility.buffer import VisibilityBuffer, depth, parts, visibility
from textures.visibility.camera import Camera
from textures.visibility.rendering_tensor import texel_map
from textures.visibility.shading import linear_to_srgb, radiance
from textures.wardrobe.body_texels import prepare_body_texels
from textures.wardrobe.outfit import Outfit, sample_outfit
from textures.wardrobe.outfit_painting import paint_texture

EDITION = 2  # of what is drawn: a folder of another edition is not taken for the same stand-in
SUPERSAMPLING = 3  # odd, so that the middle sample lies on the crop's pixel centre


@dataclass(frozen=True, kw_only=True)
class Pedestrians:
    """B rendered crops and the truth about them.

    `image` (B,128,64,3) uint8 RGB. `mask` (B,128,64) bool: the person's visible pixels, with worn
    clothes and hair (occluders cut out). `carried` (B,128,64) bool: visible bags and umbrellas,
    which are not of the mask. `uv` (B,128,64,2) float32, 0 outside the mask. `parts` (B,128,64)
    uint8, 0 outside. `texture` (B,) int32 index into the textures; `style` (B,) int32 index into
    the camera styles, -1 where each crop has its own. `pose` (B,72), `betas` (B,10), `translation`
    (B,3), `joints` (B,24,3) float32, world metres. `intrinsics` (B,3,3), `rotation` (B,3,3),
    `camera_translation` (B,3) float64. `light` (B,9), `sun` (B,3) float32.
    """

    image: np.ndarray
    mask: np.ndarray
    carried: np.ndarray
    uv: np.ndarray
    parts: np.ndarray
    texture: np.ndarray
    style: np.ndarray
    pose: np.ndarray
    betas: np.ndarray
    translation: np.ndarray
    joints: np.ndarray
    intrinsics: np.ndarray
    rotation: np.ndarray
    camera_translation: np.ndarray
    light: np.ndarray
    sun: np.ndarray

    def __len__(self) -> int:
        return len(self.image)

    def camera(self, index: int) -> Camera:
        """The camera of crop `index`."""
        return Camera(
            intrinsics=self.intrinsics[index],
            rotation=self.rotation[index],
            translation=self.camera_translation[index],
            width=CROP_WIDTH,
            height=CROP_HEIGHT,
        )

    def joint_pixels(self) -> np.ndarray:
        """Pixels (B,24,2) float32 of the joints in the crops."""
        cameras = [self.camera(n) for n in range(len(self))]
        pixels = [camera.project(joints)[0] for camera, joints in zip(cameras, self.joints)]
        return np.stack(pixels).astype(np.float32)


def sample_pedestrians(
    body: Body,
    skinning: Skinning,
    *,
    rng: np.random.Generator,
    count: int,
    textures: Sequence[np.ndarray] | np.ndarray,
    texture: np.ndarray | None = None,
    betas: np.ndarray | None = None,
    forms: WardrobeForms | None = None,
    outfits: Sequence[Outfit] = (),
    styles: Sequence[CameraStyle] = (),
    style: np.ndarray | None = None,
    occluded: float = 0.1,
    misplaced: bool = False,
) -> Pedestrians:
    """Render crops of people, with their ground truth.

    Args:
        body: Body of the people.
        skinning: Skinning of the same body.
        rng: Source of everything that is not determined by another argument.
        count: Number of crops.
        textures: Textures (S,S,3) uint8 sRGB.
        texture: Index (count,) of each crop's texture; random by default.
        betas: Shapes (count,10); normally distributed by default.
        forms: The body prepared for garments, where there are outfits.
        outfits: What is worn, one for each texture; by default nothing stands off the body.
        styles: Cameras; by default a new one per crop.
        style: Index (count,) of each crop's camera; random by default.
        occluded: Share of the crops with something in front.
        misplaced: Cut the people badly, as a detector's false boxes do.

    Returns:
        The crops.
    """
    if texture is None:
        texture = rng.integers(len(textures), size=count)
    if betas is None:
        betas = rng.normal(size=(count, 10)).clip(-2.5, 2.5)
    if style is None:
        style = rng.integers(len(styles), size=count) if styles else np.full(count, -1)
    attires = [attire_of_outfit(outfit) for outfit in outfits]
    pose = sample_poses(rng, count)
    for n, number in enumerate(texture):
        luggage = attires[number].luggage if attires else ()
        if BUSY & {thing.kind for thing in luggage}:
            pose[n] = sample_street_pose(rng, luggage).ravel()
    pose = turn_pelvis(pose, rng.uniform(-np.pi, np.pi, count))
    origin = np.zeros((count, 3), dtype=np.float32)
    vertices, joints = skin(skinning, pose=pose, betas=betas, translation=origin)
    dressed, placed = [], []
    for n in range(count):
        clothed = _dressed(body, skinning, forms, attires, textures, int(texture[n]), betas[n])
        frames = joint_frames(
            skinning, pose=pose[n : n + 1], betas=betas[n], translation=origin[n : n + 1]
        )
        dressed.append(clothed)
        placed.append(clothed.posed(vertices[n], frames[0]))
    translation = origin.copy()
    # Soles stand on the ground.
    translation[:, 1] = [-shown[:, 1].min() for shown in placed]
    joints += translation[:, None]
    backgrounds = BackgroundWindows(rng)
    crops = []
    for n in range(count):
        camera_style = styles[style[n]] if styles else sample_camera_style(rng)
        crops.append(
            _crop(
                rng,
                dressed[n],
                placed[n] + translation[n],
                textures[texture[n]],
                camera_style,
                backgrounds.next(),
                occluded=rng.random() < occluded,
                misplaced=misplaced,
            )
        )
    return Pedestrians(
        **{name: np.stack([crop[name] for crop in crops]) for name in crops[0]},
        texture=np.asarray(texture, dtype=np.int32),
        style=np.asarray(style if styles else np.full(count, -1), dtype=np.int32),
        pose=pose,
        betas=np.asarray(betas, dtype=np.float32),
        translation=translation,
        joints=joints,
    )


def _dressed(
    body: Body,
    skinning: Skinning,
    forms: WardrobeForms | None,
    attires: Sequence[Attire],
    textures: Sequence[np.ndarray] | np.ndarray,
    number: int,
    betas: np.ndarray,
) -> DressedBody:
    """The body of these betas in the attire of this number, or in nothing where there are none."""
    if not attires:
        return dressed_body(body, (), len(textures[number]))
    if forms is None:
        raise ValueError("outfits were given without the body's forms")
    shaped, _ = skin(skinning, pose=np.zeros((1, 72)), betas=betas, translation=np.zeros((1, 3)))
    garments = make_garments(forms, shaped[0].astype(np.float64), attires[number])
    return dressed_body(body, garments, len(textures[number]))


def _crop(
    rng: np.random.Generator,
    dressed: DressedBody,
    vertices: np.ndarray,
    texture: np.ndarray,
    style: CameraStyle,
    background: np.ndarray,
    *,
    occluded: bool,
    misplaced: bool,
) -> dict[str, np.ndarray]:
    """One crop and its truth, by field of `Pedestrians`."""
    camera = frame_person(rng, vertices[dressed.of_person], style, misplaced=misplaced)
    light, sun = sample_daylight(rng)
    fine_camera = camera.scaled(SUPERSAMPLING)
    fine = visibility(vertices, dressed.mesh.faces, fine_camera)
    colour = radiance(
        fine,
        dressed.shaded_mesh,
        vertices,
        dressed.texture_with_swatches(texture),
        position=camera.position,
        coefficients=light,
        sun=sun,
    )
    colour *= crevice_shade(depth(fine, dressed.mesh.faces, vertices, fine_camera))[..., None]
    size = (CROP_WIDTH, CROP_HEIGHT)
    alpha = cv2.resize(fine.covered.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    colour = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
    feet, _ = camera.project(vertices[vertices[:, 1] < 0.06])
    image = darken_ground(background, feet, rng)
    encoded = linear_to_srgb(colour / np.maximum(alpha, 1e-6)[..., None])
    image += (encoded.astype(np.float32) - image) * alpha[..., None]
    middle = SUPERSAMPLING // 2
    visible = VisibilityBuffer(
        face=fine.face[middle::SUPERSAMPLING, middle::SUPERSAMPLING].copy(),
        barycentric=fine.barycentric[middle::SUPERSAMPLING, middle::SUPERSAMPLING].copy(),
    )
    if occluded:
        occluder, opacity = sample_occluder(rng)
        image += (occluder - image) * opacity[..., None]
        visible.face[opacity > 0.5] = -1
    carried = visible.covered & dressed.carried[visible.face]
    visible.face[carried] = -1
    return {
        "image": degrade_image(rng, image, style),
        "mask": visible.covered,
        "carried": carried,
        "uv": texel_map(visible, dressed.mesh) * visible.covered[..., None],
        "parts": parts(visible, dressed.mesh.face_parts),
        "intrinsics": camera.intrinsics,
        "rotation": camera.rotation,
        "camera_translation": camera.translation,
        "light": light,
        "sun": sun,
    }


@dataclass(frozen=True, kw_only=True)
class MarketSize:
    """How large a stand-in for Market-1501 is.

    The real one has 751 identities to train on, 750 to test on, and 32,217 crops.
    """

    train_identities: int = 48
    test_identities: int = 24
    images_per_camera: int = 2
    distractors: int = 40
    junk: int = 24
    texture_size: int = 256


CAMERAS = 6
README = """Generated by `synth standins pedestrians` (seed {seed}): no real person is in it.

The layout and file names are Market-1501's. Identities of bounding_box_train and of query and
bounding_box_test are disjoint; 0000 are distractors, -1 are junk boxes. true_textures/ holds the
texture each identity wears (textures.jsonl lists them), truth/ the pose, shape, camera, light and
visible pixels of every crop. A figure measured on it is not a figure on Market-1501.
"""


def write_pedestrians(
    out: Path,
    *,
    body: Body,
    seed: int,
    size: MarketSize = MarketSize(),
    workers: int | None = None,
    progress: bool = True,
) -> dict[str, int]:
    """Write a stand-in for Market-1501.

    The folder appears whole or not at all, and the same seed and size give the same bytes. A folder
    that already holds the same stand-in is left as it is. `truth/<split>.npz` (train, query,
    gallery) has, per crop: name, identity, camera, texture, mask and the arrays of `Pedestrians`
    that are not images.

    Args:
        out: New folder.
        body: Body of the pedestrians.
        seed: Seed of everything.
        size: How large the stand-in is.
        workers: Number of processes; by default one per core.
        progress: Show a progress bar.

    Returns:
        Number of crops by split.

    Raises:
        BadInput: When `out` holds something else, or for sizes that make no data set.
    """
    out = Path(out)
    if size.train_identities < 2 or size.test_identities < 2 or size.images_per_camera < 1:
        raise BadInput(
            f"stand-in of {size.train_identities} training and {size.test_identities} test identities "
            f"with {size.images_per_camera} images a camera: at least 2, 2 and 1 are needed"
        )
    settings = {
        "kind": "pedestrians",
        "edition": EDITION,
        "seed": seed,
        "body": body.name,
        **vars(size),
    }
    marker = out / "standins.json"
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        advice = "remove the folder, or give another"
        written = read_json(marker, dict[str, Any], advice=advice) if marker.is_file() else {}
        if {key: written.get(key) for key in settings} == settings:
            return written["crops"]
        raise BadInput(
            f"{out}: already holds something else; remove it or give another folder for the stand-in"
        )
    with atomic_write(out) as folder:
        folder.mkdir(parents=True)
        crops = _write_market(folder, body, seed, size, workers=workers, progress=progress)
        (folder / "README.md").write_text(README.format(seed=seed), encoding="utf-8")
        (folder / STAND_IN).write_text("Generated pedestrians, not photographs.\n")
        text = json.dumps({**settings, "crops": crops}, indent=1) + "\n"
        (folder / marker.name).write_text(text, encoding="utf-8")
    return crops


@dataclass
class _Person:
    """Of an identity's crops: rows of the truth with their split, the texture's entry."""

    truth: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    entry: TextureEntry | None = None


def _write_market(
    folder: Path, body: Body, seed: int, size: MarketSize, *, workers: int | None, progress: bool
) -> dict[str, int]:
    """Write everything, an identity at a time; returns the number of crops by split."""
    for name in (*SPLIT_FOLDERS.values(), "true_textures", "truth"):
        (folder / name).mkdir()
    identities = [*range(1, size.train_identities + size.test_identities + 1), 0, -1]
    written = process_results(
        _write_identity,
        identities,
        prepare=_start_worker,
        arguments=(folder, body, seed, size),
        workers=workers,
    )
    truth: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLIT_FOLDERS}
    entries = []
    bar = tqdm(
        written, total=len(identities), desc="pedestrians", unit="person", disable=not progress
    )
    for person in bar:
        for split, row in person.truth:
            truth[split].append(row)
        if person.entry is not None:
            entries.append(person.entry)
    write_manifest(folder / "true_textures", entries)
    for split, rows in truth.items():
        arrays = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
        np.savez_compressed(folder / "truth" / f"{split}.npz", **arrays)
    return {split: len(rows) for split, rows in truth.items()}


# ------------------------------------------------------------------------------------- in a worker


_writer: _MarketWriter | None = None


def _start_worker(folder: Path, body: Body, seed: int, size: MarketSize) -> None:
    global _writer
    _writer = _MarketWriter(folder, body, seed, size)


def _write_identity(identity: int) -> _Person:
    if _writer is None:
        raise RuntimeError("the process was not prepared")
    return _writer.write(identity)


class _MarketWriter:
    """Writes the crops of one identity after another."""

    def __init__(self, folder: Path, body: Body, seed: int, size: MarketSize) -> None:
        self.folder, self.body, self.seed, self.size = folder, body, seed, size
        self.skinning = Skinning(body)
        self.texels = prepare_body_texels(body, size.texture_size)
        self.forms = prepare_forms(body)
        rng = np.random.default_rng([seed, 0])
        self.styles = [sample_camera_style(rng) for _ in range(CAMERAS)]
        count = size.train_identities + size.test_identities
        self.training = set((rng.permutation(count)[: size.train_identities] + 1).tolist())
        self.person = _Person()

    def write(self, identity: int) -> _Person:
        """Write an identity's crops: a person's from 1 on, all distractors' (0) or all junk (-1)."""
        self.person = _Person()
        if identity > 0:
            self._write_person(identity)
        elif identity == 0:
            self._write_unlabelled(0, self.size.distractors, "distractor")
        else:
            self._write_unlabelled(-1, self.size.junk, "junk")
        return self.person

    def _write_person(self, identity: int) -> None:
        rng = np.random.default_rng([self.seed, 1, identity])
        outfit = sample_outfit(rng)
        texture = paint_texture(self.texels, replace(outfit, bag="none"))  # bags have a shape
        name = f"{identity:04d}.png"
        write_texture(self.folder / "true_textures" / name, texture)
        cameras = np.sort(rng.permutation(CAMERAS)[: rng.integers(2, CAMERAS + 1)])
        extra = 0 if identity in self.training else 1  # the query
        style = np.repeat(cameras, self.size.images_per_camera + extra)
        people = self._sample(rng, style, texture, outfit)
        files = []
        for n, camera in enumerate(style):
            split = "train"
            if extra:
                first = n == 0 or style[n - 1] != camera
                split = "query" if first else "gallery"
            files.append(self._save(rng, people, n, split, identity, name))
        crop = files[0]
        self.person.entry = TextureEntry(
            file=name,
            uv_layout=self.body.uv_layout,
            size=self.size.texture_size,
            source=crop.name,
            source_sha256=hashlib.sha256(crop.read_bytes()).hexdigest(),
            identity=f"{identity:04d}",
            camera=None,
            split="train" if identity in self.training else "test",
            licence="Apache-2.0",
            generator="wardrobe",
            stand_in=True,
        )

    def _write_unlabelled(self, identity: int, count: int, kind: str) -> None:
        """Distractors (0: other people, well framed) and junk (-1: badly cut boxes)."""
        rng = np.random.default_rng([self.seed, 2 if identity else 3])
        for start in range(0, count, 4):  # four crops per passer-by
            outfit = sample_outfit(rng)
            texture = paint_texture(self.texels, replace(outfit, bag="none"))
            style = rng.integers(CAMERAS, size=min(4, count - start))
            people = self._sample(rng, style, texture, outfit, misplaced=kind == "junk")
            for n in range(len(style)):
                self._save(rng, people, n, "gallery", identity, "")

    def _sample(
        self,
        rng: np.random.Generator,
        style: np.ndarray,
        texture: np.ndarray,
        outfit: Outfit,
        *,
        misplaced: bool = False,
    ) -> Pedestrians:
        betas = rng.normal(size=(1, 10)).clip(-2.5, 2.5).repeat(len(style), axis=0)
        return sample_pedestrians(
            self.body,
            self.skinning,
            rng=rng,
            count=len(style),
            textures=[texture],
            betas=betas,
            forms=self.forms,
            outfits=[outfit],
            styles=self.styles,
            style=style,
            misplaced=misplaced,
        )

    def _save(
        self,
        rng: np.random.Generator,
        people: Pedestrians,
        n: int,
        split: str,
        identity: int,
        texture: str,
    ) -> Path:
        """Write crop `n` under a free Market-1501 name and note the truth about it."""
        camera = int(people.style[n]) + 1
        person = f"{identity:04d}" if identity >= 0 else "-1"
        box = 0 if split == "query" else int(rng.integers(1, 8))
        while True:
            frame = int(rng.integers(1, 110_000))
            name = f"{person}_c{camera}s{1 + frame // 20_000}_{frame:06d}_{box:02d}.jpg"
            path = self.folder / SPLIT_FOLDERS[split] / name
            if not path.exists():
                break
        write_jpeg(path, people.image[n])
        arrays = {
            key: value[n]
            for key, value in vars(people).items()
            if key not in ("image", "uv", "parts", "texture", "style")
        }
        facts = {"name": np.array(name), "identity": np.int32(identity), "camera": np.int32(camera)}
        self.person.truth.append((split, facts | {"texture": np.array(texture)} | arrays))
        return path


def write_jpeg(path: Path, image: np.ndarray, quality: int = 95) -> None:
    """Write RGB uint8 (H,W,3) as JPEG."""
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    path.write_bytes(data.tobytes())
