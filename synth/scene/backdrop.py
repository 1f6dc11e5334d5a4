"""The background of every frame of a film: a place that the film's own cameras see, or a plate.

A place (see `synth.scene.places`) has surfaces in the world, and each frame shows what its camera sees
of them. A plate is a picture that is infinitely far away. A still camera sees the plate itself, as in
SURREAL. One that turns sees other parts of it: the plate is then wider than the picture, wrapped on a
cylinder about the person, and each frame looks its pixels' directions up in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mocap.errors import BadInput
from synth.scene.backgrounds import load_photograph, paint_background, read_photograph
from synth.scene.environment_pictures import (
    mean_brightness,
    read_environment,
    resized_environment,
)
from synth.scene.lights.light import Light
from synth.scene.places.background_geometry import BackgroundGeometry, InfiniteBackground
from synth.scene.places.dome import DomeGeometry, dome_picture
from synth.scene.places.painted_place import paint_place
from synth.scene.places.painted_tracing import TracedPlace
from synth.scene.places.photograph_picture import photograph_picture, sized_photograph
from synth.scene.places.scene_place import Dome, PhotographCamera, ScenePlace
from textures.visibility.camera import Camera
from textures.visibility.shading import linear_to_srgb, to_bytes


@dataclass(frozen=True, kw_only=True)
class ClipBackground:
    """What stands behind a clip.

    background, scene_place: of its row. cameras: of its T frames. ground: (3,) the point of the floor
    under the person, metres in the world; reach: metres from there to the farthest that they get. light:
    what lights them. photograph_yaw: the side on which the camera stood that took
    the photograph of a place, radians. photographs, environments: where such files lie.
    """

    background: Mapping[str, Any]
    scene_place: ScenePlace | None
    cameras: Sequence[Camera]
    ground: Sequence[float]
    reach: float
    light: Light
    photograph_yaw: float = 0.0
    photographs: Path | None = None
    environments: Path | None = None

    @property
    def files_given(self) -> bool:
        """Whether the folder of its file is at hand; true where it needs none."""
        folders = {"photograph": self.photographs, "environment": self.environments}
        return all(folders.get(kind, Path()) is not None for kind in self.background)

    def geometry(self) -> BackgroundGeometry:
        """Where its surfaces lie, which needs no file; a plate and a photograph are infinitely far."""
        if self.scene_place is None:
            return InfiniteBackground()
        if self.scene_place.dome is not None:
            return DomeGeometry(self.scene_place.dome, self.ground, self.cameras)
        return self._painted() if "painted" in self.background else InfiniteBackground()

    def pictures(self) -> Iterator[np.ndarray]:
        """The background of each frame, (H,W,3) RGB uint8; a camera that stands still sees one picture.

        Raises:
            BadInput: a file that is not there or cannot be read.
        """
        if self.scene_place is None:
            yield from backdrops(self.background, self.cameras, folder=self.photographs)
            return
        last, picture = None, np.empty(0)
        view = self._view()
        for camera in self.cameras:
            if last is None or not camera.same_view(last):
                last, picture = camera, view(camera)
            yield picture

    def _view(self) -> Callable[[Camera], np.ndarray]:
        """What shows a camera the place."""
        scene_place = self.scene_place
        assert scene_place is not None
        if "painted" in self.background:
            painted = self._painted()
            return lambda camera: to_bytes(linear_to_srgb(painted.picture(camera)))
        if scene_place.photograph is not None:
            return self._photograph_view(scene_place.photograph)
        assert scene_place.dome is not None
        return self._environment_view(scene_place.dome)

    def _painted(self) -> TracedPlace:
        return paint_place(
            int(self.background["painted"]),
            ground=self.ground,
            reach=self.reach,
            cameras=self.cameras,
            light=self.light,
        )

    def _photograph_view(self, photograph: PhotographCamera) -> Callable[[Camera], np.ndarray]:
        path = _file_in(self.photographs, self.background["photograph"], "photograph")
        focal = max(float(camera.intrinsics[0, 0]) for camera in self.cameras)
        image = sized_photograph(read_photograph(path), photograph, focal)
        yaw = self.photograph_yaw
        return lambda camera: photograph_picture(image, photograph, yaw=yaw, camera=camera)

    def _environment_view(self, dome: Dome) -> Callable[[Camera], np.ndarray]:
        path = _file_in(self.environments, self.background["environment"], "environment")
        radiance = read_environment(path)
        brightness = mean_brightness(radiance)
        if not brightness > 0:
            raise BadInput(f"{path}: its mean brightness is {brightness}, expected above 0")
        focal = max(float(camera.intrinsics[0, 0]) for camera in self.cameras)
        radiance = resized_environment(radiance, focal)
        geometry = DomeGeometry(dome, self.ground, self.cameras)
        scale = dome.strength / brightness
        return lambda camera: dome_picture(
            radiance, scale=scale, geometry=geometry, turn=dome.turn, camera=camera
        )


def plate_directions(camera: Camera, first: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel of `camera` looks on a cylinder about the `first` camera.

    Returns:
        Angle (H,W), radians to the right of the first camera's axis, and how far below it (H,W) at
        distance 1.
    """
    rows, columns = np.mgrid[: camera.height, : camera.width]
    pixels = np.stack([columns + 0.5, rows + 0.5, np.ones(rows.shape)], axis=-1)
    turn = first.rotation @ camera.rotation.T @ np.linalg.inv(camera.intrinsics)
    rays = pixels @ turn.T
    return np.arctan2(rays[..., 0], rays[..., 2]), rays[..., 1] / np.hypot(
        rays[..., 0], rays[..., 2]
    )


