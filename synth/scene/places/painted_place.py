"""Painted places: streets, parks, woods and rooms, in metres, about a person and before a camera.

A place is a pure function of its seed, of where the person is and of the clip's cameras: things stand
beyond the person's way, where nothing could hide them, on the floor under their feet, and the horizon is
the camera's. It is lit by the light that lights the person.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synth.scene.backgrounds import smooth_noise
from synth.scene.lights.area_lamps import AreaLamps
from synth.scene.lights.light import Light
from synth.scene.lights.sun_sky import SunSky
from synth.scene.places.painted_layout import PlaceLayout
from synth.scene.places.painted_light import cube_light, with_lamps
from synth.scene.places.painted_materials import PAINTERS, paint_pyramids
from synth.scene.places.painted_rooms import lay_room
from synth.scene.places.painted_streets import lay_outdoors
from synth.scene.places.painted_tracing import TracedPlace
from textures.visibility.camera import Camera


def paint_place(
    seed: int,
    *,
    ground: Sequence[float],
    reach: float,
    cameras: Sequence[Camera],
    light: Light,
) -> TracedPlace:
    """The painted place of a seed.

    Args:
        seed: of everything that is drawn.
        ground: (3,) the point of the floor under the middle of the person's way, metres in the world.
        reach: metres from there to the farthest that the person gets.
        cameras: of the clip's frames.
        light: what lights the person.
    """
    rng = np.random.default_rng(seed)
    is_room = rng.random() < {SunSky.kind: 0.0, AreaLamps.kind: 1.0}.get(light.kind, 0.4)
    layout = PlaceLayout(rng, np.array(ground, float), reach, cameras)
    (lay_room if is_room else lay_outdoors)(layout)
    cube, sun = cube_light(light)
    brightness = float(cube[2].mean() + (sun[1] * sun[3:6].mean() if sun[3:6].any() else 0.0))
    sky, clouds = _sky(rng, brightness)
    cube, lamps = with_lamps(cube, np.array(layout.lamps).reshape(-1, 3), rng)
    lamps[:, :3] += layout.ground
    return TracedPlace(
        solids=layout.solid_rows(),
        textures=paint_pyramids(rng, layout.materials),
        extents=np.array([PAINTERS[name][1] for name in layout.materials]),
        floor=layout.floor,
        bands=np.array(layout.bands, float).reshape(-1, 4),
        light=cube,
        lamps=lamps,
        sun=sun,
        sky=sky,
        clouds=clouds,
        haze=float(rng.uniform(120, 600)) if is_room else float(np.exp(rng.uniform(5.3, 7.6))),
    )


def _sky(rng: np.random.Generator, brightness: float) -> tuple[np.ndarray, np.ndarray]:
    """Colours at the zenith, at the horizon and of clouds (3,3), and the clouds (S,S) in [0, 1]."""
    cloudy = rng.beta(1.0, 1.6)
    blue = np.array([0.16, 0.36, 0.8]) * (1 - 0.8 * cloudy) + 0.75 * 0.8 * cloudy
    horizon = np.array([0.78, 0.84, 0.92]) * (1 - cloudy) + np.array([0.8, 0.8, 0.82]) * cloudy
    warmth = float(np.clip(rng.normal(0, 0.12), -0.2, 0.35))
    horizon = horizon * np.exp(warmth * np.array([0.6, 0.0, -1.2]))
    sky = np.stack([blue * rng.uniform(0.5, 1.0), horizon, np.full(3, rng.uniform(0.8, 1.3))])
    clouds = smooth_noise(rng, 256, 256, 5, 6) * 1.2 + 1.4 * cloudy - 0.5
    return sky * min(brightness, 1.1) * rng.uniform(0.6, 1.2), np.clip(clouds, 0, 1).astype(float)
