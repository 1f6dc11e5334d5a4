"""Films of dressed, moving bodies with exact ground truth, and the `synth` command.

The nouns of the package, imported when they are used:

    >>> from synth import read_preset
    >>> read_preset("surreal").film.fps
    30.0
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synth.clips.clip import Clip as Clip
    from synth.clips.clip import find_clips as find_clips
    from synth.clips.clip import read_clip as read_clip
    from synth.films.inputs import open_inputs as open_inputs
    from synth.films.render_videos import plan_films as plan_films
    from synth.films.render_videos import render_videos as render_videos
    from synth.plans.plan import make_plan as make_plan
    from synth.plans.plan_row import PlanRow as PlanRow
    from synth.plans.plan_row import read_plan as read_plan
    from synth.plans.preset import Preset as Preset
    from synth.plans.preset import read_preset as read_preset
    from synth.plans.view_sampler import draw_view as draw_view
    from synth.scene.camera import View as View
    from synth.scene.ground_truth import GroundTruth as GroundTruth
    from synth.scene.ground_truth import ground_truth as ground_truth
    from synth.scene.lights.spherical_harmonics import SphericalHarmonics as SphericalHarmonics
    from synth.scene.posed_clip import PosedClip as PosedClip
    from synth.scene.posed_clip import pose_clip as pose_clip
    from synth.scene.posed_clip import skin_clip as skin_clip
    from synth.scene.raster import RasterRenderer as RasterRenderer

__version__ = "0.1.0"

_MODULES = {
    "Clip": "synth.clips.clip",
    "find_clips": "synth.clips.clip",
    "read_clip": "synth.clips.clip",
    "open_inputs": "synth.films.inputs",
    "plan_films": "synth.films.render_videos",
    "render_videos": "synth.films.render_videos",
    "make_plan": "synth.plans.plan",
    "PlanRow": "synth.plans.plan_row",
    "read_plan": "synth.plans.plan_row",
    "Preset": "synth.plans.preset",
    "read_preset": "synth.plans.preset",
    "draw_view": "synth.plans.view_sampler",
    "View": "synth.scene.camera",
    "GroundTruth": "synth.scene.ground_truth",
    "ground_truth": "synth.scene.ground_truth",
    "SphericalHarmonics": "synth.scene.lights.spherical_harmonics",
    "PosedClip": "synth.scene.posed_clip",
    "pose_clip": "synth.scene.posed_clip",
    "skin_clip": "synth.scene.posed_clip",
    "RasterRenderer": "synth.scene.raster",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_MODULES]