def backdrops(
    background: Mapping[str, Any], cameras: Sequence[Camera], *, folder: Path | None
) -> list[np.ndarray]:
    """The plate behind each frame, (H,W,3) RGB uint8.

    Args:
        background: of a row of the plan.
        cameras: of the frames; those that do not turn share one picture.
        folder: where photographs lie.

    Raises:
        BadInput: a photograph that cannot be read.
    """
    first = cameras[0]
    if all(np.array_equal(camera.rotation, first.rotation) for camera in cameras):
        picture = _plate(background, folder, height=first.height, width=first.width)
        return [picture] * len(cameras)
    directions = [plate_directions(camera, first) for camera in cameras]
    focal = first.intrinsics[0, 0]
    across = np.array([[angle.min(), angle.max()] for angle, _ in directions]) * focal
    downward = np.array([[drop.min(), drop.max()] for _, drop in directions]) * focal
    left, top = np.floor([across.min() - 2, downward.min() - 2])
    right, bottom = np.ceil([across.max() + 2, downward.max() + 2])
    plate = _plate(background, folder, height=int(bottom - top), width=int(right - left))
    frames = []
    for angle, drop in directions:
        x = (angle * focal - left - 0.5).astype(np.float32)
        y = (drop * focal - top - 0.5).astype(np.float32)
        frames.append(cv2.remap(plate, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101))
    return frames


def _plate(
    background: Mapping[str, Any], folder: Path | None, *, height: int, width: int
) -> np.ndarray:
    if "photograph" not in background:
        rng = np.random.default_rng(background["painted"])
        return paint_background(rng, height=height, width=width)
    path = _file_in(folder, background["photograph"], "photograph")
    return load_photograph(path, height=height, width=width)


def _file_in(folder: Path | None, name: str, kind: str) -> Path:
    """The path of a plan's file. Raises BadInput where there is no folder of that kind of file."""
    if folder is None:
        article, option = (
            ("an", "--environments") if kind == "environment" else ("a", "--backgrounds")
        )
        raise BadInput(
            f"{name}: {article} {kind} of the plan, but no folder of them; give {option}"
        )
    return Path(folder) / name
