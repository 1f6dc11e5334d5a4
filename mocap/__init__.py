"""Bodies that move: SMPL-format bodies, motion files and retargeting.

The nouns of the package, imported when they are used:

    >>> from mocap import Motion
    >>> import numpy as np
    >>> names = {"subject": "01", "trial": "01", "name": "01_01", "source": ""}
    >>> Motion(pose=np.zeros((31, 72)), translation=np.zeros((31, 3)), fps=30.0, **names).seconds
    1.0
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mocap.bodies.body import Body as Body
    from mocap.bodies.loading import load_body as load_body
    from mocap.bodies.mesh import Mesh as Mesh
    from mocap.bodies.skinning import Skinning as Skinning
    from mocap.bodies.skinning import skin as skin
    from mocap.errors import BadInput as BadInput
    from mocap.library.motion_library import MotionEntry as MotionEntry
    from mocap.library.motion_library import MotionLibrary as MotionLibrary
    from mocap.library.motion_library import load_motion as load_motion
    from mocap.library.motion_library import open_motion_library as open_motion_library
    from mocap.motion import Motion as Motion
    from mocap.motion import resample as resample

_MODULES = {
    "Body": "mocap.bodies.body",
    "load_body": "mocap.bodies.loading",
    "Mesh": "mocap.bodies.mesh",
    "Skinning": "mocap.bodies.skinning",
    "skin": "mocap.bodies.skinning",
    "BadInput": "mocap.errors",
    "MotionEntry": "mocap.library.motion_library",
    "MotionLibrary": "mocap.library.motion_library",
    "load_motion": "mocap.library.motion_library",
    "open_motion_library": "mocap.library.motion_library",
    "Motion": "mocap.motion",
    "resample": "mocap.motion",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_MODULES]
