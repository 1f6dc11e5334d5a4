"""The interface that both engines share: a textured mesh, a light and a camera in, pictures out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from mocap.bodies.mesh import Mesh
from synth.scene.lights.light import Light
from synth.scene.picture import Picture
from textures.visibility.camera import Camera

Texture = Path | str | np.ndarray
"""An image file, or (H,W,3) uint8 RGB, sRGB-encoded."""


class Renderer(Protocol):
    """A renderer of one textured mesh of fixed topology, under one light, before one camera.

    Use `set_texture`, `set_light` and `set_camera` once per clip (a moving camera: once per frame)
    and `render` once per frame. A renderer is also a context manager that closes itself.
    """

    @property
    def version(self) -> str:
        """Name and version of what renders, as clips record it."""

    def set_texture(self, texture: Texture, *, instance: int = 1) -> None:
        """Texture one of the mesh's instances, all of a mesh that has but one.

        Args:
            texture: an image file, or (H,W,3) uint8 RGB, sRGB.
            instance: whose faces show it, from 1 (`Mesh.face_instances`).

        Raises:
            BadInput: the file cannot be read as an image.
            ValueError: the mesh has no such instance.
        """

    def set_light(self, light: Light, *, ground: Sequence[float] = (0.0, 0.0, 0.0)) -> None:
        """Light the mesh with one light and no other.

        Args:
            light: of a kind that the engine knows (`synth.scene.engines.Engine.light_kinds`).
            ground: (3,) the point on the floor under the person, metres in the world: the floor lies
                at its height and lamps stand about it.

        Raises:
            BadInput: a kind of light that the engine does not know, or a file of it that cannot be
                read.
        """

    def set_camera(self, camera: Camera) -> None:
        """Look through `camera`, K, R and t exactly.

        Raises:
            ValueError: the camera's image has another size than the renderer's.
        """

    def render(self, vertices: np.ndarray, *, seed: int = 0, samples: int | None = None) -> Picture:
        """One frame.

        Args:
            vertices: (V,3) of the mesh, metres in the world.
            seed: moves the samples of each pixel, where the engine draws them at random.
            samples: per pixel of this frame; None: those that the renderer was opened with.

        Raises:
            ValueError: a texture, light or camera was not set, or the vertices are of another mesh.
        """

    def close(self) -> None:
        """Give back what the renderer holds. It is of no use afterwards."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


@dataclass(frozen=True, kw_only=True)
class RenderHardware:
    """What a renderer may use of the machine.

    device: "cpu", or the kind of device that Cycles renders on, as "optix".
    threads: of the CPU; 0 means all cores.
    scratch: folder for single frames (memory, best); None: one of the renderer's own choice.
    """

    device: str = "cpu"
    threads: int = 0
    scratch: Path | str | None = None


class OpenRenderer(Protocol):
    """What opens a renderer: the class of an engine."""

    def __call__(
        self, mesh: Mesh, *, height: int, width: int, samples: int, hardware: RenderHardware
    ) -> Renderer: ...
