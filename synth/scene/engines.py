"""The registry of engines: what renders, which lights it knows and how many samples it takes."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from synth.scene.blender import BlenderRenderer
from synth.scene.blender_lights import add_light
from synth.scene.lights.beams import light_beams
from synth.scene.lights.registry import LIGHTS
from synth.scene.raster import LATTICES, RasterRenderer
from synth.scene.renderer import OpenRenderer


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A renderer by its name in presets, plans and on the command line.

    open: makes the renderer of a mesh.
    light_kinds: the kinds of light that it knows.
    samples: per pixel, where none are asked for, under lights without shadows: those have no noise,
        and samples serve the edges only.
    shadow_samples: the same under lights that cast shadows, which leave grain in them; None: `samples`.
    max_samples: the most per pixel that it takes; None: any number.
    """

    open: OpenRenderer
    light_kinds: tuple[str, ...]
    samples: int
    shadow_samples: int | None = None
    max_samples: int | None = None

    def default_samples(self, light_kind: str) -> int:
        """Samples per pixel under a kind of light, where none are asked for."""
        if self.shadow_samples is None or not LIGHTS[light_kind].casts_shadows:
            return self.samples
        return self.shadow_samples


def _known_kinds(classes: Container[type]) -> tuple[str, ...]:
    """The kinds of light whose classes an engine has a function for."""
    return tuple(kind for kind, light in LIGHTS.items() if light in classes)


ENGINES: dict[str, Engine] = {
    "cycles": Engine(
        open=BlenderRenderer,
        light_kinds=_known_kinds(add_light.registry),
        samples=4,
        shadow_samples=6,
    ),
    "raster": Engine(
        open=RasterRenderer,
        light_kinds=_known_kinds(light_beams.registry),
        samples=5,
        max_samples=max(LATTICES),
    ),
}
"""Engines by name."""
