"""Generated pedestrians whose true textures, bodies and cameras are known."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from mocap.bodies.skinning import Skinning
from synth.standins.pedestrians import Pedestrians, sample_pedestrians
from synth.standins.photography import sample_camera_style
from textures.body_fit.fitting import BodyFit
from textures.library import TextureEntry, write_image, write_manifest, write_texture
from textures.wardrobe.outfit_painting import paint_outfit

PEOPLE, CAMERAS = 5, 3


class ExactFitter:
    """Gives each crop the body and the mask that it was rendered from."""

    name = tag = "truth"

    def __init__(self, skinning: Skinning, names: list[str], crops: Pedestrians) -> None:
        self.skinning, self.crops = skinning, crops
        self.number = {name: index for index, name in enumerate(names)}

    def fit(self, names, images, *, batch=64):
        chosen = [self.number[Path(name).name] for name in names]
        crops = self.crops
        return BodyFit(
            pose=crops.pose[chosen],
            betas=crops.betas[chosen],
            translation=crops.translation[chosen],
            cameras=tuple(crops.camera(index) for index in chosen),
            person=tuple(crops.mask[index].astype(np.float32) for index in chosen),
            agreement=np.ones(len(chosen), np.float32),
            presence=np.ones(len(chosen), np.float32),
        )


@dataclasses.dataclass(frozen=True)
class World:
    """A folder of photographs, a library of the true textures, and the exact fitter."""

    images: Path
    library: Path
    textures: list[np.ndarray]
    fitter: ExactFitter


@pytest.fixture(scope="module")
def world(body, tmp_path_factory) -> World:
    rng = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("world")
    textures = [paint_outfit(body, rng=rng, size=128) for _ in range(PEOPLE)]
    styles = [sample_camera_style(rng) for _ in range(CAMERAS)]
    person = np.repeat(np.arange(PEOPLE), CAMERAS)
    skinning = Skinning(body)
    crops = sample_pedestrians(
        body,
        skinning,
        rng=rng,
        count=len(person),
        textures=textures,
        texture=person,
        styles=styles,
        style=np.tile(np.arange(CAMERAS), PEOPLE),
        occluded=0.0,
    )
    names = [
        f"{who + 1:04d}_c{camera + 1}s1_000001_00.png"
        for who, camera in zip(person, np.tile(np.arange(CAMERAS), PEOPLE))
    ]
    images = folder / "images"
    images.mkdir()
    for name, image in zip(names, crops.image):
        write_image(images / name, image)
    library = folder / "true"
    library.mkdir()
    entries = []
    for who, texture in enumerate(textures):
        source = names[who * CAMERAS]
        write_texture(library / source, texture)
        entries.append(
            TextureEntry(
                file=source,
                uv_layout=body.uv_layout,
                size=128,
                source=source,
                source_sha256="",
                identity=f"{who + 1:04d}",
                camera="c1",
                split="test",
                stand_in=True,
            )
        )
    write_manifest(library, entries)
    return World(images, library, textures, ExactFitter(skinning, names, crops))
