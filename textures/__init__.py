"""What a body looks like: visibility, textures, re-identification, generation and harvest.

The nouns of the package, imported when they are used:

    >>> from textures import score
    >>> import numpy as np
    >>> image = np.full((32, 16, 3), 128, np.uint8)
    >>> float(score("ssim@rstg", image, image))
    1.0
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textures.attire.painter import AttirePainter as AttirePainter
    from textures.body_fit.fitting import BodyFitter as BodyFitter
    from textures.evidence.sources import SourceOptions as SourceOptions
    from textures.evidence.sources import open_sources as open_sources
    from textures.harvest.harvester import Harvester as Harvester
    from textures.library import TextureEntry as TextureEntry
    from textures.library import read_library as read_library
    from textures.library import read_texture as read_texture
    from textures.methods import METHODS as METHODS
    from textures.metrics import PROTOCOLS as PROTOCOLS
    from textures.metrics import score as score
    from textures.texture_method import TextureMethod as TextureMethod
    from textures.texture_method import load_method as load_method
    from textures.visibility.buffer import VisibilityBuffer as VisibilityBuffer
    from textures.visibility.camera import Camera as Camera
    from textures.visibility.camera import look_at as look_at
    from textures.visibility.rendering_tensor import texel_map as texel_map
    from textures.visibility.shading import render_textured as render_textured

_MODULES = {
    "AttirePainter": "textures.attire.painter",
    "BodyFitter": "textures.body_fit.fitting",
    "SourceOptions": "textures.evidence.sources",
    "open_sources": "textures.evidence.sources",
    "Harvester": "textures.harvest.harvester",
    "TextureEntry": "textures.library",
    "read_library": "textures.library",
    "read_texture": "textures.library",
    "METHODS": "textures.methods",
    "PROTOCOLS": "textures.metrics",
    "score": "textures.metrics",
    "TextureMethod": "textures.texture_method",
    "load_method": "textures.texture_method",
    "VisibilityBuffer": "textures.visibility.buffer",
    "Camera": "textures.visibility.camera",
    "look_at": "textures.visibility.camera",
    "texel_map": "textures.visibility.rendering_tensor",
    "render_textured": "textures.visibility.shading",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_MODULES]
